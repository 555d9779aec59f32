// What an origin signature covers, byte by byte, and when it holds (protocol 7.6).
import fc from "fast-check";
import { toHex } from "../base/bytes.ts";
import { parseAddress } from "../base/addresstext.ts";
import type { IpAddress } from "../base/address.ts";
import { parseHeader, parsePayload } from "./decode.ts";
import { encodeMetadata } from "./encode.ts";
import type { Metadata } from "./metadata.ts";
import { isFresh, keepsOrigin, originText } from "./origin.ts";

const at = (text: string): IpAddress => parseAddress(text) as IpAddress;
const uuid = Uint8Array.from({ length: 16 }, (_, index) => index + 1);
const tlvs: Metadata = {
  forwardContext: { source: at("10.1.0.5"), destination: at("10.2.0.6"), sourcePort: 1000, destinationPort: 443, proto: 6, family: 4 },
  uuid, tenant: "corp", service: "shop/web", sourceRouter: "east", keyId: 7, captureTag: uuid,
};

test("7.6 label, time of issue, TLVs 2, 6, 7, 10 and 14 in this order, nothing else", () => {
  expect(toHex(originText(0x01020304, tlvs))).toBe([
    "73767231206f726967696e", "01020304", // "svr1 origin"
    "0002000d", "0a010005", "0a020006", "03e8", "01bb", "06",
    "00060010", "0102030405060708090a0b0c0d0e0f10",
    "00070004", "636f7270", "000a0008", "73686f702f776562", "000e0004", "65617374",
  ].join(""));
});

test("7.6 TLV 3 instead of 2 for IPv6", () => {
  const text = toHex(originText(0, { forwardContext: { source: at("2001:db8::1"), destination: at("2001:db8::2"), sourcePort: 1, destinationPort: 2, proto: 17, family: 6 } }));
  expect(text.slice(30)).toBe("0003002520010db800000000000000000000000120010db80000000000000000000000020001000211");
});

test("7.6 whatever signed TLV is changed, the text is another one; others do not matter", () => {
  const changes: Metadata[] = [
    { tenant: "corp2" }, { service: "shop/all" }, { sourceRouter: "west" }, { uuid: uuid.map((byte) => byte ^ 1) }, { tenant: undefined },
    { forwardContext: { ...tlvs.forwardContext!, destinationPort: 444 } }, { forwardContext: { ...tlvs.forwardContext!, source: at("10.1.0.6") } },
  ];
  expect(changes.map((change) => keepsOrigin(tlvs, { ...tlvs, ...change }))).toEqual(changes.map(() => false));
  expect(keepsOrigin(tlvs, { ...tlvs, keyId: 9, captureTag: undefined, remainingSeconds: 4 })).toBe(true);
});

test("7.6 names cannot flow into each other: two texts are equal only for equal names", () => {
  const name = fc.string({ minLength: 1, maxLength: 8, unit: fc.constantFrom("a", "b", "/") });
  fc.assert(fc.property(name, name, name, name, (a, b, c, d) => {
    expect(keepsOrigin({ tenant: a, service: b }, { tenant: c, service: d })).toBe(a === c && b === d);
  }));
});

test("7.6 300 s before and after now, not a second more", () => {
  const now = 1_767_225_600;
  expect([-301, -300, 0, 300, 301].map((off) => isFresh(now + off, now * 1000))).toEqual([false, true, true, true, false]);
});

test("7.6 what is read from the wire gives the text that was signed", () => {
  const encoded = encodeMetadata({ ...tlvs, originSignature: { seconds: 5, signature: new Uint8Array(64) } });
  if (!encoded.ok) throw new Error(encoded.error);
  const { bytes, plainLength } = encoded.value;
  const header = parseHeader(bytes, 0, bytes.length);
  if (!header.ok) throw new Error(header.error);
  const read = parsePayload(bytes, header.value, plainLength);
  if (!read.ok) throw new Error(read.error);
  expect(toHex(originText(5, read.value))).toBe(toHex(originText(5, tlvs)));
});
