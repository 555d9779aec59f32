// Drops counted in user space, by reason and by peer and reason. Owned by one shard; bounded by the tables of reasons and
// peers.
import type { DropReason } from "../svr/reasons.ts";

/** Tally counts since the shard began. */
export interface Tally {
  count(reason: DropReason, peer?: string): void;
  totals(): { drops: Record<string, number>; peerDrops: Record<string, Record<string, number>> };
}

/** createTally starts at zero. */
export function createTally(): Tally {
  const drops: Record<string, number> = {};
  const peerDrops: Record<string, Record<string, number>> = {};
  return {
    count(reason, peer) {
      drops[reason] = (drops[reason] ?? 0) + 1;
      if (peer === undefined) return;
      const ofPeer = (peerDrops[peer] ??= {});
      ofPeer[reason] = (ofPeer[reason] ?? 0) + 1;
    },
    totals: () => ({ drops: { ...drops }, peerDrops: structuredClone(peerDrops) }),
  };
}
