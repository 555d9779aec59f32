// The network of tests is itself tested with plain kernel forwarding:
//
//   a -- k1 -- k2 -- b
//
// Captures show all packets, injected packets arrive as sent, the dropper loses what it says, routers forward nothing by
// themselves, tear-down and sweep leave nothing and report what they find.
import { execFileSync, spawn } from "node:child_process";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { addressOf } from "./config/sample.ts";
import { buildPacket } from "../../pkg/svr/build.ts";
import { PROTO_TCP, PROTO_UDP, TCP_SYN } from "../../pkg/svr/constants.ts";
import { startCapture } from "./capture.ts";
import { startDelay, withMiddle } from "./delay.ts";
import { openDropper } from "./drop.ts";
import { openInjector } from "./inject.ts";
import { openNet } from "./net.ts";
import type { Net } from "./net.ts";
import { describeNet } from "./probe.ts";
import { leftovers, namespacesOf, noteProcess, openRun } from "./run.ts";
import { sweepAll, sweepRun } from "./sweep.ts";
import { hostAddress, linkAddress, pair, plain, withoutOffloads } from "./topologies.ts";
import { download, ping, runIperf, startHttpServer, startTcpClient, startTcpServer, startUdpClient, startUdpServer } from "./traffic.ts";
import { waitFor } from "./wait.ts";
import { conversationsOf, ipLength, readWire } from "./wire.ts";

