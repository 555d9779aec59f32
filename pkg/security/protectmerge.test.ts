// What a protect worker writes to its socket: opened segments of a flow, and sealed ones of a train, as one super-packet, with what is left to the
// device; anything that does not follow stays alone. The frames are read as the kernel reads them (struct virtio_net_hdr), and cut again.
import { fromHex, toHex } from "../base/bytes.ts";
import { addressOfWords } from "../base/address.ts";
import { buildPacket } from "../svr/build.ts";
import { Protect } from "../svr/session.ts";
import { openProtect, openProtectWorker } from "./protect.ts";
import type { NativeRunner } from "./protect.ts";

const NOW = 1_767_225_600, SEAL = 13, OPEN = 12, PUNT = 40, HEADER = 10, ETHERNET = 14;
const uuid = fromHex("3f2a9c1e5b7d4e8f9a0b1c2d3e4f5061")!;
const key = (fill: number): { keyId: number; hmac: Uint8Array } => ({ keyId: fill, hmac: new Uint8Array(32).fill(fill) });
const way = (fill: number): { key: Uint8Array; salt: Uint8Array } => ({ key: new Uint8Array(32).fill(fill), salt: new Uint8Array(8).fill(fill) });
const closers: (() => void)[] = [];
afterEach(() => { for (const close of closers.splice(0)) close(); });

function worker(protect: number, peers: [number, number], own: number, other: number, suite: 1 | 2 = 2): NativeRunner {
  const store = openProtect(8), made = openProtectWorker(store.handle, { injectMac: new Uint8Array([2, 1, 2, 3, 4, 5]) });
  closers.push(() => {
    made.close();
    store.close();
  });
  store.peer({ peer: 9, mode: "time-based", window: 1, send: key(own), receive: [key(other)] });
  for (const index of [0, 1]) store.session({ ref: { index, uuid }, protect, peers, body: { suite, keyIndex: 1, forward: way(3), reverse: way(4) } });
  return made;
}

interface Segment { seq: number; size?: number; flags?: number; ack?: number; ttl?: number; family?: 4 | 6; index?: number }
const address = (family: 4 | 6, last: number) => family === 4 ? addressOfWords(4, 0xc0000200 | last) : addressOfWords(6, 0x20010db8, 0, 0, last);
function tcp({ seq, size = 1_000, flags = 0x10, ack = 7, ttl = 63, family = 4 }: Segment): Uint8Array {
  const ip = { source: address(family, 1), destination: address(family, 2), ttl, ipId: seq & 0xfff, dontFragment: true };
  return buildPacket(ip, { kind: "tcp", sourcePort: 16384, destinationPort: 16385, flags, seq, ack }, Uint8Array.from({ length: size }, (_, i) => seq + i));
}

function records(cause: number, packets: readonly { packet: Uint8Array; index: number }[], gsoSize = 0): Uint8Array {
  return new Uint8Array(Buffer.concat(packets.map(({ packet, index }) => {
    const bytes = new Uint8Array((PUNT + packet.length + 7) & ~7), view = new DataView(bytes.buffer);
    view.setUint32(8, packet.length, true);
    view.setUint32(12, (index + 1) << 1, true);
    view.setUint16(16, cause, true);
    view.setUint16(22, gsoSize, true);
    bytes.set(packet, PUNT);
    return bytes;
  })));
}

/** Both routers: what the second writes for segments that came in this order. */
function through(segments: readonly Segment[]): { header: DataView; packet: Uint8Array }[] {
  const ingress = worker(Protect.sealFwd | Protect.bodyFwd, [0, 9], 1, 2), egress = worker(Protect.openFwd | Protect.bodyFwd, [9, 0], 2, 1);
  const sealed = ingress.run(records(SEAL, segments.map((one) => ({ packet: tcp(one), index: one.index ?? 0 }))), NOW);
  expect(sealed).toHaveLength(segments.length);
  const arrived = sealed.map((frame, i) => ({ packet: frame.slice(ETHERNET), index: segments[i]?.index ?? 0 }));
  return egress.run(records(OPEN, arrived), NOW, true).map((frame) => ({ header: new DataView(frame.buffer, frame.byteOffset, HEADER), packet: frame.slice(HEADER + ETHERNET) }));
}

const lengths = (segments: readonly Segment[]): number[] => through(segments).map(({ packet }) => packet.length - (packet[0]! >> 4 === 4 ? 40 : 60));
const l3 = (packet: Uint8Array): number => packet[0]! >> 4 === 4 ? 20 : 40;

test.each([{ family: 4 as const, gso: 1 }, { family: 6 as const, gso: 4 }])("segments in sequence become one super-packet over IPv$family", ({ family, gso }) => {
  const segments = [{ seq: 0xfffffe00, family }, { seq: 0x1e8, family }, { seq: 0x5d0, size: 500, flags: 0x18, family }];
  const [frame, ...more] = through(segments);
  expect(more).toEqual([]);
  const { header, packet } = frame!, at = l3(packet), view = new DataView(packet.buffer, packet.byteOffset);
  // flags, type, header length, size, start and place of the sum
  expect([header.getUint8(0), header.getUint8(1), header.getUint16(2, true), header.getUint16(4, true), header.getUint16(6, true), header.getUint16(8, true)])
    .toEqual([1, gso, ETHERNET + at + 20, 1_000, ETHERNET + at, 16]);
  expect([packet.length, view.getUint32(at + 4), packet[at + 13]]).toEqual([at + 20 + 2_500, 0xfffffe00, 0x18]);
  expect(family === 4 ? view.getUint16(2) : view.getUint16(4) + 40).toBe(packet.length);
  expect(toHex(packet.subarray(at + 20))).toBe(segments.map((one) => toHex(tcp(one).subarray(at + 20))).join(""));
});

