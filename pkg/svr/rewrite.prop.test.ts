// Rewriting keeps every byte of the body, sets addresses, ports and TTL, and leaves right checksums; rewriting back gives
// the original but for the TTL. ICMP goes through its UDP carrier and back.
import fc from "fast-check";
import { readAddress, type IpFamily } from "../base/address.ts";
import { parseAddress } from "../base/addresstext.ts";
import type { IpAddress } from "../base/address.ts";
import { fromHex, readU16, writeU16 } from "../base/bytes.ts";
import { buildPacket, type TransportSpec } from "./build.ts";
import { pseudoSum, storedChecksum } from "./checksum.ts";
import type { Endpoints, LayoutOptions } from "./layout.ts";
import { parsePacket, type Packet } from "./packet.ts";
import { rewritePacket } from "./rewrite.ts";
import { hasGoodChecksum } from "./sanity.ts";
import { mssFor, readMss } from "./tcp.ts";

const port = fc.integer({ min: 1, max: 0xffff });
const address = (family: IpFamily) => fc.uint8Array({ minLength: 16, maxLength: 16 }).map((bytes) => readAddress(bytes, 0, family));
const family = fc.constantFrom(4 as const, 6 as const);
const ends = (of: IpFamily) => fc.record({ source: address(of), destination: address(of), sourcePort: port, destinationPort: port });
const payload = fc.uint8Array({ maxLength: 60 });
const spec = fc.oneof(
  fc.record({ kind: fc.constant("tcp" as const), sourcePort: port, destinationPort: port, seq: fc.nat(0xffffffff), ack: fc.nat(0xffffffff), flags: fc.nat(255), options: fc.uint8Array({ maxLength: 40 }) }),
  fc.record({ kind: fc.constant("udp" as const), sourcePort: port, destinationPort: port }),
) as fc.Arbitrary<TransportSpec>;

function parsed(data: Uint8Array): Packet {
  const packet = parsePacket(data);
  if (!packet.ok) throw new Error("refused");
  return packet.value;
}
function rewritten(data: Uint8Array, to: Endpoints, options?: LayoutOptions): Uint8Array {
  const result = rewritePacket(parsed(data), to, options);
  if (!result.ok) throw new Error(result.error);
  return result.value;
}
const at = (text: string): IpAddress => parseAddress(text) as IpAddress;
const a = { source: at("10.1.1.10"), destination: at("10.2.2.20") };
const outside: Endpoints = { source: at("192.0.2.1"), destination: at("198.51.100.1"), sourcePort: 16384, destinationPort: 16385 };

