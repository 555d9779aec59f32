// Properties of the metadata codec: what is written is read back, random bytes never throw, one changed bit never
// yields more than a value or a reason.
import fc from "fast-check";
import { readAddress, type IpAddress } from "../base/address.ts";
import { readU16 } from "../base/bytes.ts";
import { parseHeader, parsePayload, type MetadataProblem } from "./decode.ts";
import { encodeMetadata } from "./encode.ts";
import { transitTlvs, type Metadata } from "./metadata.ts";

const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
const u8 = fc.nat(0xff);
const u16 = fc.nat(0xffff);
const u32 = fc.nat(0xffffffff);
const u64 = fc.bigInt(0n, 2n ** 64n - 1n);
const address = fc.oneof(bytes(4).map((b) => readAddress(b, 0, 4)), bytes(16).map((b) => readAddress(b, 0, 6)));
const context = fc.constantFrom(4 as const, 6 as const).chain((family) => {
  const own = bytes(16).map((b): IpAddress => readAddress(b, 0, family));
  return fc.record({ source: own, destination: own, sourcePort: u16, destinationPort: u16, proto: u8, family: fc.constant(family) });
});
const name = fc.oneof(fc.stringMatching(/^[a-z0-9.-]{1,20}$/), fc.string({ unit: "binary", minLength: 1, maxLength: 20 }));
const yes = fc.constant(true as const);

const fields = {
  fragment: fc.record({ extId: u32, ipId: u16, dontFragment: fc.boolean(), more: fc.boolean(), offset: fc.nat(0x1fff).map((units) => units * 8), largest: u16 }),
  forwardContext: context, reverseContext: context, uuid: bytes(16).filter((b) => b.some((byte) => byte !== 0)), tenant: name, globalInterface: u32, service: name,
  payloadEncrypted: yes, tcpSyn: yes, sessionsInService: u64, sourceRouter: name, securityPolicy: name, keyId: u32, destinationRouter: name, disableForward: yes, peerPath: name,
  icmpLocation: address, control: u8, natSource: bytes(4).map((b) => readAddress(b, 0, 4)),
  pathMetrics: fc.record({ txColour: fc.nat(15), txTime: fc.nat(0xfffffff), rxColour: fc.nat(15), rxTime: fc.nat(0xfffffff), drop: fc.boolean(), previousCount: fc.nat(0x7fff) }),
  modify: fc.record({ byInitiator: fc.boolean(), done: fc.boolean(), sequence: fc.nat(4095), reason: u8 }, { requiredKeys: ["byInitiator", "done", "sequence"] }),
  application: name, remainingSeconds: u32, healthCheck: u8, payloadKey: fc.record({ suite: u8, index: u8, key: bytes(32) }),
  originSignature: fc.record({ seconds: u32, signature: bytes(64) }), traceContext: fc.record({ flags: u8, parentSpan: bytes(8) }), dscp: fc.nat(63),
  trafficClass: fc.record({ class: u8, name: fc.oneof(name, fc.constant("")) }), captureTag: fc.uint8Array({ minLength: 1, maxLength: 64 }), message: u8,
  capabilities: fc.record({ bitmap: u32, mtu: u16 }), observed: fc.record({ address, port: u16 }), detector: fc.record({ round: u32, bitmap: u16 }), receiveCap: u64,
  security: fc.record({ suite: u8, scope: u8 }), resilience: fc.record({ duplication: fc.boolean(), fec: fc.boolean(), leg: u8, fecRound: u8 }),
  unknownPayload: fc.uniqueArray(fc.record({ type: fc.integer({ min: 0x100, max: 0x7fff }), value: fc.uint8Array({ maxLength: 8 }) }), { selector: (tlv) => tlv.type, minLength: 1, maxLength: 3 })
    .map((list) => list.sort((a, b) => a.type - b.type)),
};
const metadata = fc.record(fields, { requiredKeys: [] }) as fc.Arbitrary<Metadata>;

function decoded(data: Uint8Array, at = 0): Metadata | MetadataProblem {
  const header = parseHeader(data, at, data.length);
  if (!header.ok) return header.error;
  const all = parsePayload(data, header.value, header.value.payloadLength);
  return all.ok ? all.value : all.error;
}

describe("metadata", () => {
  test("what is written is read back, wherever it stands", () => {
    fc.assert(fc.property(metadata, fc.nat(9), (m, at) => {
      const made = encodeMetadata(m);
      if (!made.ok) return;
      const data = new Uint8Array(at + made.value.bytes.length + 3);
      data.set(made.value.bytes, at);
      expect(decoded(data, at)).toEqual(m);
    }), { numRuns: 1000 });
  });

  test("types ascend in both sections", () => {
    fc.assert(fc.property(metadata, (m) => {
      const made = encodeMetadata(m);
      if (!made.ok) return;
      const { bytes: data, headerLength } = made.value;
      for (const [from, to] of [[12, headerLength], [headerLength, data.length]] as const) {
        const types: number[] = [];
        for (let at = from; at < to; at += 4 + readU16(data, at + 2)) types.push(readU16(data, at));
        expect(types).toEqual([...types].sort((a, b) => a - b));
      }
    }));
  });

  test("copying twice at transit is copying once", () => {
    fc.assert(fc.property(metadata, (m) => {
      expect(transitTlvs(transitTlvs(m))).toEqual(transitTlvs(m));
    }));
  });

  test("W-6 random bytes behind a cookie, and flipped bits, never throw", () => {
    const base = Uint8Array.of(0x4c, 0x48, 0xdb, 0xc6, 0xdd, 0xf6, 0x67, 0x0c);
    fc.assert(fc.property(fc.uint8Array({ maxLength: 80 }), fc.nat(80), (rest, headerLength) => {
      const data = Uint8Array.of(...base, 0x10, headerLength, 0, Math.max(0, rest.length + 12 - headerLength), ...rest);
      const result = decoded(data);
      if (typeof result === "string") expect(["metadata-malformed", "metadata-unknown-critical"]).toContain(result);
    }), { numRuns: 5000 });
    fc.assert(fc.property(metadata, fc.nat(), (m, bit) => {
      const made = encodeMetadata(m);
      if (!made.ok) return;
      const data = made.value.bytes.slice();
      const at = (bit >>> 3) % data.length;
      data[at]! ^= 1 << (bit & 7);
      expect(decoded(data)).toBeDefined();
    }), { numRuns: 1000 });
  });
});
