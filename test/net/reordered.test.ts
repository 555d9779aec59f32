// Switches of protection over a path that delays packets and changes their order all the time (RB-22):
//
//   a --lan0 r1 wan0 == middle == wan0 r2 lan0-- b        15 ms in each direction, every second frame behind the next one; capture at r2 wan0
//
// Adaptive encryption decides at the first payload; a policy comes to ask for encryption under bulk traffic; the far router forgets the session
// right behind the switch. No byte is lost, and none that hosts said after the switch is in the clear.
import { startCapture } from "../support/capture.ts";
import { startDelay, withMiddle } from "../support/delay.ts";
import type { Delayer } from "../support/delay.ts";
import { forgetSession } from "../support/forget.ts";
import { openNet } from "../support/net.ts";
import { describeNet } from "../support/probe.ts";
import { Fabric } from "../support/router.ts";
import type { SiteService } from "../support/site.ts";
import { hostAddress, pair } from "../support/topologies.ts";
import { startTcpClient, startTcpServer, startUdpClient, startUdpServer } from "../support/traffic.ts";
import { passes, waitFor } from "../support/wait.ts";
import { readWire } from "../support/wire.ts";
import type { WirePacket } from "../support/wire.ts";

const families = [4, 6] as const;
const DELAY_MS = 15, SWAP = 2;
const service = (name: string, first: number): SiteService => ({
  name, addresses: ["10.2.0.0/24", "fd00:2::/64"], at: { router: "r2", interface: "lan0" }, more: { securityPolicyRef: { name } },
  transports: ["TCP", "UDP"].map((protocol) => ({ protocol, ports: [`${first}-${first + 999}`] })),
});
const cases = families.flatMap((family) => [{ family, suite: "CBC" }, { family, suite: "GCM" }]);

