// Limits and floods with real packets (L-8, RB-12, behaviour 3.8): a full table refuses new sessions by name and raises its alarm, live
// ones go on, timers make room; a flood of SYN is stopped at the source that sends it; counts survive a kill.
//
//   a --lan0 r1 wan0 == wan0 r2 lan0-- b        floods come out of a, to addresses that nobody has
import { buildPacket } from "../../pkg/svr/build.ts";
import { TCP_ACK, TCP_FIN, TCP_SYN } from "../../pkg/svr/constants.ts";
import { fieldsOf } from "../support/craft.ts";
import { openInjector } from "../support/inject.ts";
import type { Injector } from "../support/inject.ts";
import { openNet } from "../support/net.ts";
import { describeNet } from "../support/probe.ts";
import { startFabric } from "../support/router.ts";
import type { Fabric, Router } from "../support/router.ts";
import { openSite } from "../support/site.ts";
import { hostAddress, pair } from "../support/topologies.ts";
import { startTcpClient, startTcpServer } from "../support/traffic.ts";
import type { TcpClient } from "../support/traffic.ts";
import { waitFor } from "../support/wait.ts";

const LIMIT = 40, PER_SOURCE = 10;

describeNet("limits", () => {
  let fabric: Fabric, r1: Router, injector: Injector, living: TcpClient;
  const more = { limits: { sessions: LIMIT, halfOpenPerSource: PER_SOURCE }, timers: { udpIdle: "4s", synSent: "1s" }, shards: 2 };

  beforeAll(async () => {
    fabric = await startFabric(await openNet(pair), openSite({ more: { enforcement: "Allow" }, routers: { r1: { more } } }));
    r1 = fabric.router("r1");
    injector = await openInjector(fabric.net, { node: "a", device: "eth0" }, { node: "r1", device: "lan0" });
    for (const port of [80, 81]) await startTcpServer(fabric.net, "b", { address: hostAddress(2, 4), port });
    living = startTcpClient(fabric.net, "a", { to: hostAddress(2, 4), port: 80, sessions: 1, everyMs: 50 });
    await waitFor("a session lives", async () => (await living.report()).receivedBytes > 640);
  }, 60_000);
  afterAll(async () => { await fabric.close(); }, 60_000);
  afterEach(async () => {
    const { receivedBytes } = await living.report();
    await waitFor("the live session goes on", async () => (await living.report()).receivedBytes > receivedBytes + 640);
    expect(await living.report()).toMatchObject({ live: 1, wrong: 0, faults: {} });
  }, 30_000);

  const udp = (port: number): Uint8Array => buildPacket(fieldsOf(hostAddress(1, 4, 20), hostAddress(2, 4, 99)), { kind: "udp", sourcePort: port, destinationPort: 9 });
  const tcp = (port: number, flags: number): Uint8Array => buildPacket(fieldsOf(hostAddress(1, 4, 21), hostAddress(2, 4, 99)), { kind: "tcp", sourcePort: port, destinationPort: 9, flags, window: 100 });
  const limited = async (): Promise<number> => (await r1.drops())["limit"] ?? 0;
  const alarmed = async (): Promise<boolean | undefined> => (await r1.tables()).find((table) => table.name === "sessions")?.alarm;

  test("L-8 a full table: refused by name with an event, alarm raised and cleared, emptied by timers; counts hold over a kill", async () => {
    expect(await alarmed()).toBe(false);
    await injector.send(...Array.from({ length: 100 }, (_, index) => udp(2000 + index)));
    await waitFor("the rest is refused", async () => (await limited()) >= 100 - LIMIT + 1);
    expect((await r1.status()).sessions).toBe(LIMIT);
    expect(await alarmed()).toBe(true);
    await waitFor("an event says so", () => r1.records().some((one) => JSON.stringify(one).includes('"limit"')));
    await r1.kill();
    await r1.start();
    await injector.send(...Array.from({ length: 100 }, (_, index) => udp(4000 + index)));
    await waitFor("refused again", async () => (await limited()) > 0);
    expect((await r1.status()).sessions).toBeLessThanOrEqual(LIMIT);
    await waitFor("timers empty it", async () => (await r1.status()).sessions === 1, { deadlineMs: 20_000 });
    expect(await alarmed()).toBe(false);
  }, 60_000);

  test("RB-12 a flood of SYN is refused at its source alone; FIN-ACK as first packet opens nothing though enforcement allows", async () => {
    const before = await limited();
    await injector.send(...Array.from({ length: 100 }, (_, index) => tcp(3000 + index, TCP_SYN)));
    await waitFor("most of it is refused", async () => (await limited()) >= before + 100 - 2 * PER_SOURCE);
    expect((await r1.tables()).find((table) => table.name === "half-open sessions")?.entries).toBeLessThanOrEqual(PER_SOURCE);
    const other = startTcpClient(fabric.net, "a", { to: hostAddress(2, 4), port: 81, sessions: 1, everyMs: 50 });
    await waitFor("another source connects meanwhile", async () => (await other.report()).receivedBytes > 128);
    await other.stop();
    const { state = 0 } = await r1.drops();
    await injector.send(...Array.from({ length: 5 }, (_, index) => tcp(5000 + index, TCP_FIN | TCP_ACK)));
    await waitFor("all are refused", async () => ((await r1.drops())["state"] ?? 0) === state + 5);
    expect(await r1.live({ sourcePort: "5000" })).toEqual([]);
    await waitFor("the flood ages out", async () => (await r1.live({ destinationPort: "9" })).length === 0, { deadlineMs: 15_000 });
  }, 60_000);
});
