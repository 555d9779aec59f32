// The last good configuration over a restart: what is in force is kept on disk, with the time since which a version stands in
// for a broken one. Called by intake.ts; a disk that refuses is told once and tried again, and never keeps a configuration from force.
import type { Problem } from "../api/problem.ts";
import type { ParseResult } from "../api/document.ts";
import type { Clock } from "../ports/clock.ts";
import type { LastGood, LastGoodStore } from "../ports/config.ts";
import type { Log } from "../ports/log.ts";
import { createDiskWriter } from "./diskwriter.ts";

/** Keeper remembers what is in force. */
export interface Keeper {
  /** recall gives what was in force when the router ran last, as if it had been read then; undefined when nothing is known. */
  recall(): Promise<ParseResult | undefined>;
  /** date puts the time since which it is so to each problem about a version that stays in force. */
  date(problems: readonly Problem[]): Problem[];
  /** keep writes what is in force to disk; never rejects. */
  keep(good: ParseResult): Promise<void>;
  /** retry writes again what could not be written; never rejects. */
  retry(): Promise<void>;
  /** trouble says why the disk does not have what is in force; undefined when it has. */
  trouble(): string | undefined;
}

/** createKeeper makes a keeper over a store. */
export function createKeeper(options: { lastGood: LastGoodStore; clock: Clock; log: Log }): Keeper {
  const { lastGood, clock, log } = options;
  let since: Record<string, string> = {};
  const writer = createDiskWriter<LastGood>({ what: "the last good configuration", log, write: (state) => lastGood.write(state) });
  return {
    async recall() {
      try {
        const state = await lastGood.read();
        since = state?.since ?? {};
        return state === undefined ? undefined : { objects: state.objects, problems: [], unreadable: [] };
      } catch (error) {
        log.error({ error }, "the last good configuration on disk cannot be used; a broken object is not in force");
        return undefined;
      }
    },
    date(problems) {
      const now = new Date(clock.unixMs()).toISOString();
      const old = new Map(Object.entries(since)); // an object may be named "constructor"
      since = Object.fromEntries(problems.flatMap((one) => (isStandIn(one) ? [[one.object, old.get(one.object) ?? now]] : [])));
      const times = new Map(Object.entries(since));
      return problems.map((one) => (isStandIn(one) ? { ...one, message: `${one.message} (since ${times.get(one.object)})` } : one));
    },
    keep: (good) => writer.write({ objects: good.objects, since }),
    retry: () => writer.retry(),
    trouble: () => writer.trouble(),
  };
}

function isStandIn(problem: Problem): problem is Problem & { object: string } {
  return problem.code === "kept" && problem.object !== undefined;
}
