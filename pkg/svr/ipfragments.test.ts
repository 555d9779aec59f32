// IP fragments in and out: plain reassembly and re-fragmentation for both families, with their limits.
import fc from "fast-check";
import { addressOfWords } from "../base/address.ts";
import { readU16, writeU16 } from "../base/bytes.ts";
import { buildPacket } from "./build.ts";
import { finishIpv4Header } from "./checksum.ts";
import { cutIp, decideEgress, joinIp } from "./ipfragments.ts";
import type { IpFragment, WholeIp } from "./ipfragments.ts";
import { parsePacket } from "./packet.ts";
import { checkSanity } from "./sanity.ts";
import { Reassembler, ROUTER_LIMITS } from "./reassembly.ts";

function udp(family: 4 | 6, length: number, dontFragment = false): Uint8Array {
  const ip = { source: addressOfWords(family, 0x0a000001, 1), destination: addressOfWords(family, 0x0a000002, 2), ipId: 77, dontFragment, tos: 0xb8 };
  return buildPacket(ip, { kind: "udp", sourcePort: 5000, destinationPort: 53 }, Uint8Array.from({ length }, (_, at) => (at * 3) & 0xff));
}

function received(data: Uint8Array, more: Partial<IpFragment> = {}): IpFragment {
  const packet = parsePacket(data);
  if (!packet.ok) throw new Error(packet.error);
  return { packet: packet.value, ifnum: 1, vlan: 0, ...more };
}

function joinAll(into: Reassembler, packets: readonly Uint8Array[]): WholeIp | undefined {
  return packets.map((data, time) => joinIp(into, received(data), time)).find((whole) => whole !== undefined);
}

const shape = fc.record({ family: fc.constantFrom(4 as const, 6 as const), length: fc.integer({ min: 0, max: 9_000 }), size: fc.integer({ min: 600, max: 1_500 }), reversed: fc.boolean() });

test("M-2 cut and joined again is the packet, fragments are sound and within the size", () => {
  fc.assert(fc.property(shape, ({ family, length, size, reversed }) => {
    const data = udp(family, length);
    const fragments = cutIp(data, { size, id: 77 });
    for (const fragment of fragments) {
      expect(fragment.length).toBeLessThanOrEqual(size);
      expect(checkSanity(received(fragment).packet)).toBeUndefined();
    }
    if (data.length + (family === 6 ? 8 : 0) <= size) return expect(fragments).toHaveLength(1);
    const whole = joinAll(new Reassembler(ROUTER_LIMITS), reversed ? fragments.toReversed() : fragments)!;
    expect(Buffer.compare(whole.data, data)).toBe(0);
    expect(checkSanity(received(whole.data).packet)).toBeUndefined();
    expect(whole.original).toEqual({ ipId: 77, largest: Math.max(...fragments.map((fragment) => fragment.length)), dontFragment: family === 6 });
  }), { numRuns: 80 });
});

test("M-2 the egress emits nothing larger than the largest fragment seen, with the original id", () => {
  const seen = cutIp(udp(4, 4_000), { size: 900, id: 4242 });
  const whole = joinAll(new Reassembler(ROUTER_LIMITS), seen)!;
  const fate = decideEgress(whole.data.length, 4, { mtu: 1_500, original: whole.original });
  expect(fate).toEqual({ kind: "fragment", size: whole.original.largest, id: "original" });
  const out = cutIp(whole.data, { size: whole.original.largest, id: whole.original.ipId });
  expect(Math.max(...out.map((fragment) => fragment.length))).toBeLessThanOrEqual(Math.max(...seen.map((fragment) => fragment.length)));
  expect(out.map((fragment) => readU16(fragment, 4))).toEqual(out.map(() => 4242));
});

const original = (largest: number, dontFragment = false): WholeIp["original"] => ({ ipId: 1, largest, dontFragment });

test.each([
  { desc: "fits", length: 1_500, family: 4, mtu: 1_500, original: undefined, fate: { kind: "whole" } },
  { desc: "IPv4 above the MTU without TLV 1: new id", length: 1_501, family: 4, mtu: 1_500, original: undefined, fate: { kind: "fragment", size: 1_500, id: "new" } },
  { desc: "IPv6 above the MTU", length: 1_501, family: 6, mtu: 1_500, original: undefined, fate: { kind: "too-big" } },
  { desc: "TLV 1 says DF", length: 1_501, family: 4, mtu: 1_500, original: original(0, true), fate: { kind: "too-big" } },
  { desc: "arrived whole without DF: new id", length: 1_501, family: 4, mtu: 1_500, original: original(0), fate: { kind: "fragment", size: 1_500, id: "new" } },
  { desc: "arrived whole and fits", length: 1_400, family: 4, mtu: 1_500, original: original(0, true), fate: { kind: "whole" } },
  { desc: "arrived in fragments, larger MTU here: not larger than seen", length: 1_400, family: 4, mtu: 9_000, original: original(1_000), fate: { kind: "fragment", size: 1_000, id: "original" } },
  { desc: "arrived in fragments, smaller MTU here", length: 3_000, family: 4, mtu: 1_280, original: original(1_500), fate: { kind: "fragment", size: 1_280, id: "original" } },
  { desc: "IPv6 in fragments that fit: new id", length: 3_000, family: 6, mtu: 1_500, original: original(1_500, true), fate: { kind: "fragment", size: 1_500, id: "new" } },
  { desc: "IPv6 in fragments that do not fit", length: 3_000, family: 6, mtu: 1_280, original: original(1_500, true), fate: { kind: "too-big" } },
  { desc: "IPv4 with DF in fragments that fit", length: 3_000, family: 4, mtu: 1_500, original: original(1_500, true), fate: { kind: "fragment", size: 1_500, id: "original" } },
  { desc: "IPv4 with DF in fragments that do not fit", length: 3_000, family: 4, mtu: 1_280, original: original(1_500, true), fate: { kind: "too-big" } },
] as const)("M-2 at the egress: $desc", ({ length, family, mtu, original: tlv, fate }) => {
  expect(decideEgress(length, family, tlv === undefined ? { mtu } : { mtu, original: tlv })).toEqual(fate);
});

