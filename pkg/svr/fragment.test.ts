// Cutting a packet (protocol 10.2): sizes, offsets, TLV 1, the tag; pieces are read back with the ordinary parsers.
import { addressOfWords } from "../base/address.ts";
import { readU16, readU32 } from "../base/bytes.ts";
import { buildPacket } from "./build.ts";
import { parseHeader } from "./decode.ts";
import { encodeMetadata } from "./encode.ts";
import { BODY_MAX, ExtIds, cutPacket, fragmentSize, planFragments } from "./fragment.ts";
import type { FragmentPlan, FragmentTask, WholePacket } from "./fragment.ts";
import type { Metadata } from "./metadata.ts";
import { parsePacket } from "./packet.ts";
import { checkSanity } from "./sanity.ts";

const whole4 = { ipId: 0, largest: 0, dontFragment: true };
const task = (more: Partial<FragmentTask> = {}): FragmentTask =>
  ({ headers: 28, carrier: "udp", isSigned: true, body: 1_472, pathMtu: 1_400, original: whole4, extId: 0xfeed0001, ...more });
function planOf(more: Partial<FragmentTask> = {}): FragmentPlan {
  const plan = planFragments(task(more));
  if (!plan.ok) throw new Error(plan.error);
  return plan.value;
}
const ranges = (plan: FragmentPlan): number[][] => plan.slices.map((slice) => [slice.from, slice.to]);

test("M-1 a packet of 1,500 bytes without metadata over 1,400: 34 bytes in front of the first slice, 26 of the others", () => {
  const plan = planOf();
  expect(plan.firstMetadata).toBe(12 + 22);
  expect(ranges(plan)).toEqual([[0, 1_336], [1_336, 1_472]]); // 1400 - 28 - 34 = 1338, whole units
  expect(plan.udpLength).toBe(8 + 34 + 1_472 + 16);
  expect(plan.slices.map((slice) => slice.tlv)).toEqual([
    { extId: 0xfeed0001, ipId: 0, dontFragment: true, more: true, offset: 0, largest: 0 },
    { extId: 0xfeed0001, ipId: 0, dontFragment: true, more: false, offset: 1_336, largest: 0 },
  ]);
});

test.each<{ desc: string; more: Partial<FragmentTask>; first: number }>([
  { desc: "metadata with TLV 16 grows by TLV 1", more: { metadata: { length: 200, hasKeyId: true } }, first: 214 },
  { desc: "an empty header grows by TLV 1 and TLV 16", more: { metadata: { length: 12, hasKeyId: false } }, first: 34 },
  { desc: "key exchange has neither TLV 16 nor a tag", more: { isSigned: false, pathMtu: 1_280 }, first: 26 },
  { desc: "metadata of an unsigned packet grows by TLV 1", more: { isSigned: false, metadata: { length: 90, hasKeyId: false } }, first: 104 },
])("M-1 metadata of the first fragment: $desc", ({ more, first }) => {
  const plan = planOf(more);
  expect(plan.firstMetadata).toBe(first);
  expect(plan.tag).toBe(more.isSigned === false ? 0 : 16);
});

test("M-1 the tag never stands alone and never exceeds the MTU", () => {
  for (let body = 1_200; body < 4_200; body++) {
    const plan = planOf({ body });
    for (const { from, to, tlv } of plan.slices) {
      const size = 28 + (from === 0 ? 34 : 26) + (to - from) + (tlv.more ? 0 : 16);
      if (size > 1_400 || to <= from || (tlv.more && (to - from) % 8 !== 0)) throw new Error(`body ${body}: [${from}, ${to}) of ${size}`);
    }
    expect(plan.slices.at(-1)?.to).toBe(body);
    expect(plan.slices.map((slice) => slice.from)).toEqual([0, ...plan.slices.slice(0, -1).map((slice) => slice.to)]);
  }
});

