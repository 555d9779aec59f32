// The API server as KubePort: each call with a deadline, a rate of its own, a few tries where the server asks to wait, and errors
// with codes. Constructed by cmd/; the list-watch beside it uses the same access.
import type { IncomingMessage } from "node:http";
import { SvrError } from "../base/errors.ts";
import type { KubeObject, KubePort, KubeResource, KubeSelection } from "../ports/kube.ts";
import type { KubeAccess } from "./access.ts";
import { connectionFault, readBody, retryAfterMs, statusFault } from "./answers.ts";
import { firstLimit } from "./limit.ts";
import { collectionPath, objectPath, queryText, textOf } from "./paths.ts";
import { rest } from "./pause.ts";
import { createRate } from "./rate.ts";
import type { Rate } from "./rate.ts";

/** ClientOptions of a client; defaults are for the operator. */
export interface ClientOptions {
  access: KubeAccess;
  /** longest wait for one call with its tries; default 30 s */
  deadlineMs?: number;
  /** the same for calls that write; who leads must have ended its writes before another may begin; default as the other */
  writeMs?: number;
  /** calls a second, and how many at once before; default 200 and 400 */
  perSecond?: number;
  burst?: number;
}

/** KubeClient is a KubePort on a server. */
export interface KubeClient extends KubePort {
  readonly server: string;
  readonly namespace: string;
  close(): void;
}

interface Ask {
  method: string;
  path: string;
  about: { object: string; attempted: string };
  body?: object;
  contentType?: string;
  /** may be text */
  text?: boolean;
  /** 410 is an answer: undefined */
  mayBeGone?: boolean;
}

const TRIES = 4;
const WAIT_MS = 1_000;
const LONGEST_WAIT_MS = 10_000;
const MOST_PAGES = 100_000;
const BEGINNINGS = 3; // of a list whose first page is too old for the next one

/** openKubeClient makes a client; nothing is asked before the first call. */
export function openKubeClient(options: ClientOptions): KubeClient {
  const { access, deadlineMs = 30_000, writeMs = deadlineMs } = options;
  const rate = createRate({ perSecond: options.perSecond ?? 200, burst: options.burst ?? 400, nowMs: () => performance.now() });
  const ask = (one: Ask): Promise<unknown> => askServer({ access, rate, deadlineMs: one.method === "GET" ? deadlineMs : writeMs }, one);
  return {
    server: access.server, namespace: access.namespace, close: () => { access.close(); },
    async get(resource, at) {
      return orMissing(ask({ method: "GET", path: objectPath(resource, at), about: { object: textOf(resource, at), attempted: `${textOf(resource, at)} cannot be read` } }));
    },
    list: (resource, selection = {}) => listAll(ask, resource, selection),
    async apply(resource, object, { manager, force = false, status = false, subresource = status ? "status" as const : undefined, dryRun = false }) {
      const { metadata } = object;
      const query = queryText({}, { fieldManager: manager, force, fieldValidation: "Strict", ...(dryRun && { dryRun: "All" }) });
      return await ask({
        method: "PATCH", path: `${objectPath(resource, metadata, subresource)}${query}`, body: object, contentType: "application/apply-patch+yaml",
        about: { object: textOf(resource, metadata), attempted: `${subresource === undefined ? "" : `the ${subresource} of `}${textOf(resource, metadata)} cannot be applied` },
      }) as KubeObject;
    },
    async create(resource, object) {
      const { metadata } = object;
      return await ask({ method: "POST", path: `${collectionPath(resource, metadata.namespace)}?fieldValidation=Strict`, body: object, contentType: "application/json", about: { object: textOf(resource, metadata), attempted: `${textOf(resource, metadata)} cannot be created` } }) as KubeObject;
    },
    async replace(resource, object) {
      const { metadata } = object;
      return await ask({ method: "PUT", path: objectPath(resource, metadata), body: object, contentType: "application/json", about: { object: textOf(resource, metadata), attempted: `${textOf(resource, metadata)} cannot be replaced` } }) as KubeObject;
    },
    async remove(resource, at, uid) {
      const body = { kind: "DeleteOptions", apiVersion: "v1", propagationPolicy: "Background", ...(uid !== undefined && { preconditions: { uid } }) };
      const gone = await orMissing(ask({ method: "DELETE", path: objectPath(resource, at), body, contentType: "application/json", about: { object: textOf(resource, at), attempted: `${textOf(resource, at)} cannot be deleted` } }));
      return gone !== undefined;
    },
    read: (path) => ask({ method: "GET", path, text: true, about: { object: path, attempted: `${path} cannot be read` } }),
  };
}