describeNet("a network of plain forwarding", () => {
  const families = [4, 6] as const;
  let net: Net;

  beforeAll(async () => { net = await openNet(withoutOffloads(plain)); }, 30_000);
  afterAll(async () => { await net.close(); }, 30_000);

  test.each(families)("ping, TCP, UDP and HTTP reach the other host, IPv%i", async (family) => {
    const to = hostAddress(2, family);
    expect(await ping(net, "a", to)).toEqual({ sent: 3, answered: 3 });
    await startTcpServer(net, "b", { address: to, port: 7 });
    const client = startTcpClient(net, "a", { to, port: 7, sessions: 20 });
    await waitFor("all echoes", async () => (await client.report()).answered === 20);
    expect(await client.stop()).toMatchObject({ sessions: 20, connected: 20, live: 0, answered: 20, wrong: 0, faults: {} });
    const server = await startUdpServer(net, "b", { address: to, port: 53 });
    const queries = await startUdpClient(net, "a", { to, port: 53, sockets: 10 });
    expect(await queries.send(3)).toMatchObject({ sent: 30, answered: 30, wrong: 0, faults: 0 });
    expect(await server.report()).toMatchObject({ received: 30, bytes: 480 });
    await startHttpServer(net, "b", { address: to, port: 80 });
    expect(await download(net, "a", { address: to, port: 80, bytes: 1_000_000 })).toEqual({ code: 0, bytes: 1_000_000, error: "" });
  }, 30_000);

  test("a refused connection and a lost answer are reported", async () => {
    const refused = startTcpClient(net, "a", { to: hostAddress(2, 4), port: 9, sessions: 2 });
    await waitFor("both are refused", async () => (await refused.report()).faults["ECONNREFUSED"] === 2);
    const silent = await startUdpClient(net, "a", { to: hostAddress(2, 4), port: 9, waitMs: 200 });
    expect(await silent.send(1)).toMatchObject({ sent: 1, answered: 0 });
  }, 20_000);

  test("iperf3 gives a rate", async () => {
    expect(await runIperf(net, "a", { node: "b", address: hostAddress(2, 4) })).toBeGreaterThan(1e6);
  }, 20_000);

  test("a capture has each packet of both directions at full length", async () => {
    const capture = await startCapture(net, "k1", "wan0");
    expect(await ping(net, "a", hostAddress(2, 4), { count: 4, bytes: 1000 })).toMatchObject({ answered: 4 });
    const early = readWire(await capture.frames()).filter(({ packet }) => packet.icmpType !== undefined);
    expect(early.map(ipLength)).toEqual(Array<number>(8).fill(1028));
    await ping(net, "a", hostAddress(2, 6), { count: 1 });
    const echoes = readWire(await capture.stop()).filter(({ packet }) => packet.icmpType === 128 || packet.icmpType === 129);
    expect(echoes.map((one) => [one.source, one.destination, one.packet.ttl])).toEqual([
      [hostAddress(1, 6), hostAddress(2, 6), 63], [hostAddress(2, 6), hostAddress(1, 6), 63],
    ]);
    expect(conversationsOf(echoes)).toHaveLength(1);
  }, 20_000);

  test("an injected packet crosses as it is, false checksum included", async () => {
    const ends = { source: addressOf(hostAddress(1, 4)), destination: addressOf(hostAddress(2, 4)) };
    const packet = buildPacket(ends, { kind: "tcp", sourcePort: 1111, destinationPort: 2222, flags: TCP_SYN, seq: 7 }, Uint8Array.of(1, 2, 3));
    packet[36] = (packet[36] ?? 0) ^ 0xff;
    const capture = await startCapture(net, "k1", "lan0");
    const injector = await openInjector(net, { node: "a", device: "eth0" }, { node: "k1", device: "lan0" });
    await injector.send(packet, packet);
    const seen = readWire(await capture.stop()).filter((one) => one.packet.sourcePort === 1111);
    expect(seen.map((one) => one.packet.data.slice(0, one.packet.end))).toEqual([packet, packet]);
  }, 20_000);

  test("the dropper loses what its rule selects and counts it", async () => {
    const dropper = await openDropper(net, "k1", "wan0");
    await startUdpServer(net, "b", { address: hostAddress(2, 4), port: 54 });
    const client = await startUdpClient(net, "a", { to: hostAddress(2, 4), port: 54, waitMs: 300 });
    expect(await client.send(10)).toMatchObject({ sent: 10, answered: 10 });
    await dropper.set({ proto: PROTO_UDP, skip: 2, count: 3 });
    expect(await client.send(10)).toMatchObject({ sent: 10, answered: 7 });
    expect(await dropper.seen()).toEqual({ selected: 10, dropped: 3 });
    await dropper.set({ metadata: "with" });
    expect(await client.send(1, { body: "4c48dbc6ddf6670c0011" })).toMatchObject({ answered: 0 });
    expect(await client.send(1, { body: "4c48dbc6ddf6670d0011" })).toMatchObject({ answered: 1 });
    await dropper.set({ proto: PROTO_TCP });
    expect(await client.send(5)).toMatchObject({ answered: 5 });
    await dropper.set({ proto: PROTO_UDP, chance: 0.5 });
    const { answered } = await client.send(200);
    expect(await dropper.seen()).toEqual({ selected: 200, dropped: 200 - answered });
    expect(Math.abs(answered - 100)).toBeLessThan(50); // 7 standard deviations
    await dropper.set();
    expect(await client.send(5)).toMatchObject({ answered: 5 });
  }, 30_000);
});

describeNet("a link with a middle", () => {
  let net: Net;
  beforeEach(async () => { net = await openNet(withMiddle(plain, "k1-k2")); }, 30_000);
  afterEach(async () => { await net.close(); }, 30_000);

  test("carries nothing by itself, and with a relay everything, whole and later by the time that was asked for", async () => {
    expect(await ping(net, "a", hostAddress(2, 4), { count: 1 })).toEqual({ sent: 1, answered: 0 });
    const delayer = await startDelay(net, 50), [to, bytes] = [hostAddress(2, 6), 20_000_000];
    const { stdout } = await net.exec("a", ["ping", "-c", "5", "-i", "0.2", to]);
    expect(Number(/min\/avg\/max\/mdev = ([0-9.]+)/.exec(stdout)?.[1])).toBeGreaterThanOrEqual(100);
    expect(Number(/min\/avg\/max\/mdev = ([0-9.]+)/.exec(stdout)?.[1])).toBeLessThan(150);
    await startHttpServer(net, "b", { address: to, port: 80 });
    expect(await download(net, "a", { address: to, port: 80, bytes })).toEqual({ code: 0, bytes, error: "" }); // of frames that are left to offload
    const seen = await delayer.seen();
    for (const way of seen) expect([way.lost, way.least >= 50, way.most < 1_000]).toEqual([0, true, true]);
    expect([seen[0].frames > 10, seen[1].frames > 100]).toEqual([true, true]);
  }, 60_000);

  test("a relay has the memory that it was given, and counts what finds no room", async () => {
    const delayer = await startDelay(net, 500, { roomMib: 1 }), count = 1_000; // of 1,400 bytes and more, at once
    await net.must("a", "ping", "-c", "1", "-w", "8", hostAddress(2, 4)); // neighbours are known after two seconds
    await net.exec("a", `ping -q -c ${count} -l ${count} -s 1400 -w 3 ${hostAddress(2, 4)}`.split(" "));
    const [there] = await delayer.seen();
    expect([there.frames > 500, there.frames < 900, there.lost > 100, there.frames + there.lost >= count]).toEqual([true, true, true, true]);
  }, 30_000);
});