test("M-1 a packet that fits after all is one fragment, even without a body", () => {
  expect(ranges(planOf({ body: 8 }))).toEqual([[0, 8]]);
  expect(ranges(planOf({ body: 0 }))).toEqual([[0, 0]]);
});

test("M-1 TCP has no length field for the tag to cover", () => {
  expect(planOf({ carrier: "tcp", headers: 60 }).udpLength).toBe(0);
});

test("M-1 the UDP length under the tag wraps at 65,536", () => {
  expect(planOf({ body: BODY_MAX }).udpLength).toBe(8 + 34 + 65_535 + 16 - 65_536);
});

test.each<{ desc: string; more: Partial<FragmentTask> }>([
  { desc: "a body above 65,535 bytes", more: { body: BODY_MAX + 1 } },
  { desc: "no room beside the first metadata", more: { metadata: { length: 1_100, hasKeyId: true }, pathMtu: 1_150 } },
  { desc: "no room at all", more: { pathMtu: 70 } },
])("RB-18 too big: $desc", ({ more }) => {
  expect(planFragments(task(more))).toEqual({ ok: false, error: "too-big" });
});

test("RB-18 the largest body over the least MTU stays below 128 fragments", () => {
  expect(planOf({ body: BODY_MAX, pathMtu: 1_280, headers: 100 }).slices.length).toBeLessThan(64);
});

test.each([
  { desc: "whole original: path MTU", pathMtu: 9_000, largest: 0, size: 9_000 },
  { desc: "fragments of the host were smaller", pathMtu: 9_000, largest: 1_500, size: 1_500 },
  { desc: "not below 1,280", pathMtu: 9_000, largest: 576, size: 1_280 },
  { desc: "not above the path MTU", pathMtu: 1_400, largest: 1_500, size: 1_400 },
])("M-2 fragment size: $desc", ({ pathMtu, largest, size }) => {
  expect(fragmentSize(pathMtu, largest)).toBe(size);
});

const client = { source: addressOfWords(4, 0x0a01010a), destination: addressOfWords(4, 0x0a020214), sourcePort: 4, destinationPort: 5, proto: 17, family: 4 as const };
const metadata: Metadata = { keyId: 0xe6b4c9d8, forwardContext: client, uuid: new Uint8Array(16).fill(7), tenant: "corp", service: "dns", sourceRouter: "east" };
const body = Uint8Array.from({ length: 1_472 }, (_, at) => at & 0xff);
const tag = new Uint8Array(16).fill(0xaa);

/** The way the router goes: plan, encode M1, lay out the whole, sign (here a constant), cut. */
function fragmentsOf(ends: { family: 4 | 6; tcp: boolean; dontFragment: boolean }): { plan: FragmentPlan; packets: Uint8Array[]; whole: WholePacket } {
  const { family, tcp } = ends;
  const headers = (family === 4 ? 20 : 40) + (tcp ? 24 : 8);
  const plain = encodeMetadata(metadata);
  if (!plain.ok) throw new Error("metadata");
  const plan = planOf({ headers, carrier: tcp ? "tcp" : "udp", metadata: { length: plain.value.length, hasKeyId: true } });
  const first = encodeMetadata({ ...metadata, fragment: plan.slices[0]!.tlv });
  if (!first.ok) throw new Error("metadata");
  expect(first.value.length).toBe(plan.firstMetadata);
  const ip = { source: addressOfWords(family, 0x0a000001, 1), destination: addressOfWords(family, 0x0a000002, 2), ipId: 9, dontFragment: ends.dontFragment };
  const ports = { sourcePort: 16384, destinationPort: 16385 };
  const data = buildPacket(ip, tcp ? { kind: "tcp", ...ports, seq: 77, flags: 0x18, options: Uint8Array.of(2, 4, 5, 180) } : { kind: "udp", ...ports },
    Uint8Array.of(...first.value.bytes, ...body, ...tag));
  const whole = { data, l4: family === 4 ? 20 : 40, payload: headers, body: headers + first.value.length };
  let id = 100;
  return { plan, packets: cutPacket(whole, plan, () => id++), whole };
}