const cases: [desc: string, segments: Segment[], expected: number[]][] = [
  ["a gap ends it", [{ seq: 0 }, { seq: 1_001 }], [1_000, 1_000]],
  ["what is out of order stays alone", [{ seq: 1_000 }, { seq: 0 }], [1_000, 1_000]],
  ["another acknowledgement", [{ seq: 0 }, { seq: 1_000, ack: 8 }], [1_000, 1_000]],
  ["another TTL", [{ seq: 0 }, { seq: 1_000, ttl: 62 }], [1_000, 1_000]],
  ["another session", [{ seq: 0 }, { seq: 1_000, index: 1 }], [1_000, 1_000]],
  ["PSH ends it", [{ seq: 0, flags: 0x18 }, { seq: 1_000 }], [1_000, 1_000]],
  ["FIN stays alone", [{ seq: 0, flags: 0x11 }, { seq: 1_000, flags: 0x11 }], [1_000, 1_000]],
  ["SYN stays alone", [{ seq: 0, flags: 0x12 }, { seq: 1_000, flags: 0x12 }], [1_000, 1_000]],
  ["congestion window reduced stays alone", [{ seq: 0, flags: 0x90 }, { seq: 1_000, flags: 0x90 }], [1_000, 1_000]],
  ["a short one ends it", [{ seq: 0 }, { seq: 1_000, size: 10 }, { seq: 1_010 }], [1_010, 1_000]],
  ["a longer one does not join", [{ seq: 0, size: 10 }, { seq: 10 }], [10, 1_000]],
  ["pure acknowledgements stay alone", [{ seq: 0, size: 0 }, { seq: 0, size: 0 }], [0, 0]],
  ["64 KiB is the most", Array.from({ length: 50 }, (_, i) => ({ seq: i * 1_400, size: 1_400 })), [46 * 1_400, 4 * 1_400]],
];
test.each(cases)("%s", (_, segments, expected) => { expect(lengths(segments)).toEqual(expected); });

test("a packet alone has its sum left to the device: that of the pseudo header stands there", () => {
  const [{ header, packet } = { header: undefined, packet: undefined }] = through([{ seq: 0, size: 4 }]);
  expect([header!.getUint8(0), header!.getUint8(1), header!.getUint16(6, true), header!.getUint16(8, true)]).toEqual([1, 0, ETHERNET + 20, 16]);
  const sum = [12, 14, 16, 18].reduce((total, at) => total + (packet![at]! << 8 | packet![at + 1]!), 6 + packet!.length - 20);
  expect(packet![36]! << 8 | packet![37]!).toBe((sum & 0xffff) + (sum >>> 16));
});

/** As a device cuts a super-packet over IPv4 (Linux tcp_gso_segment): numbers go on, FIN and PSH stay on the last segment, sums are those of each. */
function cut({ header, packet }: { header: DataView; packet: Uint8Array }): Uint8Array[] {
  const size = header.getUint16(4, true) || packet.length, count = Math.ceil((packet.length - 40) / size);
  return Array.from({ length: count }, (_, i) => {
    const part = packet.subarray(40 + i * size, 40 + (i + 1) * size), view = new DataView(packet.buffer, packet.byteOffset);
    const ip = { source: address(4, 1), destination: address(4, 2), ttl: packet[8]!, ipId: view.getUint16(4) + i & 0xffff, dontFragment: true };
    return buildPacket(ip, { kind: "tcp", sourcePort: 16384, destinationPort: 16385, flags: packet[33]! & (i === count - 1 ? 0xff : ~0x09), seq: view.getUint32(24) + i * size >>> 0, ack: view.getUint32(28) }, part);
  });
}

test.each([{ suite: 1 as const, lasts: 8 }, { suite: 2 as const, lasts: 8 }])("a sealed train leaves as super-packets that the device cuts into the packets it stands for, suite $suite", ({ suite, lasts }) => {
  const packet = tcp({ seq: 0xffffff00, size: 40 * 1_000 + 300, flags: 0x18 }), of = () => worker(Protect.sealFwd | Protect.bodyFwd, [0, 9], 1, 2, suite);
  const single = of().run(records(SEAL, [{ packet, index: 0 }], 1_000), NOW).map((frame) => frame.slice(ETHERNET));
  const frames = of().run(records(SEAL, [{ packet, index: 0 }], 1_000), NOW, true).map((frame) => ({ header: new DataView(frame.buffer, frame.byteOffset, HEADER), packet: frame.slice(HEADER + ETHERNET) }));
  const grown = single[0]!.length - 40;
  expect(frames.map(({ packet: { length } }) => length - 40)).toEqual([32 * grown, lasts * grown, single.at(-1)!.length - 40]); // positions begin again after 32; the short one is alone
  expect(frames.flatMap(cut).map(toHex)).toEqual(single.map(toHex));
});

test("sealed packets of no train stay alone", () => {
  const sealer = worker(Protect.sealFwd | Protect.bodyFwd, [0, 9], 1, 2);
  expect(sealer.run(records(SEAL, [{ packet: tcp({ seq: 0 }), index: 0 }, { packet: tcp({ seq: 1_000 }), index: 0 }]), NOW, true)).toHaveLength(2);
});
