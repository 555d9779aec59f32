// Metadata bytes: the vectors of protocol 16, the parse rules of 3.2, the contents of 6.2, what transit routers copy.
import { parseAddress } from "../base/addresstext.ts";
import type { IpAddress } from "../base/address.ts";
import { concatBytes, fromHex, toHex, writeU16 } from "../base/bytes.ts";
import { isEmptyHeader, parseHeader, parsePayload, type MetadataProblem } from "./decode.ts";
import { encodeMetadata, type EncodedMetadata } from "./encode.ts";
import { asksForResilience, checkControl, checkForward, checkReverse, transitTlvs, type Metadata } from "./metadata.ts";
import { tlvTable } from "./tlv.ts";

const at = (text: string): IpAddress => parseAddress(text) as IpAddress;
const hex = (text: string): Uint8Array => fromHex(text) as Uint8Array;
const uuid = hex("3f2a9c1e5b7d4e8f9a0b1c2d3e4f5061");
const client = { source: at("10.1.1.10"), destination: at("10.2.2.20"), sourcePort: 40000, destinationPort: 53, proto: 17, family: 4 as const };
const server = { source: at("10.2.2.20"), destination: at("10.1.1.10"), sourcePort: 53, destinationPort: 40000, proto: 17, family: 4 as const };
const forward: Metadata = {
  keyId: 0xe6b4c9d8, forwardContext: client, uuid, tenant: "corp", service: "dns", sourceRouter: "east",
  traceContext: { flags: 3, parentSpan: hex("00f067aa0ba902b7") },
};
const reverse: Metadata = { keyId: 0xf4f7a6fc, reverseContext: server, uuid, tenant: "corp", sessionsInService: 5n, sourceRouter: "west" };

function encoded(m: Metadata, suite: 0 | 1 | 2 = 0): EncodedMetadata {
  const result = encodeMetadata(m, suite);
  if (!result.ok) throw new Error(result.error);
  return result.value;
}

/** All of it: header, then payload TLVs as they stand. */
function decoded(bytes: Uint8Array): Metadata | MetadataProblem {
  const header = parseHeader(bytes, 0, bytes.length);
  if (!header.ok) return header.error;
  const all = parsePayload(bytes, header.value, header.value.payloadLength);
  return all.ok ? all.value : all.error;
}

/** Metadata with raw TLVs in hexadecimal: `type length value`. */
function raw(headerTlvs: string, payloadTlvs = ""): Uint8Array {
  const parts = [hex(headerTlvs), hex(payloadTlvs)] as const;
  const base = hex("4c48dbc6ddf6670c 1000 0000");
  writeU16(base, 8, 0x1000 | (12 + parts[0].length));
  writeU16(base, 10, parts[1].length);
  return concatBytes(base, ...parts);
}

describe("vectors", () => {
  test("W-5 forward metadata of protocol 16.1, byte for byte", () => {
    const bytes = "4c48dbc6ddf6670c 1014 0049 0010 0004 e6b4c9d8 0002 000d 0a01010a 0a020214 9c40 0035 11 0006 0010 3f2a9c1e5b7d4e8f9a0b1c2d3e4f5061" +
      "0007 0004 636f7270 000a 0003 646e73 000e 0004 65617374 8002 0009 03 00f067aa0ba902b7";
    const made = encoded(forward);
    expect(toHex(made.bytes)).toBe(toHex(hex(bytes)));
    expect(made).toMatchObject({ headerLength: 20, plainLength: 73, cipherLength: 73, iv: 0, suite: 0 });
    expect(decoded(hex(bytes))).toEqual(forward);
  });

  test("W-5 reverse metadata of protocol 16.2 before encryption, byte for byte", () => {
    const tlvs = "0004000d0a0202140a01010a00359c4011 000600103f2a9c1e5b7d4e8f9a0b1c2d3e4f5061 00070004636f7270 000d00080000000000000005 000e000477657374";
    const made = encoded(reverse, 1);
    expect(made).toMatchObject({ headerLength: 40, plainLength: 65, cipherLength: 80, iv: 24, suite: 1 });
    expect(toHex(made.bytes.subarray(40, 105))).toBe(toHex(hex(tlvs)));
    expect(toHex(made.bytes.subarray(0, 24))).toBe("4c48dbc6ddf6670c1028005000100004f4f7a6fc80000010");
    expect([...made.bytes.subarray(105)]).toEqual(new Array(15).fill(15));
  });

  test("room for GCM: a 12-byte IV and a 16-byte tag", () => {
    expect(encoded(reverse, 2)).toMatchObject({ headerLength: 36, plainLength: 65, cipherLength: 81, iv: 24, suite: 2 });
  });

  test("a section without payload TLVs is never encrypted", () => {
    expect(encoded({ keyId: 1, control: 8 }, 1)).toMatchObject({ headerLength: 25, cipherLength: 0, iv: 0, suite: 0 });
    expect(encoded({}).bytes).toEqual(hex("4c48dbc6ddf6670c100c0000"));
  });
});

