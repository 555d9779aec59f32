// Rate limits of what a peer can make a shard do: control 2 once per 5-tuple and second and 1,000 times per peer and second
// (protocol 6.4), the search for a clock skew 10 times per peer and second (7.1), ICMP errors 100 times per interface and
// second. Owned by one shard, which has its even share of each limit; memory is bounded: all tables are emptied every second.
import { arrivalKey } from "./arrivalkey.ts";
import type { Held } from "./held.ts";
import type { PeerEntry } from "./tables.ts";
import type { Arrival, EnableGate, ErrorGate, SkewGate } from "./turn.ts";

const WINDOW_MS = 1000;
const PER_PEER = 1000;
const MAX_TUPLES = 16_384;

/** createEnableGate makes the gate of one of `shards` shards, which has permitted nothing yet. */
export function createEnableGate(shards: number): EnableGate {
  const perPeer = share(PER_PEER, shards);
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
      if (sent >= perPeer || tuples.size >= MAX_TUPLES || tuples.has(key)) return false;
      tuples.add(key);
      peers.set(peer.id, sent + 1);
      return true;
    },
    held: (nowMs) => [{ name: "flows told to use metadata in a second", entries: nowMs - windowStart >= WINDOW_MS ? 0 : tuples.size, limit: MAX_TUPLES }],
  };
}

const SKEW_PER_PEER = 10;
const ERRORS_PER_INTERFACE = 100, ERRORS_PER_SESSION = 100; // behaviour 10.3
const MAX_KEYS = 16_384;

/** createSkewGate makes the gate of one of `shards` shards, or of the main thread; `row` names it in the tables. */
export function createSkewGate(shards: number, row = "peers with a skewed clock in a second"): SkewGate {
  const gate = perSecond<string>(share(SKEW_PER_PEER, shards), row);
  return { permits: (peer, nowMs) => gate.permits(peer.name, nowMs), held: (nowMs) => gate.held(nowMs) };
}

/** createErrorGate makes the gate of one of `shards` shards. */
export function createErrorGate(shards: number): ErrorGate {
  return perSecond(share(ERRORS_PER_INTERFACE, shards), "interfaces with ICMP errors in a second");
}

/** createSessionErrorGate makes the gate of errors about sessions of one shard, which has all errors of its sessions. */
export function createSessionErrorGate(): ErrorGate {
  return perSecond(ERRORS_PER_SESSION, "sessions with ICMP errors in a second");
}

/** createOriginGate permits one question for the signature of a session a second (protocol 7.6). */
export function createOriginGate(): ErrorGate {
  return perSecond(1, "sessions asked for their origin in a second");
}

/** createKeyGate permits one question for another payload key of a session a second (protocol 8.2). */
export function createKeyGate(): ErrorGate {
  return perSecond(1, "sessions asked for another key in a second");
}

function share(limit: number, shards: number): number {
  return Math.max(1, Math.floor(limit / shards));
}

/** At most `limit` permits a second and key, and none for further keys once there are many. */
function perSecond<Key>(limit: number, name: string): { permits(key: Key, nowMs: number): boolean; held(nowMs: number): Held[] } {
  let windowStart = 0;
  const counts = new Map<Key, number>();
  return {
    permits(key, nowMs) {
      if (nowMs - windowStart >= WINDOW_MS) {
        windowStart = nowMs;
        counts.clear();
      }
      const count = counts.get(key) ?? 0;
      if (count === 0 && counts.size >= MAX_KEYS) return false;
      counts.set(key, count + 1);
      return count < limit;
    },
    held: (nowMs) => [{ name, entries: nowMs - windowStart >= WINDOW_MS ? 0 : counts.size, limit: MAX_KEYS }],
  };
}
