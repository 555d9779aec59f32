// The command line itself: words, options, help, exit codes of usage, what goes to which stream.
import { createProgram } from "./program.ts";
import type { Work } from "./program.ts";
import type { GlobalOptions } from "./context.ts";
import type { ProgramName } from "./surroundings.ts";
import { commandPath, SvrCommand, UsageFault } from "./usage.ts";
import { runCli, self, socketOf, statusBody } from "../../test/support/cli.ts";

const sockets = { [socketOf("branch")]: { [self]: statusBody("branch"), [`${self}/tables`]: { body: [] } } };

interface Parsed { options: GlobalOptions; work: Work }

function parse(words: string, called: ProgramName = "svrctl"): Promise<Parsed> {
  return new Promise((resolve, reject) => {
    const program = createProgram({ version: "1", called, run: (options, work) => Promise.resolve(resolve({ options, work })), help: { width: 100, out: () => undefined, err: () => undefined } });
    program.parseAsync(words.split(" "), { from: "user" }).catch(reject);
  });
}

function everyCommand(program: SvrCommand): SvrCommand[] {
  return [program, ...program.commands.filter((one) => one instanceof SvrCommand).flatMap(everyCommand)];
}

const all = everyCommand(createProgram({ version: "1", called: "svrctl", run: () => Promise.resolve(), help: { width: 100, out: () => undefined, err: () => undefined } }));

test.each([
  ["sesions", "unknown command 'sesions', did you mean sessions?", "svrctl"],
  ["frobnicate", "unknown command 'frobnicate'; there are status, check, tenants, services, routers, sessions, counters, tables, peers, alarms, verify, trace, capture, audit, ca, enroll, site, config, why, version, completion", "svrctl"],
  ["sessions lst", "unexpected word 'lst', did you mean list?", "svrctl sessions list"],
  ["sessions 5d0c2a7e9b1f4c3d8e6f7a8b9c0d1e2f", "did you mean show 5d0c2a7e9b1f4c3d8e6f7a8b9c0d1e2f?", "svrctl sessions list"],
  ["sessions list more", "unexpected word 'more'", "svrctl sessions list"],
  ["counters all", "unexpected word 'all'", "svrctl counters"],
  ["sessions show", "missing required argument 'uuid'", "svrctl sessions show"],
  ["sessions --tenannt a", "unknown option '--tenannt', did you mean --tenant?", "svrctl sessions list"],
  ["peers --ruoter a", "unknown option '--ruoter', did you mean --router?", "svrctl peers"],
  ["config validat", "unknown command 'validat', did you mean validate?", "svrctl config"],
  ["config validate", "missing required argument 'dir'", "svrctl config validate"],
  ["-o jsn peers", "'-o, --output <format>' cannot be 'jsn': did you mean json?", "svrctl"],
  ["-o picture peers", "cannot be 'picture': write table, wide, json, yaml, name, jsonpath=TEMPLATE", "svrctl"],
  ["-o jsonpth peers", "did you mean jsonpath=?", "svrctl"],
  ["-o jsonpath={.a peers", "the template has a { without its partner", "svrctl"],
  ["counters -o name", "-o name is for lists of things that have a name", "svrctl counters"],
  ["services -n Shop", "it is no namespace", "svrctl"],
  ["servces", "did you mean services?", "svrctl"],
  ["tenants --contxt lab", "did you mean --context?", "svrctl tenants"],
  ["check --limit 3", "unknown option '--limit'", "svrctl check"],
  ["completion bsh", "did you mean bash?", "svrctl completion"],
  ["peers -o", "option '-o, --output <format>' argument missing", "svrctl"],
  ["peers --request-timeout 5", "write a duration from 1ms to 10m", "svrctl"],
  ["peers --request-timeout 11m", "write a duration from 1ms to 10m", "svrctl"],
  ["sessions --protocol tcpp", 'did you mean "tcp"?', "svrctl sessions list"],
  ["sessions --limit -1", "write a whole number", "svrctl sessions list"],
  ["sessions --from example.org", "names are not resolved", "svrctl sessions list"],
  ["why --proto tcp", "required option '--to <address>' not specified", "svrctl why"],
  ["why --to 10.9.0.10:443", "required option '--proto <protocol>' not specified", "svrctl why"],
  ["why --proto tcp --to 10.9.0.10", "--to needs a port for tcp: IPv4:PORT or [IPv6]:PORT", "svrctl why"],
  ["why --proto icmp --to 10.9.0.10:443", "icmp has no ports: write --to 10.9.0.10", "svrctl why"],
  ["why --proto tcp --to 10.9.0.10:443 --from 10.1.0.0/24", "it is no address", "svrctl why"],
  ["why --proto tcp --to 10.9.0.10:443 --from fd00::1", "--from and --to are of different families", "svrctl why"],
  ["why --proto tcp --to 10.9.0.10:443 --config-dir conf --socket /x", "give one of them", "svrctl why"],
  ["capture --packets 0", "write a whole number from 1 to 10000", "svrctl capture run"],
  ["capture --for 2h", "write a duration from 1s to 1h", "svrctl capture run"],
  ["capture fetch c1", "required option '--write <file>' not specified", "svrctl capture fetch"],
  ["capture show C/1", "an id is small letters, digits and hyphens", "svrctl capture show"],
  ["capture lst", "unexpected word 'lst', did you mean list?", "svrctl capture run"],
  ["peers --router ../branch", '"../branch" is no router name; for a path use --socket', "svrctl"],
])("%s is refused: %s", async (words, reason, command) => {
  const { exit, out, err } = await runCli(words);
  expect({ exit, out }).toEqual({ exit: 2, out: "" });
  expect(err).toMatch(/^SVR_USAGE: [^\n]*\n$/);
  expect(err).toContain(reason);
  expect(err).toContain(`; run "${command} --help"`);
});

