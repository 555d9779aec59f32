// Adaptive encryption (S-6) with real hosts over a transit router, offloads on:
//
//   a --lan0 r1 wan0 == west0 t east0 == wan0 r2 lan0-- b        captures at r2 wan0, where bodies would show
//
// What hosts encrypt themselves crosses as they sent it; everything else is encrypted from the first payload packet on.
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startCapture } from "../support/capture.ts";
import { openDropper } from "../support/drop.ts";
import type { Dropper } from "../support/drop.ts";
import { openNet } from "../support/net.ts";
import { describeNet } from "../support/probe.ts";
import { openRawHost, RawTcp } from "../support/rawtcp.ts";
import { startFabric } from "../support/router.ts";
import type { Fabric } from "../support/router.ts";
import type { Site } from "../support/site.ts";
import { hostAddress, transit } from "../support/topologies.ts";
import { startTcpServer, startUdpClient, startUdpServer } from "../support/traffic.ts";
import { readWire } from "../support/wire.ts";
import type { WirePacket } from "../support/wire.ts";

const families = [4, 6] as const;
type Family = (typeof families)[number];
const site: Site = {
  tenants: [{ name: "corp", members: [{ router: "r1", interface: "lan0" }] }],
  services: [{ name: "east", addresses: ["10.2.0.0/24", "fd00:2::/64"], at: { router: "r2", interface: "lan0" }, more: { securityPolicyRef: { name: "adaptive" } } }],
  policies: { adaptive: { payloadEncryption: "GCM" } },
};
const CLIENT_HELLO = Buffer.concat([Buffer.from("16030101000100", "hex"), Buffer.from("a client that encrypts by itself, more or less: this is what nobody need hide")]);

