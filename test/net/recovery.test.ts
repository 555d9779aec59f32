// State that is lost at one router while its hosts go on, with offloads on:
//
//   a --lan0 r1 wan0 == wan0 r2 lan0-- b        captures at r1 wan0
//
// One session forgotten (L-5, RB-6), all of them (L-6), in the middle of bulk data (W-8).
import { rmSync } from "node:fs";
import { PROTO_ICMP, PROTO_ICMPV6 } from "../../pkg/svr/constants.ts";
import { startCapture } from "../support/capture.ts";
import { openDropper } from "../support/drop.ts";
import { forgetSession } from "../support/forget.ts";
import { openNet } from "../support/net.ts";
import { describeNet } from "../support/probe.ts";
import type { TestProcess } from "../support/process.ts";
import { startFabric } from "../support/router.ts";
import type { Fabric, Router } from "../support/router.ts";
import type { Site } from "../support/site.ts";
import { hostAddress, linkAddress, pair } from "../support/topologies.ts";
import { startTcpClient, startTcpServer, startUdpClient, startUdpServer } from "../support/traffic.ts";
import type { TcpClient, UdpClient } from "../support/traffic.ts";
import { passes, waitFor } from "../support/wait.ts";
import { isHandshake, readWire } from "../support/wire.ts";
import type { WirePacket } from "../support/wire.ts";

const HOST_TRIES_MS = 3_000; // hosts send again what is not acknowledged within a second (tcp_rto_max_ms below)
const families = [4, 6] as const;
type Family = (typeof families)[number];

/** Hosts behind r2 may open nothing: what they send without a session is dropped, not reset (behaviour 3.4). */
const site: Site = {
  tenants: [{ name: "corp", members: [{ router: "r1", interface: "lan0" }] }],
  services: [{ name: "east", addresses: ["10.2.0.0/24", "fd00:2::/64"], at: { router: "r2", interface: "lan0" } }],
};

