// Limits of control 2 (protocol 6.4): once per 5-tuple and second, 1,000 per peer and second. Owned by one shard; memory is
// bounded because both tables are emptied every second.
import { arrivalKey } from "./arrivalkey.ts";
import type { PeerEntry } from "./tables.ts";
import type { Arrival, EnableGate } from "./turn.ts";

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
