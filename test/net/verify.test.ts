// `svrctl verify` on live routers: clean while sessions come and go, and every kind of damage is named when the maps are broken by
// hand.
//
//   a --lan0 r1 wan0 == wan0 r2 lan0-- b
import type { VerifyView } from "../../pkg/api/view.ts";
import { outputSchemas } from "../../pkg/cli/outputs.ts";
import { buildPacket } from "../../pkg/svr/build.ts";
import { Life } from "../../pkg/svr/session.ts";
import { waypointPair } from "../../pkg/svr/waypoint.ts";
import { fieldsOf } from "../support/craft.ts";
import { openDamage } from "../support/damage.ts";
import type { Damage } from "../support/damage.ts";
import { openInjector } from "../support/inject.ts";
import { openNet } from "../support/net.ts";
import { describeNet } from "../support/probe.ts";
import { startFabric } from "../support/router.ts";
import type { Fabric, Router } from "../support/router.ts";
import { openSite } from "../support/site.ts";
import { svrctl } from "../support/svrctl.ts";
import { hostAddress, pair } from "../support/topologies.ts";
import { startUdpClient, startUdpServer } from "../support/traffic.ts";
import { waitFor } from "../support/wait.ts";

const PORT = 5300, SESSIONS = 20;

describeNet("svrctl verify", () => {
  let fabric: Fabric, r1: Router, r2: Router;
  const socketOf = (router: Router): string[] => ["--socket", `${router.stateDir}/admin.sock`];
  const verify = async (router: Router): Promise<VerifyView & { exit: unknown }> => {
    const { exit, out } = await svrctl("verify", ...socketOf(router), "-o", "json");
    const [item] = outputSchemas.verify.parse(JSON.parse(out)).items;
    return { ...item!, exit };
  };

  beforeAll(async () => {
    const timers = { timers: { udpIdle: "120s", guard: "500ms" } };
    fabric = await startFabric(await openNet(pair), openSite({ routers: { r1: { more: timers }, r2: { more: timers } } }));
    [r1, r2] = [fabric.router("r1"), fabric.router("r2")];
    await startUdpServer(fabric.net, "b", { address: hostAddress(2, 4), port: PORT });
    const client = await startUdpClient(fabric.net, "a", { to: hostAddress(2, 4), port: PORT, sockets: SESSIONS });
    expect(await client.send(2)).toMatchObject({ answered: 2 * SESSIONS });
  }, 60_000);
  afterAll(async () => { await fabric.close(); }, 60_000);

  test("RB-3 a router with sessions is consistent: used + resting + free is the pool", async () => {
    const { exit, ...view } = await verify(r1);
    expect({ exit, ok: view.ok, faults: view.faults }).toEqual({ exit: 0, ok: true, faults: [] });
    expect(view.checked).toMatchObject({ sessions: SESSIONS, entries: 3 * SESSIONS });
    const [pool] = view.pools;
    expect(pool).toMatchObject({ used: SESSIONS, resting: 0, moving: 0, free: (pool?.size ?? 0) - SESSIONS });
    const { out } = await svrctl("verify", ...socketOf(r1));
    expect(out).toMatch(/^answer +consistent$/m);
  }, 60_000);

  test("each kind of damage is named, exit 3, and all is well when it is repaired", async () => {
    const damage = openDamage(fabric.net.pinFolder("r1"));
    const [a, b, c, d, e, f, g, h, i] = (await r1.live()).map((one) => damage.slotOf(one.sessionId)).sort((x, y) => x - y) as [number, number, number, number, number, number, number, number, number];
    const never = waypointPair(7_000), nowMs = process.hrtime.bigint() / 1_000_000n;
    const breaks: [kind: string, object: RegExp, make: (on: Damage) => () => void][] = [
      ["missing-entry", new RegExp(`^slot ${a}$`), (on) => on.entry(a, 1, 0)],
      ["stale-entry", /^place \d+ of the flow index$/, (on) => on.addEntry(0x7ffffff0)],
      ["unfinished-entry", /^place \d+ of the flow index$/, (on) => on.addEntry(0xffffffff)],
      ["stale-entry", new RegExp(`^slot ${b}$`), (on) => on.addEntry((b + 1) << 1)],
      ["life", new RegExp(`^slot ${c}$`), (on) => on.slot(c, "life", (word) => (word & ~0xff) | 9)],
      ["leaked-pair", /^r2\/\S+ \d+\/\d+$/, (on) => on.slot(d, "life", (word) => (word & ~0xff) | Life.free)],
      ["double-entry", new RegExp(`^slot ${e}$`), (on) => on.twice(e, 0)],
      ["shadowed", new RegExp(`^slot ${f}$`), (on) => on.uuidOf(f, a)],
      ["unowned-pair", new RegExp(`^r2/\\S+ ${never.local}/${never.remote}$`), (on) => on.pair(g, never)],
      ["unswept", new RegExp(`^slot ${h}$`), (on) => on.gauge("high_water", () => h)],
      ["stuck", new RegExp(`^slot ${i}$`), (on) => on.seen(i, Number(BigInt.asUintN(32, nowMs - 200_000n)))],
      ["gauge", /^half-open sessions$/, (on) => on.gauge("half_open", (count) => count + 2)],
      ["gauge", /^sessions at rest$/, (on) => on.gauge("quarantined", (count) => count + 4)],
      ["gauge", /^live sessions$/, (on) => on.gauge("live", (live) => live + 3)],
      ["gauge", /^slots in use$/, (on) => on.gauge("slots_used", (used) => used - 5)],
    ];
    const repairs = breaks.map(([, , make]) => make(damage));
    const found = await verify(r1);
    for (const repair of repairs.reverse()) repair();
    expect({ exit: found.exit, ok: found.ok }).toEqual({ exit: 3, ok: false });
    for (const [kind, object] of breaks) expect(found.faults).toContainEqual({ kind, object: expect.stringMatching(object) as string, text: expect.any(String) as string });
    const missing = found.faults.filter((one) => one.kind === "missing-entry").map((one) => one.object);
    expect(new Set(missing)).toEqual(new Set([`slot ${a}`, `slot ${f}`, `slot ${g}`])); // of those whose keys were changed too
    damage.close();
    expect(await verify(r1)).toMatchObject({ exit: 0, faults: [] });
  }, 60_000);

  test("it is consistent while sessions come and go", async () => {
    const fromA = await openInjector(fabric.net, { node: "a", device: "eth0" }, { node: "r1", device: "lan0" });
    let sent = 0, going = true;
    const flow = (n: number): Uint8Array => buildPacket(fieldsOf(hostAddress(1, 4, 20), hostAddress(2, 4)), { kind: "udp", sourcePort: 1024 + n, destinationPort: PORT }, Uint8Array.of(1));
    const sending = (async () => {
      for (; going && sent < 20_000; sent += 50) await fromA.send(...Array.from({ length: 50 }, (_, n) => flow(sent + n)));
    })();
    await waitFor("sessions begin", async () => (await r1.status()).sessions > 200);
    const [one, two] = await Promise.all([verify(r1), verify(r2)]);
    going = false;
    await sending;
    expect([one.faults, two.faults]).toEqual([[], []]);
    expect(one.checked.sessions).toBeGreaterThan(200);
  }, 60_000);
});
