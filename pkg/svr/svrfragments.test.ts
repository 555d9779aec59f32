// From cut to join (protocol 10.2): the receiver gets the array that the sender signed.
import fc from "fast-check";
import { addressOfWords } from "../base/address.ts";
import { readU16 } from "../base/bytes.ts";
import { buildPacket } from "./build.ts";
import { parseHeader } from "./decode.ts";
import { encodeMetadata } from "./encode.ts";
import { cutPacket, planFragments } from "./fragment.ts";
import type { WholePacket } from "./fragment.ts";
import { parsePacket } from "./packet.ts";
import { Reassembler, ROUTER_LIMITS } from "./reassembly.ts";
import { joinSvr, packetOfWhole } from "./svrfragments.ts";
import type { SvrFragment } from "./svrfragments.ts";

interface Shape { family: 4 | 6; tcp: boolean; body: number; pathMtu: number; extId?: number }

/** A signed whole and its fragments; the tag is sixteen constant bytes. */
function sent({ family, tcp, body, pathMtu, extId = 7 }: Shape): { whole: WholePacket; packets: Uint8Array[] } {
  const headers = (family === 4 ? 20 : 40) + (tcp ? 20 : 8);
  const plan = planFragments({ headers, carrier: tcp ? "tcp" : "udp", isSigned: true, body, pathMtu, original: { ipId: 5, largest: 0, dontFragment: true }, extId });
  if (!plan.ok) throw new Error(plan.error);
  const first = encodeMetadata({ keyId: 0x01020304, fragment: plan.value.slices[0]!.tlv });
  if (!first.ok) throw new Error(first.error);
  const ip = { source: addressOfWords(family, 0x0a000001, 1), destination: addressOfWords(family, 0x0a000002, 2), ipId: 9 };
  const ports = { sourcePort: 16384, destinationPort: 16385 };
  const content = Uint8Array.from({ length: body }, (_, at) => (at * 7) & 0xff);
  const data = buildPacket(ip, tcp ? { kind: "tcp", ...ports, flags: 0x10 } : { kind: "udp", ...ports }, Uint8Array.of(...first.value.bytes, ...content, ...new Uint8Array(16).fill(0xaa)));
  const whole = { data, l4: family === 4 ? 20 : 40, payload: headers, body: headers + first.value.length };
  return { whole, packets: cutPacket(whole, plan.value, () => 0) };
}

function received(data: Uint8Array, more: Partial<SvrFragment> = {}): SvrFragment {
  const packet = parsePacket(data);
  if (!packet.ok) throw new Error(packet.error);
  const header = parseHeader(data, packet.value.payload, packet.value.end);
  if (!header.ok || header.value.metadata.fragment === undefined) throw new Error("no TLV 1");
  return { packet: packet.value, ifnum: 1, vlan: 0, fragment: header.value.metadata.fragment, body: header.value.body, tag: 16, ...more };
}

function joinAll(into: Reassembler, packets: readonly Uint8Array[], more: Partial<SvrFragment> = {}): WholePacket | undefined {
  return packets.map((data, time) => joinSvr(into, received(data, more), time)).find((whole) => whole !== undefined);
}

const shape = fc.record({ family: fc.constantFrom(4, 6), tcp: fc.boolean(), body: fc.integer({ min: 1, max: 6_000 }), pathMtu: fc.integer({ min: 1_280, max: 1_500 }) }) as fc.Arbitrary<Shape>;

test("M-1 the receiver has what the sender signed: A with the whole UDP length, M1, B, tag", () => {
  fc.assert(fc.property(shape, fc.boolean(), (one, reversed) => {
    const { whole, packets } = sent(one);
    const joined = joinAll(new Reassembler(ROUTER_LIMITS), reversed ? packets.toReversed() : packets);
    expect(joined).toMatchObject({ l4: whole.l4, payload: whole.payload, body: whole.body });
    const checksum = whole.l4 + (one.tcp ? 16 : 6); // void in both: it is zero under the tag
    for (const data of [whole.data, joined!.data]) data.fill(0, checksum, checksum + 2);
    expect(Buffer.compare(joined!.data, whole.data)).toBe(0);
    if (!one.tcp) expect(readU16(joined!.data, whole.l4 + 4)).toBe(8 + (whole.body - whole.payload) + one.body + 16);
  }), { numRuns: 60 });
});

