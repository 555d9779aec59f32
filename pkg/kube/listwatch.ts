// Feeds a store: a paged list, then a watch from its version with bookmarks, again and again. Whatever happens to the connection
// is a cause that is counted, a pause that grows, and a new watch or a new list; the store keeps what it has meanwhile. No
// informer of the client library is used: after a reset it reports one error and stays dead. Called by watcher.ts.
import type { IncomingMessage } from "node:http";
import type { KubeFollow, KubeObject, KubeResource } from "../ports/kube.ts";
import type { Call, KubeAccess } from "./access.ts";
import { AnswerTooLarge, readBody, retryAfterMs } from "./answers.ts";
import { withKind } from "./client.ts";
import { eventsOf, hasName } from "./events.ts";
import type { WatchEvent } from "./events.ts";
import { firstLimit, nextLimit } from "./limit.ts";
import { collectionPath, queryText } from "./paths.ts";
import { rest } from "./pause.ts";
import { isOlder } from "./store.ts";
import type { FedStore } from "./store.ts";

/** RestartCause says why a list or a watch was begun again; fault: by a mistake of this program, not of the server or the line. */
export type RestartCause = "closed" | "reset" | "idle" | "line" | "gone" | "busy" | "denied" | "answer" | "fault";

/** restartCauses lists them all, so that each is counted from the start. */
export const restartCauses: readonly RestartCause[] = ["closed", "reset", "idle", "line", "gone", "busy", "denied", "answer", "fault"];

/** ListWatchTimes are the times of a list-watch, in milliseconds but for watchSeconds. */
export interface ListWatchTimes {
  /** how long the server is asked to keep a watch */
  watchSeconds: number;
  /** a watch that says nothing for so long is dead: the server sends a bookmark every minute */
  idleMs: number;
  /** longest wait for one page of a list */
  answerMs: number;
  firstPauseMs: number;
  longestPauseMs: number;
}

/** usualTimes are those of a process in a cluster. */
export const usualTimes: ListWatchTimes = { watchSeconds: 290, idleMs: 120_000, answerMs: 60_000, firstPauseMs: 500, longestPauseMs: 30_000 };

/** ListWatchOptions of one feed. */
export interface ListWatchOptions {
  access: KubeAccess;
  resource: KubeResource;
  what: KubeFollow;
  store: FedStore;
  times: ListWatchTimes;
  /** 0 to 1 */
  random: () => number;
  restarted: (cause: RestartCause) => void;
  /** told of a mistake of this program */
  failed: (error: unknown) => void;
  heard: () => void;
  /** the server answers again after it could not be reached: whoever else waits for it need not wait longer */
  reached: () => void;
  /** ends the pause after a connection that failed: somebody else reached the server */
  waking: () => AbortSignal;
}

/** Why a list or a watch ended; relist: what the store has may be behind in a way that no watch mends. */
class Ended extends Error {
  readonly why: RestartCause;
  readonly relist: boolean;
  readonly waitMs: number | undefined;

  constructor(why: RestartCause, more: { relist?: boolean; waitMs?: number | undefined; cause?: unknown } = {}) {
    super(why, { cause: more.cause });
    this.why = why;
    this.relist = more.relist ?? false;
    this.waitMs = more.waitMs;
  }
}

const MOST_PAGES = 100_000;
const SHORT_MS = 1_000; // a watch that ends sooner, without an event, is a failure too

/** runListWatch feeds the store until the signal ends it. */
export async function runListWatch(given: ListWatchOptions, signal: AbortSignal): Promise<void> {
  const { times, random } = given;
  let isAway = false, backMs = -Infinity; // connections fail; since when they do not
  // It answers, whatever it says (410 and 429 after its restart): pauses grow anew. But for a server that comes and goes.
  const reached = (): void => {
    if (!isAway) return;
    isAway = false;
    if (performance.now() - backMs > times.longestPauseMs) [failures, backMs] = [0, performance.now()];
    given.reached();
  };
  const options = { ...given, reached };
  let version: string | undefined;
  let failures = 0;
  while (!signal.aborted) {
    const started = performance.now();
    let events = 0;
    try {
      version ??= await list(options, signal);
      await watch(options, { version, signal, seen: (next) => { version = next; events += 1; } });
      throw new Ended("closed");
    } catch (error) {
      if (signal.aborted) return;
      const ended = error instanceof Ended ? error : new Ended("reset", { cause: error });
      if (ended.relist) version = undefined;
      if (ended.why === "fault") options.failed(ended.cause);
      options.restarted(ended.why);
      if (ended.why === "reset" || ended.why === "idle") isAway = true;
      else reached();
      const lasted = performance.now() - started;
      const isWell = ended.why === "closed" && (events > 0 || lasted > SHORT_MS);
      // A list that succeeds is no recovery: a server whose watches fail each time would be listed twice a second for ever.
      failures = isWell ? 0 : lasted > times.longestPauseMs ? 1 : failures + 1;
      await rest(pauseMs(ended, failures, times) * (0.5 + random() / 2), isAway ? AbortSignal.any([signal, options.waking()]) : signal);
    }
  }
}

/** At least what the server asks for, but for the longest pause: nobody is away for an hour because of one answer. */
function pauseMs({ waitMs = 0 }: Ended, failures: number, { firstPauseMs, longestPauseMs }: ListWatchTimes): number {
  const own = failures === 0 ? 0 : firstPauseMs * 2 ** Math.min(failures - 1, 16);
  return Math.min(longestPauseMs, Math.max(2 * waitMs, own)); // the caller waits for half of it or more
}

