// What the wire reader says of packets whose bytes are known: those of protocol 16, and packets made with other keys or at
// another time. Written to a file as capture.c writes it, so that the reader of files is tested too.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { concatBytes, fromHex } from "../../pkg/base/bytes.ts";
import { contextOf, craft, freshUuid } from "./craft.ts";
import { readPcap } from "./pcap.ts";
import { ipLength, pairKeys, readWire } from "./wire.ts";

const VECTOR_SECONDS = 1767225600;
const psk = Uint8Array.from({ length: 32 }, (_, index) => index);
const vectorKeys = pairKeys(psk, ["east", "west"]);
const reverse = bytesOf(`450000a8000240003f114f0dc6336401c0000201 40014000009430ff 4c48dbc6ddf6670c 1028 0050 0010 0004 f4f7a6fc
  8000 0010 02cb5f148cd680527207798b8d8561ae 6d9c0a0c2dd13b73656cf47f106f5858390c61eba44ae064ba6ef28b37f1d481
  7a990bc1a5125b23596998c0f18b79add9f84a360a8d81b94087979454222950 42ae516ae12ce46519a043a4559ac3f2 706f6e67 f16e9d276469486ccb84c17cf0aaaf02`);

function bytesOf(text: string): Uint8Array {
  const bytes = fromHex(text);
  if (bytes === undefined) throw new Error("no hex");
  return bytes;
}

function frameOf(packet: Uint8Array, tag?: number): Uint8Array {
  const type = packet[0]! >>> 4 === 6 ? "86dd" : "0800";
  const vlan = tag === undefined ? "" : `8100 ${tag.toString(16).padStart(4, "0")}`;
  return concatBytes(bytesOf(`020000000001 020000000002 ${vlan} ${type}`), packet);
}

function frame(packet: Uint8Array, seconds = VECTOR_SECONDS): { unixNs: bigint; data: Uint8Array } {
  return { unixNs: BigInt(seconds) * 1_000_000_000n, data: frameOf(packet) };
}

describe("reading the wire", () => {
  test("the vector of protocol 16.2: authentic, encrypted, its TLVs, body of 4 bytes", () => {
    const [seen] = readWire([frame(reverse)], vectorKeys);
    expect(seen).toMatchObject({ source: "198.51.100.1", destination: "192.0.2.1", metadata: { authentic: true, encrypted: true, empty: false, headerLength: 40, payloadLength: 80 } });
    expect(seen?.metadata?.tlvs).toMatchObject({ tenant: "corp", sourceRouter: "west", sessionsInService: 5n });
    expect(Buffer.from(seen?.body ?? []).toString()).toBe("pong");
  });

  test.each([
    { desc: "another key", seconds: VECTOR_SECONDS, keys: pairKeys(psk.toReversed(), ["east", "west"]) },
    { desc: "no key", seconds: VECTOR_SECONDS, keys: [] },
    { desc: "another time", seconds: VECTOR_SECONDS + 10, keys: vectorKeys },
  ])("$desc: not authentic, only the header is readable", ({ seconds, keys }) => {
    const [seen] = readWire([frame(reverse, seconds)], keys);
    expect(seen?.metadata).toMatchObject({ authentic: false, encrypted: true, tlvs: { keyId: 0xf4f7a6fc, tenant: undefined } });
  });

  test.each([0, 1, 2] as const)("a packet made with the keys of a pair, suite %i, is read as made", (suite) => {
    const [key] = vectorKeys;
    const uuid = freshUuid();
    const forwardContext = contextOf({ source: "fd00:1::10", destination: "fd00:2::10", sourcePort: 40000, destinationPort: 53, proto: 17 });
    const packet = craft({
      source: "2001:db8::1", destination: "2001:db8::2", key: key!, suite, body: Uint8Array.of(1, 2, 3), transport: { kind: "udp", sourcePort: 16384, destinationPort: 16385 },
      metadata: { uuid, tenant: "corp", service: "dns", sourceRouter: "east", forwardContext },
    });
    const [seen] = readWire([frame(packet, Math.floor(Date.now() / 1000))], vectorKeys);
    expect(seen).toMatchObject({ source: "2001:db8::1", metadata: { authentic: true, encrypted: suite !== 0, tlvs: { uuid, tenant: "corp", forwardContext } }, body: Uint8Array.of(1, 2, 3) });
    expect(ipLength(seen!)).toBe(packet.length);
  });

  test("a file of frames: times, VLAN tags, ARP left out, a cut end", () => {
    const folder = mkdtempSync(join(tmpdir(), "opensvr-pcap-"));
    const arp = bytesOf("ffffffffffff 020000000002 0806 0001080006040001");
    const header = bytesOf("4d3cb2a1 0200 0400 00000000 00000000 00000400 01000000");
    const packets = [frameOf(reverse), frameOf(reverse, 7), arp, frameOf(reverse)].map((data, index) => {
      const head = Buffer.alloc(16);
      [VECTOR_SECONDS, index, data.length, data.length].forEach((value, at) => head.writeUInt32LE(value, at * 4));
      return concatBytes(head, data);
    });
    const file = join(folder, "x.pcap");
    writeFileSync(file, concatBytes(header, ...packets).subarray(0, -10));
    const frames = readPcap(file);
    expect(frames.map((one) => one.unixNs % 1_000_000_000n)).toEqual([0n, 1n, 2n]);
    expect(readWire(frames, vectorKeys).map((one) => [one.vlan, one.metadata?.authentic])).toEqual([[0, true], [7, true]]);
    writeFileSync(file, "no pcap");
    expect(() => readPcap(file)).toThrow("no pcap file");
    rmSync(folder, { recursive: true });
  });
});
