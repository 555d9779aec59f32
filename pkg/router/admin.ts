// The local admin API: HTTP with JSON on a Unix socket in the state directory, resources as in behaviour 14. Started by the
// app; answers from snapshots and never blocks a packet. Who may use it is decided by the permission of the socket (0600, decision 006).
import process from "node:process";
import { createServer } from "node:http";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import { rmSync } from "node:fs";
import type { ProblemView } from "../api/view.ts";
import { SvrError } from "../base/errors.ts";
import type { ErrorCode } from "../base/errors.ts";
import type { Pace } from "./pace.ts";

/** AdminRequest is one request after parsing: path segments behind the router's name, query, JSON body. */
export interface AdminRequest {
  query: URLSearchParams;
  body: unknown;
}

/** AdminRoute answers one resource, or throws AdminFault; `pattern` segments that start with ":" match anything and are passed in order. */
export interface AdminRoute {
  method: "GET" | "POST";
  pattern: string;
  /** largest body in bytes, default 65,536 */
  maxBody?: number;
  /** an answer that is large work: it and its text are one piece of this; `answer` then gives no promise */
  pace?: Pace;
  answer(request: AdminRequest, parameters: string[]): unknown;
}

/** AdminFault is thrown by a route to answer with an error status. */
export class AdminFault extends Error {
  readonly status: number;
  readonly code: ErrorCode;

  constructor(status: number, code: ErrorCode, detail: string) {
    super(detail);
    this.status = status;
    this.code = code;
  }
}

const MAX_BODY = 65_536;
const MAX_CONNECTIONS = 64;

/** AdminServer is a listening admin API; close ends open connections too. */
export interface AdminServer {
  close(): Promise<void>;
}

/**
 * listenAdmin serves the routes on a Unix socket, replacing a stale one; it resolves when it listens, and rejects with
 * SVR_STATE_DIR when it cannot. `onFault` hears of what a route threw beside AdminFaults; the client is told no more than that.
 */
export async function listenAdmin(socketPath: string, routes: readonly AdminRoute[], onFault: (error: unknown) => void): Promise<AdminServer> {
  const server = createServer((request, response) => {
    serve(routes, request, response).catch((error: unknown) => {
      if (!(error instanceof AdminFault)) onFault(error);
      if (!response.headersSent) sendProblem(response, error);
      else response.destroy();
    });
  });
  server.maxConnections = MAX_CONNECTIONS;
  try {
    rmSync(socketPath, { force: true });
    await listenPrivately(server, socketPath);
  } catch (cause) {
    throw new SvrError("SVR_STATE_DIR", {
      object: socketPath, attempted: `the admin socket ${socketPath} cannot be made (${(cause as NodeJS.ErrnoException).code ?? String(cause)})`,
      fix: "make its directory writable, and its path shorter than 108 bytes", cause,
    });
  }
  return { close: () => closeServer(server) };
}

/** The socket is made by listen itself, so a mask around the call leaves no moment in which others could connect. */
async function listenPrivately(server: Server, socketPath: string): Promise<void> {
  const listening = new Promise<void>((resolve, reject) => {
    server.once("error", reject).once("listening", resolve);
  });
  const mask = process.umask(0o177);
  try {
    server.listen(socketPath);
  } finally {
    process.umask(mask);
  }
  await listening;
}

async function closeServer(server: Server): Promise<void> {
  const closed = new Promise((resolve) => server.close(resolve));
  server.closeAllConnections();
  await closed;
}

async function serve(routes: readonly AdminRoute[], request: IncomingMessage, response: ServerResponse): Promise<void> {
  const url = new URL(request.url ?? "/", "http://router");
  const { route, parameters } = find(routes, request.method ?? "", url.pathname);
  const body = await readBody(request, route.maxBody ?? MAX_BODY);
  const answer = await answerOf(route, { query: url.searchParams, body }, parameters);
  sendBody(response, 200, answer, typeof answer === "string" ? "application/json" : "application/octet-stream");
}

/** JSON, or bytes as they are. */
async function answerOf(route: AdminRoute, request: AdminRequest, parameters: string[]): Promise<string | Uint8Array> {
  if (route.pace === undefined) {
    const answer = await route.answer(request, parameters);
    return answer instanceof Uint8Array ? answer : JSON.stringify(answer);
  }
  return route.pace.piece(() => JSON.stringify(route.answer(request, parameters)));
}

function find(routes: readonly AdminRoute[], method: string, path: string): { route: AdminRoute; parameters: string[] } {
  const fitting = routes.flatMap((route) => {
    const parameters = match(route.pattern, path);
    return parameters === undefined ? [] : [{ route, parameters }];
  });
  const found = fitting.find(({ route }) => route.method === method);
  if (found !== undefined) return found;
  if (fitting.length === 0) throw new AdminFault(404, "SVR_NOT_FOUND", `there is no resource ${path}`);
  throw new AdminFault(405, "SVR_USAGE", `${path} takes ${fitting.map(({ route }) => route.method).join(", ")}, not ${method}`);
}

function match(pattern: string, path: string): string[] | undefined {
  const wanted = pattern.split("/");
  const given = path.split("/");
  if (wanted.length !== given.length) return undefined;
  const parameters: string[] = [];
  for (const [index, segment] of wanted.entries()) {
    const value = given[index] ?? "";
    if (segment.startsWith(":")) parameters.push(decodeSegment(value));
    else if (segment !== value) return undefined;
  }
  return parameters;
}

function decodeSegment(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new AdminFault(400, "SVR_USAGE", `the path segment ${text} is not percent-encoded text`);
  }
}

async function readBody(request: IncomingMessage, most: number): Promise<unknown> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > most) throw new AdminFault(413, "SVR_USAGE", `the body exceeds ${most} bytes`);
    chunks.push(chunk);
  }
  if (size === 0) return undefined;
  try {
    return JSON.parse(Buffer.concat(chunks).toString("utf8"));
  } catch {
    throw new AdminFault(400, "SVR_USAGE", "the body is not JSON");
  }
}

function sendBody(response: ServerResponse, status: number, body: string | Uint8Array, type: string): void {
  response.writeHead(status, { "content-type": type, "content-length": Buffer.byteLength(body), "cache-control": "no-store" });
  response.end(body);
}

function sendProblem(response: ServerResponse, error: unknown): void {
  const fault = error instanceof AdminFault ? error : new AdminFault(500, "SVR_INTERNAL", "the router could not answer; its log has the reason");
  const problem: ProblemView = { type: "about:blank", title: fault.code, status: fault.status, detail: fault.message, code: fault.code };
  sendBody(response, fault.status, JSON.stringify(problem), "application/problem+json");
}
