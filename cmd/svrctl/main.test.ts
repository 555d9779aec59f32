// svrctl as a process against a router's admin socket: streams, exit codes, a pipe that closes, an interrupt.
import { spawn } from "node:child_process";
import type { ChildProcessByStdio } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { createServer } from "node:net";
import type { Server, Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import type { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { listenAdmin } from "../../pkg/router/admin.ts";
import type { AdminServer } from "../../pkg/router/admin.ts";
import { self, statusBody } from "../../test/support/cli.ts";
import { sessionHops, sessionId } from "../../test/support/sessions.ts";

const root = join(import.meta.dirname, "../..");
const folder = mkdtempSync(join(tmpdir(), "svrctl-main-"));
const socketPath = join(folder, "admin.sock");
const mutePath = join(folder, "mute.sock");
const muteClients = new Set<Socket>();
let admin: AdminServer;
let mute: Server;
let pagesAsked = 0;

beforeAll(async () => {
  const page = Array.from({ length: 1_000 }, () => sessionHops.branch);
  const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { version: string };
  admin = await listenAdmin(socketPath, [
    { method: "GET", pattern: self, answer: () => statusBody("branch", { version }).body },
    { method: "GET", pattern: `${self}/tables`, answer: () => [{ name: "sessions", entries: 9, limit: 10, alarm: true }] },
    { method: "GET", pattern: "/api/v1/sessions/:uuid", answer: () => sessionHops.branch },
    { method: "GET", pattern: `${self}/sessions`, answer: ({ query }) => { pagesAsked++; return { items: page, next: `${Number(query.get("cursor")) + 1}` }; } },
  ], (error) => { throw error; });
  mute = createServer((socket) => { muteClients.add(socket.on("error", () => socket.destroy()).resume()); });
  await new Promise<void>((resolve) => { mute.listen(mutePath, resolve); });
});

afterAll(async () => {
  for (const client of muteClients) client.destroy();
  await Promise.all([admin.close(), new Promise((resolve) => mute.close(resolve))]);
  rmSync(folder, { recursive: true, force: true });
});

type Child = ChildProcessByStdio<null, Readable, Readable>;

function start(...words: string[]): Child {
  return startIn({}, ...words);
}

function startIn(env: NodeJS.ProcessEnv, ...words: string[]): Child {
  return spawn(process.execPath, [join(root, "cmd/svrctl/main.ts"), ...words], { stdio: ["ignore", "pipe", "pipe"], env: { ...process.env, COLUMNS: "", FORCE_COLOR: "1", ...env } });
}

async function run(...words: string[]): Promise<{ exit: unknown; out: string; err: string }> {
  const child = start(...words);
  const exited = once(child, "exit");
  const [out, err] = await Promise.all([text(child.stdout), text(child.stderr)]);
  const [code, signal] = await exited as [number | null, string | null];
  return { exit: code ?? signal, out, err };
}

test("a table without colour, because a pipe is no terminal", async () => {
  expect(await run("tables", "--socket", socketPath)).toEqual({ exit: 0, out: "TABLE     ENTRIES  LIMIT  USED  ALARM\nsessions        9     10   90%  yes\n", err: "" });
}, 60_000);

test("a pipe whose reader knows its width says so in COLUMNS", async () => {
  const [narrow, odd] = await Promise.all(["24", "wide"].map((columns) => text(startIn({ COLUMNS: columns }, "tables", "--socket", socketPath).stdout)));
  expect(Math.max(...(narrow ?? "").split("\n").map((line) => line.length))).toBeLessThanOrEqual(24);
  expect(odd?.split("\n")[0]).toBe("TABLE     ENTRIES  LIMIT  USED  ALARM");
}, 60_000);

test("JSON stands alone on the standard output while failures go to the standard error", async () => {
  const { exit, out, err } = await run("sessions", "show", sessionId, "-o", "json", "--socket", socketPath, "--socket", join(folder, "none.sock"));
  expect(JSON.parse(out)).toEqual({ sessionId, hops: [sessionHops.branch] });
  expect(exit).toBe(6);
  expect(err).toContain("SVR_ADMIN_UNREACHABLE");
}, 60_000);

test("a directory is validated without a router", async () => {
  const { exit, out, err } = await run("config", "validate", join(root, "test/support/config/three"));
  expect({ exit, err }).toEqual({ exit: 0, err: "" });
  expect(out).toContain("24 objects, 3 routers: 0 errors, 0 warnings");
  expect(await run("config", "validate", join(folder, "none"))).toMatchObject({ exit: 4, out: "" });
}, 60_000);

test("a refusal by the configuration of a directory ends with 3", async () => {
  const three = join(root, "test/support/config/three");
  const { exit, out, err } = await run("why", "--tenant", "finance.acme", "--proto", "tcp", "--to", "10.9.0.10:22", "--config-dir", three, "--router", "cloud", "-o", "json");
  expect({ exit, err }).toEqual({ exit: 3, err: "" });
  expect(JSON.parse(out)).toMatchObject({ items: [{ router: "cloud", allow: false, reason: "access", service: "shop/admin" }] });
}, 60_000);

test("a command line that cannot be read ends with 2, help with 0", async () => {
  expect(await run("tabels")).toMatchObject({ exit: 2, out: "", err: expect.stringContaining("did you mean tables?") as string });
  expect(await run("--help")).toMatchObject({ exit: 0, out: expect.stringContaining("Usage: svrctl") as string, err: "" });
}, 60_000);

test("a router that does not answer in time ends with 6", async () => {
  expect(await run("tables", "--socket", mutePath, "--request-timeout", "50ms")).toMatchObject({ exit: 6, out: "", err: expect.stringContaining("no answer in 50 ms") as string });
}, 60_000);

test("an interrupt ends with 130", async () => {
  const connected = once(mute, "connection");
  const child = start("tables", "--socket", mutePath, "--request-timeout", "1m");
  const exited = once(child, "exit");
  const said = text(child.stderr);
  await connected;
  child.kill("SIGINT");
  expect(await exited).toEqual([130, null]);
  expect(await said).toContain("SVR_INTERRUPTED");
}, 60_000);

test("a reader that goes away ends an endless list without a failure", async () => {
  const child = start("sessions", "--limit", "0", "-o", "json", "--socket", socketPath);
  const exited = once(child, "exit");
  const said = text(child.stderr);
  await once(child.stdout, "data");
  child.stdout.destroy();
  expect(await exited).toEqual([0, null]);
  expect(await said).toBe("");
  expect(pagesAsked).toBeGreaterThan(0);
}, 60_000);

test.each([
  ["svrctl sessi", ["sessions"]], ["svrctl --output=js", ["json", "jsonpath="]], ["svrctl --output js", ["json", "jsonpath="]], ["svrctl config ", ["validate", "diff"]], ["svrctl tabels", ["tables"]],
])("bash completes '%s' by its script", async (line, expected) => {
  const bin = mkdtempSync(join(folder, "bin-"));
  symlinkSync(join(root, "scripts/program"), join(bin, "svrctl"));
  const words = line.split(/(=)| /).filter((word) => word !== undefined);
  const script = 'source <(svrctl completion bash); COMP_LINE=$1 COMP_POINT=${#1}; shift; COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)); _svrctl 2>/dev/null; printf "%s\\n" "${COMPREPLY[@]}"';
  const child = spawn("bash", ["-c", script, "bash", line, ...words], { stdio: ["ignore", "pipe", "inherit"], env: { ...process.env, PATH: `${bin}:${process.env["PATH"] ?? ""}` } });
  expect((await text(child.stdout)).trimEnd().split("\n")).toEqual(expected);
}, 60_000);

function shellFolder(): NodeJS.ProcessEnv {
  const bin = mkdtempSync(join(folder, "bin-"));
  symlinkSync(join(root, "scripts/program"), join(bin, "svrctl"));
  return { ...process.env, PATH: `${bin}:${process.env["PATH"] ?? ""}`, HOME: bin, TERM: "xterm" };
}

async function said(program: string, words: readonly string[]): Promise<string[]> {
  const child = spawn(program, words, { stdio: ["ignore", "pipe", "inherit"], env: shellFolder() });
  return (await text(child.stdout)).trimEnd().split("\n");
}

test.each([
  ["svrctl sessi", ["sessions"]], ["svrctl --output=js", ["--output=json", "--output=jsonpath="]], ["svrctl -o js", ["json", "jsonpath="]], ["svrctl config ", ["diff", "validate"]], ["svrctl tabels", ["tables"]],
])("fish completes '%s' by its script", async (line, expected) => {
  const found = await said("fish", ["--no-config", "-c", "svrctl completion fish | source; complete -C $argv[1]", line]);
  expect(found.map((one) => one.split("\t")[0]).sort()).toEqual(expected);
}, 60_000);

test.each([
  ["svrctl sessi", "svrctl sessions "], ["svrctl config v", "svrctl config validate "], ["svrctl completion f", "svrctl completion fish "], ["svrctl -o n", "svrctl -o name "], ["svrctl status --li", "svrctl status --limit "],
])("zsh completes '%s' by its script", async (line, expected) => {
  expect((await said("zsh", ["-f", join(root, "test/support/complete.zsh"), line])).at(-1)).toBe(`<${expected}>`);
}, 60_000);

test("called as kubectl-svr, the program says so", async () => {
  const link = join(folder, "kubectl-svr");
  symlinkSync(join(root, "cmd/svrctl/main.ts"), link);
  const shell = join(mkdtempSync(join(folder, "bin-")), "kubectl-svr");
  symlinkSync(join(root, "scripts/program"), shell);
  for (const [program = "", ...words] of [[process.execPath, link], [shell]]) {
    const child = spawn(program, [...words, "routers", "--help"], { stdio: ["ignore", "pipe", "inherit"] });
    expect(await text(child.stdout)).toContain("Usage: kubectl svr routers");
  }
}, 60_000);
