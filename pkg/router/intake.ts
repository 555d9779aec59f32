// Configuration intake: read the source, compile this router's configuration, keep the last good version of what became
// invalid, read the peers' keys. Called by the app at start and on each change; programs nothing.
import { createHash } from "node:crypto";
import { SvrError } from "../base/errors.ts";
import { formatProblem } from "../api/problem.ts";
import type { Problem } from "../api/problem.ts";
import type { ParseResult } from "../api/document.ts";
import type { ApiObject } from "../api/kinds.ts";
import { canonicalJson } from "../plan/canonical.ts";
import type { RouterConfig } from "../plan/config.ts";
import type { Clock } from "../ports/clock.ts";
import type { ConfigSource, KeySource, LastGoodStore } from "../ports/config.ts";
import type { Log } from "../ports/log.ts";
import { equalKeyIds } from "../svr/keys.ts";
import { createKeeper } from "./lastgood.ts";
import { numberNames } from "./names.ts";
import type { Ids } from "./names.ts";
import type { PeerKeyPair } from "./tables.ts";

/** Applied is one configuration as it is to be put in force. */
export interface Applied {
  config: RouterConfig;
  /** what it was compiled from: for everything that is broken its last good version */
  objects: ApiObject[];
  keys: Record<string, PeerKeyPair>;
  /** one line each, with file, line, field and fix */
  problems: string[];
  /** SHA-256 of the canonical configuration, 16 hex digits */
  hash: string;
  at: string;
  /** the source says more than this: something is refused, or stays as it was */
  isPartial: boolean;
  number(nameId: (name: string) => number): Ids;
}

/** Intake remembers what is in force. */
export interface Intake {
  first(): Promise<Applied>;
  /** undefined when nothing changed or nothing could be read; the reason is logged */
  again(): Promise<Applied | undefined>;
  current(): Applied;
  /** the configuration given out last could not be put in force: this one is */
  back(before: Applied): void;
  /** true while the source says something that is not in force */
  stale(): boolean;
  /** writes what is not kept on disk yet; never rejects */
  retry(): Promise<void>;
  /** what is wrong besides the problems of the configuration, one line each */
  troubles(): string[];
}

/** Compiler turns objects into the configuration of each router; `kept` has the last good version of what became invalid, out of `previous`. */
export type Compiler = (previous: Pick<ParseResult, "objects">, next: ParseResult) => { kept: ParseResult; routers: ReadonlyMap<string, RouterConfig>; problems: readonly Problem[] };

interface IntakeOptions {
  compiler: Compiler;
  name: string;
  source: ConfigSource;
  keys: KeySource;
  /** what is in force, over a restart: an object that is broken at the start is as it was */
  lastGood: LastGoodStore;
  clock: Clock;
  log: Log;
  derive(router: string, peer: string, psk: { key: Uint8Array; generation: number }): PeerKeyPair;
}

/** createIntake makes an intake that has read nothing yet. */
export function createIntake(options: IntakeOptions): Intake {
  const keeper = createKeeper(options);
  let good: ParseResult | undefined;
  let goodBefore: ParseResult | undefined;
  let current: Applied | undefined;
  let isStale = false;
  const take = async (): Promise<Applied> => {
    const parsed = await options.source.read();
    const { kept, routers, problems } = options.compiler(good ?? { objects: [] }, parsed);
    const config = routers.get(options.name);
    if (config === undefined) throw noRouter(options.name, [...routers.keys()], problems);
    goodBefore = good;
    good = kept;
    const next = applied(options, { config, problems: keeper.date(problems), objects: kept.objects.map(({ object }) => object) }, current?.keys ?? {});
    void keeper.keep(kept); // a slow disk keeps nothing from force
    isStale = next.isPartial;
    return next;
  };
  return {
    async first() {
      good = await keeper.recall();
      current = await take();
      return current;
    },
    async again() {
      try {
        const next = await take();
        if (next.hash === current?.hash && next.problems.join("\n") === current.problems.join("\n")) {
          current.objects = next.objects; // of other routers, say: nothing to put in force
          return undefined;
        }
        current = next;
        return next;
      } catch (error) {
        isStale = true;
        options.log.error({ error }, "configuration refused; the last good one stays in force");
        return undefined;
      }
    },
    current() {
      if (current === undefined) throw noRouter(options.name, [], []);
      return current;
    },
    back(before) {
      current = before;
      isStale = true;
      if (goodBefore === undefined) return;
      good = goodBefore;
      void keeper.keep(good);
    },
    stale: () => isStale,
    retry: () => keeper.retry(),
    troubles: () => [keeper.trouble()].flatMap((one) => (one === undefined ? [] : [`the last good configuration is not kept on disk, a broken object would be gone after a restart: ${one}`])),
  };
}

