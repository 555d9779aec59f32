// A SecurityPolicy that changes under live sessions (behaviour 1.2), with real hosts and packets over a transit router:
//
//   a --lan0 r1 wan0 == west0 t east0 == wan0 r2 lan0-- b        capture at r2 wan0, where bodies would show
//
// Each service has a policy of its own. What asks for more takes effect on sessions that live, within 5 s, with the same UUID, and no host notices.
import { randomBytes } from "node:crypto";
import type { SessionView } from "../../pkg/api/view.ts";
import { startCapture } from "../support/capture.ts";
import { openNet } from "../support/net.ts";
import { describeNet } from "../support/probe.ts";
import { startFabric } from "../support/router.ts";
import type { Fabric } from "../support/router.ts";
import type { Site, SiteService } from "../support/site.ts";
import { hostAddress, transit } from "../support/topologies.ts";
import { startTcpClient, startTcpServer, startUdpClient, startUdpServer } from "../support/traffic.ts";
import type { TcpClient } from "../support/traffic.ts";
import { waitFor } from "../support/wait.ts";
import { readWire } from "../support/wire.ts";
import type { WirePacket } from "../support/wire.ts";

const families = [4, 6] as const;
type Policy = Record<string, unknown>;
const CBC = { payloadEncryption: "CBC", adaptive: false }, GCM = { payloadEncryption: "GCM", adaptive: false }, ADAPTIVE = { payloadEncryption: "GCM" }, TAGS = { hmacScope: "EveryPacket" };

/** What a policy is before and after, what sessions say of themselves then, and by how much a body of 40 bytes is longer between routers. */
const changes: { name: string; first: number; before: Policy; after: Policy; word: string; growth: number }[] = [
  { name: "cbc", first: 1_000, before: {}, after: CBC, word: "encrypted", growth: 8 + 8 + 16 },
  { name: "gcm", first: 2_000, before: {}, after: GCM, word: "encrypted", growth: 8 + 16 + 16 },
  { name: "adaptive", first: 3_000, before: {}, after: ADAPTIVE, word: "encrypted", growth: 8 + 16 + 16 },
  { name: "tagged", first: 4_000, before: {}, after: TAGS, word: "clear", growth: 16 },
  { name: "less", first: 6_000, before: CBC, after: {}, word: "encrypted", growth: 8 + 8 + 16 },
];
const service = (name: string, first: number): SiteService => ({
  name, addresses: ["10.2.0.0/24", "fd00:2::/64"], at: { router: "r2", interface: "lan0" }, more: { securityPolicyRef: { name } },
  transports: ["TCP", "UDP"].map((protocol) => ({ protocol, ports: [`${first}-${first + 999}`] })),
});
const site: Site = {
  tenants: [{ name: "corp", members: [{ router: "r1", interface: "lan0" }] }],
  services: [...changes.map(({ name, first }) => service(name, first)), service("tags-then-gcm", 5_000)],
  policies: { ...Object.fromEntries(changes.map(({ name, before }) => [name, before])), "tags-then-gcm": TAGS },
};
const WITHIN_MS = 5_000; // behaviour 1.2