describeNet("routers of the topology", () => {
  let net: Net;
  beforeAll(async () => { net = await openNet(pair); }, 30_000);
  afterAll(async () => { await net.close(); }, 30_000);

  test("the kernel of a router answers for itself and forwards nothing", async () => {
    expect(await ping(net, "a", "10.1.0.1", { count: 1 })).toEqual({ sent: 1, answered: 1 });
    expect(await ping(net, "r1", linkAddress(1, 6, 1), { count: 1 })).toEqual({ sent: 1, answered: 1 });
    const capture = await startCapture(net, "r1", "wan0");
    expect(await ping(net, "a", hostAddress(2, 4), { count: 2 })).toEqual({ sent: 2, answered: 0 });
    expect(await ping(net, "a", hostAddress(2, 6), { count: 2 })).toEqual({ sent: 2, answered: 0 });
    expect(readWire(await capture.stop()).filter((one) => one.packet.icmpType === 8 || one.packet.icmpType === 128)).toEqual([]);
  }, 20_000);
});

describeNet("tear-down", () => {
  test("ends stubborn processes, removes pins, and leaves nothing", async () => {
    const net = await openNet(pair);
    const stubborn = net.start("a", ["sh", "-c", "trap '' TERM; echo on; while :; do sleep 1; done"]);
    await stubborn.line(/^on$/);
    mkdirSync(net.pinFolder("r1"), { recursive: true });
    expect(leftovers(net.run)).toHaveLength(1 + 4 + 2);
    await net.close(300);
    expect(stubborn.exit).toEqual({ code: null, signal: "SIGKILL" });
    expect(leftovers(net.run)).toEqual([]);
  }, 30_000);

  test("tells of a process that nobody wrote down", async () => {
    const net = await openNet({ nodes: { a: { kind: "host" } }, links: [] });
    const stranger = spawn("nsenter", [`--net=/run/netns/${net.namespace("a")}`, "sleep", "60"]);
    await waitFor("it is inside", () => execFileSync("ip", ["netns", "pids", net.namespace("a")], { encoding: "utf8" }).includes(String(stranger.pid)));
    await expect(net.close()).rejects.toThrow(`process ${stranger.pid}`);
    stranger.kill("SIGKILL");
  }, 30_000);

  test("sweep removes an abandoned run and no other", async () => {
    const living = await openNet({ nodes: { a: { kind: "host" } }, links: [] });
    const abandoned = openRun();
    const sleeper = spawn("sleep", ["60"]);
    noteProcess(abandoned, sleeper.pid ?? 0);
    execFileSync("ip", ["netns", "add", `${abandoned.prefix}-x`]);
    writeFileSync(join(abandoned.folder, "owner"), "1 1\n"); // process 1 did not start at tick 1
    mkdirSync(abandoned.pins);
    const other = openRun();
    expect((await sweepAll()).filter((what) => what.includes(abandoned.prefix) || what.includes(String(sleeper.pid)))).toHaveLength(3);
    expect([leftovers(abandoned), namespacesOf(living.run).length, existsSync(other.folder)]).toEqual([[], 1, true]);
    expect(await sweepRun(other)).toEqual([`folder ${other.folder}`]);
    await living.close();
  }, 30_000);
});
