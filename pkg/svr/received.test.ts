// Received packets up to their metadata: what is refused before and after an engine looked at them (protocol 7.3, 8.1).
import { addressOfWords } from "../base/address.ts";
import { buildPacket } from "./build.ts";
import { parseHeader } from "./decode.ts";
import { encodeMetadata } from "./encode.ts";
import type { Metadata } from "./metadata.ts";
import { finishOpen, isCipherLength, planOpen, unpaddedLength } from "./open.ts";
import type { OpenResult } from "./open.ts";
import { parsePacket } from "./packet.ts";
import type { Packet } from "./packet.ts";
import type { PeerKeys } from "./keys.ts";
import { planSeal } from "./seal.ts";

const keys: PeerKeys = { keyId: 7, hmac: new Uint8Array(32), meta: new Uint8Array(32), salt: new Uint8Array(8), sender: "a", receiver: "b", generation: 1 };
const ends = { source: addressOfWords(4, 0x0a000001), destination: addressOfWords(4, 0x0a000002) };
const parsed = (data: Uint8Array): Packet => {
  const packet = parsePacket(data);
  if (!packet.ok) throw new Error(packet.error);
  return packet.value;
};
const good: OpenResult = { ok: true, key: keys, epoch: 5, plainLength: 0 };

/** A UDP packet with this metadata and `tail` bytes behind it. */
function context(tlvs: Metadata, tail: number, requireEncryption = false) {
  const encoded = encodeMetadata(tlvs);
  if (!encoded.ok) throw new Error(encoded.error);
  const bytes = new Uint8Array(encoded.value.bytes.length + tail);
  bytes.set(encoded.value.bytes);
  const packet = parsed(buildPacket(ends, { kind: "udp", sourcePort: 16384, destinationPort: 16385 }, bytes));
  const header = parseHeader(packet.data, packet.payload, packet.end);
  if (!header.ok) throw new Error(header.error);
  const job = planOpen(packet, header.value, { mode: "time-based", keys: [keys], epochs: [5] });
  return { job, open: (result: OpenResult) => (job.ok ? finishOpen({ packet, header: header.value, job: job.value, requireEncryption }, result) : job), section: header.value.payloadLength };
}

describe("planOpen and finishOpen", () => {
  test("W-6 metadata without room for a tag fails", () => {
    expect(context({ keyId: 7 }, 15).job).toEqual({ ok: false, error: "hmac-failure" });
  });

  test.each(["hmac-failure", "decrypt-failure"] as const)("S-1 the engine's %s is the reason", (reason) => {
    expect(context({ keyId: 7 }, 20).open({ ok: false, reason })).toEqual({ ok: false, error: reason });
  });

  test("S-3 clear payload TLVs are refused where encryption is required", () => {
    const clear = context({ keyId: 7, tenant: "corp" }, 20, true);
    expect(clear.open({ ...good, plainLength: clear.section })).toEqual({ ok: false, error: "decrypt-failure" });
  });

  test("a good packet gives its metadata, body and tag", () => {
    const clear = context({ keyId: 7, tenant: "corp" }, 20);
    const opened = clear.open({ ...good, plainLength: clear.section });
    expect(opened).toMatchObject({ ok: true, value: { metadata: { tenant: "corp", keyId: 7 }, epoch: 5, tag: new Uint8Array(16) } });
    if (opened.ok) expect(opened.value.bodyEnd - opened.value.bodyAt).toBe(4);
  });

  test("a payload section that the clear length cuts is malformed", () => {
    const clear = context({ keyId: 7, tenant: "corp" }, 20);
    expect(clear.open({ ...good, plainLength: clear.section - 1 })).toEqual({ ok: false, error: "metadata-malformed" });
  });

  test("a packet without metadata is all body", () => {
    const packet = parsed(buildPacket(ends, { kind: "udp", sourcePort: 1, destinationPort: 2 }, new Uint8Array(20)));
    const job = planOpen(packet, undefined, { mode: "disabled", keys: [keys], epochs: [0] });
    if (!job.ok) throw new Error(job.error);
    const opened = finishOpen({ packet, header: undefined, job: job.value, requireEncryption: true }, good);
    expect(opened).toMatchObject({ ok: true, value: { bodyAt: packet.payload, bodyEnd: packet.end, tag: undefined } });
  });
});

describe("planSeal", () => {
  const packet = parsed(buildPacket(ends, { kind: "udp", sourcePort: 1, destinationPort: 2 }, new Uint8Array(65_480)));
  const to = { ...ends, sourcePort: 16384, destinationPort: 16385 };
  const signing = { key: keys, mode: "time-based", epoch: 5, counter: 1n } as const;

  test.each([
    ["limit", { ...signing, metadata: { tenant: "x".repeat(254) } }],
    ["too-big", { ...signing, metadata: { tenant: "corp" } }],
  ])("refuses with %s", (reason, options) => {
    expect(planSeal(packet, to, options)).toEqual({ ok: false, error: reason });
  });

  test("RB-18 what will be cut may be longer than an IP packet", () => {
    const job = planSeal(packet, to, { ...signing, metadata: { tenant: "corp" }, willBeCut: true });
    expect(job).toMatchObject({ ok: true, value: { tag: packet.end + 12 + 8 } });
  });

  test("a packet without metadata gets a tag only", () => {
    const job = planSeal(packet, to, signing);
    expect(job).toMatchObject({ ok: true, value: { metadata: 0, suite: 0, epoch: 5, tag: packet.end } });
  });
});

describe("sections as ciphertext", () => {
  test.each([[1, 16, true], [1, 0, false], [1, 17, false], [2, 16, true], [2, 15, false]] as const)("suite %i, %i bytes: %s", (suite, length, fits) => {
    expect(isCipherLength(suite, length)).toBe(fits);
  });

  test.each([
    ["one byte", [9, 9, 9, 1], 3], ["three bytes", [9, 3, 3, 3], 1], ["zero", [9, 9, 9, 0], -1], ["more than a block", [9, 9, 9, 17], -1],
    ["more than the section", [9, 9, 9, 5], -1], ["unequal bytes", [9, 2, 3, 3], -1],
  ])("padding of %s", (_desc, bytes, length) => {
    expect(unpaddedLength(Uint8Array.from(bytes), 0, bytes.length)).toBe(length);
  });
});

describe("W-6 packets that end inside a header are refused", () => {
  const shorten = (data: Uint8Array, length: number): Uint8Array => {
    const cut = data.slice(0, length);
    cut[2] = length >> 8;
    cut[3] = length & 0xff;
    return cut;
  };
  test.each([
    ["UDP", shorten(buildPacket(ends, { kind: "udp", sourcePort: 1, destinationPort: 2 }), 24)],
    ["TCP", shorten(buildPacket(ends, { kind: "tcp", sourcePort: 1, destinationPort: 2, flags: 2 }), 36)],
    ["ICMP", shorten(buildPacket(ends, { kind: "icmp", type: 8 }), 26)],
  ])("W-6 %s", (_desc, data) => {
    expect(parsePacket(data)).toEqual({ ok: false, error: "filter" });
  });

  test("W-6 IPv6 extension header without its eight bytes", () => {
    const data = new Uint8Array(44);
    data[0] = 0x60;
    data[5] = 4;
    data[6] = 60;
    expect(parsePacket(data)).toEqual({ ok: false, error: "filter" });
  });
});