describeNet("a SecurityPolicy under live sessions", () => {
  let fabric: Fabric;
  let used = 0;

  beforeAll(async () => { fabric = await startFabric(await openNet(transit), site); }, 60_000);
  afterAll(async () => { await fabric.close(); }, 60_000);

  const names = ["r1", "t", "r2"];
  const shows = (packets: readonly WirePacket[], text: Buffer): boolean => packets.some((one) => Buffer.from(one.packet.data).includes(text));
  const at = async (name: string, port: number): Promise<SessionView[]> => fabric.router(name).live({ destinationPort: String(port) });
  const wordsOf = async (port: number): Promise<(string | undefined)[]> => (await Promise.all(names.map(async (name) => at(name, port)))).flatMap((of) => of.map(({ security }) => security));
  const idsOf = async (port: number): Promise<string[]> => [...new Set((await Promise.all(names.map(async (name) => at(name, port)))).flatMap((of) => of.map(({ sessionId }) => sessionId)))];
  const hashes = async (): Promise<string[]> => Promise.all(names.map(async (name) => (await fabric.router(name).status()).configuration.hash));
  const applied = async (name: string, spec: Policy): Promise<void> => {
    const before = await hashes();
    fabric.put({ ...fabric.object("SecurityPolicy", name), spec });
    await waitFor("all routers have it", async () => (await hashes()).every((hash, index) => hash !== before[index]));
  };

  async function wire(during: () => Promise<void>): Promise<WirePacket[]> {
    const capture = await startCapture(fabric.net, "r2", "wan0");
    await during();
    return readWire(await capture.stop(), fabric.keys("t", "r2"));
  }

  const each = changes.flatMap((change) => families.map((family) => ({ ...change, family })));

  test.each(each)("1.2 $name under UDP over IPv$family: nothing is lost, and nothing is said as before once it is in force", async ({ name, first, before, after, word, growth, family }) => {
    const to = { address: hostAddress(2, family), port: first + ++used }, body = randomBytes(40);
    await startUdpServer(fabric.net, "b", to);
    const client = await startUdpClient(fabric.net, "a", { to: to.address, port: to.port });
    const say = async (rounds: number): Promise<void> => { for (let round = 0; round < rounds; round++) expect(await client.send(1, { body: body.toString("hex") })).toMatchObject({ answered: 1, wrong: 0 }); };
    await say(4);
    const ids = await idsOf(to.port);
    let isApplied = false;
    const applying = applied(name, after).finally(() => { isApplied = true; });
    do expect(await client.send(20)).toMatchObject({ answered: 20, wrong: 0 }); while (!isApplied);
    await applying;
    const packets = await waitFor("it is in force, both ways", async () => {
      const seen = (await wire(async () => say(9))).filter(({ packet }) => packet.proto === 17);
      const plain = seen.filter(({ metadata }) => metadata === undefined);
      return plain.length >= 18 && plain.every(({ packet }) => packet.end - packet.payload === body.length + growth) && seen;
    }, { deadlineMs: WITHIN_MS });
    expect([shows(packets, body), [...new Set(await wordsOf(to.port))], await idsOf(to.port)]).toEqual([word !== "encrypted", [word], ids]);
    await applied(name, before);
  }, 30_000);

  test.each(families)("1.2 tags over IPv%i under a policy that comes to encrypt: the session ends by policy, and the next one is encrypted", async (family) => {
    const to = { address: hostAddress(2, family), port: 5_000 + ++used };
    await startTcpServer(fabric.net, "b", to);
    const start = (): TcpClient => startTcpClient(fabric.net, "a", { to: to.address, port: to.port, sessions: 2, everyMs: 50 });
    const client = start();
    await waitFor("both talk", async () => (await client.report()).answered === 2);
    await applied("tags-then-gcm", GCM);
    await waitFor("the hosts hear it", async () => (await client.report()).faults["ECONNRESET"] === 2, { deadlineMs: WITHIN_MS });
    const ends = await waitFor("the records", () => { const found = fabric.router("r1").records().filter((one) => one.recordType === "end" && one.destinationPort === to.port); return found.length === 2 && found; });
    expect(ends.map(({ endReason }) => endReason)).toEqual(["policy", "policy"]);
    const next = start();
    await waitFor("both talk again", async () => (await next.report()).answered === 2);
    expect(new Set(await wordsOf(to.port))).toEqual(new Set(["encrypted"]));
    await next.stop();
    await applied("tags-then-gcm", TAGS);
  }, 30_000);

  test.each(each)("1.2 $name under TCP over IPv$family: bulk goes on over the change, every byte in its place", async ({ name, first, before, after, word, family }) => {
    const to = { address: hostAddress(2, family), port: first + ++used };
    await startTcpServer(fabric.net, "b", to);
    const client = startTcpClient(fabric.net, "a", { to: to.address, port: to.port, sessions: 2, messageBytes: 300_000 });
    await waitFor("the echo", async () => (await client.report()).answered === 2);
    const ids = (await idsOf(to.port)).toSorted();
    let isApplied = false;
    const applying = applied(name, after).finally(() => { isApplied = true; });
    do await client.say(); while (!isApplied);
    await applying;
    const inForce = async (): Promise<boolean> => { await client.say(); return (await wordsOf(to.port)).every((one) => one === word); };
    await waitFor("it is in force", inForce, { deadlineMs: WITHIN_MS });
    await waitFor("all echoes", async () => (await client.report()).answered === 2);
    expect((await idsOf(to.port)).toSorted()).toEqual(ids);
    expect(await client.stop()).toMatchObject({ answered: 2, wrong: 0, faults: {} });
    await applied(name, before);
  }, 30_000);
});
