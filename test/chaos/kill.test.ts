// Routers killed at random moments, also while they start, under sessions that go on and sessions that begin:
//
//   a --lan0 r1 wan0 == wan0 r2 lan0-- b        captures at both hosts
//
// 100 kills (10 in CI). The kernel forwards meanwhile, so nothing is lost and nothing is slow; afterwards the tables fit together.
import { buildPacket } from "../../pkg/svr/build.ts";
import { PROTO_TCP, PROTO_UDP } from "../../pkg/svr/constants.ts";
import { createRandom, seedFrom } from "../fuzz/random.ts";
import { startCapture } from "../support/capture.ts";
import { fieldsOf } from "../support/craft.ts";
import { openInjector } from "../support/inject.ts";
import { openNet } from "../support/net.ts";
import { describeNet } from "../support/probe.ts";
import { startFabric } from "../support/router.ts";
import type { Fabric, Router } from "../support/router.ts";
import { longer, scaled } from "../support/scale.ts";
import { openSite } from "../support/site.ts";
import { hostAddress, pair, withoutOffloads } from "../support/topologies.ts";
import { startTcpClient, startTcpServer, startUdpClient, startUdpServer } from "../support/traffic.ts";
import type { TcpClient } from "../support/traffic.ts";
import { passes, waitFor } from "../support/wait.ts";
import { compareWays } from "../support/ways.ts";
import { readWire } from "../support/wire.ts";

const KILLS = scaled(100), TCP = 400, UDP = 200; // TCP per family: 1,000 sessions
const TCP_PORT = 2000, UDP_PORT = 2100, NEW_PORT = 2200;
const LONGEST_MS = 2_500; // from one kill to the next: a start takes about 1 s
const families = [4, 6] as const;

describeNet("routers killed at random moments", () => {
  let fabric: Fabric, r1: Router, r2: Router;

  beforeAll(async () => {
    fabric = await startFabric(await openNet(withoutOffloads(pair)), openSite());
    [r1, r2] = [fabric.router("r1"), fabric.router("r2")];
  }, 60_000);
  afterAll(async () => { await fabric.close(); }, 60_000);

  async function talk(family: 4 | 6): Promise<TcpClient> {
    const at = { address: hostAddress(2, family), port: TCP_PORT };
    await startTcpServer(fabric.net, "b", at);
    const client = startTcpClient(fabric.net, "a", { to: at.address, port: at.port, sessions: TCP, everyMs: 1000 });
    await waitFor("all sessions talk", async () => {
      const { live, receivedBytes } = await client.report();
      return live === TCP && receivedBytes > 2 * TCP * 64;
    }, { deadlineMs: 30_000 });
    return client;
  }

  test(`${KILLS} kills with SIGKILL under 1,000 sessions: no reset, no byte wrong, no packet lost or held, tables consistent`, async () => {
    const seed = seedFrom(process.env["CHAOS_SEED"], Date.now());
    console.log(`chaos: ${KILLS} kills, CHAOS_SEED=${seed}`);
    const random = createRandom(seed);
    const clients = await Promise.all(families.map(talk));
    await startUdpServer(fabric.net, "b", { address: hostAddress(2, 4), port: UDP_PORT });
    await startUdpServer(fabric.net, "b", { address: hostAddress(2, 4), port: NEW_PORT, mode: "sink" });
    const udp = await startUdpClient(fabric.net, "a", { to: hostAddress(2, 4), port: UDP_PORT, sockets: UDP });
    expect(await udp.send(3)).toMatchObject({ answered: 3 * UDP });
    const established = new Set((await r1.live()).map((one) => one.sessionId));
    expect(established.size).toBe(2 * TCP + UDP);
    const [near, far] = [await startCapture(fabric.net, "a", "eth0"), await startCapture(fabric.net, "b", "eth0")];
    const since = BigInt(Date.now()) * 1_000_000n;

    const fromA = await openInjector(fabric.net, { node: "a", device: "eth0" }, { node: "r1", device: "lan0" });
    const fresh = (n: number): Uint8Array => buildPacket(fieldsOf(hostAddress(1, 4, 20), hostAddress(2, 4)), { kind: "udp", sourcePort: 1024 + (n % 60_000), destinationPort: NEW_PORT }, Uint8Array.of(n & 255));
    let begun = 0, going = true;
    const beginning = (async () => {
      for (; going; begun += 20) {
        await fromA.send(...Array.from({ length: 20 }, (_, n) => fresh(begun + n)));
        await passes(50);
      }
    })();
    for (let kill = 0; kill < KILLS; kill++) {
      const router = random.pick([r1, r2]);
      await passes(random.below(LONGEST_MS)); // the moment is the subject: also in the middle of a start
      await router.kill();
      router.launch();
      if (kill % 10 === 9) expect(await udp.send(1)).toMatchObject({ answered: UDP, wrong: 0, faults: 0 });
    }
    going = false;
    await beginning;
    await Promise.all([r1, r2].map((router) => router.up()));

    for (const client of clients) expect(await client.report()).toMatchObject({ live: TCP, wrong: 0, faults: {} });
    const after = new Set((await r1.live()).map((one) => one.sessionId));
    expect([...established].filter((one) => !after.has(one))).toEqual([]);
    for (const router of [r1, r2]) expect((await router.verify()).faults).toEqual([]);
    for (const client of clients) expect(await client.stop()).toMatchObject({ answered: TCP, wrong: 0, faults: {} });

    const [atA, atB] = [await near.stop(), await far.stop()].map((frames) => readWire(frames).filter((one) => one.unixNs >= since)) as [ReturnType<typeof readWire>, ReturnType<typeof readWire>];
    const ofSessions = ({ packet: { proto, sourcePort, destinationPort } }: (typeof atA)[number]): boolean =>
      (proto === PROTO_TCP && [sourcePort, destinationPort].includes(TCP_PORT)) || (proto === PROTO_UDP && [sourcePort, destinationPort].includes(UDP_PORT));
    const from = (network: number) => (one: (typeof atA)[number]): boolean => ofSessions(one) && families.some((family) => one.source === hostAddress(network, family));
    for (const [sent, arrived, network] of [[atA, atB, 1], [atB, atA, 2]] as const) {
      const way = compareWays(sent.filter(from(network)), arrived.filter(from(network)));
      console.log(JSON.stringify({ network, ...way, begun }));
      expect(way).toMatchObject({ lost: 0 });
      expect(way.packets).toBeGreaterThan(KILLS * TCP);
      expect(way.longestMs).toBeLessThan(1000);
    }
  }, longer(150_000));
});
