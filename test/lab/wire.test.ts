// Metadata on the wire between routers: unknown TLVs, damage of every kind, one-way sessions, Fast Open (W-6, W-8, W-9).
import fc from "fast-check";
import { toHex } from "../../pkg/base/bytes.ts";
import type { IpFamily } from "../../pkg/base/address.ts";
import { readMss } from "../../pkg/svr/tcp.ts";
import { ifnumOf } from "./config.ts";
import { createLab } from "./lab.ts";
import type { Lab } from "./lab.ts";
import { ACK, SYN, authentic, bodyOf, connect, content, endsOf, everything, hasMetadata, parsed, readWire, tcpDown, tcpUp, udpDown, udpUp } from "./packets.ts";

const families: readonly IpFamily[] = [4, 6];
const chains = [["east", "west"], ["branch", "transit", "cloud"]];
const cases = families.flatMap((family) => chains.map((names) => [family, names] as const));

/** The session-creating packet of a client, caught on the first link. */
function firstPacket(family: IpFamily, names = ["east", "west"]): { lab: Lab; data: Uint8Array } {
  const lab = createLab(names, { services: [everything] });
  lab.onWire = () => undefined;
  lab.fromLeft(udpUp(endsOf(family), content(20)));
  lab.run();
  const data = lab.wires[0]!.data;
  lab.onWire = (wire) => wire.data;
  return { lab, data };
}

