// Live sessions under a configuration that came into force (behaviour 1.2), a page at a time: neither admin API nor the next configuration
// waits for a million of them. Only those of a kind that the configuration does something to are read. Made by the app; live.ts says what becomes of one.
import type { Datapath, Sift } from "../ports/datapath.ts";
import type { Log } from "../ports/log.ts";
import { buildTables } from "./build.ts";
import type { ShardConfig } from "./build.ts";
import { isConcerned, judgePage } from "./live.ts";
import type { JudgeBy, LiveSessions } from "./live.ts";
import type { ShardHost } from "./messages.ts";

/** Judging looks at live sessions by the newest configuration. */
export interface Judging {
  /** follow begins to judge by a configuration; the first slice is done at once, and how many sessions that ended is the result. */
  follow(posted: ShardConfig, before?: ShardConfig): number;
  /** step goes on for one slice, if there is anything to do. */
  step(): void;
}

/** SLICE_MS is the most time of one step, give or take a page. */
export const SLICE_MS = 30;

const PAGE = 1024;
const AGAIN_MS = 2_000; // a change is in effect within 5 s (behaviour 1.2)
const MOST_BEFORE = 4; // configurations that a session may still have its timeouts from; further ones are forgotten

/** A round through the table: from `at` to its end, and from its start to `until` unless that is where it began. */
interface Round extends JudgeBy { sift: Sift; at: number; until: number; isSecondPart: boolean; isAgain: boolean; ended: number; steps: number }

/** createJudging makes a judging that has nothing to do yet. */
export function createJudging(of: { datapath: Datapath; shards: readonly ShardHost[]; nowMs: () => number; log: Log }): Judging {
  const { datapath, shards, nowMs, log } = of;
  let round: Round | undefined;
  /** a busy shard opens sessions by the configuration before until it reads its messages; nobody saw those */
  let again: { round: Round; atMs: number } | undefined;
  const begin = (from: Pick<Round, "tables" | "before" | "at" | "isAgain">): void => {
    round = { ...from, sift: datapath.sift((session) => isConcerned(from, session)), until: from.at, isSecondPart: false, ended: 0, steps: 0 };
  };
  const slice = (work: Round): void => {
    const startMs = nowMs();
    work.steps += 1;
    while (round === work && nowMs() - startMs < SLICE_MS) {
      const { sessions, next } = work.sift.next(work.at, PAGE);
      work.ended += tell(shards, judgePage(work, sessions, nowMs()));
      if (isLast(work, next)) finish(work);
    }
  };
  const finish = (work: Round): void => {
    round = undefined;
    if (work.isAgain && work.ended > 0) log.info({ ended: work.ended }, "sessions that began by the configuration before are ended");
    if (!work.isAgain && work.steps > 1) log.info({ ended: work.ended }, "all live sessions are judged by the configuration");
    if (!work.isAgain) again = { round: work, atMs: nowMs() + AGAIN_MS };
  };
  return {
    follow(posted, before) {
      if (before !== undefined && isSameToLive(before, posted)) return 0;
      const olds = [...(round ?? again?.round)?.before ?? [], ...(before === undefined ? [] : [buildTables(before, datapath)])];
      begin({ tables: buildTables(posted, datapath), before: olds.slice(-MOST_BEFORE), at: round?.at ?? 0, isAgain: false });
      again = undefined;
      if (round === undefined) return 0;
      const work = round;
      slice(work);
      return work.ended;
    },
    step() {
      if (round === undefined && again !== undefined && nowMs() >= again.atMs) {
        begin({ ...again.round, at: 0, isAgain: true });
        again = undefined;
      }
      if (round !== undefined) slice(round);
    },
  };
}

/** What live.ts looks at: a change of the rest (routes, limits, members, MTUs) concerns sessions that begin. */
function isSameToLive(before: ShardConfig, after: ShardConfig): boolean {
  const text = ({ config, ids, keys }: ShardConfig): string => {
    const { tenants, services, peers, paths, nexthops, interfaces, locals, timers, sessionTypes } = config;
    return JSON.stringify([Object.keys(keys), tenants, services, peers, paths, nexthops, interfaces, locals, timers, sessionTypes, ids]);
  };
  return text(before) === text(after);
}

/** Goes on to the next page; the table ends before the round does when that began in the middle. */
function isLast(work: Round, next: number | undefined): boolean {
  if (next === undefined && (work.isSecondPart || work.until === 0)) return true;
  if (next === undefined) work.isSecondPart = true;
  work.at = next ?? 0;
  return work.isSecondPart && work.at >= work.until;
}

/** Tells a shard what becomes of sessions; any shard will do, and the first one does. The number of those that end. */
function tell([shard]: readonly ShardHost[], { ending, moved, retimed }: LiveSessions): number {
  if (retimed.length > 0) shard?.post({ kind: "retime", sessions: retimed });
  if (moved.length > 0) shard?.post({ kind: "moved", refs: moved });
  for (const [reason, list] of Map.groupBy(ending, (one) => one.reason)) shard?.post({ kind: "end", refs: list.map((one) => one.ref), reason });
  return ending.length;
}