async function orMissing(answer: Promise<unknown>): Promise<KubeObject | undefined> {
  try {
    return await answer as KubeObject;
  } catch (error) {
    if (error instanceof SvrError && error.code === "SVR_NOT_FOUND") return undefined;
    throw error;
  }
}

async function listAll(ask: (one: Ask) => Promise<unknown>, resource: KubeResource, selection: KubeSelection): Promise<KubeObject[]> {
  for (let beginning = 1; ; beginning += 1) {
    const objects = await listOnce(ask, resource, { selection, mayBeginAgain: beginning < BEGINNINGS });
    if (objects !== undefined) return objects;
  }
}

/** Undefined: the versions that the list began with are gone. */
async function listOnce(ask: (one: Ask) => Promise<unknown>, resource: KubeResource, { selection, mayBeginAgain }: { selection: KubeSelection; mayBeginAgain: boolean }): Promise<KubeObject[] | undefined> {
  const objects: KubeObject[] = [];
  let next: string | undefined;
  for (let page = 0; page < MOST_PAGES; page += 1) {
    const path = `${collectionPath(resource, selection.namespace)}${queryText(selection, { limit: firstLimit, continue: next })}`;
    const about = { object: textOf(resource), attempted: `${textOf(resource)} cannot be listed` };
    const list = await ask({ method: "GET", path, about, mayBeGone: mayBeginAgain && next !== undefined }) as { metadata?: { continue?: string }; items?: KubeObject[] | null } | undefined;
    if (list === undefined) return undefined;
    for (const item of list.items ?? []) objects.push(withKind(resource, item));
    next = list.metadata?.continue;
    if (next === undefined || next === "") break;
  }
  return objects;
}

/** withKind adds what items of a list leave out. */
export function withKind({ group, version, kind }: KubeResource, object: KubeObject): KubeObject {
  return { ...object, apiVersion: group === "" ? version : `${group}/${version}`, kind };
}

interface Server { access: KubeAccess; rate: Rate; deadlineMs: number }

async function askServer(server: Server, one: Ask): Promise<unknown> {
  const signal = AbortSignal.timeout(server.deadlineMs);
  const about = { ...one.about, server: server.access.server };
  for (let tries = 1; ; tries += 1) {
    let answer: IncomingMessage;
    let body: string;
    try {
      await server.rate.take(signal);
      answer = await send(server, one, signal);
      body = await readBody(answer);
    } catch (error) {
      if (error instanceof SvrError) throw error;
      if (tries < TRIES && isStale(error, one.method) && !signal.aborted) continue;
      throw connectionFault(about, error);
    }
    const status = answer.statusCode ?? 0;
    if (status >= 200 && status < 300) return one.text === true ? parsed(body) : parsedObject(one.about, body);
    if (status === 410 && one.mayBeGone === true) return undefined;
    if (status === 401 && tries === 1) continue; // the access reads its credentials anew
    const wait = retryAfterMs(answer) ?? WAIT_MS * tries;
    if (tries >= TRIES || (status !== 429 && status !== 503) || wait > LONGEST_WAIT_MS) throw statusFault(status, one.about, body);
    await rest(wait, signal);
    if (signal.aborted) throw statusFault(status, one.about, body);
  }
}

function send({ access }: Server, { method, path, body, contentType }: Ask, signal: AbortSignal): Promise<IncomingMessage> {
  return access.send({ method, path, signal, ...(body !== undefined && { body: JSON.stringify(body) }), ...(contentType !== undefined && { contentType }) });
}

/** A kept connection that the server had closed already; what is sent twice has the same effect, except creating. */
function isStale(error: unknown, method: string): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return method !== "POST" && (code === "ECONNRESET" || code === "EPIPE");
}

/** Something else that answers here must not be taken for an API server that has nothing. */
function parsedObject(about: Ask["about"], body: string): object {
  const value = parsed(body);
  if (typeof value === "object" && value !== null) return value;
  throw new SvrError("SVR_KUBE_ANSWER", { object: about.object, attempted: `${about.attempted}: the answer is no JSON object`, fix: "see whether something else answers at this address" });
}

function parsed(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return body; // /readyz and the like answer with text
  }
}