function applied(options: IntakeOptions, compiled: { config: RouterConfig; problems: readonly Problem[]; objects: ApiObject[] }, before: Applied["keys"]): Applied {
  const { config, problems, objects } = compiled;
  const { keys, troubles } = peerKeys(options, config, before);
  const hash = createHash("sha256").update(canonicalJson(config)).update(keyIds(keys)).digest("hex").slice(0, 16);
  return {
    config, objects, keys, problems: [...problems.map(formatProblem), ...troubles], hash, at: new Date(options.clock.unixMs()).toISOString(),
    isPartial: troubles.length > 0 || problems.some((problem) => problem.severity === "error"),
    number: (nameId) => {
      const { ids, refused } = numberNames(config, nameId);
      for (const name of refused) options.log.error({ name }, "no number left for this name; it is not in force");
      return ids;
    },
  };
}

/** A key file that cannot be read any more does not take a peer away: its last key stays, like the last good version of an object. */
function peerKeys(options: IntakeOptions, config: RouterConfig, before: Applied["keys"]): { keys: Applied["keys"]; troubles: string[] } {
  const keys: Applied["keys"] = {};
  const troubles: string[] = [];
  for (const peer of config.peers) {
    try {
      keys[peer.name] = options.derive(config.name, peer.name, { key: options.keys.psk(peer.psk.file), generation: peer.psk.generation });
    } catch (error) {
      if (!(error instanceof SvrError)) throw error;
      const last = Object.hasOwn(before, peer.name) ? before[peer.name] : undefined; // a router may be named "constructor"
      if (last !== undefined) keys[peer.name] = last;
      troubles.push(`peer ${peer.name} ${last === undefined ? "is not usable" : "keeps its last key"}: ${error.message}`);
    }
  }
  const clash = equalKeyIds(Object.values(keys).map((pair) => pair.receive));
  if (clash !== undefined) {
    const [kept, dropped] = clash;
    troubles.push(`peer ${dropped.sender} is not usable: its key id equals that of peer ${kept.sender}; raise psk.generation of one of them on both routers`);
    delete keys[dropped.sender];
  }
  return { keys, troubles };
}

/** Key ids change when a key does; key bytes stay out of the hash. */
function keyIds(keys: Record<string, PeerKeyPair>): string {
  return Object.entries(keys).map(([peer, pair]) => `${peer} ${pair.send.keyId} ${pair.receive.keyId}`).sort().join("\n");
}

function noRouter(name: string, others: readonly string[], problems: readonly Problem[]): SvrError {
  const known = others.length === 0 ? "none is valid" : `there are ${others.join(", ")}`;
  const first = problems[0] === undefined ? "" : `; first problem: ${formatProblem(problems[0])}`;
  return new SvrError("SVR_CONFIG_EMPTY", {
    object: `Router ${name}`, attempted: `the configuration has no valid Router ${name} (${known}${first})`,
    fix: `add or correct the Router object, see "svrctl config validate DIR"`,
  });
}
