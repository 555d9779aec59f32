// An API server for one resource that misbehaves as it is told: it has objects and versions as a real one, and each watch or list may
// be cut, closed, silent, refused, or answered with rubbish. Over plain HTTP on loopback, behind the same access as the real one.
import { createServer, request } from "node:http";
import type { ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { KubeAccess } from "../../../pkg/kube/access.ts";
import type { KubeObject } from "../../../pkg/ports/kube.ts";

/** Mishap is what happens to one list or watch instead of what should. */
export type Mishap =
  | { kind: "status"; code: number; retryAfter?: string }
  | { kind: "lines"; lines: readonly string[]; then: "close" | "reset" | "stay" }
  | { kind: "silence" }
  /** nothing happens: the next mishap is for what follows */
  | { kind: "well" }
  | { kind: "halfBody" };

/** Misbehaving is the server; `asked` lists what was asked, in order. */
export interface Misbehaving {
  readonly access: KubeAccess;
  readonly asked: string[];
  /** what happens to the next watches and lists, in order; after that all is well */
  readonly watches: Mishap[];
  readonly lists: Mishap[];
  /** objects of one page of a list, also when more are asked for */
  pageSize: number;
  put(name: string, value: string): KubeObject;
  remove(name: string): void;
  /** sends a line to every open watch */
  say(line: string): void;
  /** ends every open watch */
  end(how: "close" | "reset"): void;
  bookmark(): void;
  /** goes back to another state with smaller versions, as from a backup; watches stay open */
  restore(version: number, name: string, value: string): void;
  /** versions before this are gone: watches from there are answered 410 */
  compact(): void;
  close(): Promise<void>;
}

/** openMisbehaving starts a server without objects. */
export async function openMisbehaving(): Promise<Misbehaving> {
  const world = createWorld();
  const { objects, log } = world;
  const open = new Set<ServerResponse>();
  const [watches, lists]: [Mishap[], Mishap[]] = [[], []];
  const asked: string[] = [];
  let oldest = 0;
  const server = createServer((ask, answer) => {
    const url = new URL(ask.url ?? "", "http://fake");
    const isWatch = url.searchParams.get("watch") === "true";
    const from = Number(url.searchParams.get("resourceVersion") ?? 0);
    asked.push(isWatch ? `watch ${from}` : `list${url.searchParams.has("continue") ? " more" : ""}`);
    const mishap = (isWatch ? watches : lists).shift();
    if (mishap !== undefined && mishap.kind !== "well") return misbehave(answer, mishap);
    if (!isWatch) return void answer.end(pageOf(world, url, misbehaving.pageSize));
    if (from < oldest) return void answer.writeHead(410).end(JSON.stringify({ kind: "Status", code: 410 }));
    answer.writeHead(200);
    answer.flushHeaders();
    for (const one of log) if (one.version > from) answer.write(one.line);
    open.add(answer);
    answer.on("close", () => open.delete(answer));
  });
  const say = (line: string): void => { for (const answer of open) answer.write(line); };
  const tell = (type: string, object: object): void => {
    const line = `${JSON.stringify({ type, object })}\n`;
    log.push({ version: world.version, line });
    say(line);
  };
  await new Promise<void>((resolve) => { server.listen(0, "127.0.0.1", resolve); });
  const { port } = server.address() as AddressInfo;
  const misbehaving: Misbehaving = {
    asked, watches, lists, pageSize: Infinity, access: plainAccess(port),
    put(name, value) {
      const type = objects.has(name) ? "MODIFIED" : "ADDED";
      const object = world.set(name, value);
      tell(type, object);
      return object;
    },
    restore: (at, name, value) => { world.restore(at, name, value); },
    remove(name) {
      world.version += 1;
      const before = objects.get(name);
      objects.delete(name);
      if (before !== undefined) tell("DELETED", { ...before, metadata: { ...before.metadata, resourceVersion: String(world.version) } });
    },
    say,
    end: (how) => { for (const answer of [...open]) endAnswer(answer, how); },
    bookmark() {
      world.version += 1;
      say(`${JSON.stringify({ type: "BOOKMARK", object: { metadata: { resourceVersion: String(world.version) } } })}\n`);
    },
    compact: () => { oldest = world.version + 1; },
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => { server.close(resolve); });
    },
  };
  return misbehaving;
}

/** A page of what there is now: nothing changes between the pages of the tests. */
function pageOf({ version, objects }: World, url: URL, most: number): string {
  const start = Number(url.searchParams.get("continue") ?? 0);
  const end = start + Math.min(most, Number(url.searchParams.get("limit") ?? Infinity));
  const items = [...objects.values()].slice(start, end);
  return JSON.stringify({ metadata: { resourceVersion: String(version), ...(end < objects.size && { continue: String(end) }) }, items });
}

interface World { version: number; objects: Map<string, KubeObject>; log: { version: number; line: string }[]; set(name: string, value: string): KubeObject; restore: Misbehaving["restore"] }

function createWorld(): World {
  return {
    version: 100, objects: new Map(), log: [],
    set(name, value) {
      this.version += 1;
      const object: KubeObject = { apiVersion: "v1", kind: "ConfigMap", metadata: { name, namespace: "d", uid: `uid-${name}`, resourceVersion: String(this.version) }, data: { value } };
      this.objects.set(name, object);
      return object;
    },
    restore(at, name, value) {
      this.version = at;
      this.objects.clear();
      this.log.length = 0;
      this.set(name, value);
    },
  };
}

function misbehave(answer: ServerResponse, mishap: Exclude<Mishap, { kind: "well" }>): void {
  switch (mishap.kind) {
    case "status": return void answer.writeHead(mishap.code, mishap.retryAfter === undefined ? {} : { "retry-after": mishap.retryAfter }).end("{}");
    case "silence": return;
    case "halfBody":
      answer.writeHead(200, { "content-length": "1000" });
      answer.write('{"metadata":{"resourceVersion":"1"},"items":[');
      return void setImmediate(() => { answer.socket?.resetAndDestroy(); });
    case "lines":
      answer.writeHead(200);
      for (const line of mishap.lines) answer.write(line);
      if (mishap.then !== "stay") endAnswer(answer, mishap.then);
  }
}

/** What was written before a reset gets there. */
function endAnswer(answer: ServerResponse, how: "close" | "reset"): void {
  if (how === "close") answer.end();
  else setTimeout(() => { answer.socket?.resetAndDestroy(); }, 20);
}

function plainAccess(port: number): KubeAccess {
  return {
    server: `http://127.0.0.1:${port}`, namespace: "d", close: () => undefined,
    send: ({ method, path, signal, body }) => new Promise((resolve, reject) => {
      const asked = request({ host: "127.0.0.1", port, method, path, signal, agent: false }, resolve);
      asked.once("error", (error) => { reject(signal.aborted ? signal.reason as Error : error); });
      asked.end(body);
    }),
  };
}
