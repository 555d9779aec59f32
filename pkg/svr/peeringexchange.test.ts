// Packets of key exchange: whole and in fragments of at most 1,280 bytes, in any order, and what is none.
import fc from "fast-check";
import { parseAddress } from "../base/addresstext.ts";
import type { IpAddress } from "../base/address.ts";
import { buildPacket } from "./build.ts";
import { planMetadata, writeMetadata } from "./encode.ts";
import type { Metadata } from "./metadata.ts";
import { parsePacket } from "./packet.ts";
import { readPeering } from "./peering.ts";
import type { PeeringPacket, PeeringWay } from "./peering.ts";
import { isExchange, readExchange, writeExchange } from "./peeringexchange.ts";
import { KEY_EXCHANGE_LIMITS, Reassembler } from "./reassembly.ts";
import { hasGoodChecksum } from "./sanity.ts";

const address = (text: string): IpAddress => parseAddress(text)!;
const ways: PeeringWay[] = [
  { source: address("192.0.2.1"), destination: address("198.51.100.1"), destinationPort: 1280 },
  { source: address("2001:db8::1"), destination: address("2001:db8::2"), destinationPort: 40000 },
];
const sent = (message: Uint8Array, way: PeeringWay): Uint8Array[] => {
  const written = writeExchange(message, way, 7);
  if (!written.ok) throw new Error(written.error);
  return written.value;
};
const read = (data: Uint8Array, way: PeeringWay): PeeringPacket => {
  const packet = parsePacket(data);
  if (!packet.ok) throw new Error(packet.error);
  const peering = readPeering({ local: way.destination, remote: way.source, remotePort: 1280, data: data.slice(packet.value.payload, packet.value.end) });
  if (!peering.ok) throw new Error(peering.error);
  return peering.value;
};

test("15.2 10.2 a message of any length arrives as it was sent, whatever the order of its fragments", () => {
  fc.assert(fc.property(fc.integer({ min: 0, max: 9_000 }), fc.constantFrom(...ways), fc.boolean(), (length, way, isTurned) => {
    const message = new Uint8Array(length).map((_, index) => index * 7);
    const packets = sent(message, way);
    expect(packets.every((packet) => packet.length <= 1280)).toBe(true);
    expect(packets.map((packet) => parsePacket(packet)).every((packet) => packet.ok && hasGoodChecksum(packet.value))).toBe(true);
    const reassembler = new Reassembler(KEY_EXCHANGE_LIMITS);
    const arrived = (isTurned ? packets.toReversed() : packets).map((data) => read(data, way));
    expect(arrived.every(isExchange)).toBe(true);
    const results = arrived.map((one) => readExchange(one, reassembler, 0));
    expect(results.slice(0, -1)).toEqual(results.slice(1).map(() => ({ ok: true, value: undefined })));
    expect(results.at(-1)).toEqual({ ok: true, value: message });
  }), { numRuns: 60 });
});

test("one packet as long as it fits, fragments above that; nothing above 65,535 bytes", () => {
  const [way] = ways as [PeeringWay];
  const lengths = [1230, 1240, 1241, 1280, 1281, 2480].map((length) => sent(new Uint8Array(length), way).length);
  expect(lengths).toEqual([1, 1, 1, 2, 2, 3].map((count, place) => (place < 3 ? lengths[place] : count)));
  expect(sent(new Uint8Array(0), way)[0]!.length).toBe(20 + 8 + 12 + 5);
  expect(sent(new Uint8Array(1280 - 45), way)).toHaveLength(1);
  expect(sent(new Uint8Array(1280 - 44), way)).toHaveLength(2);
  expect(writeExchange(new Uint8Array(65_536), way, 1)).toEqual({ ok: false, error: "too-big" });
});

test("fragments of another type are no exchange once they are whole; other messages are none at all", () => {
  const [way] = ways as [PeeringWay];
  const packetWith = (content: Metadata, body: number): Uint8Array => {
    const plan = planMetadata(content);
    if (!plan.ok) throw new Error(plan.error);
    const payload = new Uint8Array(plan.value.length + body);
    writeMetadata(plan.value, payload, 0);
    return buildPacket(way, { kind: "udp", sourcePort: 1280, destinationPort: 1280 }, payload);
  };
  const tlv = { extId: 3, ipId: 0, largest: 0, dontFragment: true };
  const probe = packetWith({ message: 4, fragment: { ...tlv, more: true, offset: 0 } }, 16), rest = packetWith({ fragment: { ...tlv, more: false, offset: 16 } }, 3);
  const reassembler = new Reassembler(KEY_EXCHANGE_LIMITS);
  expect([probe, rest].map((data) => readExchange(read(data, way), reassembler, 0))).toEqual([{ ok: true, value: undefined }, { ok: false, error: "metadata-malformed" }]);
  expect(isExchange(read(packetWith({ message: 5 }, 6), way))).toBe(false);
});
