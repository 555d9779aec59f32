// The source of a standalone router: objects of a directory, compiled here, with the last good version of what became invalid, over
// restarts too. Constructed by cmd/router; called by intake.ts. Programs nothing and reads no keys.
import { SvrError } from "../base/errors.ts";
import { formatProblem } from "../api/problem.ts";
import type { Problem } from "../api/problem.ts";
import type { ParseResult } from "../api/document.ts";
import type { RouterConfig } from "../plan/config.ts";
import type { Clock } from "../ports/clock.ts";
import type { CompiledSource, ConfigSource, LastGoodStore, Reading } from "../ports/config.ts";
import type { Log } from "../ports/log.ts";
import { createKeeper } from "./lastgood.ts";

/** Compiler turns objects into the configuration of each router; `kept` has the last good version of what became invalid, out of `previous`. */
export type Compiler = (previous: Pick<ParseResult, "objects">, next: ParseResult) => { kept: ParseResult; routers: ReadonlyMap<string, RouterConfig>; problems: readonly Problem[] };

/** CompilingOptions say what is compiled, for which router. */
export interface CompilingOptions {
  compiler: Compiler;
  name: string;
  source: ConfigSource;
  /** what is in force, over a restart: an object that is broken at the start is as it was */
  lastGood: LastGoodStore;
  clock: Clock;
  log: Log;
}

/** compilingSource makes a source that has read nothing yet; it rejects with SVR_CONFIG_EMPTY while no valid Router has the name. */
export function compilingSource(options: CompilingOptions): CompiledSource {
  const { source, compiler, name } = options;
  const keeper = createKeeper(options);
  let good: ParseResult | undefined;
  let goodBefore: ParseResult | undefined;
  const read = async (): Promise<Reading> => {
    const parsed = await source.read();
    const { kept, routers, problems } = compiler(good ?? { objects: [] }, parsed);
    const config = routers.get(name);
    if (config === undefined) throw noRouter(name, [...routers.keys()], problems);
    goodBefore = good;
    good = kept;
    const reading = { config, problems: keeper.date(problems), objects: kept.objects.map(({ object }) => object) };
    void keeper.keep(kept); // a slow disk keeps nothing from force
    return reading;
  };
  return {
    async first() {
      good = await keeper.recall();
      return read();
    },
    read,
    watch: (changed) => source.watch(changed),
    programmed: () => undefined, // nobody asks
    refused() {
      if (goodBefore !== undefined) {
        good = goodBefore;
        void keeper.keep(good);
      }
      return undefined; // objects that are older than the directory: only a router that runs by them goes on with them
    },
    stale: () => false, // what is refused is a problem of the reading
    retry: () => keeper.retry(),
    troubles: () => [keeper.trouble()].flatMap((one) => (one === undefined ? [] : [`the last good configuration is not kept on disk, a broken object would be gone after a restart: ${one}`])),
  };
}

function noRouter(name: string, others: readonly string[], problems: readonly Problem[]): SvrError {
  const known = others.length === 0 ? "none is valid" : `there are ${others.join(", ")}`;
  const first = problems[0] === undefined ? "" : `; first problem: ${formatProblem(problems[0])}`;
  return new SvrError("SVR_CONFIG_EMPTY", {
    object: `Router ${name}`, attempted: `the configuration has no valid Router ${name} (${known}${first})`,
    fix: `add or correct the Router object, see "svrctl config validate DIR"`,
  });
}