test("global options stand before and behind the command, and keep their values", async () => {
  const cluster = { allNamespaces: false, asksCluster: false, cluster: { asGroups: [], timeoutMs: 300 } };
  const expected = { ...cluster, output: "wide", routers: ["a", "b"], sockets: ["/x", "/y"], timeoutMs: 300, noColour: true };
  expect((await parse("-o wide --router a --socket /x --request-timeout 300ms --no-color sessions --router b --socket /y")).options).toEqual(expected);
  expect((await parse("sessions list --router a --router b --socket=/x --socket=/y -owide --request-timeout 300ms --no-color")).options).toEqual(expected);
  expect((await parse("tables")).options).toEqual({ ...cluster, cluster: { asGroups: [], timeoutMs: 5_000 }, output: "table", routers: [], sockets: [], timeoutMs: 5_000, noColour: false });
});

test.each([
  ["why -n shop", "svrctl", true], ["why -A", "svrctl", true], ["why --context lab", "svrctl", true], ["why --kubeconfig x", "svrctl", true], ["why --as eve", "svrctl", true], ["why --as-group staff", "svrctl", true],
  ["why", "svrctl", false], ["why --socket /x", "svrctl", false], ["why", "kubectl svr", true], ["why --socket /x", "kubectl svr", false], ["why --socket /x --context lab", "kubectl svr", true],
] as const)("%s of %s asks a cluster: %s", async (words, called, expected) => {
  expect((await parse(`${words} --proto tcp --to 10.9.0.10:443`, called)).options.asksCluster).toBe(expected);
});

test("called as a plugin of kubectl, help, usage errors and hints say so", async () => {
  const help = await runCli("routers --help", { called: "kubectl svr" });
  expect(help.out).toContain("Usage: kubectl svr routers [options] [names...]");
  expect(help.out.split("\nExamples:\n")[1]).toBe("  kubectl svr routers -o wide\n  kubectl svr routers branch cloud\n");
  expect((await runCli("rooters", { called: "kubectl svr" })).err).toContain('did you mean routers?; run "kubectl svr --help"');
  expect((await runCli("why --proto tcp --to 10.9.0.10", { called: "kubectl svr" })).err).toContain('run "kubectl svr why --help"');
});

test.each(["", "config"])("'%s' alone is answered with help on the standard error", async (words) => {
  const { exit, out, err } = await runCli(words);
  expect({ exit, out }).toEqual({ exit: 2, out: "" });
  expect(err).toContain("Usage: svrctl");
});

describe("every level", () => {
  test("is known to these tests", () => {
    expect(all.map(commandPath)).toEqual(["svrctl", "svrctl status", "svrctl check", "svrctl tenants", "svrctl services", "svrctl routers", "svrctl sessions", "svrctl sessions list", "svrctl sessions show", "svrctl sessions delete", "svrctl counters", "svrctl tables",
      "svrctl peers", "svrctl alarms", "svrctl verify", "svrctl trace", "svrctl capture", "svrctl capture run", "svrctl capture list", "svrctl capture show", "svrctl capture fetch", "svrctl capture stop", "svrctl capture delete", "svrctl audit", "svrctl audit show", "svrctl audit verify", "svrctl ca", "svrctl ca init", "svrctl ca issue", "svrctl ca renew", "svrctl ca revoke", "svrctl ca show", "svrctl enroll", "svrctl site", "svrctl site token", "svrctl site token create", "svrctl site token list", "svrctl site token delete", "svrctl config", "svrctl config validate", "svrctl config diff", "svrctl why", "svrctl version", "svrctl completion"]);
  });

  test.each(all.map((command) => ({ path: commandPath(command), command })))("$path --help shows two examples and the global options", async ({ path, command }) => {
    const { exit, out, err } = await runCli(`${path.split(" ").slice(1).join(" ")} --help`);
    expect({ exit, err }).toEqual({ exit: 0, err: "" });
    expect(command.examples).toHaveLength(2);
    expect(out).toContain(`Usage: ${path} `);
    expect(out).toContain("--request-timeout");
    expect(out.split("\nExamples:\n")[1]?.trimEnd().split("\n")).toEqual(command.examples.map((line) => `  svrctl ${line}`));
  });

  test.each(all.flatMap((command) => command.examples).map((line) => ({ line })))("the example svrctl $line is understood", async ({ line }) => {
    await expect(parse(line)).resolves.toBeDefined();
  });

  test("an example with a mistake would be noticed", async () => { await expect(parse("sessions --gone")).rejects.toThrow(UsageFault); });
});

test("--version prints the version alone", async () => {
  expect(await runCli("--version")).toMatchObject({ exit: 0, out: "0.1.0\n", err: "" });
});

test("a reader that went away is no failure", async () => {
  expect(await runCli("tables --socket /gone", { sockets, goneAfter: 0 })).toMatchObject({ exit: 0 });
});

test("an interrupted command says so and ends with 130", async () => {
  const { exit, out, err } = await runCli("tables", { sockets, interrupted: true });
  expect({ exit, out }).toEqual({ exit: 130, out: "" });
  expect(err).toContain("SVR_INTERRUPTED");
});
