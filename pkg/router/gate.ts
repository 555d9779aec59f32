// Rate limits of what a peer can make a shard do: control 2 once per 5-tuple and second and 1,000 times per peer and second
// (protocol 6.4), the search for a clock skew 10 times per peer and second (7.1). Owned by one shard; memory is bounded
// because all tables are emptied every second.
import { arrivalKey } from "./arrivalkey.ts";
import type { PeerEntry } from "./tables.ts";
import type { Arrival, EnableGate, SkewGate } from "./turn.ts";

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

/** createSkewGate makes a gate that has permitted nothing yet. */
export function createSkewGate(): SkewGate {
  let windowStart = 0;
  const tried = new Map<number, number>();
  return {
    permits(peer: PeerEntry, nowMs: number): boolean {
      if (nowMs - windowStart >= WINDOW_MS) {
        windowStart = nowMs;
        tried.clear();
      }
      const count = tried.get(peer.id) ?? 0;
      tried.set(peer.id, count + 1);
      return count < SKEW_PER_PEER;
    },
  };
}
