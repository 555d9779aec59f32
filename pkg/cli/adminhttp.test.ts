// The admin API over a real Unix socket: answers, and every way in which none comes.
import { mkdtempSync, renameSync, rmSync } from "node:fs";
import { createServer as createHttp } from "node:http";
import type { RequestListener } from "node:http";
import { createServer } from "node:net";
import type { Server, Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createAdminPort } from "./adminhttp.ts";

const folder = mkdtempSync(join(tmpdir(), "svrctl-http-"));
const servers: Server[] = [];
const clients = new Set<Socket>();
const quiet = new AbortController().signal;
const patient = { timeoutMs: 10_000, signal: quiet };

afterAll(async () => {
  for (const client of clients) client.destroy();
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  rmSync(folder, { recursive: true, force: true });
});

async function listen(server: Server, name: string): Promise<string> {
  const path = join(folder, name);
  servers.push(server.on("connection", (client) => { clients.add(client.on("error", () => client.destroy())); }));
  await new Promise<void>((resolve) => { server.listen(path, resolve); });
  return path;
}

function http(name: string, listener: RequestListener): Promise<string> {
  return listen(createHttp(listener), name);
}

test("status, body and path", async () => {
  const path = await http("echo", (request, response) => response.writeHead(404, { "content-type": "application/problem+json" }).end(JSON.stringify({ url: request.url, accept: request.headers.accept })));
  expect(await createAdminPort(path).ask("/api/v1/x?y=%20", patient)).toEqual({ ok: true, value: { status: 404, body: { url: "/api/v1/x?y=%20", accept: "application/json, application/problem+json" } } });
});

test("a body that is no JSON is no body", async () => {
  const path = await http("text", (_request, response) => response.end("<html>"));
  expect(await createAdminPort(path).ask("/", patient)).toEqual({ ok: true, value: { status: 200, body: undefined } });
});

test("an answer above the bound is cut off", async () => {
  const megabyte = " ".repeat(1_048_576);
  const path = await http("flood", (_request, response) => {
    const more = (): void => { if (!response.destroyed) response.write(megabyte, more); };
    more();
  });
  expect(await createAdminPort(path).ask("/", patient)).toEqual({ ok: false, error: { kind: "broken", detail: "the answer exceeds 67108864 bytes" } });
});

test("a connection that breaks in the answer", async () => {
  const path = await http("half", (_request, response) => { response.writeHead(200, { "content-length": 100 }).write("{"); response.destroy(); });
  expect(await createAdminPort(path).ask("/", patient)).toMatchObject({ ok: false, error: { kind: "broken" } });
});

test("something that speaks no HTTP", async () => {
  const path = await listen(createServer((socket) => socket.end("SSH-2.0-x\r\n")), "ssh");
  expect(await createAdminPort(path).ask("/", patient)).toMatchObject({ ok: false, error: { kind: "broken" } });
});

test("no answer in time", async () => {
  const path = await listen(createServer((socket) => { socket.resume(); }), "mute");
  expect(await createAdminPort(path).ask("/", { timeoutMs: 30, signal: quiet })).toEqual({ ok: false, error: { kind: "timeout", detail: "no answer in 30 ms" } });
});

test("an interrupt ends the waiting", async () => {
  const interrupt = new AbortController();
  const path = await listen(createServer((socket) => { socket.resume(); interrupt.abort(); }), "interrupt");
  expect(await createAdminPort(path).ask("/", { timeoutMs: 10_000, signal: interrupt.signal })).toEqual({ ok: false, error: { kind: "interrupted", detail: "interrupted" } });
});

test("no socket, a path through a file, and a socket that its router left", async () => {
  expect(await createAdminPort(join(folder, "none")).ask("/", patient)).toEqual({ ok: false, error: { kind: "absent", detail: "ENOENT" } });
  expect(await createAdminPort(join(import.meta.filename, "x")).ask("/", patient)).toEqual({ ok: false, error: { kind: "absent", detail: "ENOTDIR" } });
  const server = createServer();
  const path = await listen(server, "left");
  renameSync(path, `${path}-behind`); // the server removes what is at its path when it ends
  await new Promise((resolve) => server.close(resolve));
  servers.splice(servers.indexOf(server), 1);
  expect(await createAdminPort(`${path}-behind`).ask("/", patient)).toEqual({ ok: false, error: { kind: "refused", detail: "ECONNREFUSED" } });
});
