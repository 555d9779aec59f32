// Floods of first packets beside sessions that run:
//
//   eng -+                        two tenants with the same addresses, on two interfaces of r1
//         r1 == r2 -- b
//   fin -+
import { buildPacket } from "../../pkg/svr/build.ts";
import { PROTO_TCP, TCP_ACK, TCP_FIN, TCP_RST } from "../../pkg/svr/constants.ts";
import { createRandom, seedFrom } from "../fuzz/random.ts";
import { fieldsOf } from "../support/craft.ts";
import { openInjector } from "../support/inject.ts";
import type { Injector } from "../support/inject.ts";
import { openNet } from "../support/net.ts";
import { describeNet } from "../support/probe.ts";
import { startFabric } from "../support/router.ts";
import type { Fabric, Router } from "../support/router.ts";
import { longer, scaled } from "../support/scale.ts";
import type { Site } from "../support/site.ts";
import { hostAddress, overlap } from "../support/topologies.ts";
import { startTcpClient, startTcpServer, startUdpClient, startUdpServer } from "../support/traffic.ts";
import type { TcpClient } from "../support/traffic.ts";
import { passes, waitFor } from "../support/wait.ts";

const PORT = 2000, SINK = 2100, LIMIT = 3_000, ROUNDS = 20, RANDOM = scaled(20_000), FIRST = 500;

const site: Site = {
  tenants: [
    { name: "eng", members: [{ router: "r1", interface: "lan-eng" }], budgets: { firstPacketsPerSecond: FIRST } },
    { name: "fin", members: [{ router: "r1", interface: "lan-fin" }] },
  ],
  services: [{ name: "east", addresses: ["10.2.0.0/24", "fd00:2::/64"], at: { router: "r2", interface: "lan0" }, more: { sourceNat: "Interface", enforcement: "Allow" } }],
  routers: { r1: { more: { timers: { udpIdle: "2s", otherIdle: "2s", icmpIdle: "2s", guard: "200ms" }, limits: { sessions: LIMIT } } }, r2: { more: { timers: { udpIdle: "2s", otherIdle: "2s", icmpIdle: "2s", guard: "200ms" } } } },
};

describeNet("floods of first packets", () => {
  let fabric: Fabric, r1: Router, fromEng: Injector, stream: TcpClient;

  beforeAll(async () => {
    fabric = await startFabric(await openNet(overlap), site);
    r1 = fabric.router("r1");
    await startTcpServer(fabric.net, "b", { address: hostAddress(2, 4), port: PORT });
    await startUdpServer(fabric.net, "b", { address: hostAddress(2, 4), port: SINK });
    fromEng = await openInjector(fabric.net, { node: "eng", device: "eth0" }, { node: "r1", device: "lan-eng" });
    stream = startTcpClient(fabric.net, "fin", { to: hostAddress(2, 4), port: PORT, sessions: 10, everyMs: 100 });
    await waitFor("the sessions talk", async () => (await stream.report()).receivedBytes > 10 * 64 * 2);
  }, 60_000);
  afterAll(async () => { await fabric.close(); }, 60_000);

  const udp = (n: number): Uint8Array => buildPacket(fieldsOf(hostAddress(1, 4, 20 + Math.floor(n / 60_000)), hostAddress(2, 4)), { kind: "udp", sourcePort: 1024 + (n % 60_000), destinationPort: SINK }, Uint8Array.of(1));
  async function goesOn(): Promise<void> {
    const { receivedBytes } = await stream.report();
    await waitFor("the stream goes on", async () => (await stream.report()).receivedBytes > receivedBytes + 10 * 64 * 5);
    expect(await stream.report()).toMatchObject({ live: 10, wrong: 0, faults: {} });
  }

  test("3.8 a flood of one tenant is held to its rate while another tenant keeps its set-up time", async () => {
    const client = async (): Promise<number> => {
      const { answered, longestMs } = await (await startUdpClient(fabric.net, "fin", { to: hostAddress(2, 4), port: SINK, sockets: 1 })).send(1);
      expect(answered).toBe(1);
      return longestMs;
    };
    const median = (times: number[]): number => times.sort((a, b) => a - b)[Math.floor(times.length / 2)] ?? 0;
    let sent = 0, flooding = false, going = true;
    const flood = (async () => {
      while (going) {
        if (flooding) await fromEng.send(...Array.from({ length: 250 }, () => udp(sent++)));
        else await passes(10);
      }
    })();
    const [quiet, loud]: [number[], number[]] = [[], []];
    for (let round = 0; round < ROUNDS; round++) {
      flooding = round % 2 === 1;
      (flooding ? loud : quiet).push(await client());
    }
    going = false;
    await flood;
    const refused = (await r1.drops())["rate"] ?? 0;
    console.log(JSON.stringify({ flood: sent, refused, quietMs: median(quiet), loudMs: median(loud) }));
    expect(refused).toBeGreaterThan(sent / 10);
    expect(median(loud)).toBeLessThanOrEqual(2 * median(quiet) + 2); // times are whole milliseconds
    await goesOn();
  }, 120_000);

  test("L-9 RB-12 FIN and RST open nothing with enforcement allow, random protocols age out, a full table refuses, live sessions run", async () => {
    const seed = seedFrom(process.env["CHAOS_SEED"], Date.now());
    console.log(`chaos: CHAOS_SEED=${seed}`);
    const random = createRandom(seed);
    const anyButTcp = (): number => (PROTO_TCP + 1 + random.below(255)) % 256; // random bytes can be a good segment, which opens a session for half an hour
    const live = async (): Promise<number> => (await r1.live()).length;
    await waitFor("the table is empty but for the stream", async () => (await live()) === 10, { deadlineMs: 20_000 });
    const state = (await r1.drops())["state"] ?? 0;
    const ends = [TCP_FIN | TCP_ACK, TCP_RST, TCP_RST | TCP_ACK].flatMap((flags) => [1, 2, 3].map((n) =>
      buildPacket(fieldsOf(hostAddress(1, 4), hostAddress(2, 4)), { kind: "tcp", sourcePort: 3000 + n, destinationPort: PORT, flags, seq: 5, ack: 6 })));
    await fromEng.send(...ends);
    await waitFor("they are refused", async () => ((await r1.drops())["state"] ?? 0) === state + ends.length);
    expect(await live()).toBe(10);
    for (let sent = 0; sent < RANDOM; sent += 250) {
      await fromEng.send(...Array.from({ length: 250 }, () => buildPacket(fieldsOf(hostAddress(1, 4, 20 + random.below(200)), hostAddress(2, 4, 1 + random.below(250))), { kind: "other", proto: anyButTcp() }, random.bytes(random.below(64)))));
    }
    await goesOn();
    const before = (await r1.drops())["limit"] ?? 0;
    for (let sent = 0; (await live()) < LIMIT && sent < 200; sent++) await fromEng.send(...Array.from({ length: 200 }, (_, n) => udp(sent * 200 + n)));
    const fresh = await startUdpClient(fabric.net, "fin", { to: hostAddress(2, 4), port: SINK, sockets: 20, waitMs: 500 });
    if ((await live()) >= LIMIT) {
      expect((await fresh.send(1)).answered).toBeLessThan(20);
      expect((await r1.drops())["limit"] ?? 0).toBeGreaterThan(before);
    }
    await goesOn();
    await waitFor("the flood ages out", async () => (await live()) === 10, { deadlineMs: 30_000, everyMs: 200 });
    expect((await r1.verify()).faults).toEqual([]);
    expect(r1.log().filter((line) => line.level >= 50)).toEqual([]);
  }, longer(120_000));
});