describeNet("lost state", () => {
  let fabric: Fabric, r1: Router, r2: Router;
  let port = 3000;

  beforeAll(async () => {
    fabric = await startFabric(await openNet(pair), site);
    [r1, r2] = [fabric.router("r1"), fabric.router("r2")];
    for (const host of ["a", "b"]) await fabric.net.exec(host, ["sysctl", "-w", "net.ipv4.tcp_rto_max_ms=1000"]); // from Linux 6.15 on: hosts try again sooner
  }, 60_000);
  afterAll(async () => { await fabric.close(); }, 60_000);

  const idOf = async (router: Router, of: number): Promise<string> => (await router.live()).filter((one) => one.destinationPort === of).map((one) => one.sessionId).join();

  async function udp(family: Family): Promise<{ client: UdpClient; of: number }> {
    const at = { address: hostAddress(2, family), port: ++port };
    await startUdpServer(fabric.net, "b", at);
    const client = await startUdpClient(fabric.net, "a", { to: at.address, port: at.port });
    for (let round = 0; round < 3; round++) await client.send(1);
    expect(await client.send(1)).toMatchObject({ answered: 1 });
    return { client, of: at.port };
  }

  /** Waits for all echoes. Where everything had arrived before the loss, only the server is left to speak, and a host has to say one thing more (RB-6). */
  async function echoed(client: TcpClient, of: number): Promise<void> {
    const begun = performance.now();
    let isNudged = false;
    await waitFor("the echo", async () => {
      if (!isNudged && performance.now() - begun > HOST_TRIES_MS && (await idOf(r2, of)) === "") {
        await client.say();
        isNudged = true;
      }
      return (await client.report()).answered === 1;
    }, { deadlineMs: 20_000 });
  }

  async function tcp(family: Family, settings: { everyMs?: number; messageBytes?: number }): Promise<{ client: TcpClient; of: number; server: TestProcess }> {
    const at = { address: hostAddress(2, family), port: ++port };
    const server = await startTcpServer(fabric.net, "b", at);
    const client = startTcpClient(fabric.net, "a", { to: at.address, port: at.port, sessions: 1, ...settings });
    await waitFor("it talks", async () => (await client.report()).receivedBytes > 100);
    return { client, of: at.port, server };
  }

  const fromPeer = (packets: readonly WirePacket[], family: Family): WirePacket[] => packets.filter((one) => one.source === linkAddress(1, family, 1) && one.packet.proto !== PROTO_ICMP && one.packet.proto !== PROTO_ICMPV6);

  test.each(families)("L-5 UDP over IPv%i: forgotten on the far router: code 2, metadata on the next packet, same UUID", async (family) => {
    const { client, of } = await udp(family);
    const id = await idOf(r1, of);
    const capture = await startCapture(fabric.net, "r1", "wan0");
    forgetSession(fabric.net, "r2", id);
    expect(await client.send(1, { waitMs: 500 })).toMatchObject({ answered: 0 }); // it asks the question
    expect(await client.send(1)).toMatchObject({ answered: 1 });
    expect(await client.send(1)).toMatchObject({ answered: 1 });
    const packets = readWire(await capture.stop(), fabric.keys("r1", "r2"));
    const [question, ...answers] = fromPeer(packets, family);
    expect(question?.metadata).toMatchObject({ authentic: true, tlvs: { control: 2 } });
    expect(answers.every((one) => one.metadata?.tlvs.control === undefined)).toBe(true);
    const forward = packets.filter((one) => one.source === linkAddress(1, family, 0));
    expect(forward.map(isHandshake)).toEqual([false, true, false]);
    expect(forward[1]?.metadata?.tlvs.remainingSeconds).toBeGreaterThan(0);
    expect([await idOf(r1, of), await idOf(r2, of)]).toEqual([id, id]);
  }, 30_000);

  test.each(families)("L-5 TCP over IPv%i: forgotten on the far router in mid-flow, enforcement reset: the stream goes on", async (family) => {
    const { client, of } = await tcp(family, { everyMs: 50 });
    const id = await idOf(r1, of);
    for (let time = 0; time < 3; time++) {
      const { receivedBytes } = await client.report();
      forgetSession(fabric.net, "r2", id);
      await waitFor("it talks again", async () => (await client.report()).receivedBytes > receivedBytes + 64 * 10);
      await waitFor("r2 has it again", async () => (await idOf(r2, of)) === id);
    }
    expect(await client.stop()).toMatchObject({ answered: 1, wrong: 0, faults: {} });
  }, 30_000);

  test.each(families)("L-5 UDP over IPv%i: forgotten on the ingress: the next packet opens a session that replaces the old one", async (family) => {
    const { client, of } = await udp(family);
    const id = await idOf(r1, of);
    forgetSession(fabric.net, "r1", id);
    expect(await client.send(1)).toMatchObject({ answered: 1 });
    const next = await idOf(r1, of);
    expect([next === id, next.length]).toEqual([false, 32]);
    expect(await idOf(r2, of)).toBe(next);
    await waitFor("the end record of the old one", () => r2.records().find((one) => one.recordType === "end" && one.sessionId === id && one.endReason === "evicted"));
  }, 30_000);

  test.each(families)("W-8 IPv%i: metadata that is asked for again in bulk data leaves every byte in place", async (family) => {
    const { client, of } = await tcp(family, { messageBytes: 200_000 });
    const id = await idOf(r1, of);
    const capture = await startCapture(fabric.net, "r1", "wan0");
    let asked = 0;
    for (let round = 2; round <= 8; round++) {
      await client.say();
      await client.say();
      if ((await idOf(r2, of)) === id) {
        forgetSession(fabric.net, "r2", id);
        asked++;
      }
      await echoed(client, of);
    }
    expect(asked).toBeGreaterThan(3);
    await client.say(); // a FIN rebuilds no session (behaviour 3.4)
    await waitFor("r2 has it again", async () => (await idOf(r2, of)) === id);
    expect(await client.stop()).toMatchObject({ answered: 1, wrong: 0, faults: {} });
    const packets = readWire(await capture.stop(), fabric.keys("r1", "r2"));
    expect(fromPeer(packets, family).filter((one) => one.metadata?.tlvs.control === 2).length).toBeGreaterThan(0);
    expect(packets.filter((one) => isHandshake(one) && one.source === linkAddress(1, family, 0)).length).toBeGreaterThan(asked / 2);
    expect(Math.max(...packets.map((one) => one.packet.end))).toBeGreaterThan(5000);
  }, 60_000);

  test.each(families)("RB-6 over IPv%i: forgotten on the far router while only the server has something to say: the next packet of the client brings it back, every byte in place", async (family) => {
    const { client, of, server } = await tcp(family, { messageBytes: 2_000 });
    const id = await idOf(r1, of);
    server.signal("SIGSTOP");
    await client.say();
    await waitFor("b's kernel has it all, and has said so", async () => /ESTAB\s+\d+\s+0\s/.test((await fabric.net.exec("a", ["ss", "-tnH", "dport", "=", String(of)])).stdout));
    forgetSession(fabric.net, "r2", id);
    server.signal("SIGCONT");
    await passes(HOST_TRIES_MS);
    expect([(await client.report()).answered, await idOf(r2, of)]).toEqual([0, ""]); // hosts behind r2 may open nothing
    await client.say();
    await waitFor("both echoes", async () => (await client.report()).answered === 1);
    expect(await idOf(r2, of)).toBe(id);
    expect(await client.stop()).toMatchObject({ answered: 1, wrong: 0, faults: {} });
  }, 30_000);

  test("L-6 the far router comes back with empty maps: every session goes on, same UUIDs, at most one packet later", async () => {
    const datagrams = await Promise.all(families.map((family) => udp(family)));
    const streams = await Promise.all(families.map((family) => tcp(family, { everyMs: 100 })));
    const all = [...datagrams, ...streams].map((one) => one.of);
    const ids = await Promise.all(all.map((of) => idOf(r1, of)));
    expect(new Set(ids).size).toBe(4);
    const silence = await openDropper(fabric.net, "r2", "wan0");
    await silence.set({}); // a machine that is down; without its programs the kernel of this one would answer with resets
    await r2.kill();
    rmSync(fabric.net.pinFolder("r2"), { recursive: true });
    await r2.start();
    await silence.set();
    expect(await r2.status()).toMatchObject({ adopted: false });
    for (const { client } of datagrams) {
      expect(await client.send(1, { waitMs: 500 })).toMatchObject({ answered: 0 });
      expect(await client.send(1)).toMatchObject({ answered: 1 });
    }
    for (const { client } of streams) {
      const { receivedBytes } = await client.report();
      await waitFor("the stream goes on", async () => (await client.report()).receivedBytes > receivedBytes + 64 * 5, { deadlineMs: 40_000 });
      expect(await client.report()).toMatchObject({ live: 1, wrong: 0, faults: {} });
    }
    expect(await Promise.all(all.map((of) => idOf(r2, of)))).toEqual(ids);
    for (const { client } of streams) expect(await client.stop()).toMatchObject({ answered: 1, wrong: 0, faults: {} });
  }, 90_000);
});