describe("parse rules", () => {
  test("W-6 unknown TLVs are skipped, 0xC0FF drops the packet", () => {
    expect(decoded(raw("7ffe0001aa 00100004e6b4c9d8"))).toEqual({ keyId: 0xe6b4c9d8 });
    expect(decoded(raw("", "7ffe0001aa"))).toEqual({ unknownPayload: [{ type: 0x7ffe, value: hex("aa") }] });
    expect(decoded(raw("c0ff0000"))).toBe("metadata-unknown-critical");
    expect(decoded(raw("", "c0ff0000"))).toBe("metadata-unknown-critical");
  });

  test.each([
    ["repeated type in a section", "00180001 01 00180001 01", ""], ["repeated unknown type across sections", "7ffe0000", "7ffe0000"], ["repeated reserved type", "", "80060000 80060000"],
    ["context in both families", "", `0002000d${"01".repeat(13)} 00030025${"01".repeat(37)}`], ["wrong section", "", "00100004e6b4c9d8"], ["payload TLV in the header", "00070001 61", ""],
    ["wrong fixed length", "00100003e6b4c9", ""], ["length between two allowed ones", `8000000e${"00".repeat(14)}`, ""], ["name of no bytes", "", "00070000"],
    ["name of 254 bytes", "", `000700fe${"61".repeat(254)}`], ["TLV that overruns its section", "001000054c48dbc6", ""], ["half a TLV", "001000", ""], ["name that is not UTF-8", "", "0007 0002 c328"],
    ["class name that is not UTF-8", "", "8004 0002 01ff"], ["UUID of zeros", "", `00060010${"00".repeat(16)}`], ["DSCP of 64", "", "8003 0001 40"], ["observed family that does not fit", "", "8012 0007 06 0500 c0000201"],
  ])("%s is malformed", (_name, header, payload) => {
    expect(decoded(raw(header, payload))).toBe("metadata-malformed");
  });

  test.each([
    ["version 2", 8, 0x2014], ["header length 11", 8, 0x100b], ["header behind the packet", 8, 0x1fff], ["payload behind the packet", 10, 0x004a], ["another cookie", 0, 0],
  ])("%s is malformed", (_name, offset, value) => {
    const bytes = encoded(forward).bytes.slice();
    writeU16(bytes, offset, value);
    expect(decoded(bytes)).toBe("metadata-malformed");
  });

  test("type 46 may stand once in each section, reserved types are skipped", () => {
    expect(decoded(raw("002e0001 01 80090000", `002e0022 0103${"55".repeat(32)} 00320001 00`))).toEqual({
      healthCheck: 1, payloadKey: { suite: 1, index: 3, key: new Uint8Array(32).fill(0x55) }, unknownPayload: [{ type: 50, value: hex("00") }],
    });
    expect(decoded(raw("002e0001 01 002e0001 02"))).toBe("metadata-malformed");
  });

  test("any order is accepted", () => {
    expect(decoded(raw("00180001 06 00100004 00000001", "000700 01 62 000600103f2a9c1e5b7d4e8f9a0b1c2d3e4f5061"))).toEqual({ control: 6, keyId: 1, tenant: "b", uuid });
  });

  test("W-6 every truncation of valid metadata is refused", () => {
    for (const m of [forward, reverse]) {
      const { bytes } = encoded(m);
      for (let length = 0; length < bytes.length; length++) expect(decoded(bytes.slice(0, length))).toBe("metadata-malformed");
    }
  });

  test.each([[1, 24, 40], [2, 24, 36]] as const)("the IV of suite %i is found, the suite is told by its length", (suite, iv, headerLength) => {
    const { bytes } = encoded(reverse, suite);
    const header = parseHeader(bytes, 0, bytes.length);
    expect(header).toMatchObject({ ok: true, value: { suite, iv, headerLength, payload: headerLength, body: bytes.length, metadata: { keyId: 0xf4f7a6fc } } });
    expect(header.ok && header.value.metadata.iv).toEqual(new Uint8Array(suite === 1 ? 16 : 12));
  });

  test.each<[string, Metadata, boolean]>([
    ["nothing", {}, false], ["encrypted bodies", { payloadEncrypted: true, security: { suite: 1, scope: 1 } }, false],
    ["nothing, said aloud", { resilience: { duplication: false, fec: false, leg: 0, fecRound: 0 } }, false],
    ["copies", { resilience: { duplication: true, fec: false, leg: 0, fecRound: 0 } }, true], ["parity", { resilience: { duplication: false, fec: true, leg: 0, fecRound: 0 } }, true],
  ])("%s: whether packets come twice or with parity", (_desc, metadata, expected) => {
    expect(asksForResilience(metadata)).toBe(expected);
  });

  test("an empty header is told from others", () => {
    const parse = (bytes: Uint8Array): boolean => {
      const header = parseHeader(bytes, 0, bytes.length);
      return header.ok && isEmptyHeader(header.value);
    };
    expect([parse(raw("")), parse(raw("7ffe0000")), parse(raw("", "7ffe0000"))]).toEqual([true, false, false]);
  });
});

