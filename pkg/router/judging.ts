// Live sessions under a configuration that came into force (behaviour 1.2), a page at a time: neither admin API nor the next configuration
// waits for a million of them. Those of a kind that it ends are ended in the data plane at once, so that no packet of theirs passes; hosts
// and peers are told at the pace of the shards. Only those that it changes are read. Made by the app; live.ts says what becomes of one.
import type { Datapath, Sift } from "../ports/datapath.ts";
import type { Log } from "../ports/log.ts";
import { buildTables } from "./build.ts";
import type { ShardConfig } from "./build.ts";
import { judgeKind, judgePage } from "./live.ts";
import { reasonNumber } from "../svr/reasons.ts";
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
const RAISED_MS = 30_000; // what the ingress has not raised by then ends here: its configuration may come later than ours
const MOST_BEFORE = 4; // configurations that a session may still have its timeouts from; further ones are forgotten

/** The round of a configuration, the same again for what a busy shard began meanwhile, the last one for what is still protected less than it asks. */
type Judged = "first" | "again" | "last";

/** A round through the table: from `at` to its end, and from its start to `until` unless that is where it began. */
interface Round extends JudgeBy { sift: Sift; at: number; until: number; isSecondPart: boolean; turn: Judged; ended: number; steps: number; unraised: number }

/** createJudging makes a judging that has nothing to do yet. */
export function createJudging(of: { datapath: Datapath; shards: readonly ShardHost[]; nowMs: () => number; log: Log }): Judging {
  const { datapath, shards, nowMs, log } = of;
  const untold = createUntold();
  let round: Round | undefined;
  /** a busy shard opens sessions by the configuration before until it reads its messages; nobody saw those */
  let again: { round: Round; atMs: number } | undefined;
  const begin = (from: Pick<Round, "tables" | "before" | "at" | "turn">): void => {
    round = { ...from, sift: datapath.sift((session) => judgeKind(from, session)), until: from.at, isSecondPart: false, ended: 0, steps: 0, unraised: 0 };
  };
  const slice = (work: Round): void => {
    const startMs = nowMs();
    work.steps += 1;
    while (round === work && nowMs() - startMs < SLICE_MS) {
      const { sessions, ended, next } = work.sift.next(work.at, PAGE);
      work.ended += ended.length;
      untold.add(ended);
      const judged = judgePage(work, sessions, nowMs());
      work.unraised += judged.unraised.length;
      change(shards, judged, work.turn);
      if (isLast(work, next)) finish(work);
    }
  };
  const finish = (work: Round): void => {
    round = undefined;
    const { turn, ended, unraised, steps } = work;
    if (turn === "again" && ended > 0) log.info({ ended }, "sessions that began by the configuration before are ended");
    if (turn === "first" && steps > 1) log.info({ ended }, "all live sessions are judged by the configuration");
    if (turn === "last" && unraised > 0) log.warn({ ended: unraised }, "sessions that their ingress protects less than the policy of their service asks are ended");
    if (turn === "first") again = { round: work, atMs: nowMs() + AGAIN_MS };
    if (turn === "again" && unraised > 0) again = { round: work, atMs: nowMs() + RAISED_MS - AGAIN_MS };
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
      begin({ tables: buildTables(posted, datapath), before: olds.slice(-MOST_BEFORE), at: round?.at ?? 0, turn: "first" });
      again = undefined;
      if (round === undefined) return 0;
      const work = round;
      slice(work);
      tellSome();
      return work.ended;
    },
    step() {
      if (round === undefined && again !== undefined && nowMs() >= again.atMs) {
        begin({ ...again.round, at: 0, turn: again.round.turn === "first" ? "again" : "last" });
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

/** Tells a shard what changes for sessions; any shard will do, and the first one does, but for keys: the shard of a session says them. */
function change(shards: readonly ShardHost[], { moved, retimed, weaker, unraised }: LiveSessions, turn: Judged): void {
  const [shard] = shards;
  if (retimed.length > 0) shard?.post({ kind: "retime", sessions: retimed });
  if (moved.length > 0) shard?.post({ kind: "moved", refs: moved });
  for (const [number, one] of shards.entries()) {
    const refs = weaker.filter((of) => of.shard === number);
    if (refs.length > 0 && turn !== "last") one.post({ kind: "raise", refs: refs.map(({ index, uuid }) => ({ index, uuid })) });
  }
  if (unraised.length > 0 && turn === "last") shard?.post({ kind: "end", refs: unraised, reason: reasonNumber("policy") });
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