async function list({ access, resource, what, store, times, heard, reached }: ListWatchOptions, signal: AbortSignal): Promise<string> {
  const objects: KubeObject[] = [];
  let next: string | undefined;
  let limit = firstLimit;
  for (let page = 0; page < MOST_PAGES; page += 1) {
    const path = `${collectionPath(resource, what.namespace)}${queryText(what, { limit, continue: next })}`;
    const body = await readPage(access, { method: "GET", path, signal: AbortSignal.any([signal, AbortSignal.timeout(times.answerMs)]), ...formOf(what, "PartialObjectMetadataList") });
    if (body === undefined && limit === 1) throw new Ended("answer", { relist: true });
    limit = nextLimit(limit, body?.length);
    if (body === undefined) continue;
    const read = parsedList(body);
    heard();
    reached();
    for (const item of read.items) objects.push(own(() => store.kept(withKind(resource, item)))); // each page by itself: the whole list as it came may not fit
    next = read.next;
    if (next !== "") continue;
    own(() => { store.replace(objects); });
    return read.version;
  }
  throw new Ended("answer", { relist: true });
}

/** The text of a page; undefined: it is larger than any answer may be. */
async function readPage(access: KubeAccess, call: Call): Promise<string | undefined> {
  const answer = await access.send(call);
  if (answer.statusCode !== 200) {
    answer.destroy();
    throw refusal(answer);
  }
  try {
    return await readBody(answer);
  } catch (error) {
    if (error instanceof AnswerTooLarge) return undefined;
    throw error;
  }
}

/** What is no fault of the connection is not counted as one. */
function own<T>(work: () => T): T {
  try {
    return work();
  } catch (cause) {
    throw new Ended("fault", { relist: true, cause });
  }
}

/** How the answer is asked for: whole, or as metadata. */
function formOf({ metadataOnly }: KubeFollow, kind: string): { accept?: string } {
  return metadataOnly === true ? { accept: `application/json;as=${kind};g=meta.k8s.io;v=v1` } : {};
}

function parsedList(body: string): { items: KubeObject[]; next: string; version: string } {
  let list: { metadata?: { continue?: string; resourceVersion?: string }; items?: unknown[] | null } | null;
  try {
    list = JSON.parse(body) as typeof list;
  } catch (cause) {
    throw new Ended("line", { relist: true, cause });
  }
  const { continue: next = "", resourceVersion: version = "" } = list?.metadata ?? {};
  const items = list?.items ?? [];
  if (version === "" || !Array.isArray(items) || !items.every(hasName)) throw new Ended("line", { relist: true });
  return { items, next, version };
}

interface Watching { version: string; signal: AbortSignal; seen: (version: string) => void }

async function watch(options: ListWatchOptions, { version, signal, seen }: Watching): Promise<void> {
  const { access, resource, what, times, random, heard } = options;
  const watchSeconds = Math.ceil(times.watchSeconds * (1 - random() / 5));
  const path = `${collectionPath(resource, what.namespace)}${queryText(what, { watch: true, allowWatchBookmarks: true, resourceVersion: version, timeoutSeconds: watchSeconds })}`;
  const idle = createIdle(times.idleMs);
  try {
    const one = AbortSignal.any([signal, idle.signal]);
    const answer = await access.send({ method: "GET", path, signal: one, ...formOf(what, "PartialObjectMetadata") });
    if (answer.statusCode !== 200) {
      answer.destroy();
      throw refusal(answer);
    }
    options.reached();
    for await (const event of eventsOf(answer, () => { idle.touch(); heard(); })) {
      if (event.type === "bad") throw new Ended("line", { relist: true });
      if (event.type === "ERROR") throw new Ended(event.code === 410 ? "gone" : event.code === 429 || event.code === 503 ? "busy" : "answer", { relist: true, waitMs: event.waitMs });
      own(() => { take(event, options); });
      const next = event.object.metadata.resourceVersion;
      if (event.type === "BOOKMARK" && next !== undefined && isOlder(next, version)) throw new Ended("gone", { relist: true }); // restored from a backup
      if (next !== undefined) seen(next);
    }
  } catch (error) {
    if (idle.signal.aborted && !signal.aborted) throw new Ended("idle", { cause: error });
    throw error;
  } finally {
    idle.stop();
  }
}

function take({ type, object }: Extract<WatchEvent, { object: unknown }>, { resource, store }: ListWatchOptions): void {
  if (type === "DELETED") store.drop(withKind(resource, object));
  else if (type !== "BOOKMARK") store.put(withKind(resource, object));
}

function refusal(answer: IncomingMessage): Ended {
  const code = answer.statusCode ?? 0;
  if (code === 410) return new Ended("gone", { relist: true });
  if (code === 401 || code === 403) return new Ended("denied");
  if (code === 429 || code === 503) return new Ended("busy", { waitMs: retryAfterMs(answer) });
  return new Ended("answer", { relist: code < 500 });
}

/** A signal that ends when nobody has touched it for a while. */
function createIdle(ms: number): { signal: AbortSignal; touch(): void; stop(): void } {
  const controller = new AbortController();
  const timer = setTimeout(() => { controller.abort(new Error(`silent for ${ms} ms`)); }, ms);
  return { signal: controller.signal, touch: () => { timer.refresh(); }, stop: () => { clearTimeout(timer); } };
}
