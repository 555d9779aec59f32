// Payload keys do not stay in captured packets: clear metadata behind every kind of header, cut anywhere; all other bytes stay.
import fc from "fast-check";
import { toHex } from "../base/bytes.ts";
import { parseAddress } from "../base/addresstext.ts";
import { buildPacket } from "./build.ts";
import { encodeMetadata } from "./encode.ts";
import type { Suite } from "./encode.ts";
import type { Metadata } from "./metadata.ts";
import { scrubKeys } from "./scrub.ts";

const key = Uint8Array.from({ length: 32 }, (_, index) => 0xa0 + index);
const secret = toHex(key);
const said: Metadata = { keyId: 7, tenant: "eng", payloadKey: { suite: 1, index: 2, key }, service: "shop/web" };
const ends = { 4: { source: parseAddress("192.0.2.1")!, destination: parseAddress("192.0.2.2")! }, 6: { source: parseAddress("2001:db8::1")!, destination: parseAddress("2001:db8::2")! } };

function bodyOf(metadata: Metadata, suite: Suite = 0): Uint8Array {
  const encoded = encodeMetadata(metadata, suite);
  if (!encoded.ok) throw new Error(encoded.error);
  return Uint8Array.of(...encoded.value.bytes, 1, 2, 3);
}

function packet(family: 4 | 6, kind: "tcp" | "udp", body: Uint8Array): Uint8Array {
  const ports = { sourcePort: 16384, destinationPort: 16385 };
  return buildPacket(ends[family], kind === "tcp" ? { kind, ...ports, flags: 0x10 } : { kind, ...ports }, body);
}

describe("payload keys in captured packets", () => {
  test.each([[4, "udp"], [4, "tcp"], [6, "udp"], [6, "tcp"]] as const)("IPv%i %s: the value is zeros, every other byte stays", (family, kind) => {
    const data = packet(family, kind, bodyOf(said));
    const before = toHex(data);
    expect(before).toContain(secret);
    scrubKeys(data, 0);
    expect(toHex(data)).toBe(before.replace(`0102${secret}`, "00".repeat(34)));
  });

  test("in every segment of a super-packet, and where the packet was cut", () => {
    const body = bodyOf(said), data = packet(4, "udp", Uint8Array.of(...body, ...body));
    scrubKeys(data, body.length);
    expect(toHex(data)).not.toContain(secret);
    const short = packet(4, "udp", body);
    const cut = short.slice(0, short.length - 3 - 20);
    scrubKeys(cut, 0);
    expect(toHex(cut)).not.toContain(secret.slice(0, 8));
  });

  test.each([
    ["encrypted metadata", packet(4, "udp", bodyOf(said, 1))], ["no metadata", packet(4, "udp", key)], ["metadata without a key", packet(6, "tcp", bodyOf({ keyId: 7, tenant: "eng" }))],
    ["another protocol", buildPacket(ends[4], { kind: "other", proto: 47 }, bodyOf(said))], ["a short packet", new Uint8Array(12)],
  ])("%s stays as it is", (_desc, data) => {
    const before = toHex(data);
    scrubKeys(data, 0);
    expect(toHex(data)).toBe(before);
  });

  test("no bytes throw", () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), fc.boolean(), fc.nat({ max: 300 }), (bytes, tcp, segment) => {
      const data = packet(4, tcp ? "tcp" : "udp", Uint8Array.of(...bodyOf({}).subarray(0, 8), ...bytes));
      scrubKeys(data, segment);
      scrubKeys(bytes, segment);
    }));
  });
});
