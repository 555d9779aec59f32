// Configuration intake: take the newest compiled configuration, read the peers' keys, remember what is in force. Called by the
// app at start and on each change; programs nothing.
import { createHash } from "node:crypto";
import { SvrError } from "../base/errors.ts";
import { formatProblem } from "../api/problem.ts";
import type { ApiObject } from "../api/kinds.ts";
import { canonicalJson } from "../plan/canonical.ts";
import type { RouterConfig } from "../plan/config.ts";
import type { Clock } from "../ports/clock.ts";
import type { CompiledSource, KeySource, Reading } from "../ports/config.ts";
import type { Log } from "../ports/log.ts";
import { equalKeyIds } from "../svr/keys.ts";
import { numberNames } from "./names.ts";
import type { Ids } from "./names.ts";
import type { PeerKeyPair } from "./tables.ts";

/** Applied is one configuration as it is to be put in force. */
export interface Applied {
  config: RouterConfig;
  /** what it was compiled from: for everything that is broken its last good version; empty when it came compiled */
  objects: ApiObject[];
  keys: Record<string, PeerKeyPair>;
  /** one line each, with file, line, field and fix */
  problems: string[];
  /** SHA-256 of the canonical configuration, 16 hex digits */
  hash: string;
  at: string;
  /** what is wrong with key files */
  keyFault?: SvrError;
  /** the source says more than this: something is refused, or stays as it was */
  isPartial: boolean;
  number(nameId: (name: string) => number): Ids;
}

/** Intake remembers what is in force. */
export interface Intake {
  /** rejects with the signal's reason */
  first(signal: AbortSignal): Promise<Applied>;
  /** undefined when nothing changed or nothing could be read; the reason is logged */
  again(): Promise<Applied | undefined>;
  current(): Applied;
  /** this configuration is in force, in the data plane and in every shard; one that is not the current one any more does not matter */
  programmed(applied: Applied): void;
  /** the configuration given out last could not be put in force: what was before it, which is the current one again; undefined when nothing was */
  refused(error: unknown): Applied | undefined;
  /** true while the source says something that is not in force */
  stale(): boolean;
  /** writes what is not kept on disk yet; never rejects */
  retry(): Promise<void>;
  /** what is wrong besides the problems of the configuration, one line each */
  troubles(): string[];
}

interface IntakeOptions {
  source: CompiledSource;
  keys: KeySource;
  clock: Clock;
  log: Log;
  derive(router: string, peer: string, psk: { key: Uint8Array; generation: number }): PeerKeyPair;
}

/** What was given out, by which reading. */
interface Given { applied: Applied; reading: Reading; isProgrammed: boolean }

/** createIntake makes an intake that has read nothing yet. */
export function createIntake(options: IntakeOptions): Intake {
  const { source, log } = options;
  let now: Given | undefined;
  let before: Given | undefined;
  let isStale = false;
  const given = (reading: Reading): Given => ({ applied: applied(options, reading, now?.applied.keys ?? {}), reading, isProgrammed: false });
  const give = (next: Given): Applied => {
    before = now;
    now = next;
    isStale = next.applied.isPartial;
    return next.applied;
  };
  const again = (next: Given): Applied | undefined => {
    if (now === undefined || next.applied.hash !== now.applied.hash || next.applied.problems.join("\n") !== now.applied.problems.join("\n")) return give(next);
    isStale = next.applied.isPartial;
    now.applied.objects = next.applied.objects; // of other routers, say: nothing to put in force
    now.reading = next.reading;
    if (now.isProgrammed) source.programmed(now.reading, now.applied.keyFault);
    return undefined;
  };
  return {
    async first(signal) { return give(given(await source.first(signal))); },
    async again() {
      try {
        return again(given(await source.read()));
      } catch (error) {
        isStale = true;
        log.error({ error }, "configuration refused; the last good one stays in force");
        return undefined;
      }
    },
    current() {
      if (now === undefined) throw new SvrError("SVR_CONFIG_EMPTY", { object: "configuration", attempted: "no configuration was read yet", fix: "wait until the router has started" });
      return now.applied;
    },
    programmed(one) {
      if (now?.applied !== one) return;
      now.isProgrammed = true;
      source.programmed(now.reading, one.keyFault);
    },
    refused(error) {
      const reading = source.refused(error);
      now = before ?? (reading === undefined ? now : given(reading));
      const isBack = before !== undefined || reading !== undefined;
      before = undefined;
      isStale = true;
      return isBack ? now?.applied : undefined;
    },
    stale: () => isStale || source.stale(),
    retry: () => source.retry(),
    troubles: () => source.troubles(),
  };
}

function applied(options: IntakeOptions, { config, problems, objects }: Reading, before: Applied["keys"]): Applied {
  const { keys, troubles } = peerKeys(options, config, before);
  const keyFault = faultOf(config.name, troubles);
  const hash = createHash("sha256").update(canonicalJson(config)).update(keyIds(keys)).digest("hex").slice(0, 16);
  return {
    config, objects, keys, problems: [...problems.map(formatProblem), ...troubles], hash, at: new Date(options.clock.unixMs()).toISOString(),
    ...(keyFault !== undefined && { keyFault }), isPartial: troubles.length > 0 || problems.some((problem) => problem.severity === "error"),
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
    if (peer.authentication === "certificate" || peer.psk === undefined) continue; // its keys come from an exchange
    try {
      keys[peer.name] = options.derive(config.name, peer.name, { key: options.keys.psk(peer.psk.file), generation: peer.psk.generation });
    } catch (error) {
      if (!(error instanceof SvrError)) throw error;
      const last = Object.hasOwn(before, peer.name) ? before[peer.name] : undefined; // a router may be named "constructor"
      if (last !== undefined) keys[peer.name] = last;
      troubles.push(`peer ${peer.name} ${last === undefined ? "is not usable" : "keeps its last key"}: ${error.message}`);
    }
  }
  const clash = equalKeyIds(Object.values(keys).flatMap((pair) => pair.receive));
  if (clash !== undefined) {
    const [kept, dropped] = clash;
    troubles.push(`peer ${dropped.sender} is not usable: its key id equals that of peer ${kept.sender}; raise psk.generation of one of them on both routers`);
    delete keys[dropped.sender];
  }
  return { keys, troubles };
}

const TOLD = 3; // peers

function faultOf(router: string, troubles: readonly string[]): SvrError | undefined {
  if (troubles.length === 0) return undefined;
  const more = troubles.length - TOLD;
  const attempted = [...troubles.slice(0, TOLD), ...(more > 0 ? [`and ${more} peers more`] : [])].join("; ");
  return new SvrError("SVR_PSK_FILE", { object: `Router ${router}`, attempted, fix: "the router goes on meanwhile, and takes key files when they change" });
}

/** Key ids change when a key does; key bytes stay out of the hash. */
function keyIds(keys: Record<string, PeerKeyPair>): string {
  return Object.entries(keys).map(([peer, pair]) => `${peer} ${pair.send?.keyId} ${pair.receive.map(({ keyId }) => keyId).join(" ")}`).sort().join("\n");
}