describeNet("a switch on a path that changes the order of packets", () => {
  let fabric: Fabric, delayer: Delayer;
  let used = 0;

  beforeAll(async () => {
    fabric = new Fabric(await openNet(withMiddle(pair, "r1-r2")), {
      tenants: [{ name: "corp", members: [{ router: "r1", interface: "lan0" }] }], services: [service("adaptive", 1_000), service("later", 2_000)],
      policies: { adaptive: { payloadEncryption: "GCM" }, later: {} },
    });
    delayer = await startDelay(fabric.net, DELAY_MS, { swap: SWAP });
    await Promise.all(fabric.routers.map((router) => router.start()));
  }, 90_000);
  afterAll(async () => {
    for (const way of await delayer.seen()) expect([way.lost, way.least >= DELAY_MS]).toEqual([0, true]);
    await fabric.close();
  }, 60_000);

  const shows = (packets: readonly WirePacket[], text: Buffer): boolean => packets.some((one) => Buffer.from(one.packet.data).includes(text));
  const wordsOf = async (port: number): Promise<(string | undefined)[]> => (await Promise.all(fabric.routers.map(async (router) => router.live({ destinationPort: String(port) })))).flatMap((of) => of.map(({ security }) => security));
  const hashes = async (): Promise<string[]> => Promise.all(fabric.routers.map(async (router) => (await router.status()).configuration.hash));
  const applied = async (spec: Record<string, unknown>): Promise<void> => {
    const before = await hashes();
    fabric.put({ ...fabric.object("SecurityPolicy", "later"), spec });
    await waitFor("both routers have it", async () => (await hashes()).every((hash, index) => hash !== before[index]));
  };
  const dropped = async (): Promise<number> => {
    const all = await Promise.all(fabric.routers.map(async (router) => router.drops()));
    return all.reduce((sum, drops) => sum + ["hmac-failure", "decrypt-failure", "no-key", "replay-payload"].reduce((of, reason) => of + (drops[reason] ?? 0), 0), 0);
  };

  test.each(families)("RB-22 adaptive encryption over IPv%i: what a client or a server says first is encrypted from then on, and every byte arrives", async (family) => {
    const address = hostAddress(2, family), [echo, stream] = [1_000 + ++used, 1_000 + ++used], request = "GET /confidential HTTP/1.1 ";
    await startTcpServer(fabric.net, "b", { address, port: echo });
    await startTcpServer(fabric.net, "b", { address, port: stream, stream: 200_000 });
    const capture = await startCapture(fabric.net, "r2", "wan0");
    const said = `exec 3<>/dev/tcp/${address}/${echo}; (printf '${request}%.0s' {1..4000} >&3 &); head -c ${4_000 * request.length} <&3 | md5sum; exec 4<>/dev/tcp/${address}/${stream}; head -c 200000 <&4 | wc -c`;
    const { stdout } = await fabric.net.exec("a", ["timeout", "20", "bash", "-c", said]);
    const { stdout: expected } = await fabric.net.exec("a", ["bash", "-c", `printf '${request}%.0s' {1..4000} | md5sum`]);
    expect(stdout.split(/\s+/).filter(Boolean)).toEqual([...expected.split(/\s+/).filter(Boolean), "200000"]);
    const packets = readWire(await capture.stop(), fabric.keys("r1", "r2"));
    expect([shows(packets, Buffer.from("confidential")), packets.some(({ metadata }) => metadata?.tlvs.modify !== undefined)]).toEqual([false, true]); // reason 2, or where its metadata was cut in two, that it is done
  }, 60_000);

  test.each(cases)("RB-22 1.2 $suite comes into force under bulk TCP over IPv$family: every byte is in its place", async ({ family, suite }) => {
    const to = { address: hostAddress(2, family), port: 2_000 + ++used }, before = await dropped();
    await startTcpServer(fabric.net, "b", to);
    const client = startTcpClient(fabric.net, "a", { to: to.address, port: to.port, sessions: 4, messageBytes: 100_000 });
    await waitFor("the echo", async () => (await client.report()).answered === 4);
    let isApplied = false;
    const applying = applied({ payloadEncryption: suite, adaptive: false }).finally(() => { isApplied = true; });
    do await client.say(); while (!isApplied);
    await applying;
    await waitFor("it is in force", async () => { await client.say(); return (await wordsOf(to.port)).every((one) => one === "encrypted"); }, { deadlineMs: 5_000 });
    await waitFor("all echoes", async () => (await client.report()).answered === 4, { deadlineMs: 30_000 });
    expect(await client.stop()).toMatchObject({ answered: 4, wrong: 0, faults: {} });
    console.log(`reordered switch, ${suite}, IPv${family}: ${await dropped() - before} packets of 4 TCP sessions were dropped`);
    await applied({});
  }, 60_000);

  test.each(cases)("RB-22 1.2 $suite comes into force under UDP over IPv$family: what the path overtook is lost at most", async ({ family, suite }) => {
    const to = { address: hostAddress(2, family), port: 2_000 + ++used };
    await startUdpServer(fabric.net, "b", to);
    const client = await startUdpClient(fabric.net, "a", { to: to.address, port: to.port });
    await client.send(5);
    let isApplied = false, sent = 0, answered = 0;
    const applying = applied({ payloadEncryption: suite, adaptive: false }).finally(() => { isApplied = true; });
    do {
      const round = await client.send(50, { waitMs: 500 });
      expect(round.wrong).toBe(0);
      [sent, answered] = [sent + round.sent, answered + round.answered];
    } while (!isApplied || !(await wordsOf(to.port)).every((one) => one === "encrypted"));
    await applying;
    console.log(`reordered switch, ${suite}, IPv${family}: ${sent - answered} of ${sent} datagrams had no answer`);
    expect(sent - answered).toBeLessThan(50);
    expect(await client.send(50)).toMatchObject({ answered: 50, wrong: 0 });
    await applied({});
  }, 60_000);

  test.each(families)("RB-22 the far router forgets a session over IPv%i right behind its switch: it goes on encrypted, every byte in its place", async (family) => {
    const to = { address: hostAddress(2, family), port: 1_000 + ++used };
    await startTcpServer(fabric.net, "b", to);
    const client = startTcpClient(fabric.net, "a", { to: to.address, port: to.port, sessions: 1, everyMs: 20 });
    const id = await waitFor("it is there", async () => (await fabric.router("r2").live({ destinationPort: String(to.port) }))[0]?.sessionId);
    forgetSession(fabric.net, "r2", id);
    const { receivedBytes } = await client.report();
    await waitFor("it goes on", async () => (await client.report()).receivedBytes > receivedBytes + 2_000);
    await passes(100);
    expect(await wordsOf(to.port)).toEqual(["encrypted", "encrypted"]);
    expect(await client.stop()).toMatchObject({ answered: 1, wrong: 0, faults: {} });
  }, 60_000);
});
