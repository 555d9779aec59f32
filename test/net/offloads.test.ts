// Checksums that hosts leave to the device inside tunnels, and the CRC of SCTP: first packets, which user space sends, and those after
// them arrive finished, byte for byte (behaviour 10.2):
//
//   a --lan0 r1 wan0 == wan0 r2 lan0-- b        VXLAN of the kernels; GRE, IP in IP and SCTP made by hand, to addresses that no kernel owns
import { concatBytes, toHex } from "../../pkg/base/bytes.ts";
import { buildPacket } from "../../pkg/svr/build.ts";
import { TCP_SYN } from "../../pkg/svr/constants.ts";
import { parsePacket } from "../../pkg/svr/packet.ts";
import { hasGoodChecksum } from "../../pkg/svr/sanity.ts";
import { startCapture } from "../support/capture.ts";
import { fieldsOf } from "../support/craft.ts";
import { forgetSession } from "../support/forget.ts";
import { openInjector } from "../support/inject.ts";
import type { Injector } from "../support/inject.ts";
import { openNet } from "../support/net.ts";
import { describeNet } from "../support/probe.ts";
import { startFabric } from "../support/router.ts";
import type { Fabric } from "../support/router.ts";
import { openSite } from "../support/site.ts";
import { hostAddress, linkAddress, pair } from "../support/topologies.ts";
import { startTcpClient, startTcpServer } from "../support/traffic.ts";
import { waitFor } from "../support/wait.ts";
import { readWire } from "../support/wire.ts";

const PATH_MTU = 1480, VXLAN = 4789, VXLAN_HEADERS = 8 + 14, GRE = [0, 0, 8, 0], SCTP = 132, CRC_AT = 8;
const inside = { a: "172.31.0.1", b: "172.31.0.2" };
const families = [4, 6] as const;
type Family = (typeof families)[number];

/** CRC-32C, one bit at a time (RFC 9260 appendix A). */
function crc32c(data: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of data) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ ((crc & 1) === 0 ? 0 : 0x82f63b78);
  }
  return ~crc >>> 0;
}

