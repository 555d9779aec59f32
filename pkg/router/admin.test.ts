// The admin server on a real Unix socket: its permission, routes, bodies, faults, and its end.
import { mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import type { IncomingMessage } from "node:http";
import { connect } from "node:net";
import { once } from "node:events";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { text } from "node:stream/consumers";
import { AdminFault, listenAdmin } from "./admin.ts";
import type { AdminRoute, AdminServer } from "./admin.ts";
import type { Pace } from "./pace.ts";

const folder = mkdtempSync(join(tmpdir(), "svr-admin-"));
const socketPath = join(folder, "admin.sock");
const faults: unknown[] = [];
const secret = new Error("secret detail");
const turns: string[] = [];
const pace: Pace = {
  piece: async (work) => {
    turns.push("begin");
    await Promise.resolve();
    try {
      return work();
    } finally {
      turns.push("end");
    }
  },
};
const routes: AdminRoute[] = [
  { method: "GET", pattern: "/plain", answer: () => ({ text: "größe" }) },
  { method: "GET", pattern: "/late", answer: () => Promise.resolve([1]) },
  { method: "GET", pattern: "/a/:one/b/:two", answer: ({ query }, parameters) => ({ parameters, query: [...query] }) },
  { method: "POST", pattern: "/plain", answer: ({ body }) => ({ body: body ?? "none" }) },
  { method: "GET", pattern: "/refused", answer: () => { throw new AdminFault(404, "SVR_NOT_FOUND", "no such session"); } },
  { method: "GET", pattern: "/broken", answer: () => { throw secret; } },
  { method: "GET", pattern: "/paced", answer: () => ["many"], pace },
  { method: "GET", pattern: "/paced/refused", answer: () => { throw new AdminFault(400, "SVR_USAGE", "no such page"); }, pace },
];
const open: { server?: AdminServer } = {};

beforeAll(async () => { open.server = await listenAdmin(socketPath, routes, (error) => faults.push(error)); });
afterAll(async () => {
  await open.server?.close();
  rmSync(folder, { recursive: true, force: true });
});

interface Reply { status: number | undefined; type: string | undefined; body: unknown }

async function ask(path: string, method = "GET", body?: string): Promise<Reply> {
  const sent = request({ socketPath, path, method, agent: false });
  const answered = once(sent, "response") as Promise<[IncomingMessage]>;
  sent.end(body);
  const [response] = await answered;
  const content = await text(response);
  expect(response.headers["content-length"]).toBe(String(Buffer.byteLength(content)));
  return { status: response.statusCode, type: response.headers["content-type"], body: content === "" ? undefined : JSON.parse(content) as unknown };
}

test("only the owner reaches the socket, whatever the mask of the process", async () => {
  const path = join(folder, "open.sock");
  const mask = process.umask(0);
  const other = await listenAdmin(path, [], () => undefined);
  const after = process.umask(mask);
  expect(statSync(path).mode & 0o777).toBe(0o600);
  expect(after).toBe(0);
  await other.close();
});

test("O-6 an answer that is large work has its turn, also when it is refused; others wait for none", async () => {
  expect(await ask("/paced")).toMatchObject({ status: 200, body: ["many"] });
  expect(await ask("/paced/refused")).toMatchObject({ status: 400, body: { detail: "no such page" } });
  expect(turns).toEqual(["begin", "end", "begin", "end"]);
  await ask("/plain");
  expect(turns).toHaveLength(4);
});

test.each([
  ["/plain", { text: "größe" }], ["/late", [1]],
  ["/a/x%2Fy/b/%C3%BC?q=1&q=%20", { parameters: ["x/y", "ü"], query: [["q", "1"], ["q", " "]] }],
])("GET %s", async (path, body) => {
  expect(await ask(path)).toEqual({ status: 200, type: "application/json", body });
});

test.each([[undefined, "none"], ['{"a":[1]}', { a: [1] }]])("POST with the body %p", async (body, seen) => {
  expect(await ask("/plain", "POST", body)).toMatchObject({ status: 200, body: { body: seen } });
});

test.each([
  ["GET", "/nothing", undefined, 404, "SVR_NOT_FOUND", "there is no resource /nothing"], ["GET", "/a/x/b", undefined, 404, "SVR_NOT_FOUND", "there is no resource /a/x/b"],
  ["DELETE", "/plain", undefined, 405, "SVR_USAGE", "/plain takes GET, POST, not DELETE"], ["GET", "/a/%zz/b/c", undefined, 400, "SVR_USAGE", "the path segment %zz is not percent-encoded text"],
  ["POST", "/plain", "{", 400, "SVR_USAGE", "the body is not JSON"], ["POST", "/plain", "x".repeat(70_000), 413, "SVR_USAGE", "the body exceeds 65536 bytes"],
  ["GET", "/refused", undefined, 404, "SVR_NOT_FOUND", "no such session"],
])("%s %s is refused with a problem", async (method, path, body, status, code, detail) => {
  expect(await ask(path, method, body)).toEqual({ status, type: "application/problem+json", body: { type: "about:blank", title: code, status, detail, code } });
});

test("a fault is told to the log and not to the client", async () => {
  faults.length = 0;
  expect(await ask("/broken")).toMatchObject({ status: 500, body: { code: "SVR_INTERNAL", detail: "the router could not answer; its log has the reason" } });
  expect(faults).toEqual([secret]);
});

test("what is no HTTP is refused and the server goes on", async () => {
  const client = connect(socketPath);
  client.end("\u0000\u0001nonsense\r\n\r\n");
  expect(await text(client)).toContain("400 Bad Request");
  expect(await ask("/late")).toMatchObject({ status: 200 });
});

test("a socket that an ended process left is replaced; a directory in its place is told", async () => {
  const stale = join(folder, "stale.sock");
  writeFileSync(stale, "");
  const other = await listenAdmin(stale, [], () => undefined);
  expect(statSync(stale).isSocket()).toBe(true);
  await other.close();
  mkdirSync(join(folder, "dir.sock/x"), { recursive: true });
  await expect(listenAdmin(join(folder, "dir.sock"), [], () => undefined)).rejects.toMatchObject({ code: "SVR_STATE_DIR" });
  await expect(listenAdmin(join(folder, "none/admin.sock"), [], () => undefined)).rejects.toMatchObject({ code: "SVR_STATE_DIR" });
  await expect(listenAdmin(join(folder, "x".repeat(120)), [], () => undefined)).rejects.toMatchObject({ code: "SVR_STATE_DIR" });
});

test("closing ends open connections and removes the socket", async () => {
  const path = join(folder, "closing.sock");
  const closing = await listenAdmin(path, routes, () => undefined);
  const client = connect(path);
  client.resume();
  await once(client, "connect");
  const ended = once(client, "close");
  await closing.close();
  await ended;
  expect(() => statSync(path)).toThrow(expect.objectContaining({ code: "ENOENT" }));
});
