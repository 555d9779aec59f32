// A router that cannot start, or not wholly: what it says, and that it says what would help. Real processes with real pins:
//
//   a --lan0 r1 wan0 == wan0 r2 lan0-- b        r1 is started in wrong ways, r2 not at all
import { chmodSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { openNet } from "../support/net.ts";
import type { Net } from "../support/net.ts";
import { describeNet } from "../support/probe.ts";
import { Fabric } from "../support/router.ts";
import type { LogLine, Router } from "../support/router.ts";
import { openSite, pskFile } from "../support/site.ts";
import { pair } from "../support/topologies.ts";
import { waitFor } from "../support/wait.ts";

const main = join(import.meta.dirname, "../../cmd/router/main.ts");
const END_MS = 30_000;

describeNet("a router that cannot start", () => {
  let net: Net, fabric: Fabric, r1: Router;

  beforeAll(async () => {
    net = await openNet(pair);
    fabric = new Fabric(net, openSite());
    r1 = fabric.router("r1");
  }, 60_000);
  afterAll(async () => { await net.close(); }, 60_000);

  interface Flags { configDir?: string; name?: string; stateDir?: string; pinDir?: string }

  /** Starts a router that must end by itself, and gives its exit code and the last line of its log. */
  async function refused(flags: Flags, before: string[] = []): Promise<{ code: number; last: LogLine; stderr: string }> {
    const { configDir = r1.config.folder, name = "r1", stateDir = join(net.folder, "wrong"), pinDir = net.pinFolder("wrong") } = flags;
    const words = ["--config-dir", configDir, "--name", name, "--state-dir", stateDir, "--pin-dir", pinDir];
    const { code, stdout, stderr } = await net.exec("r1", [...before, process.execPath, "--disable-warning=ExperimentalWarning", main, ...words], { deadlineMs: END_MS });
    const last = stdout.split("\n").filter((line) => line.startsWith("{")).at(-1);
    if (last === undefined) throw new Error(`no log line: ${stdout} ${stderr}`);
    return { code, last: JSON.parse(last) as LogLine, stderr };
  }

  test("the directory does not exist", async () => {
    const { code, last, stderr } = await refused({ configDir: join(net.folder, "nowhere") });
    expect([code, last.level, stderr]).toEqual([1, 50, `router r1: ${last.msg}\n`]);
    expect(last.msg).toMatch(/^SVR_CONFIG_DIR: .*nowhere/);
  }, 60_000);

  test("no Router object has the name: the names that there are", async () => {
    const { code, last } = await refused({ name: "r3" });
    expect([code, last.msg]).toEqual([1, expect.stringMatching(/^SVR_CONFIG_EMPTY: .*Router r3.*there are r1, r2/)]);
  }, 60_000);

  test("a flag that does not exist: usage, code 2", async () => {
    const { code, stderr } = await net.exec("r1", [process.execPath, "--disable-warning=ExperimentalWarning", main, "--config", "x"]);
    expect([code, stderr]).toEqual([2, expect.stringMatching(/unknown option '--config'\nrun "router --help"/)]);
  }, 60_000);

  test("without capabilities: what is missing", async () => {
    const { code, last } = await refused({}, ["setpriv", "--bounding-set=-all", "--inh-caps=-all", "--ambient-caps=-all"]);
    expect([code, last.msg]).toEqual([1, expect.stringMatching(/^SVR_NOT_ROOT: .*(NET_ADMIN|root)/)]);
  }, 60_000);

  test("an interface that does not exist: one line for the one who starts it, no trace of threads that were on their way", async () => {
    const spec = fabric.object("Router", "r1").spec;
    const interfaces = (spec["interfaces"] as Record<string, unknown>[]).map((one) => (one["name"] === "lan0" ? { ...one, device: "lan9" } : one));
    r1.config.put(fabric.object("Router", "r1", { interfaces }));
    const { code, last, stderr } = await refused({});
    r1.config.put(fabric.object("Router", "r1"));
    expect([code, last.msg, stderr]).toEqual([1, expect.stringMatching(/^SVR_INTERFACE_MISSING: .*lan9/), `router r1: ${last.msg}\n`]);
  }, 60_000);

  test("pins that are not on a BPF file system, and pins of another program", async () => {
    const { code, last } = await refused({ pinDir: join(net.folder, "pins") });
    expect([code, last.msg]).toEqual([1, expect.stringMatching(/^SVR_BPFFS: .*not on a BPF file system/)]);
    const foreign = net.pinFolder("foreign");
    mkdirSync(foreign, { recursive: true });
    await net.must("r1", "bpftool", "map", "create", join(foreign, "sessions_v3"), "type", "array", "key", "4", "value", "8", "entries", "4", "name", "sessions");
    const second = await refused({ pinDir: foreign });
    expect([second.code, second.last.msg]).toEqual([1, expect.stringMatching(/^SVR_BPF_LAYOUT: .*foreign/)]);
  }, 60_000);

  test("a key file that others may read: the peer is not usable and the reason is told, the rest runs; mended, it works", async () => {
    const key = join(r1.config.folder, pskFile("r1", "r2"));
    chmodSync(key, 0o644);
    await r1.start();
    const { problems, stale } = (await r1.status()).configuration;
    expect(problems.some((line) => line.includes("r2") && line.includes("SVR_PSK_FILE") && line.includes("chmod"))).toBe(true);
    expect([stale, (await r1.peers())[0]?.state]).toEqual([true, "down"]);
    chmodSync(key, 0o600);
    r1.config.put(fabric.object("Router", "r1", { timers: { udpIdle: "100s" } })); // a change, so that it reads again
    await waitFor("the peer is up", async () => (await r1.peers())[0]?.state === "up", { deadlineMs: 15_000 });
    expect((await r1.status()).configuration.problems.filter((line) => line.includes("SVR_PSK_FILE"))).toEqual([]);
  }, 60_000);

  test("a second router with the same state directory, while the first one runs", async () => {
    const { code, last } = await refused({ stateDir: r1.stateDir });
    expect([code, last.msg]).toEqual([1, expect.stringMatching(new RegExp(`^SVR_[A-Z_]+: .*${r1.process.pid}`))]);
    expect((await r1.status()).name).toBe("r1");
    expect(await r1.stop()).toEqual({ code: 0, signal: null });
  }, 60_000);
});