describe.each(cases)("IPv%i through %j", (family, names) => {
  const ends = endsOf(family);

  test("W-6 an unknown TLV 0x7ffe is skipped, and a transit router passes it on", () => {
    const { lab, data } = firstPacket(family, names);
    const tlvs = readWire(lab, { link: 0, forward: true, data })!;
    const unknownPayload = [{ type: 0x7ffe, value: Uint8Array.of(1, 2, 3) }];
    lab.inject(1, ifnumOf.left, authentic(lab, { link: 0, forward: true, like: data, tlvs: { ...tlvs, iv: undefined, unknownPayload }, body: content(20) }));
    lab.run();
    expect(lab.right.map((one) => toHex(bodyOf(one)))).toEqual([toHex(content(20))]);
    const onward = lab.wires.filter((wire) => wire.link === 1).map((wire) => readWire(lab, wire)?.unknownPayload);
    expect(onward).toEqual(names.length === 3 ? [unknownPayload] : []);
  });

  test("W-6 an unknown critical TLV 0xc0ff drops the packet", () => {
    const { lab, data } = firstPacket(family, names);
    const tlvs = readWire(lab, { link: 0, forward: true, data })!;
    lab.inject(1, ifnumOf.left, authentic(lab, { link: 0, forward: true, like: data, tlvs: { ...tlvs, iv: undefined, unknownPayload: [{ type: 0xc0ff, value: Uint8Array.of(1) }] } }));
    lab.run();
    expect(lab.right).toEqual([]);
    expect(lab.routers[1]!.sessions()).toEqual([]);
    expect(lab.routers[1]!.drops()).toEqual({ "metadata-unknown-critical": 1 });
  });

  test("W-8 data on the SYN travels with it and takes no sequence number of ours", () => {
    const lab = createLab(names, { services: [everything] });
    lab.fromLeft(tcpUp(ends, { seq: 1000, flags: SYN, mss: 1460, body: content(500, 3) }));
    lab.run();
    const syn = parsed(lab.right[0]);
    expect([syn.tcp, toHex(bodyOf(lab.right[0]))]).toEqual([{ seq: 1000, ack: 0, flags: SYN, window: 64240 }, toHex(content(500, 3))]);
    expect(readMss(syn.data, syn.l4)).toBeLessThan(1461);
    lab.fromRight(tcpDown(ends, { seq: 5000, ack: 1501, flags: SYN | ACK, mss: 1460, body: content(100, 4) }));
    lab.run();
    expect([parsed(lab.left[0]).tcp, toHex(bodyOf(lab.left[0]))]).toEqual([{ seq: 5000, ack: 1501, flags: SYN | ACK, window: 64240 }, toHex(content(100, 4))]);
    lab.fromLeft(tcpUp(ends, { seq: 1501, ack: 5101, flags: ACK }));
    lab.run();
    expect(lab.routers.map((router) => [router.live()[0]!.tcpState, ...router.live()[0]!.nextSeq])).toEqual(names.map(() => [3, 1501, 5101]));
    expect(new Set(lab.wires.map((wire) => `${wire.forward} ${parsed(wire.data).tcp!.seq}`))).toEqual(new Set(["true 1000", "false 5000", "true 1501"]));
  });

  test("W-9 one-way UDP: metadata stops after 3 packets and 1 s through code 3 with TLV 18", () => {
    const lab = createLab(names, { services: [everything] });
    for (let packet = 0; packet < 3; packet++) lab.fromLeft(udpUp(ends, content(10)));
    lab.run();
    expect(lab.wires.every((wire) => wire.forward && hasMetadata(wire))).toBe(true); // 3 packets, but not yet 1 s
    lab.wait(1000);
    lab.wires.length = 0;
    lab.fromLeft(udpUp(ends, content(10)));
    lab.run();
    const answers = lab.wires.filter((wire) => !wire.forward).map((wire) => readWire(lab, wire)!);
    expect(answers.map((tlvs) => [tlvs.control, tlvs.disableForward, tlvs.tenant, tlvs.sourceRouter])).toEqual(
      names.slice(1).map(() => [3, true, "corp", names.at(-1)]));
    expect(answers.every((tlvs) => tlvs.reverseContext !== undefined && tlvs.uuid !== undefined)).toBe(true);
    lab.wires.length = 0;
    lab.fromLeft(udpUp(ends, content(10, 9)));
    lab.run();
    expect([lab.wires.length, lab.wires.some(hasMetadata)]).toEqual([names.length - 1, false]);
    expect([lab.right.length, lab.left.length]).toEqual([5, 0]); // nothing of the control message reaches a host
    expect(lab.routers.map((router) => router.live()[0]!.packets)).toEqual(names.map(() => [5n, 0n]));
  });

  test("W-9 the reverse direction of a one-way answer: code 3 from the initiator", () => {
    const lab = createLab(names, { services: [everything] });
    lab.fromLeft(udpUp(ends, content(10)));
    lab.run();
    for (let packet = 0; packet < 4; packet++) {
      lab.fromRight(udpDown(ends, content(10)));
      lab.run();
    }
    lab.wait(1000);
    lab.fromRight(udpDown(ends, content(10)));
    lab.run();
    const forward = lab.wires.filter((wire) => wire.forward).slice(names.length - 1).map((wire) => readWire(lab, wire));
    expect(forward.map((tlvs) => tlvs?.control)).toEqual(names.slice(1).map(() => 3));
    lab.wires.length = 0;
    lab.fromRight(udpDown(ends, content(10)));
    lab.run();
    expect(lab.wires.some(hasMetadata)).toBe(false);
    expect(lab.right).toHaveLength(1);
  });
});

