// Rate limits of what a peer can make a shard do: control 2 once per 5-tuple and second and 1,000 times per peer and second
// (protocol 6.4), the search for a clock skew 10 times per peer and second (7.1), ICMP errors 100 times per interface and
// second. Owned by one shard; memory is bounded because all tables are emptied every second.
import { arrivalKey } from "./arrivalkey.ts";
import type { PeerEntry } from "./tables.ts";
import type { Arrival, EnableGate, ErrorGate, SkewGate } from "./turn.ts";

const WINDOW_MS = 1000;
const PER_PEER = 1000;
const MAX_TUPLES = 16_384;

/** createEnableGate makes a gate that has permitted nothing yet. */
export function createEnableGate(): EnableGate {
  let windowStart = 0;
  const tuples = new Set<string>();
  const peers = new Map<number, number>();
  return {
    permits(arrival: Arrival, peer: PeerEntry, nowMs: number): boolean {
      if (nowMs - windowStart >= WINDOW_MS) {
        windowStart = nowMs;
        tuples.clear();
        peers.clear();
      }
      const key = `${peer.id}.${arrivalKey(arrival)}`;
      const sent = peers.get(peer.id) ?? 0;
      if (sent >= PER_PEER || tuples.size >= MAX_TUPLES || tuples.has(key)) return false;
      tuples.add(key);
      peers.set(peer.id, sent + 1);
      return true;
    },
  };
}

const SKEW_PER_PEER = 10;
const ERRORS_PER_INTERFACE = 100; // behaviour 10.3

/** createSkewGate makes a gate that has permitted nothing yet. */
export function createSkewGate(): SkewGate {
  const permits = perSecond(SKEW_PER_PEER);
  return { permits: (peer, nowMs) => permits(peer.name, nowMs) };
}

/** createErrorGate makes the gate of one of `shards` shards, which share the limit of an interface evenly. */
export function createErrorGate(shards: number): ErrorGate {
  return { permits: perSecond(Math.max(1, Math.floor(ERRORS_PER_INTERFACE / shards))) };
}

/** At most `limit` permits a second and key; keys are names and numbers of the configuration, so they are few. */
function perSecond<Key>(limit: number): (key: Key, nowMs: number) => boolean {
  let windowStart = 0;
  const counts = new Map<Key, number>();
  return (key, nowMs) => {
    if (nowMs - windowStart >= WINDOW_MS) {
      windowStart = nowMs;
      counts.clear();
    }
    const count = counts.get(key) ?? 0;
    counts.set(key, count + 1);
    return count < limit;
  };
}
