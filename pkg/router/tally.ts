// What is counted in user space: drops by reason and by peer and reason, health checks by outcome. Owned by one shard, or by what hears peers on UDP 1280; bounded
// by the tables of reasons and peers.
import type { DropReason } from "../svr/reasons.ts";
import { healthKinds } from "./health.ts";
import type { HealthKind } from "./health.ts";
import type { SkewTotal } from "./skewalarms.ts";

/** Tally counts since the shard began. */
export interface Tally {
  /** `skew`: how many epochs the peer is ahead */
  count(reason: DropReason, peer?: string, skew?: number): void;
  countHealth(kind: HealthKind): void;
  totals(): { healthChecks: Record<HealthKind, number>; drops: Record<string, number>; peerDrops: Record<string, Record<string, number>>; skews: Record<string, SkewTotal> };
}

/** createTally starts at zero. */
export function createTally(): Tally {
  const drops: Record<string, number> = {};
  const peerDrops: Record<string, Record<string, number>> = {};
  const skews: Record<string, SkewTotal> = {};
  const healthChecks = noHealthChecks();
  return {
    countHealth: (kind) => void healthChecks[kind]++,
    count(reason, peer, skew) {
      drops[reason] = (drops[reason] ?? 0) + 1;
      if (peer === undefined) return;
      const ofPeer = (peerDrops[peer] ??= {});
      ofPeer[reason] = (ofPeer[reason] ?? 0) + 1;
      if (skew !== undefined) skews[peer] = { count: (skews[peer]?.count ?? 0) + 1, epochs: skew };
    },
    totals: () => ({ healthChecks: { ...healthChecks }, drops: { ...drops }, peerDrops: structuredClone(peerDrops), skews: structuredClone(skews) }),
  };
}

/** noHealthChecks is zero of each outcome. */
export function noHealthChecks(): Record<HealthKind, number> {
  return Object.fromEntries(healthKinds.map((kind) => [kind, 0])) as Record<HealthKind, number>;
}