describe.each([
  { family: 4, tcp: false }, { family: 4, tcp: true }, { family: 6, tcp: false }, { family: 6, tcp: true },
] as const)("M-1 IPv$family, TCP $tcp", ({ family, tcp }) => {
  const { packets } = fragmentsOf({ family, tcp, dontFragment: true });
  const parsed = packets.map((data) => {
    const packet = parsePacket(data);
    if (!packet.ok) throw new Error(packet.error);
    const header = parseHeader(data, packet.value.payload, packet.value.end);
    if (!header.ok) throw new Error(header.error);
    return { packet: packet.value, header: header.value };
  });

  test("each fragment is a complete packet on the same 5-tuple with right lengths and checksums, within the MTU", () => {
    for (const { packet } of parsed) {
      expect(checkSanity(packet)).toBeUndefined();
      expect([packet.sourcePort, packet.destinationPort, packet.end]).toEqual([16384, 16385, packet.data.length]);
      expect(packet.end).toBeLessThanOrEqual(1_400);
      expect(packet.tcp?.seq).toBe(tcp ? 77 : undefined);
    }
  });

  test("they share the ext-id, offsets are contiguous, MF on all but the last", () => {
    expect(parsed.map(({ header }) => header.metadata.fragment?.extId)).toEqual(parsed.map(() => 0xfeed0001));
    expect(parsed.map(({ header }) => header.metadata.fragment?.more)).toEqual(parsed.map((_, at) => at < parsed.length - 1));
    const lengths = parsed.map(({ packet, header }, at) => packet.end - header.body - (at === parsed.length - 1 ? 16 : 0));
    expect(parsed.map(({ header }) => header.metadata.fragment?.offset)).toEqual(lengths.map((_, at) => lengths.slice(0, at).reduce((a, b) => a + b, 0)));
    expect(lengths.reduce((a, b) => a + b, 0)).toBe(body.length);
  });

  test("TLV 16 and the session's TLVs on the first only, one tag at the end of the last", () => {
    expect(parsed.map(({ header }) => header.metadata.keyId)).toEqual([0xe6b4c9d8, ...parsed.slice(1).map(() => undefined)]);
    expect(parsed.slice(1).map(({ header }) => header.headerLength + header.payloadLength)).toEqual(parsed.slice(1).map(() => 26));
    expect([...parsed.at(-1)!.packet.data.subarray(-16)]).toEqual([...tag]);
    expect([...parsed[0]!.packet.data.subarray(-1)]).not.toEqual([0xaa]);
  });
});

test("M-1 IPv4 identification is kept with DF and new per fragment without", () => {
  expect(fragmentsOf({ family: 4, tcp: false, dontFragment: true }).packets.map((data) => readU16(data, 4))).toEqual([9, 9]);
  const loose = fragmentsOf({ family: 4, tcp: false, dontFragment: false }).packets;
  expect(loose.map((data) => readU16(data, 4))).toEqual([100, 101]);
});

test("M-1 the flow label of IPv6 stays on every fragment", () => {
  const { whole, plan } = fragmentsOf({ family: 6, tcp: false, dontFragment: true });
  whole.data[3] = 0x5a;
  expect(cutPacket(whole, plan, () => 0).map((data) => readU32(data, 0))).toEqual([0x6000005a, 0x6000005a]);
});

test("M-1 ext-ids: two shards of a path never give the same one", () => {
  const shards = [0, 1].map((number) => new ExtIds(0xfffffff0, { number, count: 2 }));
  const ids = shards.flatMap((shard) => Array.from({ length: 100 }, () => shard.next()));
  expect(new Set(ids).size).toBe(200);
  expect(ids.every((id) => Number.isInteger(id) && id >= 0 && id <= 0xffffffff)).toBe(true);
});