describe("rewritePacket", () => {
  test("TCP and UDP: there and back gives the original but for the TTL", () => {
    const pair = fc.tuple(family, family).chain(([inner, outer]) => fc.tuple(ends(inner), ends(outer)));
    fc.assert(fc.property(pair, spec, payload, ([inner, outer], transport, body) => {
      const start = { ...transport, sourcePort: inner.sourcePort, destinationPort: inner.destinationPort } as TransportSpec;
      const data = buildPacket({ ...inner, ttl: 60, tos: 3, dontFragment: true }, start, body);
      const there = rewritten(data, outer);
      const seen = parsed(there);
      expect(seen).toMatchObject({ ...outer, ttl: 59, tos: 3, end: there.length });
      expect(hasGoodChecksum(seen)).toBe(true);
      expect(seen.data.slice(seen.payload)).toEqual(body);
      expect(rewritten(there, inner, { ttl: 60 })).toEqual(data);
    }), { numRuns: 500 });
  });

  test("ICMP queries travel in UDP with checksum 0 inside, and come back with their identifier", () => {
    const types = { 4: [0, 8, 13, 14], 6: [128, 129] } as const;
    const query = family.chain((of) => fc.tuple(ends(of), fc.constantFrom(...types[of]), fc.nat(0xffff), fc.nat(0xffff)));
    fc.assert(fc.property(query, family.chain(ends), payload, ([inner, type, identifier, sequence], outer, body) => {
      const data = buildPacket({ ...inner, ttl: 60 }, { kind: "icmp", type, rest: ((identifier << 16) | sequence) >>> 0 }, body);
      const { sourcePort, destinationPort, proto } = parsed(data);
      const there = rewritten(data, outer, { carrier: 17 });
      expect(parsed(there)).toMatchObject({ ...outer, proto: 17, end: data.length - parsed(data).l4 + parsed(there).payload });
      expect(hasGoodChecksum(parsed(there))).toBe(true);
      expect(readU16(there, parsed(there).payload + 2)).toBe(0);
      expect(rewritten(there, { ...inner, sourcePort, destinationPort }, { carrier: proto, ttl: 60 })).toEqual(data);
      const natted = parsed(rewritten(there, { ...inner, sourcePort: 777, destinationPort: 777 }, { carrier: proto }));
      expect([natted.sourcePort, natted.destinationPort].sort()).toEqual([0, 777]);
      expect(hasGoodChecksum(natted)).toBe(true);
      const direct = parsed(rewritten(data, { ...outer, ...inner, sourcePort: 778, destinationPort: 778 }));
      expect([[direct.sourcePort, direct.destinationPort].sort(), hasGoodChecksum(direct)]).toEqual([[0, 778], true]);
    }), { numRuns: 500 });
  });

  test("other protocols travel in UDP whole", () => {
    fc.assert(fc.property(family.chain(ends), family.chain(ends), payload, (inner, outer, body) => {
      const data = buildPacket(inner, { kind: "other", proto: 47 }, body);
      const there = rewritten(data, outer, { carrier: 17 });
      expect(hasGoodChecksum(parsed(there))).toBe(true);
      expect(rewritten(there, inner, { carrier: 47, ttl: 64 })).toEqual(data);
    }));
  });

  test("damage on the way in still shows behind the rewrite; a checksum left to offload is completed", () => {
    for (const [kind, field] of [["tcp", 16], ["udp", 6]] as const) {
      const transport: TransportSpec = kind === "tcp" ? { kind, sourcePort: 1, destinationPort: 2, flags: 16 } : { kind, sourcePort: 1, destinationPort: 2 };
      const data = buildPacket(a, transport, new Uint8Array(50).fill(7));
      data[60]! ^= 4;
      expect(hasGoodChecksum(parsed(rewritten(data, outside)))).toBe(false);
      writeU16(data, 20 + field, pseudoSum({ ...a, proto: data[9]! }, data.length - 20));
      const done = parsed(rewritten(data, outside));
      expect([hasGoodChecksum(done), storedChecksum(done.data, 20, done.proto) === pseudoSum(done, done.end - 20)]).toEqual([true, false]);
    }
  });

  test("UDP that its host sent without checksum keeps 0 over IPv4 and gets one over IPv6 or as ICMP", () => {
    const data = buildPacket(a, { kind: "udp", sourcePort: 1, destinationPort: 2, noChecksum: true }, fromHex("0800000000010001"));
    expect(storedChecksum(rewritten(data, outside), 20, 17)).toBe(0);
    const six = parsed(rewritten(data, { ...outside, source: at("2001:db8::1"), destination: at("2001:db8::2") }));
    expect([storedChecksum(six.data, 40, 17) === 0, hasGoodChecksum(six)]).toEqual([false, true]);
    expect(hasGoodChecksum(parsed(rewritten(data, { ...a, sourcePort: 5, destinationPort: 0 }, { carrier: 1 })))).toBe(true);
  });

  test("an echo reply of zeros gets the checksum ffff", () => {
    const data = buildPacket(a, { kind: "icmp", type: 0, rest: 5 << 16 });
    expect(storedChecksum(rewritten(data, { ...a, sourcePort: 0, destinationPort: 0 }), 20, 1)).toBe(0xffff);
  });

  test("the body alone is taken where metadata and tag surround it", () => {
    const data = buildPacket(a, { kind: "udp", sourcePort: 1, destinationPort: 2 }, fromHex("aaaa 70696e67 bb"));
    const inner = parsed(rewritten(data, outside, { bodyAt: 30, bodyEnd: 34, ttl: 7, tos: 1, ipId: 9, dontFragment: false }));
    expect(inner).toMatchObject({ end: 32, ttl: 7, tos: 1, ipId: 9, dontFragment: false });
    expect([hasGoodChecksum(inner), new TextDecoder().decode(inner.data.subarray(28))]).toEqual([true, "ping"]);
  });

  test.each([
    ["TCP in UDP", { kind: "tcp", sourcePort: 1, destinationPort: 2, flags: 2 }, 17, 0, "filter"], ["UDP in TCP", { kind: "udp", sourcePort: 1, destinationPort: 2 }, 6, 0, "filter"],
    ["seven bytes as ICMP", { kind: "udp", sourcePort: 1, destinationPort: 2 }, 1, 7, "filter"], ["more than fits IPv4", { kind: "icmp", type: 8 }, 17, 65500, "too-big"],
  ] as [string, TransportSpec, number, number, string][])("%s is refused", (_name, transport, carrier, size, error) => {
    expect(rewritePacket(parsed(buildPacket(a, transport, new Uint8Array(size))), outside, { carrier })).toEqual({ ok: false, error });
  });

  test("bytes may come from elsewhere, and a TTL of 0 stays 0", () => {
    const pool = new Uint8Array(100);
    const data = buildPacket({ ...a, ttl: 0 }, { kind: "udp", sourcePort: 1, destinationPort: 2 });
    const out = rewritten(data, outside, { take: (length) => pool.subarray(10, 10 + length) });
    expect([out.buffer === pool.buffer, parsed(out).ttl, out.length]).toEqual([true, 0, 28]);
  });
});

