// The local admin API: HTTP with JSON on a Unix socket in the state directory, resources as in behaviour 14. Started by the
// app; answers from snapshots and never blocks a packet. Who may use it is decided by the permissions of the socket (0600).
import { createServer } from "node:http";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import { chmodSync, rmSync } from "node:fs";
import type { ProblemView } from "../api/view.ts";

/** AdminRequest is one request after parsing: path segments behind the router's name, query, JSON body. */
export interface AdminRequest {
  query: URLSearchParams;
  body: unknown;
}

/** AdminRoute answers one resource; `pattern` segments that start with ":" match anything and are passed in order. */
export interface AdminRoute {
  method: "GET" | "POST";
  pattern: string;
  answer(request: AdminRequest, parameters: string[]): unknown;
}

/** AdminFault is thrown by a route to answer with an error status. */
export class AdminFault extends Error {
  readonly status: number;
  readonly code: string;

  constructor(status: number, code: string, detail: string) {
    super(detail);
    this.status = status;
    this.code = code;
  }
}

const MAX_BODY = 65_536;

/** AdminServer is a listening admin API; close ends open connections too. */
export interface AdminServer {
  close(): Promise<void>;
}

/** listenAdmin serves the routes on a Unix socket, replacing a stale one; the promise resolves when it listens. */
export async function listenAdmin(socketPath: string, routes: readonly AdminRoute[]): Promise<AdminServer> {
  rmSync(socketPath, { force: true });
  const server = createServer((request, response) => {
    serve(routes, request, response).catch((error: unknown) => {
      if (!response.headersSent) sendProblem(response, error);
      else response.destroy();
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(socketPath, resolve);
  });
  chmodSync(socketPath, 0o600);
  return { close: () => closeServer(server) };
}

async function closeServer(server: Server): Promise<void> {
  const closed = new Promise((resolve) => server.close(resolve));
  server.closeAllConnections();
  await closed;
}

async function serve(routes: readonly AdminRoute[], request: IncomingMessage, response: ServerResponse): Promise<void> {
  const url = new URL(request.url ?? "/", "http://router");
  const found = routes.map((route) => ({ route, parameters: match(route.pattern, url.pathname) }))
    .find(({ route, parameters }) => parameters !== undefined && route.method === request.method);
  if (found?.parameters === undefined) throw new AdminFault(404, "SVR_NOT_FOUND", `no resource ${request.method} ${url.pathname}`);
  const body = await readBody(request);
  sendJson(response, 200, found.route.answer({ query: url.searchParams, body }, found.parameters));
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

async function readBody(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MAX_BODY) throw new AdminFault(413, "SVR_USAGE", `the body exceeds ${MAX_BODY} bytes`);
    chunks.push(chunk);
  }
  if (size === 0) return undefined;
  try {
    return JSON.parse(Buffer.concat(chunks).toString("utf8"));
  } catch {
    throw new AdminFault(400, "SVR_USAGE", "the body is not JSON");
  }
}

function sendJson(response: ServerResponse, status: number, value: unknown): void {
  const text = JSON.stringify(value);
  response.writeHead(status, { "content-type": "application/json", "content-length": Buffer.byteLength(text), "cache-control": "no-store" });
  response.end(text);
}

function sendProblem(response: ServerResponse, error: unknown): void {
  const fault = error instanceof AdminFault ? error : new AdminFault(500, "SVR_INTERNAL", "the router could not answer; its log has the reason");
  const problem: ProblemView = { type: "about:blank", title: fault.code, status: fault.status, detail: fault.message, code: fault.code };
  const text = JSON.stringify(problem);
  response.writeHead(fault.status, { "content-type": "application/problem+json", "content-length": Buffer.byteLength(text) });
  response.end(text);
}