test("M-2 DF stays on the fragments of a packet whose host set it", () => {
  const data = udp(4, 2_000, true);
  const fragments = cutIp(data, { size: 1_000, id: 3 });
  expect(fragments.map((fragment) => (fragment[6]! & 0x40) !== 0)).toEqual([true, true, true]);
  expect(joinAll(new Reassembler(ROUTER_LIMITS), fragments)?.original.dontFragment).toBe(true);
});

test("M-2 a size without room for one unit is raised to one: bounded, never empty", () => {
  const fragments = cutIp(udp(4, 20), { size: 10, id: 3 });
  expect(fragments.map((fragment) => fragment.length)).toEqual([28, 28, 28, 24]);
});

test("M-5 one missing fragment: nothing comes out, discarded after 5 s", () => {
  const into = new Reassembler(ROUTER_LIMITS);
  expect(joinAll(into, cutIp(udp(4, 4_000), { size: 1_000, id: 3 }).slice(1))).toBeUndefined();
  into.expire(5_000);
  expect(into.takeDiscarded()).toBe(1);
});

test("M-5 a packet that is no fragment is left alone", () => {
  const into = new Reassembler(ROUTER_LIMITS);
  expect(joinIp(into, received(udp(4, 10)), 0)).toBeUndefined();
  expect([into.open, into.takeDiscarded()]).toEqual([0, 0]);
});

test("M-5 fragments that would make an IPv4 packet above 65,535 bytes discard it", () => {
  const last = cutIp(udp(4, 100), { size: 76, id: 3 }).at(-1)!;
  writeU16(last, 6, 8_183); // 65,464 + 52 bytes of data stay below 65,535, with the header they do not
  finishIpv4Header(last);
  const into = new Reassembler(ROUTER_LIMITS);
  expect(joinIp(into, received(last), 0)).toBeUndefined();
  expect(into.takeDiscarded()).toBe(1);
});

test("M-5 IPv6 fragments behind other extension headers are discarded", () => {
  const fragment = cutIp(udp(6, 3_000), { size: 1_400, id: 3 })[0]!;
  const behind = Uint8Array.of(...fragment.subarray(0, 40), 44, 0, 1, 4, 0, 0, 0, 0, ...fragment.subarray(40));
  behind[6] = 60;
  writeU16(behind, 4, behind.length - 40);
  const into = new Reassembler(ROUTER_LIMITS);
  expect(joinIp(into, received(behind), 0)).toBeUndefined();
  expect(into.takeDiscarded()).toBe(1);
});

test.each([
  { desc: "interface", family: 4, change: (one: IpFragment): IpFragment => ({ ...one, ifnum: 2 }) },
  { desc: "VLAN", family: 6, change: (one: IpFragment): IpFragment => ({ ...one, vlan: 2 }) },
  { desc: "source", family: 6, change: (one: IpFragment): IpFragment => ({ ...one, packet: { ...one.packet, source: addressOfWords(6, 5) } }) },
  { desc: "destination", family: 4, change: (one: IpFragment): IpFragment => ({ ...one, packet: { ...one.packet, destination: addressOfWords(4, 5) } }) },
  { desc: "protocol", family: 4, change: (one: IpFragment): IpFragment => ({ ...one, packet: { ...one.packet, proto: 6 } }) },
  { desc: "identification", family: 6, change: (one: IpFragment): IpFragment => ({ ...one, packet: { ...one.packet, fragment: { ...one.packet.fragment!, id: 5 } } }) },
] as const)("RB-28 P-6 IPv$family fragments of two packets never mix: another $desc", ({ family, change }) => {
  const [first, second] = cutIp(udp(family, 1_500), { size: 1_000, id: 3 }) as [Uint8Array, Uint8Array];
  const into = new Reassembler(ROUTER_LIMITS);
  joinIp(into, received(first), 0);
  expect(joinIp(into, change(received(second)), 1)).toBeUndefined();
  expect(joinIp(into, received(second), 2)).toBeDefined();
});

test("M-2 IPv6 fragments of one packet belong together whatever next header the later ones name", () => {
  const [first, second] = cutIp(udp(6, 1_500), { size: 1_000, id: 3 }) as [Uint8Array, Uint8Array];
  second[40] = 6;
  expect(joinAll(new Reassembler(ROUTER_LIMITS), [second, first])?.data[6]).toBe(17);
});