describe("MSS", () => {
  const syn = (options: string, flags = 2): Uint8Array => buildPacket(a, { kind: "tcp", sourcePort: 1, destinationPort: 2, flags, options: fromHex(options) as Uint8Array });
  test.each([
    ["lowered", "020405b4", 2, 1400, 1400], ["never raised", "02040564", 2, 1400, 1380], ["never below 536", "020405b4", 2, 300, 536], ["not below 536 when lower already", "02040200", 2, 300, 512],
    ["of a SYN-ACK", "0101020405b4", 0x12, 1400, 1400], ["not without SYN", "020405b4", 0x10, 1400, 1460], ["off", "020405b4", 2, 0, 1460], ["behind other options", "0402080a00000000000000000101020405b4", 2, 1400, 1400],
    ["absent", "01010101", 2, 1400, 0], ["behind the end", "00020405b4", 2, 1400, 0], ["option of a wrong length", "020605b40000", 2, 1400, 0], ["option that overruns", "01010102", 2, 1400, 0],
    ["option of no length", "0800020405b4", 2, 1400, 0], ["option longer than the rest", "08200204", 2, 1400, 0],
  ])("M-3 MSS %s", (_name, options, flags, mss, expected) => {
    const out = parsed(rewritten(syn(options, flags), outside, { mss }));
    expect([readMss(out.data, out.l4), hasGoodChecksum(out)]).toEqual([expected, true]);
  });

  test.each([
    [{ pathMtu: 1500, family: 4 as const, overhead: 0 }, 1460], [{ pathMtu: 1500, family: 6 as const, overhead: 0 }, 1440], [{ pathMtu: 1400, family: 4 as const, overhead: 16 + 24 }, 1320],
    [{ pathMtu: 500, family: 4 as const, overhead: 0 }, 536],
  ])("M-3 MSS for %p is %i", (question, expected) => {
    expect(mssFor(question)).toBe(expected);
  });
});