describe("the size limit", () => {
  const filled = (size: number): Metadata => ({ unknownPayload: [{ type: 60, value: new Uint8Array(size - 16) }] });
  test("1,100 bytes may be sent, one more is refused, TLV 1 does not count", () => {
    const fragment = { extId: 1, ipId: 0, dontFragment: true, more: true, offset: 0, largest: 0 };
    expect(encoded(filled(1100)).bytes.length).toBe(1100);
    expect(encoded({ ...filled(1100), fragment }).bytes.length).toBe(1114);
    for (const size of [1101, 1114, 1130, 2000, 70000]) expect(encodeMetadata(filled(size))).toEqual({ ok: false, error: "limit" });
    expect(encodeMetadata({ ...filled(1101), fragment })).toEqual({ ok: false, error: "limit" });
    expect(encodeMetadata(filled(1060), 1).ok).toBe(true);
    expect(encodeMetadata(filled(1070), 1)).toEqual({ ok: false, error: "limit" });
    expect(encodeMetadata(filled(1100), 2)).toEqual({ ok: false, error: "limit" });
  });

  test.each([["", 0], ["x".repeat(254), 0], ["é".repeat(127), 0], ["é".repeat(126), 252], ["x".repeat(253), 253]])("a tenant name of %#", (tenant, bytes) => {
    const result = encodeMetadata({ tenant });
    expect(result.ok ? result.value.plainLength - 4 : 0).toBe(bytes);
  });

  test("an IV needs room too", () => {
    const crowded: Metadata = { ...filled(1098 - 30), fragment: { extId: 1, ipId: 0, dontFragment: true, more: true, offset: 0, largest: 0 } };
    expect(encodeMetadata(crowded, 1)).toEqual({ ok: false, error: "limit" });
  });
});

describe("contents", () => {
  const without = (m: Metadata, key: keyof Metadata): Metadata => ({ ...m, [key]: undefined });
  test.each([["keyId", false], ["forwardContext", false], ["uuid", false], ["tenant", false], ["service", false], ["sourceRouter", false], ["traceContext", true]] as const)("forward metadata without %s", (key, complete) => {
    expect([checkForward(forward), checkForward(without(forward, key)), checkReverse(forward)]).toEqual([true, complete, false]);
  });
  test.each([["keyId", false], ["reverseContext", false], ["uuid", false], ["tenant", false], ["sourceRouter", false], ["sessionsInService", true]] as const)("reverse metadata without %s", (key, complete) => {
    expect([checkReverse(reverse), checkReverse(without(reverse, key)), checkForward(reverse)]).toEqual([true, complete, false]);
  });
  test("the key id may be absent where nothing is signed", () => {
    expect([checkForward(without(forward, "keyId"), false), checkReverse(without(reverse, "keyId"), false), checkControl({ control: 2 }, false)]).toEqual([true, true, true]);
  });
  test.each([
    ["code 2 needs the key id", { control: 2, keyId: 1 }, true], ["code 2 without", { control: 2 }, false],
    ["code 3 without TLV 18 needs no more", { control: 3, keyId: 1 }, true], ["code 3 with TLV 18 needs the reverse list", { control: 3, keyId: 1, disableForward: true }, false],
    ["code 3 with TLV 18 and it", { ...reverse, control: 3, disableForward: true }, true], ["code 1 with the uuid only", { control: 1, keyId: 1, uuid }, true],
    ["code 1 with more needs the forward list", { control: 1, keyId: 1, uuid, tenant: "corp" }, false], ["code 1 with unknown payload too", { control: 1, keyId: 1, unknownPayload: [] }, false],
    ["code 1 with it", { ...forward, control: 1 }, true],
  ] as [string, Metadata, boolean][])("%s", (_name, m, complete) => {
    expect(checkControl(m)).toBe(complete);
  });
});

describe("transit", () => {
  test("session-scoped TLVs and unknown payload TLVs are copied, hop-scoped ones are not", () => {
    const copied = transitTlvs({
      ...forward, control: 1, icmpLocation: at("192.0.2.9"), modify: { byInitiator: true, done: false, sequence: 1 }, payloadEncrypted: true,
      resilience: { duplication: true, fec: true, leg: 2, fecRound: 10 },
      unknownPayload: [{ type: 0x7ffe, value: hex("01") }, { type: 50, value: hex("02") }, { type: 0x8009, value: hex("03") }],
    });
    expect(copied).toStrictEqual({
      forwardContext: client, uuid, tenant: "corp", service: "dns", sourceRouter: "east", icmpLocation: at("192.0.2.9"), payloadEncrypted: true,
      resilience: { duplication: true, fec: false, leg: 2, fecRound: 0 }, unknownPayload: [{ type: 0x7ffe, value: hex("01") }, { type: 50, value: hex("02") }],
    });
    expect(transitTlvs({ keyId: 1 })).toStrictEqual({});
  });

  test("the table is ascending and has one line a type and section", () => {
    const keys = tlvTable.map((row) => row.type * 2 + (row.section === "payload" ? 1 : 0));
    expect(keys).toEqual([...new Set(keys)].sort((a, b) => a - b));
    expect(tlvTable.length).toBe(41);
  });
});
