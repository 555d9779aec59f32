// Sessions of ICMP by type, and answers that nobody asked for (behaviour 3.7), with real packets and the kernel of b that answers:
//
//   a --lan0 r1 wan0 == wan0 r2 lan0-- b
import { buildPacket } from "../../pkg/svr/build.ts";
import { startCapture } from "../support/capture.ts";
import type { Capture } from "../support/capture.ts";
import { fieldsOf } from "../support/craft.ts";
import { openInjector } from "../support/inject.ts";
import type { Injector } from "../support/inject.ts";
import { openNet } from "../support/net.ts";
import { describeNet } from "../support/probe.ts";
import { startFabric } from "../support/router.ts";
import type { Fabric } from "../support/router.ts";
import { openSite } from "../support/site.ts";
import { hostAddress, pair } from "../support/topologies.ts";
import { waitFor } from "../support/wait.ts";
import { readWire } from "../support/wire.ts";

const ECHO = 8, ECHO_REPLY = 0, TIMESTAMP = 13, TIMESTAMP_REPLY = 14;
const [client, server] = [hostAddress(1, 4), hostAddress(2, 4)];

describeNet("ICMP sessions by type", () => {
  let fabric: Fabric, injector: Injector, atA: Capture, atB: Capture;

  beforeAll(async () => {
    fabric = await startFabric(await openNet(pair), openSite());
    injector = await openInjector(fabric.net, { node: "a", device: "eth0" }, { node: "r1", device: "lan0" });
    [atA, atB] = [await startCapture(fabric.net, "a", "eth0"), await startCapture(fabric.net, "b", "eth0")];
    await fabric.net.must("r2", "ping", "-c", "1", "-w", "5", server); // the kernel of r2 knows where b is
  }, 60_000);
  afterAll(async () => { await fabric.close(); }, 60_000);

  async function configure(icmp: Record<string, unknown>): Promise<void> {
    for (const router of fabric.routers) {
      const before = (await router.status()).configuration.hash;
      router.config.put(fabric.object("Router", router.name, { icmp }));
      await waitFor(`${router.name} applies it`, async () => (await router.status()).configuration.hash !== before);
    }
  }

  const send = (type: number, id: number): Promise<void> =>
    injector.send(buildPacket(fieldsOf(client, server), { kind: "icmp", type, rest: ((id << 16) | 1) >>> 0 }, new Uint8Array(type >= TIMESTAMP ? 12 : 30)));
  const typesTo = async (capture: Capture, destination: string, id: number): Promise<(number | undefined)[]> => readWire(await capture.frames())
    .filter((one) => one.destination === destination && one.packet.proto === 1 && (one.packet.sourcePort === id || one.packet.destinationPort === id)).map((one) => one.packet.icmpType);
  const liveWith = async (id: number): Promise<number[]> => Promise.all(fabric.routers.map(async (router) => (await router.live()).filter((one) => one.sourcePort === id || one.destinationPort === id).length));

  test.each([["identifier", {}, 77, 1], ["identifier and type", { match: "IdentifierAndType" }, 78, 2]] as const)("3.7 matched by %s, echo and timestamp with one identifier", async (_desc, icmp, id, sessions) => {
    if ("match" in icmp) await configure(icmp);
    for (let round = 0; round < 2; round++) {
      for (const type of [ECHO, TIMESTAMP]) await send(type, id);
      await waitFor(`answers of round ${round}`, async () => (await typesTo(atA, client, id)).length === 2 * (round + 1));
    }
    expect((await typesTo(atA, client, id)).sort()).toEqual([ECHO_REPLY, ECHO_REPLY, TIMESTAMP_REPLY, TIMESTAMP_REPLY].sort());
    expect(await liveWith(id)).toEqual([sessions, sessions]);
  }, 30_000);

  test("3.7 an answer that nobody asked for is dropped; with asyncReply it begins a session", async () => {
    const before = (await fabric.router("r1").drops())["state"] ?? 0;
    await send(ECHO_REPLY, 79);
    await waitFor("it is counted", async () => (await fabric.router("r1").drops())["state"] === before + 1);
    expect(await typesTo(atB, server, 79)).toEqual([]);
    await configure({ asyncReply: true });
    await send(ECHO_REPLY, 79);
    await waitFor("it arrives", async () => (await typesTo(atB, server, 79)).length === 1);
    expect([await typesTo(atB, server, 79), await liveWith(79)]).toEqual([[ECHO_REPLY], [1, 1]]);
  }, 30_000);
});