describeNet("checksums left to offload", () => {
  let fabric: Fabric, injector: Injector;
  const far = (family: Family): string => hostAddress(2, family, 60);

  beforeAll(async () => {
    fabric = await startFabric(await openNet(pair), openSite({ routers: { r1: { paths: { r2: { mtu: PATH_MTU } } } } }));
    const { net } = fabric;
    injector = await openInjector(net, { node: "a", device: "eth0" }, { node: "r1", device: "lan0" });
    const mac = net.macOf("b", "eth0").replaceAll(/(..)(?=.)/g, "$1:");
    for (const family of families) await net.must("r2", "ip", "neigh", "replace", far(family), "lladdr", mac, "dev", "lan0", "nud", "permanent");
  }, 60_000);
  afterAll(async () => { await fabric.close(); }, 60_000);

  async function tunnel(family: Family, mtu = 1400): Promise<void> {
    const ends = { a: hostAddress(1, family), b: hostAddress(2, family) };
    for (const [node, other] of [["a", "b"], ["b", "a"]] as const) {
      await fabric.net.must(node, "ip", "link", "add", "vx0", "type", "vxlan", "id", "7", "local", ends[node], "remote", ends[other], "dstport", String(VXLAN), "dev", "eth0");
      await fabric.net.must(node, "ip", "addr", "add", `${inside[node]}/24`, "dev", "vx0");
      await fabric.net.must(node, "ip", "link", "set", "vx0", "up", "mtu", String(mtu));
    }
  }
  async function untunnel(): Promise<void> {
    for (const node of ["a", "b"]) await fabric.net.must(node, "ip", "link", "del", "vx0");
  }

  test.each(families)("a TCP connection inside VXLAN over IPv%i: the first SYN arrives right, bulk data too, also when metadata is asked for again in the middle of it", async (family) => {
    await tunnel(family);
    const port = 80 + family;
    await startTcpServer(fabric.net, "b", { address: inside.b, port });
    const capture = await startCapture(fabric.net, "b", "eth0");
    const client = startTcpClient(fabric.net, "a", { to: inside.b, port, sessions: 1, messageBytes: 300_000, everyMs: 20 });
    await waitFor("data flows", async () => (await client.report()).receivedBytes > 3_000_000);
    const router = fabric.router("r1");
    for (let time = 0; time < 3; time++) {
      const { receivedBytes } = await client.report();
      for (const one of await fabric.router("r2").live({ destinationPort: String(VXLAN), sourceAddress: hostAddress(1, family) })) forgetSession(fabric.net, "r2", one.sessionId);
      await waitFor("it goes on", async () => (await client.report()).receivedBytes > receivedBytes + 3_000_000, { deadlineMs: 20_000 });
    }
    const syns = readWire(await capture.stop()).filter((one) => one.packet.destinationPort === VXLAN && one.source === hostAddress(1, family)).flatMap(({ packet }) => {
      const inner = parsePacket(packet.data.slice(packet.payload + VXLAN_HEADERS, packet.end));
      return inner.ok && inner.value.tcp?.flags !== undefined && (inner.value.tcp.flags & TCP_SYN) !== 0 ? [inner.value] : [];
    });
    expect(syns.map(hasGoodChecksum)).toEqual([true]); // once: nobody had to say it again
    expect(await client.stop()).toMatchObject({ answered: 1, wrong: 0, faults: {} });
    expect((await router.drops())["filter"] ?? 0).toBe(0);
    await untunnel();
  }, 90_000);

  test("M-1 segments inside VXLAN that would be longer than the path takes are cut and sent in fragments, though their super-packet's own header says less", async () => {
    await tunnel(4, 1450); // 1,500 bytes on the wire
    await fabric.net.must("r1", "ethtool", "-K", "wan0", "gso", "off", "tso", "off"); // so that a capture shows what is on the wire
    await startTcpServer(fabric.net, "b", { address: inside.b, port: 90 });
    const capture = await startCapture(fabric.net, "r1", "wan0");
    const client = startTcpClient(fabric.net, "a", { to: inside.b, port: 90, sessions: 1, messageBytes: 100_000, everyMs: 20 });
    await waitFor("data flows", async () => (await client.report()).receivedBytes > 1_000_000, { deadlineMs: 20_000 });
    expect(await client.stop()).toMatchObject({ answered: 1, wrong: 0, faults: {} });
    const lengths = readWire(await capture.stop()).filter((one) => one.source === linkAddress(1, 4, 0)).map((one) => one.packet.end);
    expect([lengths.length > 500, Math.max(...lengths) <= PATH_MTU, Math.max(...lengths) > 1400]).toEqual([true, true, true]);
    await fabric.net.must("r1", "ethtool", "-K", "wan0", "gso", "on", "tso", "on");
    await untunnel();
  }, 60_000);

  test.each(families.flatMap((family) => [["GRE", 47, GRE], ["IP in IP", 4, []]].map(([name, proto, head]) => [name, family, proto, head] as [string, Family, number, number[]])))("the TCP segment inside %s over IPv%i is finished, in the first packet and in the next", async (_name, family, proto, head) => {
    const capture = await startCapture(fabric.net, "b", "eth0");
    for (const n of [1, 2]) {
      const inner = buildPacket(fieldsOf("172.30.0.1", "172.30.0.2"), { kind: "tcp", sourcePort: 1000, destinationPort: 80, flags: TCP_SYN, seq: n, window: 100 }, Uint8Array.from({ length: 61 }, (_, at) => at * n));
      const whole = buildPacket(fieldsOf(hostAddress(1, family, 60), far(family)), { kind: "other", proto }, concatBytes(Uint8Array.from(head), inner));
      const left = whole.slice(), l4 = whole.length - inner.length + 20;
      const pseudo = [...inner.subarray(12, 20), 0, 6, 0, inner.length - 20]; // its sum stands in the field
      let sum = 0;
      for (let at = 0; at < pseudo.length; at += 2) sum += pseudo[at]! * 256 + pseudo[at + 1]!;
      left.set([(sum + (sum >>> 16)) >>> 8 & 255, (sum + (sum >>> 16)) & 255], l4 + 16);
      await injector.sendOffloaded({ start: l4, offset: 16 }, left);
      const arrived = await waitFor(`packet ${n}`, async () => readWire(await capture.frames()).filter((one) => one.packet.proto === proto && one.destination === far(family))[n - 1]);
      const { packet } = arrived;
      const bodies = [whole, ...(n === 1 ? [] : [left])].map((one) => toHex(one.subarray(packet.l4))); // the next one is still left to the device, by eBPF
      expect(bodies).toContain(toHex(packet.data.subarray(packet.l4, packet.end)));
    }
    await capture.stop();
  }, 30_000);

  test.each(families)("SCTP over IPv%i whose CRC is left to the device: each packet arrives with it", async (family) => {
    const capture = await startCapture(fabric.net, "b", "eth0");
    for (const n of [1, 2, 3]) {
      const chunk = Uint8Array.from([0x13, 0x88, 0x8e, 0x3c, 0, 0, 0, n, 0, 0, 0, 0, ...Array.from({ length: 41 + n }, (_, at) => (at * 7 + n) & 255)]);
      const whole = buildPacket(fieldsOf(hostAddress(1, family, 60), far(family)), { kind: "other", proto: SCTP }, chunk);
      await injector.sendOffloaded({ start: whole.length - chunk.length, offset: CRC_AT }, whole);
      const { packet } = await waitFor(`packet ${n}`, async () => readWire(await capture.frames()).filter((one) => one.packet.proto === SCTP && one.destination === far(family))[n - 1]);
      const crc = crc32c(chunk);
      chunk.set([crc, crc >>> 8, crc >>> 16, crc >>> 24].map((byte) => byte & 255), CRC_AT);
      expect(toHex(packet.data.subarray(packet.l4, packet.end))).toBe(toHex(chunk));
    }
    await capture.stop();
  }, 30_000);
});
