// svrctl as a process against three running routers that carry real sessions: what it says is what the hosts did.
//
//   a --lan0 r1 wan0 == west0 t east0 == wan0 r2 lan0-- b
import { join } from "node:path";
import type { z } from "zod";
import { outputSchemas } from "../../pkg/cli/outputs.ts";
import { openNet } from "../support/net.ts";
import { describeNet } from "../support/probe.ts";
import { startFabric } from "../support/router.ts";
import type { Fabric } from "../support/router.ts";
import { openSite } from "../support/site.ts";
import { svrctl } from "../support/svrctl.ts";
import type { Outcome } from "../support/svrctl.ts";
import { hostAddress, transit } from "../support/topologies.ts";
import { ping, startTcpClient, startTcpServer } from "../support/traffic.ts";
import { waitFor } from "../support/wait.ts";

const port = 8443;

describeNet("svrctl and three routers", () => {
  let fabric: Fabric;
  const sockets = (...names: string[]): string[] => names.flatMap((name) => ["--socket", join(fabric.router(name).stateDir, "admin.sock")]);

  async function data<K extends keyof typeof outputSchemas>(command: K, ...words: string[]): Promise<z.output<(typeof outputSchemas)[K]>> {
    const { exit, out, err } = await svrctl(...command.split(" "), ...words, "-o", "json");
    expect({ exit, err }).toEqual({ exit: 0, err: "" });
    return outputSchemas[command].parse(JSON.parse(out)) as z.output<(typeof outputSchemas)[K]>;
  }

  beforeAll(async () => {
    fabric = await startFabric(await openNet(transit), openSite({ more: { transports: [{ protocol: "TCP", ports: [port] }], sourceNat: "Interface" } }));
    await startTcpServer(fabric.net, "b", { address: hostAddress(2, 4), port });
    const client = startTcpClient(fabric.net, "a", { to: hostAddress(2, 4), port, sessions: 2 });
    await waitFor("both sessions answer", async () => (await client.report()).answered === 2);
  }, 60_000);
  afterAll(async () => { await fabric.close(); }, 60_000);

  test("L-1 a session is listed by every router and shown hop by hop, with one UUID, waypoints that fit and what the hosts sent", async () => {
    const { items } = await data("sessions list", ...sockets("r2", "t", "r1"), "--tenant", "corp", "--protocol", "tcp", "--to", `${hostAddress(2, 4)}:${port}`);
    expect(items.map((item) => item.router)).toEqual(["r2", "r2", "t", "t", "r1", "r1"]);
    const sessionId = items[0]?.sessionId ?? "";
    const { hops } = await data("sessions show", sessionId, ...sockets("r2", "t", "r1"));
    expect(hops.map(({ router, role }) => `${router} ${role ?? ""}`)).toEqual(["r1 ingress", "t transit", "r2 egress"]);
    expect(new Set(hops.map((hop) => hop.sessionId))).toEqual(new Set([sessionId]));
    for (const [at, hop] of hops.slice(1).entries()) {
      expect([hop.flows[0]?.source, hop.flows[0]?.destination]).toEqual([hops[at]?.flows[1]?.destination, hops[at]?.flows[1]?.source]);
      expect(hop.parentSpanId).toBe(hops[at]?.spanId);
    }
    const counts = (hop: (typeof hops)[number] | undefined): unknown[] => [hop?.tcpState, hop?.forwardPackets, hop?.forwardBytes, hop?.reversePackets, hop?.reverseBytes];
    expect(counts(hops[0])[0]).toBe("established");
    for (const hop of hops) {
      expect(counts(hop)).toEqual(counts(hops[0]));
      expect(hop.flows.map((flow) => [flow.direction, flow.fast])).toEqual([["forward", true], ["reverse", true]]);
    }
    expect(hops[2]?.natSource).toMatch(/^10\.2\.0\.1:\d+$/);
    const { exit, out } = await svrctl("sessions", "show", sessionId, ...sockets("t", "r1", "r2"));
    expect(exit).toBe(0);
    expect(out.match(/^\d\. \w+ \(\w+\)$/gm)).toEqual(["1. r1 (ingress)", "2. t (transit)", "3. r2 (egress)"]);
  }, 60_000);

  test("P-1 why says what the router does: a refused connection is explained by exit 3, and counted under that reason", async () => {
    const why = (proto: string, to: string): Promise<Outcome> => svrctl("why", "--from", hostAddress(1, 4), "--proto", proto, "--to", to, ...sockets("r1"));
    expect(await why("tcp", `${hostAddress(2, 4)}:${port}`)).toMatchObject({ exit: 0, err: "", out: expect.stringContaining("answer   allow") as string });
    expect(await why("icmp", hostAddress(2, 4))).toMatchObject({ exit: 3, err: "", out: expect.stringMatching(/deny, no-service.*would allow +add \{"protocol":"ICMP"\} to spec\.transports of Service test\//s) as string });
    const refused = async (): Promise<number> => (await data("counters", ...sockets("r1"))).items[0]?.drops["no-service"] ?? 0;
    const before = await refused();
    expect(await ping(fabric.net, "a", hostAddress(2, 4), { count: 1 })).toMatchObject({ answered: 0 });
    await waitFor("the refusal is counted", async () => (await refused()) > before);
  }, 60_000);

  test("tables, peers and versions", async () => {
    const tables = (await data("tables", ...sockets("r1", "t"))).items;
    expect(tables.filter((table) => table.name === "sessions").map(({ router, entries, limit, alarm }) => ({ router, entries, limit, alarm }))).toEqual([
      { router: "r1", entries: 2, limit: 20_000, alarm: false }, { router: "t", entries: 2, limit: 20_000, alarm: false },
    ]);
    const peers = (await data("peers", ...sockets("t"))).items;
    expect(peers.map(({ name, state, paths }) => ({ name, state, used: paths.map((path) => path.waypoints.used) }))).toEqual([
      { name: "r1", state: "up", used: [0, 0] }, { name: "r2", state: "up", used: [2, 0] },
    ]);
    const { client, routers } = await data("version", ...sockets("r1", "t", "r2"));
    expect(routers.map(({ name, version, fits, sessions, configuration }) => ({ name, version, fits, sessions, stale: configuration.stale }))).toEqual(
      ["r1", "t", "r2"].map((name) => ({ name, version: client.version, fits: true, sessions: 2, stale: false })));
  }, 60_000);

  test("the directory of a router is valid, and the offline answer is that of the router", async () => {
    const { folder } = fabric.router("r1").config;
    expect(await data("config validate", folder)).toMatchObject({ errors: 0, routers: [{ name: "r1" }, { name: "r2" }, { name: "t" }] });
    const question = ["--tenant", "corp", "--proto", "tcp", "--to", `${hostAddress(2, 4)}:${port}`];
    expect(await data("why", ...question, "--config-dir", folder, "--router", "r1")).toEqual(await data("why", ...question, ...sockets("r1")));
  }, 60_000);

  test("trace says by which ports a connection leaves, that it does, and then that it is there; nothing is counted for a trace", async () => {
    const question = (to: number): string[] => ["--proto", "tcp", "--from", `${hostAddress(1, 4)}:50000`, "--to", `${hostAddress(2, 4)}:${to}`, ...sockets("r1")];
    const before = await fabric.router("r1").counters();
    const [allowed] = (await data("trace", ...question(port))).items;
    expect(allowed).toMatchObject({ verdict: "allow", tenant: "corp", interface: "lan0", leaves: { interface: "wan0", protocol: 6 } });
    const refused = await svrctl("trace", ...question(9));
    expect(refused).toMatchObject({ exit: 3, err: "" });
    expect(refused.out).toMatch(/^service +refuse/m);
    expect((await fabric.router("r1").counters()).drops).toEqual(before.drops);
    const client = startTcpClient(fabric.net, "a", { to: hostAddress(2, 4), port, sessions: 1, firstPort: 50_000 });
    await waitFor("it answers", async () => (await client.report()).answered === 1);
    const [session] = await fabric.router("r1").live({ sourcePort: "50000" });
    expect([session?.waypointLocal, session?.waypointRemote]).toEqual([allowed?.leaves?.source, allowed?.leaves?.destination]);
    expect((await data("trace", ...question(port))).items).toMatchObject([{ verdict: "existing", sessionId: session?.sessionId }]);
    await client.stop();
    await waitFor("it ends", async () => (await fabric.router("r1").live({ sourcePort: "50000" })).length === 0, { deadlineMs: 20_000 });
  }, 60_000);

  test("a router that is not there ends with 6 while the others are shown", async () => {
    const { exit, out, err } = await svrctl("tables", ...sockets("r1"), "--socket", join(fabric.net.folder, "none.sock"));
    expect(exit).toBe(6);
    expect(out).toContain("flow index");
    expect(err).toContain("SVR_ADMIN_UNREACHABLE");
  }, 60_000);
});
