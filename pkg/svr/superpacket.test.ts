// Super-packets: what the segments say, and that they are the super-packet again.
import { addressOfWords } from "../base/address.ts";
import { concatBytes } from "../base/bytes.ts";
import { parseAddress } from "../base/addresstext.ts";
import { buildPacket } from "./build.ts";
import { parsePacket } from "./packet.ts";
import type { Packet } from "./packet.ts";
import { hasGoodChecksum } from "./sanity.ts";
import { checksumOf, sumBytes } from "./checksum.ts";
import { cutSegments } from "./superpacket.ts";

const v4 = { source: addressOfWords(4, 0x0a000001), destination: addressOfWords(4, 0x0a000002), ipId: 0xffff };
const v6 = { source: parseAddress("2001:db8::1")!, destination: parseAddress("2001:db8::2")! };
const body = Uint8Array.from({ length: 3500 }, (_, index) => (index * 7) & 0xff);
const parsed = (data: Uint8Array): Packet => {
  const packet = parsePacket(data);
  if (!packet.ok) throw new Error(packet.error);
  return packet.value;
};
const payloadOf = (packet: Packet): Uint8Array => packet.data.subarray(packet.payload, packet.end);

describe("W-8 super-packets are cut into their segments", () => {
  test.each([["IPv4", v4], ["IPv6", v6]])("W-8 TCP over %s", (_desc, ip) => {
    const data = buildPacket(ip, { kind: "tcp", sourcePort: 1, destinationPort: 2, seq: 0xffffff00, ack: 5, flags: 0x99, window: 9, options: Uint8Array.of(1, 1, 1, 0) }, body);
    const segments = cutSegments(data, 1448).map(parsed);
    expect(segments.map((one) => one.end - one.payload)).toEqual([1448, 1448, 604]);
    expect(segments.map((one) => one.tcp?.seq)).toEqual([0xffffff00, (0xffffff00 + 1448) >>> 0, (0xffffff00 + 2896) >>> 0]);
    expect(segments.map((one) => one.tcp?.flags)).toEqual([0x90, 0x10, 0x19]);
    if (ip === v4) expect(segments.map((one) => one.ipId)).toEqual([0xffff, 0, 1]);
    expect(segments.every(hasGoodChecksum)).toBe(true);
    expect(concatBytes(...segments.map(payloadOf))).toEqual(body);
  });

  test("W-8 UDP", () => {
    const segments = cutSegments(buildPacket(v4, { kind: "udp", sourcePort: 1, destinationPort: 2 }, body), 1000).map(parsed);
    expect(segments.map((one) => one.end - one.payload)).toEqual([1000, 1000, 1000, 500]);
    expect(segments.every(hasGoodChecksum)).toBe(true);
  });

  const inner = (ip: typeof v4 | typeof v6): Uint8Array => buildPacket(ip, { kind: "tcp", sourcePort: 1, destinationPort: 2, seq: 7, ack: 5, flags: 0x18, window: 9 }, body);
  const vxlan = Uint8Array.from([8, 0, 0, 0, 0, 0, 5, 0, ...Array.from({ length: 12 }, () => 2), 8, 0]);
  const tunnels: [desc: string, outer: typeof v4 | typeof v6, transport: Parameters<typeof buildPacket>[1], between: Uint8Array][] = [
    ["VXLAN", v4, { kind: "udp", sourcePort: 9, destinationPort: 4789 }, vxlan], ["VXLAN over IPv6", v6, { kind: "udp", sourcePort: 9, destinationPort: 4789 }, vxlan],
    ["VXLAN without a checksum", v4, { kind: "udp", sourcePort: 9, destinationPort: 4789, noChecksum: true }, vxlan], ["GRE", v4, { kind: "other", proto: 47 }, Uint8Array.of(0, 0, 8, 0)],
    ["GRE with a checksum", v4, { kind: "other", proto: 47 }, Uint8Array.of(0x80, 0, 8, 0, 0, 0, 0, 0)], ["IP in IP", v4, { kind: "other", proto: 4 }, new Uint8Array(0)],
  ];

  test.each(tunnels.flatMap((tunnel) => ([v4, v6] as const).map((ip) => [...tunnel, ip] as const)))("%s: the packet inside is cut, every segment has the headers of the tunnel", (desc, outer, transport, between, ip) => {
    const packet = inner(ip), whole = buildPacket(outer, transport, concatBytes(between, packet)), at = whole.length - packet.length;
    const parts = cutSegments(whole, 1400, at + parsed(packet).l4);
    const insides = parts.map((data) => parsed(data.slice(at)));
    expect(insides.map((one) => [one.end - one.payload, one.tcp?.seq, hasGoodChecksum(one)])).toEqual([[1400, 7, true], [1400, 1407, true], [700, 2807, true]]);
    expect(concatBytes(...insides.map(payloadOf))).toEqual(body);
    expect(parts.map((data) => [parsed(data).end, hasGoodChecksum(parsed(data))])).toEqual(parts.map((data) => [data.length, true]));
    expect(parts.map((data) => data.slice(at - between.length + (desc.startsWith("GRE with") ? 8 : 0), at))).toEqual(parts.map(() => between.slice(desc.startsWith("GRE with") ? 8 : 0)));
    if (desc === "VXLAN without a checksum") expect(parts.map((data) => data.slice(26, 28))).toEqual(parts.map(() => new Uint8Array(2)));
    if (desc === "GRE with a checksum") expect(parts.map((data) => checksumOf(sumBytes(data, 20, data.length)))).toEqual(parts.map(() => 0));
  });

  test("a tunnel whose packet is not found, or is no super-packet, stays whole", () => {
    const packet = inner(v4), whole = buildPacket(v4, { kind: "other", proto: 47 }, concatBytes(Uint8Array.of(0, 0, 8, 0), packet));
    expect(cutSegments(whole, 1400, 60)).toEqual([whole]);
    expect(cutSegments(whole, 4000, 44)).toEqual([whole]);
  });

  test.each([
    ["no offload", 0, buildPacket(v4, { kind: "udp", sourcePort: 1, destinationPort: 2 }, body)],
    ["one segment", 4000, buildPacket(v4, { kind: "udp", sourcePort: 1, destinationPort: 2 }, body)],
    ["too many segments", 8, buildPacket(v4, { kind: "udp", sourcePort: 1, destinationPort: 2 }, body)],
    ["another protocol", 1000, buildPacket(v4, { kind: "other", proto: 47 }, body)],
    ["no packet", 1000, Uint8Array.of(1, 2, 3)],
  ])("a packet with %s stays whole", (_desc, size, data) => {
    expect(cutSegments(data, size)).toEqual([data]);
  });
});
