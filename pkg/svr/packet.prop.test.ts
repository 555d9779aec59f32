// Properties of parsing and checksums: total on any input, no byte outside the packet counts, sums equal a slow model.
import fc from "fast-check";
import { readAddress } from "../base/address.ts";
import { writeU16 } from "../base/bytes.ts";
import { buildPacket, type TransportSpec } from "./build.ts";
import { checksumOf, finishChecksum, fold, negate, pseudoSum, storedChecksum, sumBytes } from "./checksum.ts";
import { parsePacket } from "./packet.ts";
import { checkSanity } from "./sanity.ts";

const port = fc.nat(0xffff);
const address = (family: 4 | 6) => fc.uint8Array({ minLength: 16, maxLength: 16 }).map((bytes) => readAddress(bytes, 0, family));
const ip = fc.constantFrom(4 as const, 6 as const).chain((family) => fc.record({ source: address(family), destination: address(family), ttl: fc.nat(255), tos: fc.nat(255) }));
const transport = fc.oneof(
  fc.record({ kind: fc.constant("tcp" as const), sourcePort: port, destinationPort: port, seq: fc.nat(0xffffffff), flags: fc.nat(255), options: fc.uint8Array({ maxLength: 40 }) }),
  fc.record({ kind: fc.constant("udp" as const), sourcePort: port, destinationPort: port }),
  fc.record({ kind: fc.constant("icmp" as const), type: fc.nat(255), rest: fc.nat(0xffffffff) }),
  fc.record({ kind: fc.constant("other" as const), proto: fc.constantFrom(47, 50, 89) }),
) as fc.Arbitrary<TransportSpec>;

/** One's complement sum a word at a time, in big integers. */
function slowSum(data: Uint8Array): number {
  let sum = 0n;
  for (let at = 0; at < data.length; at += 2) sum += BigInt((data[at]! << 8) | (data[at + 1] ?? 0));
  while (sum > 0xffffn) sum = (sum & 0xffffn) + (sum >> 16n);
  return Number(sum);
}

describe("packets", () => {
  test("what is built parses to the same fields with right checksums", () => {
    fc.assert(fc.property(ip, transport, fc.uint8Array({ maxLength: 64 }), (fields, spec, payload) => {
      const data = buildPacket(fields, spec, payload);
      const packet = parsePacket(data);
      if (!packet.ok) throw new Error("refused");
      expect(packet.value).toMatchObject({ ...fields, end: data.length });
      expect([...data.subarray(packet.value.payload)]).toEqual([...payload]);
      if (fields.source.family === 4) expect(slowSum(data.subarray(0, 20))).toBe(0xffff);
      if (spec.kind === "other") return;
      const pseudo = pseudoSum(packet.value, data.length - packet.value.l4);
      expect(fold(pseudo + slowSum(data.subarray(packet.value.l4)))).toBe(0xffff);
    }));
  });

  test("random bytes and truncations never throw and never read outside", () => {
    const start = fc.constantFrom(0x45, 0x46, 0x4f, 0x60, 0x61, 0x00);
    fc.assert(fc.property(start, fc.uint8Array({ maxLength: 120 }), (first, rest) => {
      const data = Uint8Array.of(first, ...rest);
      if (data.length > 5 && first >= 0x60) writeU16(data, 4, Math.max(0, data.length - 40));
      if (data.length > 5 && first < 0x60) writeU16(data, 2, data.length);
      const packet = parsePacket(data);
      if (!packet.ok) return expect(packet.error).toBe("filter");
      const { l4, payload, end } = packet.value;
      expect(l4 <= payload && payload <= end && end <= data.length).toBe(true);
      expect([undefined, "filter", "state"]).toContain(checkSanity(packet.value));
    }), { numRuns: 2000 });
  });

  test("every truncation is refused", () => {
    fc.assert(fc.property(ip, transport, fc.uint8Array({ maxLength: 8 }), (fields, spec, payload) => {
      const data = buildPacket(fields, spec, payload);
      for (let length = 0; length < data.length; length++) expect(parsePacket(data.slice(0, length))).toEqual({ ok: false, error: "filter" });
    }), { numRuns: 50 });
  });
});

describe("checksums", () => {
  test("sumBytes equals the slow model on any range", () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 70 }), fc.nat(70), (data, from) => {
      const start = Math.min(from, data.length);
      expect(fold(sumBytes(data, start, data.length))).toBe(slowSum(data.subarray(start)));
    }));
    const long = new Uint8Array(65535).fill(0xff);
    expect(sumBytes(long, 0, long.length)).toBe(slowSum(long));
  });

  test("a sum and its negation cancel", () => {
    fc.assert(fc.property(fc.nat(0xffff), (sum) => {
      expect(fold(sum + negate(sum))).toBe(0xffff);
      expect(checksumOf(sum)).toBe(negate(sum));
    }));
  });

  test("a UDP checksum that comes out as zero is stored as ffff", () => {
    const data = buildPacket({ source: readAddress(Uint8Array.of(10, 0, 0, 1), 0, 4), destination: readAddress(Uint8Array.of(10, 0, 0, 2), 0, 4) },
      { kind: "udp", sourcePort: 1, destinationPort: 2 }, new Uint8Array(2));
    writeU16(data, 28, storedChecksum(data, 20, 17));
    finishChecksum(data, 20);
    expect(storedChecksum(data, 20, 17)).toBe(0xffff);
  });
});
