// Alarms on clocks that differ (protocol 7.1, RB-21): which peer, by how much, what to do. Called once a second with totals of what skew.ts
// and the protect engine found. One packet is no alarm: it may be an old one that somebody sends again.
import type { AlarmView } from "../api/view.ts";
import { EPOCH_SECONDS } from "../svr/constants.ts";

/** SkewTotal is how many tags of a peer were right at another time, and how many epochs it was ahead at the last of them. */
export interface SkewTotal { count: number; epochs: number }

/** SkewTotals are those of peers by name, since the start. */
export type SkewTotals = Readonly<Record<string, SkewTotal>>;

/** SkewAlarms judges totals. */
export interface SkewAlarms { step(totals: SkewTotals, nowMs: number): AlarmView[] }

const FOR_MS = 60_000, AT_LEAST = 5;

interface Seen { count: number; epochs: number; /** what came in the last minute */ news: { count: number; atMs: number }[] }

/** createSkewAlarms has seen nothing. */
export function createSkewAlarms(): SkewAlarms {
  const peers = new Map<string, Seen>();
  return {
    step(totals, nowMs) {
      for (const [peer, total] of Object.entries(totals)) peers.set(peer, next(peers.get(peer), total, nowMs));
      for (const peer of peers.keys()) if (totals[peer] === undefined) peers.delete(peer);
      return [...peers].filter(([, { news }]) => news.reduce((sum, { count }) => sum + count, 0) >= AT_LEAST).map(([peer, { epochs }]) => alarmOf(peer, epochs * EPOCH_SECONDS));
    },
  };
}

function next({ count: before, news }: Seen = { count: 0, epochs: 0, news: [] }, { count, epochs }: SkewTotal, nowMs: number): Seen {
  const kept = news.filter(({ atMs }) => nowMs - atMs < FOR_MS);
  return { count, epochs, news: count > before ? [...kept, { count: count - before, atMs: nowMs }] : kept };
}

function alarmOf(peer: string, seconds: number): AlarmView {
  const is = seconds > 0 ? `about ${seconds} s ahead of ours` : `about ${-seconds} s behind ours, or somebody sends old packets of it again`;
  return { severity: "major", name: "clock-skew", object: `peer ${peer}`, text: `its clock is ${is}: what it sends is dropped (hmac-clock-skew). Set both clocks by NTP; hmac.window of the peer widens what is accepted, by 2 s each` };
}

/** addSkews adds totals of one peer; the last one says by how much. */
export function addSkews(all: readonly SkewTotals[]): SkewTotals {
  const sum: Record<string, SkewTotal> = {};
  for (const one of all) for (const [peer, { count, epochs }] of Object.entries(one)) sum[peer] = { count: (sum[peer]?.count ?? 0) + count, epochs };
  return sum;
}