describeNet("adaptive encryption", () => {
  let fabric: Fabric, there: Dropper, back: Dropper;
  const folder = mkdtempSync(join(tmpdir(), "opensvr-adaptive-"));
  let used = 5_000;

  beforeAll(async () => {
    fabric = await startFabric(await openNet(transit), site);
    [there, back] = [await openDropper(fabric.net, "r1", "wan0"), await openDropper(fabric.net, "r2", "wan0")];
  }, 60_000);
  afterAll(async () => {
    await fabric.close();
    rmSync(folder, { recursive: true });
  }, 60_000);

  const shows = (packets: readonly WirePacket[], text: Buffer): boolean => packets.some((one) => Buffer.from(one.packet.data).includes(text));

  /** What ingress and egress report of a session. */
  async function words(port: number): Promise<(string | undefined)[]> {
    const views = await Promise.all(["r1", "r2"].map(async (name) => fabric.router(name).sessions()));
    return views.flatMap((of) => of.filter(({ destinationPort }) => destinationPort === port).map(({ security }) => security));
  }

  /** What a client says in one connection, with pauses in seconds between its parts, and what came back; and the packets between the routers. */
  async function talk(to: { address: string; port: number }, parts: (Buffer | number)[], expected: number): Promise<{ heard: Buffer; packets: WirePacket[]; seconds: number }> {
    const said = parts.map((part, index) => {
      if (typeof part === "number") return `sleep ${part}; `;
      writeFileSync(join(folder, `part${index}`), part);
      return `cat ${join(folder, `part${index}`)} >&3; `;
    }).join("");
    const capture = await startCapture(fabric.net, "r2", "wan0");
    const started = performance.now();
    const { stdout, stderr } = await fabric.net.exec("a", ["timeout", "10", "bash", "-c", `exec 3<>/dev/tcp/${to.address}/${to.port}; ${said}head -c ${expected} <&3 | base64 -w0`]);
    if (stderr !== "") throw new Error(stderr);
    return { heard: Buffer.from(stdout, "base64"), packets: readWire(await capture.stop(), fabric.keys("t", "r2")), seconds: (performance.now() - started) / 1000 };
  }

  async function echo(family: Family): Promise<{ address: string; port: number }> {
    const to = { address: hostAddress(2, family), port: ++used };
    await startTcpServer(fabric.net, "b", to);
    return to;
  }

  test.each(families)("S-6 TLS over IPv%i: its bytes cross as they are, and nothing has a tag but metadata", async (family) => {
    const more = randomBytes(3_000);
    const { heard, packets } = await talk(await echo(family), [CLIENT_HELLO, 0.2, more], CLIENT_HELLO.length + more.length);
    expect(heard.equals(Buffer.concat([CLIENT_HELLO, more]))).toBe(true);
    expect([shows(packets, CLIENT_HELLO), shows(packets, more.subarray(0, 500))]).toEqual([true, true]);
    expect(packets.some((one) => one.metadata?.tlvs.payloadEncrypted === true)).toBe(false);
    expect(await words(used)).toEqual(["adaptive-tls", "adaptive-tls"]);
  }, 30_000);

  test.each(families)("S-6 plain HTTP over IPv%i: encrypted from the first payload packet on, both ways", async (family) => {
    const request = Buffer.from("GET /confidential HTTP/1.1\r\nhost: east\r\n\r\n"), body = randomBytes(100_000);
    const { heard, packets } = await talk(await echo(family), [request, body], request.length + body.length);
    expect(heard.equals(Buffer.concat([request, body]))).toBe(true);
    expect([shows(packets, Buffer.from("confidential")), shows(packets, body.subarray(50_000, 50_100))]).toEqual([false, false]);
    const switched = packets.filter((one) => one.metadata?.tlvs.modify?.reason === 2);
    expect(switched.length).toBeGreaterThan(0);
    expect(switched.every(({ metadata }) => metadata?.tlvs.payloadEncrypted === true && metadata.tlvs.security?.scope === 1)).toBe(true);
  }, 30_000);

  test.each(families)("S-6 a server over IPv%i that speaks first: encrypted from its greeting on", async (family) => {
    const to = { address: hostAddress(2, family), port: ++used };
    await startTcpServer(fabric.net, "b", { ...to, stream: 50_000 });
    const { heard, packets } = await talk(to, [], 50_000);
    expect(heard.length).toBe(50_000);
    for (const at of [0, 1_000, 30_000]) expect(shows(packets, heard.subarray(at, at + 60))).toBe(false);
  }, 30_000);

  test.each(families)("8.3 too little to tell over IPv%i: held until more comes, or for a second, and nothing of it shows or is lost", async (family) => {
    const [first, rest] = [Buffer.from([0x16, 3]), Buffer.from("\u0009 confidential, and no TLS at all")];
    const soon = await talk(await echo(family), [first, 0.2, rest], first.length + rest.length);
    expect([soon.heard.toString(), shows(soon.packets, Buffer.from("confidential"))]).toEqual([first.toString() + rest.toString(), false]);
    const late = await talk(await echo(family), [first, 3, rest], first.length + rest.length);
    expect([late.heard.toString(), shows(late.packets, Buffer.from("confidential"))]).toEqual([first.toString() + rest.toString(), false]);
    const hello = await talk(await echo(family), [CLIENT_HELLO.subarray(0, 3), 0.2, CLIENT_HELLO.subarray(3)], CLIENT_HELLO.length);
    expect([hello.heard.equals(CLIENT_HELLO), shows(hello.packets, CLIENT_HELLO.subarray(3))]).toEqual([true, true]);
  }, 60_000);

  test.each(families)("S-6 a Fast Open SYN over IPv%i with plain HTTP is encrypted itself", async (family) => {
    const to = await echo(family), host = await openRawHost(fabric.net, { host: "a", router: "r1", device: "lan0", address: hostAddress(1, family, 77) });
    const capture = await startCapture(fabric.net, "r2", "wan0");
    await new RawTcp(host, to, 51_000, 5_000).open(Buffer.from("GET /confidential"));
    const packets = readWire(await capture.stop(), fabric.keys("t", "r2"));
    expect(packets.some((one) => one.metadata?.tlvs.payloadEncrypted === true)).toBe(true);
    expect(shows(packets, Buffer.from("confidential"))).toBe(false);
  }, 30_000);

  test.each(families)("S-6 UDP over IPv%i is encrypted at once; QUIC and IPsec are as hosts sent them", async (family) => {
    const body = Buffer.from("confidential");
    const quic = Buffer.concat([Buffer.from("c000000001", "hex"), randomBytes(1_195)]);
    for (const [port, said, isShown] of [[++used, body, false], [++used, quic, true], [4_500, body, true], [500, body, true]] as const) {
      await startUdpServer(fabric.net, "b", { address: hostAddress(2, family), port });
      const client = await startUdpClient(fabric.net, "a", { to: hostAddress(2, family), port });
      const capture = await startCapture(fabric.net, "r2", "wan0");
      for (let round = 0; round < 4; round++) expect(await client.send(1, { body: said.toString("hex") })).toMatchObject({ answered: 1, wrong: 0 });
      expect(shows(readWire(await capture.stop(), fabric.keys("t", "r2")), said.subarray(0, 12))).toBe(isShown);
      expect(new Set(await words(port))).toEqual(new Set([!isShown ? "encrypted" : said === quic ? "adaptive-tls" : "adaptive-ipsec"]));
    }
  }, 30_000);

  test.each(families)("RB-22 the modify over IPv%i is lost, three times each way: every byte arrives, and none in the clear", async (family) => {
    const request = Buffer.from("POST /confidential HTTP/1.1\r\n\r\n"), body = randomBytes(30_000);
    const rule = { metadata: "with", proto: 6, skip: 1, count: 3 } as const; // the first is the handshake of the session
    await Promise.all([there.set(rule), back.set(rule)]);
    const { heard, packets } = await talk(await echo(family), [request, 0.5, body], request.length + body.length);
    expect(heard.equals(Buffer.concat([request, body]))).toBe(true);
    for (const { dropped } of [await there.seen(), await back.seen()]) expect(dropped).toBe(3);
    expect([shows(packets, Buffer.from("confidential")), shows(packets, body.subarray(0, 100)), shows(packets, body.subarray(20_000, 20_100))]).toEqual([false, false, false]);
    await Promise.all([there.set(), back.set()]);
  }, 60_000);
});
