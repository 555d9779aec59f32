// ICMP errors as bytes: type, code, size that would pass, quote within the limit, and who never gets one.
import { addressOfWords } from "../base/address.ts";
import { readU32 } from "../base/bytes.ts";
import { buildPacket } from "./build.ts";
import { buildIcmpError } from "./icmperror.ts";
import { parsePacket } from "./packet.ts";
import type { Packet } from "./packet.ts";
import { hasGoodChecksum } from "./sanity.ts";

const ends = (family: 4 | 6): { source: Packet["source"]; destination: Packet["source"] } =>
  ({ source: addressOfWords(family, 0x0a010002, family === 6 ? 1 : 0), destination: addressOfWords(family, 0x0a020003, family === 6 ? 2 : 0) });
const own = (family: 4 | 6): Packet["source"] => addressOfWords(family, 0x0a010001, family === 6 ? 9 : 0);
function parsed(data: Uint8Array): Packet {
  const packet = parsePacket(data);
  if (!packet.ok) throw new Error(packet.error);
  return packet.value;
}
const datagram = (family: 4 | 6, length: number): Packet => parsed(buildPacket(ends(family), { kind: "udp", sourcePort: 1, destinationPort: 2 }, new Uint8Array(length).fill(3)));

test.each([
  { desc: "IPv4 time exceeded", family: 4, error: { kind: "time-exceeded" }, type: 11, code: 0, rest: 0 },
  { desc: "IPv6 time exceeded", family: 6, error: { kind: "time-exceeded" }, type: 3, code: 0, rest: 0 },
  { desc: "IPv4 fragmentation needed", family: 4, error: { kind: "too-big", mtu: 1400 }, type: 3, code: 4, rest: 1400 },
  { desc: "IPv4 has 16 bits for the size", family: 4, error: { kind: "too-big", mtu: 70_000 }, type: 3, code: 4, rest: 65_535 },
  { desc: "IPv6 packet too big", family: 6, error: { kind: "too-big", mtu: 1280 }, type: 2, code: 0, rest: 1280 },
] as const)("$desc", ({ family, error, type, code, rest }) => {
  const about = datagram(family, 100);
  const packet = parsed(buildIcmpError(about, own(family), error)!);
  const at = packet.l4;
  expect([packet.source, packet.destination, packet.data[at], packet.data[at + 1], readU32(packet.data, at + 4)]).toEqual([own(family), about.source, type, code, rest]);
  expect(Buffer.compare(packet.data.subarray(at + 8), about.data)).toBe(0);
  expect(hasGoodChecksum(packet)).toBe(true);
});

test.each([[4, 576], [6, 1_280]] as const)("IPv%i: the error never exceeds %i bytes", (family, limit) => {
  expect(buildIcmpError(datagram(family, 3_000), own(family), { kind: "time-exceeded" })).toHaveLength(limit);
});

const icmp = (type: number): Packet => parsed(buildPacket(ends(4), { kind: "icmp", type }));
test.each<{ desc: string; packet: Packet; answered: boolean }>([
  { desc: "an ICMP error", packet: icmp(3), answered: false },
  { desc: "an echo request", packet: icmp(8), answered: true },
  { desc: "a multicast destination", packet: { ...datagram(4, 1), destination: addressOfWords(4, 0xe0000001) }, answered: false },
  { desc: "a broadcast destination", packet: { ...datagram(4, 1), destination: addressOfWords(4, -1) }, answered: false },
  { desc: "a multicast source", packet: { ...datagram(6, 1), source: addressOfWords(6, 0xff020000, 0, 0, 1) }, answered: false },
  { desc: "no source", packet: { ...datagram(4, 1), source: addressOfWords(4, 0) }, answered: false },
  { desc: "a first fragment", packet: { ...datagram(4, 1), fragment: { offset: 0, more: true, id: 1 } }, answered: true },
  { desc: "a later fragment", packet: { ...datagram(4, 1), fragment: { offset: 8, more: true, id: 1 } }, answered: false },
])("12.4 $desc is answered: $answered", ({ packet, answered }) => {
  expect(buildIcmpError(packet, own(packet.family), { kind: "time-exceeded" }) !== undefined).toBe(answered);
});
