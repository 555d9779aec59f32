// Live sessions under a configuration that came into force (behaviour 1.2), a page at a time: neither admin API nor the next configuration
// waits for a million of them. Those of a kind that it ends are ended in the data plane at once, so that no packet of theirs passes; hosts
// and peers are told at the pace of the shards. Only those that it changes are read. Made by the app; live.ts says what becomes of one.
import type { Datapath, Sift } from "../ports/datapath.ts";
import type { Log } from "../ports/log.ts";
import { buildTables } from "./build.ts";
import type { ShardConfig } from "./build.ts";
import { judgeKind, judgePage } from "./live.ts";
import type { JudgeBy, LiveSessions } from "./live.ts";
import type { ShardHost } from "./messages.ts";
import { createUntold } from "./untold.ts";
import type { Untold } from "./untold.ts";

/** Judging looks at live sessions by the newest configuration. */
export interface Judging {
  /** follow begins to judge by a configuration; the first slice is done at once, and how many sessions that ended is the result. */
  follow(posted: ShardConfig, before?: ShardConfig): number;
  /** step goes on for one slice, if there is anything to do. */
  step(): void;
  /** whether it has more to look at */
  isBusy(): boolean;
}

/** SLICE_MS is the most time of one step, give or take a page. */
export const SLICE_MS = 40;

const PAGE = 1024;
const PAGES_TOLD = 2; // a step and shard: half of its time, so that it goes on opening sessions; fewer while sessions are still to be ended
const STEPS_UNTOLD = 4; // of a mass end, one page in so many steps: what stops packets has the CPUs first
const AGAIN_MS = 2_000; // a change is in effect within 5 s (behaviour 1.2)
const MOST_BEFORE = 4; // configurations that a session may still have its timeouts from; further ones are forgotten

/** A round through the table: from `at` to its end, and from its start to `until` unless that is where it began. */
interface Round extends JudgeBy { sift: Sift; at: number; until: number; isSecondPart: boolean; isAgain: boolean; ended: number; steps: number }

/** createJudging makes a judging that has nothing to do yet. */
export function createJudging(of: { datapath: Datapath; shards: readonly ShardHost[]; nowMs: () => number; log: Log }): Judging {
  const { datapath, shards, nowMs, log } = of;
  const untold = createUntold();
  let round: Round | undefined;
  /** a busy shard opens sessions by the configuration before until it reads its messages; nobody saw those */
  let again: { round: Round; atMs: number } | undefined;
  const begin = (from: Pick<Round, "tables" | "before" | "at" | "isAgain">): void => {
    round = { ...from, sift: datapath.sift((session) => judgeKind(from, session)), until: from.at, isSecondPart: false, ended: 0, steps: 0 };
  };
  const slice = (work: Round): void => {
    const startMs = nowMs();
    work.steps += 1;
    while (round === work && nowMs() - startMs < SLICE_MS) {
      const { sessions, ended, next } = work.sift.next(work.at, PAGE);
      work.ended += ended.length;
      untold.add(ended);
      change(shards, judgePage(work, sessions, nowMs()));
      if (isLast(work, next)) finish(work);
    }
  };
  const finish = (work: Round): void => {
    round = undefined;
    if (work.isAgain && work.ended > 0) log.info({ ended: work.ended }, "sessions that began by the configuration before are ended");
    if (!work.isAgain && work.steps > 1) log.info({ ended: work.ended }, "all live sessions are judged by the configuration");
    if (!work.isAgain) again = { round: work, atMs: nowMs() + AGAIN_MS };
  };
  const tellSome = (): void => {
    if (round !== undefined && untold.pages() > 1 && round.steps % STEPS_UNTOLD !== 0) return;
    tell(round === undefined ? shards : shards.slice(0, 1), untold, round === undefined ? PAGES_TOLD : 1);
  };
  return {
    isBusy: () => round !== undefined,
    follow(posted, before) {
      if (before !== undefined && isSameToLive(before, posted)) return 0;
      const olds = [...(round ?? again?.round)?.before ?? [], ...(before === undefined ? [] : [buildTables(before, datapath)])];
      begin({ tables: buildTables(posted, datapath), before: olds.slice(-MOST_BEFORE), at: round?.at ?? 0, isAgain: false });
      again = undefined;
      if (round === undefined) return 0;
      const work = round;
      slice(work);
      tellSome();
      return work.ended;
    },
    step() {
      if (round === undefined && again !== undefined && nowMs() >= again.atMs) {
        begin({ ...again.round, at: 0, isAgain: true });
        again = undefined;
      }
      if (round !== undefined) slice(round);
      tellSome();
    },
  };
}

/** What live.ts looks at: a change of the rest (routes, limits, members, MTUs) concerns sessions that begin. */
function isSameToLive(before: ShardConfig, after: ShardConfig): boolean {
  const text = ({ config, ids, keys, refused = [] }: ShardConfig): string => {
    const { tenants, services, peers, paths, nexthops, interfaces, locals, timers, sessionTypes } = config;
    return JSON.stringify([Object.keys(keys), refused, tenants, services, peers, paths, nexthops, interfaces, locals, timers, sessionTypes, ids]);
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

/** Tells a shard what changes for sessions; any shard will do, and the first one does. */
function change([shard]: readonly ShardHost[], { moved, retimed }: LiveSessions): void {
  if (retimed.length > 0) shard?.post({ kind: "retime", sessions: retimed });
  if (moved.length > 0) shard?.post({ kind: "moved", refs: moved });
}

/** All shards take part in telling hosts and peers of ends. */
function tell(shards: readonly ShardHost[], untold: Untold, pages: number): void {
  for (let round = 0; round < pages; round++) {
    for (const shard of shards) {
      const ended = untold.take();
      if (ended === undefined) return;
      shard.post({ kind: "ended", ended });
    }
  }
}