describe.each(families)("W-6 damage on IPv%i", (family) => {
  test("W-6 every truncation of a session-creating packet is dropped and counted, and opens nothing", () => {
    const { lab, data } = firstPacket(family);
    const west = lab.routers[1]!;
    for (let length = 0; length < data.length; length++) {
      const before = sumOf(west.drops());
      lab.inject(1, ifnumOf.left, data.slice(0, length));
      lab.inject(1, ifnumOf.left, relengthened(data.slice(0, length)));
      lab.run();
      expect([sumOf(west.drops()) - before, lab.right.length, west.sessions().length]).toEqual([2, 0, 0]);
    }
  });

  test("W-6 arbitrary bytes on every interface: no throw, no session of a peer, nothing out of a waypoint", () => {
    fc.assert(fc.property(fc.array(fc.tuple(fc.nat(1), fc.nat(1), fc.uint8Array({ maxLength: 120 }), fc.nat(60)), { maxLength: 30 }), (packets) => {
      const lab = createLab(["east", "west"], { services: [] });
      for (const [router, side, bytes, gsoSize] of packets) lab.inject(router, side + 1, ipLike(bytes, family), gsoSize);
      lab.run();
      lab.wait(6000);
      expect(lab.routers.map((one) => [one.sessions().length, one.drops()["fault"]])).toEqual([[0, undefined], [0, undefined]]);
    }), { numRuns: 300 });
  });

  test("W-6 a valid packet with a few bytes changed: delivered as it was, or not at all", () => {
    const { data } = firstPacket(family);
    const edits = fc.array(fc.tuple(fc.nat(data.length - 1), fc.integer({ min: 1, max: 255 })), { minLength: 1, maxLength: 4 });
    fc.assert(fc.property(edits, (changes) => {
      const { lab, data: fresh } = firstPacket(family);
      for (const [at, change] of changes) fresh[at]! ^= change;
      lab.inject(1, ifnumOf.left, fresh);
      lab.run();
      expect(lab.right.every((one) => toHex(bodyOf(one)) === toHex(content(20)))).toBe(true);
      expect([lab.routers[1]!.sessions().length, lab.routers[1]!.drops()["fault"]]).toEqual([lab.right.length, undefined]);
    }), { numRuns: 200 });
  });

  test("W-6 bytes of a live session's 5-tuple with anything behind them never end or change it", () => {
    const lab = createLab(["east", "west"], { services: [everything] });
    const ends = endsOf(family);
    connect(lab, ends);
    lab.fromLeft(tcpUp(ends, { seq: 1001, ack: 5001, flags: ACK, body: content(10) }));
    lab.run();
    const like = lab.wires.at(-1)!.data;
    const at = parsed(like).payload;
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      const cookie = Uint8Array.of(0x4c, 0x48, 0xdb, 0xc6, 0xdd, 0xf6, 0x67, 0x0c);
      lab.inject(1, ifnumOf.left, relengthened(Uint8Array.of(...like.subarray(0, at), ...cookie, ...bytes)));
      lab.run();
    }), { numRuns: 300 });
    expect([lab.routers[1]!.live().length, lab.routers[1]!.drops()["fault"]]).toEqual([1, undefined]);
    lab.right.length = 0;
    lab.fromLeft(tcpUp(ends, { seq: 1011, ack: 5001, flags: ACK, body: content(10, 7) }));
    lab.run();
    expect(lab.right.map((data) => toHex(bodyOf(data)))).toEqual([toHex(content(10, 7))]);
  });
});

const sumOf = (drops: Record<string, number>): number => Object.values(drops).reduce((sum, count) => sum + count, 0);

/** The IP length follows the bytes, so that later checks are reached. */
function relengthened(data: Uint8Array): Uint8Array {
  const isV4 = data[0]! >>> 4 === 4;
  const length = isV4 ? data.length : data.length - 40;
  if (data.length < 6 || length < 0) return data;
  data[isV4 ? 2 : 4] = length >>> 8;
  data[isV4 ? 3 : 5] = length & 0xff;
  if (isV4 && data.length >= 20) fixHeader(data);
  return data;
}

function fixHeader(data: Uint8Array): void {
  data[10] = data[11] = 0;
  let sum = 0;
  for (let at = 0; at < 20; at += 2) sum += (data[at]! << 8) | data[at + 1]!;
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  data[10] = ~sum >>> 8;
  data[11] = ~sum;
}

/** Random bytes that begin like IP, so that they are not all refused at the first byte. */
function ipLike(bytes: Uint8Array, family: IpFamily): Uint8Array {
  const data = bytes.slice();
  if (data.length > 0) data[0] = family === 4 ? 0x45 : 0x60;
  return bytes.length % 3 === 0 ? data : relengthened(data);
}