test("M-1 a body of 65,535 bytes: the UDP length wraps as in protocol 10.2, nothing is lost", () => {
  const { whole, packets } = sent({ family: 4, tcp: false, body: 65_535, pathMtu: 1_400 });
  const joined = joinAll(new Reassembler(ROUTER_LIMITS), packets)!;
  expect(joined.data.length).toBe(whole.data.length);
  expect(readU16(joined.data, 24)).toBe((8 + 34 + 65_535 + 16) & 0xffff);
});

test("M-5 a missing fragment gives nothing and is counted after 5 s", () => {
  const { packets } = sent({ family: 4, tcp: false, body: 4_000, pathMtu: 1_400 });
  const into = new Reassembler(ROUTER_LIMITS);
  expect(joinAll(into, packets.slice(1))).toBeUndefined();
  into.expire(5_000);
  expect(into.takeDiscarded()).toBe(1);
});

test.each([
  { desc: "ext-id", change: (fragment: SvrFragment): SvrFragment => ({ ...fragment, fragment: { ...fragment.fragment, extId: 8 } }) },
  { desc: "interface", change: (fragment: SvrFragment): SvrFragment => ({ ...fragment, ifnum: 2 }) },
  { desc: "VLAN", change: (fragment: SvrFragment): SvrFragment => ({ ...fragment, vlan: 3 }) },
  { desc: "source address", change: (fragment: SvrFragment): SvrFragment => ({ ...fragment, packet: { ...fragment.packet, source: addressOfWords(4, 9) } }) },
  { desc: "destination address", change: (fragment: SvrFragment): SvrFragment => ({ ...fragment, packet: { ...fragment.packet, destination: addressOfWords(4, 9) } }) },
  { desc: "source port", change: (fragment: SvrFragment): SvrFragment => ({ ...fragment, packet: { ...fragment.packet, sourcePort: 9 } }) },
  { desc: "destination port", change: (fragment: SvrFragment): SvrFragment => ({ ...fragment, packet: { ...fragment.packet, destinationPort: 9 } }) },
])("RB-28 fragments of two packets never mix: another $desc", ({ change }) => {
  const { packets } = sent({ family: 4, tcp: false, body: 2_000, pathMtu: 1_400 });
  const into = new Reassembler(ROUTER_LIMITS);
  joinSvr(into, received(packets[0]!), 0);
  expect(joinSvr(into, change(received(packets[1]!)), 1)).toBeUndefined();
  expect(joinSvr(into, received(packets[1]!), 2)).toBeDefined();
});

test("M-5 a last fragment that is shorter than its tag is refused", () => {
  const { packets } = sent({ family: 4, tcp: false, body: 1_400, pathMtu: 1_400 });
  const last = received(packets.at(-1)!);
  const short = { ...last, packet: { ...last.packet, end: last.body + 4 } };
  const into = new Reassembler(ROUTER_LIMITS);
  expect(joinSvr(into, short, 0)).toBeUndefined();
  expect(into.takeDiscarded()).toBe(1);
});

test("M-5 key exchange has no tag: all of the last fragment is body", () => {
  const { whole, packets } = sent({ family: 4, tcp: false, body: 2_000, pathMtu: 1_400 });
  const joined = joinAll(new Reassembler(ROUTER_LIMITS), packets, { tag: 0 })!;
  expect(joined.data.length).toBe(whole.data.length);
});

test("RB-18 the parsed view of a whole: its own headers and bytes, also where the lengths wrapped", () => {
  for (const shape of [{ family: 4, tcp: true, body: 3_000, pathMtu: 1_400 }, { family: 6, tcp: false, body: 65_535, pathMtu: 1_400 }] as const) {
    const whole = joinAll(new Reassembler(ROUTER_LIMITS), sent(shape).packets)!;
    const packet = packetOfWhole(whole)!;
    expect([packet.data === whole.data, packet.end, packet.l4, packet.payload]).toEqual([true, whole.data.length, whole.l4, whole.payload]);
    expect([packet.sourcePort, packet.destinationPort, packet.family, packet.tcp !== undefined]).toEqual([16384, 16385, shape.family, shape.tcp]);
    expect(parseHeader(packet.data, packet.payload, packet.end)).toMatchObject({ ok: true, value: { body: whole.body } });
  }
});

test("W-6 a whole whose headers do not fit is no packet", () => {
  const data = new Uint8Array(60);
  data.set([0x45, 0, 0, 0, 0, 0, 0, 0, 9, 17]);
  expect(packetOfWhole({ data, l4: 20, payload: 22, body: 40 })).toBeUndefined(); // two bytes of a UDP header
});
