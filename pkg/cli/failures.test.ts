// Every kind of failure of asking a router: its exit code, its words, and that the answers of others are still shown.
import { problemBody, runCli, self, socketOf, statusBody } from "../../test/support/cli.ts";
import type { CannedReply, CannedRouters } from "../../test/support/cli.ts";

const tables = `${self}/tables`;
const one = { body: [{ name: "sessions", entries: 1, limit: 10, alarm: false }] };
const branch = { [self]: statusBody("branch"), [tables]: one };
const shown = "TABLE     ENTRIES  LIMIT  USED  ALARM\nsessions        1     10   10%  no\n";

test.each<[string, CannedRouters, number, string]>([
  ["no socket", {}, 6, "SVR_ADMIN_UNREACHABLE: cannot read the state of the router at /state/branch/admin.sock: there is no such socket (ENOENT); start the router"],
  ["nobody listens", { [socketOf("branch")]: { kind: "refused", detail: "ECONNREFUSED" } }, 6, "nobody listens there (ECONNREFUSED); start the router"],
  ["no answer in time", { [socketOf("branch")]: { kind: "timeout", detail: "no answer in 5000 ms" } }, 6, "no answer in 5000 ms; try again with a longer --request-timeout"],
  ["broken connection", { [socketOf("branch")]: { kind: "broken", detail: "ECONNRESET" } }, 6, "the connection broke (ECONNRESET)"],
  ["no permission", { [socketOf("branch")]: { kind: "forbidden", detail: "EACCES" } }, 5, "SVR_NOT_PERMITTED: cannot read the state of the router at /state/branch/admin.sock: you may not use its socket (EACCES)"],
  ["interrupted", { [socketOf("branch")]: { kind: "interrupted", detail: "interrupted" } }, 130, "SVR_INTERRUPTED"],
])("%s", async (_name, sockets, exit, words) => {
  const outcome = await runCli("tables --router branch", { sockets });
  expect(outcome).toMatchObject({ exit, out: "" });
  expect(outcome.err).toContain(words);
});

test.each<[CannedReply, number, string]>([
  [{ status: 400, body: problemBody(400, "SVR_USAGE", "limit=x is not a whole number") }, 2, "SVR_USAGE: cannot read the tables of router branch: limit=x is not a whole number; correct the option"],
  [{ status: 403, body: problemBody(403, "SVR_NOT_PERMITTED", "not yours") }, 5, "SVR_NOT_PERMITTED"],
  [{ status: 404, body: problemBody(404, "SVR_NOT_FOUND", "no such table") }, 4, "SVR_NOT_FOUND: cannot read the tables of router branch: no such table"],
  [{ status: 503, body: undefined }, 6, "HTTP status 503; try again when the router is ready"],
  [{ status: 500, body: "text" }, 1, "SVR_ADMIN_ANSWER: cannot read the tables of router branch: HTTP status 500"],
  [{ body: undefined }, 1, "the answer is not what the admin API answers"],
  [{ body: [{ name: "sessions", entries: "many", limit: 10, alarm: false }] }, 1, "0.entries is not what the admin API answers"],
  [{ kind: "timeout", detail: "no answer in 5000 ms" }, 6, "cannot read the tables of router branch: no answer in 5000 ms"],
])("the answer %j", async (reply, exit, words) => {
  const outcome = await runCli("tables", { sockets: { [socketOf("branch")]: { [self]: statusBody("branch"), [tables]: reply } } });
  expect(outcome).toMatchObject({ exit, out: "" });
  expect(outcome.err).toContain(words);
});

test("a named router that is silent fails the command; the others are shown", async () => {
  const outcome = await runCli("tables --router branch --router cloud", { sockets: { [socketOf("branch")]: branch } });
  expect(outcome).toMatchObject({ exit: 6, out: shown });
  expect(outcome.err).toContain("/state/cloud/admin.sock");
});

test("a left socket that nobody named is a note", async () => {
  const outcome = await runCli("tables", { sockets: { [socketOf("branch")]: branch, [socketOf("old")]: { kind: "refused", detail: "ECONNREFUSED" } } });
  expect(outcome).toMatchObject({ exit: 0, out: shown, err: "note: cannot read the state of the router at /state/old/admin.sock: nobody listens there (ECONNREFUSED)\n" });
});

test("a left socket alone is a failure", async () => {
  expect(await runCli("tables", { sockets: { [socketOf("old")]: { kind: "refused", detail: "ECONNREFUSED" } } })).toMatchObject({ exit: 6, out: "" });
});

test("a socket of another user beside others is a failure, because its router may run", async () => {
  const outcome = await runCli("tables", { sockets: { [socketOf("branch")]: branch, [socketOf("cloud")]: { kind: "forbidden", detail: "EACCES" } } });
  expect(outcome).toMatchObject({ exit: 5, out: shown });
});

test("no router on this machine", async () => {
  const outcome = await runCli("tables");
  expect(outcome).toMatchObject({ exit: 6, out: "", err: "SVR_ADMIN_UNREACHABLE: cannot choose a router: there is no admin socket below /state; start a router, or name its socket with --socket PATH\n" });
});

test("folders that this user may not look into", async () => {
  const outcome = await runCli("tables", { forbidden: ["/state/branch"] });
  expect(outcome).toMatchObject({ exit: 5, out: "" });
  expect(outcome.err).toContain("you may not look into /state/branch");
});

test("a socket that is named twice is asked once", async () => {
  const { exit, asked } = await runCli(`tables --socket ${socketOf("branch")} --socket ${socketOf("branch")}`, { sockets: { [socketOf("branch")]: branch } });
  expect({ exit, asked }).toEqual({ exit: 0, asked: [`${socketOf("branch")} ${self}`, `${socketOf("branch")} ${tables}`] });
});

test("of the sockets given, only the routers that are named are asked; a name that nobody there has is said", async () => {
  const sockets = { [socketOf("branch")]: branch, [socketOf("cloud")]: { ...branch, [self]: statusBody("cloud") } };
  const given = Object.keys(sockets).map((socket) => `--socket ${socket}`).join(" ");
  const { exit, out, err, asked } = await runCli(`tables --router branch ${given}`, { sockets });
  expect({ exit, out, err }).toEqual({ exit: 0, out: shown, err: "" });
  expect(asked).not.toContain(`${socketOf("cloud")} ${tables}`);
  expect(await runCli(`tables --router brnch ${given}`, { sockets })).toMatchObject({
    out: "", exit: 4, err: "SVR_NOT_FOUND: cannot choose a router: no router brnch answers at the sockets that were given; there are: branch, cloud; correct --router, or add the socket of that router\n",
  });
});

test("a router that is more than one minor version away is named", async () => {
  const outcome = await runCli("tables", { sockets: { [socketOf("branch")]: { ...branch, [self]: statusBody("branch", { version: "0.4.0" }) } } });
  expect(outcome).toMatchObject({ exit: 0, out: shown });
  expect(outcome.err).toBe("note: router branch has version 0.4.0, svrctl 0.1.0: more than one minor version apart, some answers may be incomplete\n");
});
