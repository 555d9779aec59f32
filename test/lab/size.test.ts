// Size: first packets and established packets above the path MTU, IP fragments of hosts, links that are smaller than the path,
// ICMP to the host that must know (protocol 10, behaviour M-1, M-2, RB-18).
import { toHex } from "../../pkg/base/bytes.ts";
import type { IpFamily } from "../../pkg/base/address.ts";
import { cutIp, joinIp } from "../../pkg/svr/ipfragments.ts";
import { ROUTER_LIMITS, Reassembler } from "../../pkg/svr/reassembly.ts";
import { hasGoodChecksum } from "../../pkg/svr/sanity.ts";
import { readU16, readU32 } from "../../pkg/base/bytes.ts";
import type { Chain, LabService } from "./config.ts";
import { address, ifnumOf } from "./config.ts";
import { createLab } from "./lab.ts";
import type { Lab } from "./lab.ts";
import { ACK, bodyOf, connect, content, endsOf, everything, hasMetadata, headerOf, parsed, tcpUp, udpDown, udpUp } from "./packets.ts";

const chains = [["east", "west"], ["branch", "transit", "cloud"]];
const families: readonly IpFamily[] = [4, 6];
const cases = families.flatMap((family) => chains.map((names) => [family, names] as const));

/** Hosts on jumbo links, routers joined by links of 1,400 bytes. */
const jumbo = { services: [everything], mtu: 1400, lanMtu: 9216 };

/** Established UDP session: no metadata in either direction any more. */
function established(names: string[], family: IpFamily, options: Omit<Chain, "names" | "index"> = jumbo): Lab {
  const lab = createLab(names, options);
  const ends = endsOf(family);
  for (let round = 0; round < 3; round++) {
    lab.fromLeft(udpUp(ends, content(10)));
    lab.run();
    lab.fromRight(udpDown(ends, content(10)));
    lab.run();
  }
  forget(lab);
  return lab;
}

function forget(lab: Lab): void {
  for (const list of [lab.wires, lab.left, lab.right, lab.delivered]) list.length = 0;
}

const sizesOf = (packets: readonly { data: Uint8Array }[]): number[] => packets.map(({ data }) => data.length);

describe.each(cases)("IPv%i through %j", (family, names) => {
  const ends = endsOf(family);
  const ip = family === 4 ? 28 : 48;

  test.each([1500, 4000, 9000])("RB-18 M-1 a first packet of %i bytes crosses links of 1,400 in fragments, and its answer too", (size) => {
    const lab = createLab(names, jumbo);
    lab.fromLeft(udpUp(ends, content(size - ip, 1)));
    lab.run();
    expect(lab.right.map((data) => toHex(bodyOf(data)))).toEqual([toHex(content(size - ip, 1))]);
    expect(Math.max(...sizesOf(lab.wires))).toBeLessThanOrEqual(1400);
    expect(lab.wires.every(hasMetadata)).toBe(true);
    lab.fromRight(udpDown(ends, content(size - ip, 2)));
    lab.run();
    expect(lab.left.map((data) => toHex(bodyOf(data)))).toEqual([toHex(content(size - ip, 2))]);
    expect([...lab.left, ...lab.right].map(parsed).every(hasGoodChecksum)).toBe(true);
    expect(lab.routers.map((router) => router.live().length)).toEqual(names.map(() => 1));
    expect(lab.routers.map((router) => router.drops())).toEqual(names.map(() => ({})));
  });

  test("M-1 fragments share ext-id, offsets are contiguous, TLV 16 stands on the first, one tag on the last", () => {
    const lab = established(names, family);
    lab.fromLeft(udpUp(ends, content(3000)));
    lab.run();
    const first = lab.wires.filter((wire) => wire.link === 0);
    const headers = first.map(headerOf);
    const tlvs = headers.map((header) => header.metadata.fragment!);
    expect(new Set(tlvs.map((tlv) => tlv.extId)).size).toBe(1);
    let next = 0;
    for (const [index, tlv] of tlvs.entries()) {
      const last = index === tlvs.length - 1;
      expect([tlv.offset, tlv.more, tlv.largest, tlv.ipId]).toEqual([next, !last, 0, 0]);
      next += parsed(first[index]!.data).end - headers[index]!.body;
    }
    expect(next).toBe(3000 + 16);
    expect(headers.map((header) => header.metadata.keyId !== undefined)).toEqual(headers.map((_, index) => index === 0));
    expect(headers.every((header) => header.payloadLength === 0)).toBe(true);
    expect(toHex(bodyOf(lab.right[0]))).toBe(toHex(content(3000)));
    expect(lab.routers[0]!.sessions()[0]!.flags & 3).toBe(0); // a fragment counts as a packet without metadata (protocol 5)
  });

  test("M-1 fragments may come in any order and twice, the packet once", () => {
    const lab = established(names, family);
    lab.fromLeft(udpUp(ends, content(4000)));
    lab.land();
    lab.think();
    const cut = lab.flights.splice(0);
    lab.flights.push(...cut.toReversed(), ...cut.slice(0, 1));
    lab.run();
    expect(lab.right.map((data) => toHex(bodyOf(data)))).toEqual([toHex(content(4000))]);
  });

  test("M-5 a missing fragment: discarded after 5 s and counted once; the next packet passes", () => {
    const lab = established(names, family);
    let seen = 0;
    lab.onWire = (wire) => (seen++ === 1 ? undefined : wire.data);
    lab.fromLeft(udpUp(ends, content(4000)));
    lab.run();
    lab.wait(4000);
    expect(lab.routers[1]!.drops()).toEqual({});
    lab.wait(2000);
    expect(lab.routers[1]!.drops()).toEqual({ reassembly: 1 });
    expect(lab.right).toEqual([]);
    lab.fromLeft(udpUp(ends, content(4000)));
    lab.run();
    expect(lab.right).toHaveLength(1);
  });

  test("S-1 one bit of any fragment: the whole packet is dropped, with one counter", () => {
    const lab = established(names, family);
    lab.fromLeft(udpUp(ends, content(3000)));
    lab.land();
    lab.think();
    const cut = lab.flights.splice(0);
    for (const [index, flight] of cut.entries()) {
      const before = lab.routers[1]!.drops();
      const bent = flight.data.slice();
      bent[bent.length - 20]! ^= 1;
      lab.flights.push(...cut.map((one, at) => (at === index ? { ...one, data: bent } : one)));
      lab.run();
      const after = lab.routers[1]!.drops();
      expect(after["hmac-failure"]).toBe((before["hmac-failure"] ?? 0) + 1);
      expect(lab.right).toEqual([]);
    }
  });

  test("M-2 what a host sent in fragments leaves in fragments no larger, with its identification", () => {
    const lab = createLab(names, { services: [everything], mtu: 1500 });
    const whole = udpUp(ends, content(2500), { ip: { ipId: 777, dontFragment: false } });
    const pieces = cutIp(whole, { size: 1300, id: 777 });
    for (const piece of pieces) lab.fromLeft(piece);
    lab.run();
    expect(Math.max(...lab.right.map((data) => data.length))).toBeLessThanOrEqual(Math.max(...pieces.map((piece) => piece.length)));
    expect(lab.right.length).toBe(pieces.length);
    const arrived = lab.right.map(parsed);
    expect(arrived.map((packet) => packet.fragment?.more)).toEqual(pieces.map((_, index) => index < pieces.length - 1));
    if (family === 4) expect(arrived.map((packet) => [packet.ipId, packet.dontFragment])).toEqual(pieces.map(() => [777, false]));
    const bytes = Buffer.concat(arrived.map((packet) => packet.data.subarray(packet.l4, packet.end)));
    expect(toHex(bytes)).toBe(toHex(whole.subarray(family === 4 ? 20 : 40)));
    const sent = lab.wires.filter((wire) => wire.link === 0).map((wire) => headerOf(wire).metadata.fragment!);
    expect(sent.map((tlv) => [tlv.ipId, tlv.largest, tlv.dontFragment])).toEqual(sent.map(() => [777, pieces[0]!.length, family === 6]));
  });

  test("M-4 2.7 before a path's MTU is known: DF=0, and what a small link on the way cuts arrives, first packets and later ones", () => {
    const lab = createLab(names, { services: [everything], mtu: 1500, cuttable: true });
    const ids = new Map<number, number[]>();
    lab.onWire = ({ link, forward, data }) => {
      if (family === 6) return data; // IPv6 is not cut on its way
      const packet = parsed(data);
      expect([packet.dontFragment, hasGoodChecksum(packet)]).toEqual([false, true]);
      const key = link * 2 + Number(forward);
      ids.set(key, [...ids.get(key) ?? [], packet.ipId]);
      for (const piece of cutIp(data, { size: 1000, id: packet.ipId })) lab.inject(forward ? link + 1 : link, forward ? ifnumOf.left : ifnumOf.right, piece);
      return undefined;
    };
    for (const size of [100, 1500 - ip, 1500 - ip]) {
      const large = { ip: { ipId: 5, dontFragment: true } };
      for (let round = 0; round < 4; round++) {
        lab.fromLeft(udpUp(ends, content(size, round), large));
        lab.run();
        lab.fromRight(udpDown(ends, content(size, round), large));
        lab.run();
      }
    }
    expect([lab.right, lab.left].map((list) => list.map((data) => bodyOf(data).length))).toEqual([1, 2].map(() => [100, 100, 100, 100, ...new Array<number>(8).fill(1500 - ip)]));
    expect([...lab.left, ...lab.right].map(parsed).every(hasGoodChecksum)).toBe(true);
    for (const drawn of ids.values()) expect([drawn.length >= 12, new Set(drawn).size]).toEqual([true, drawn.length]);
    expect(lab.routers.map((router) => router.drops())).toEqual(names.map(() => ({})));
  });

  test("M-2 fragments of an established session, also such that fit the path when joined", () => {
    const lab = established(names, family, { services: [everything], mtu: 1500 });
    const pieces = cutIp(udpUp(ends, content(1000), { ip: { ipId: 5, dontFragment: false } }), { size: 600, id: 5 });
    for (const piece of pieces.toReversed()) lab.fromLeft(piece);
    lab.run();
    expect(lab.right.length).toBe(2);
    expect(Math.max(...lab.right.map((data) => data.length))).toBeLessThanOrEqual(600);
    expect(lab.routers.map((router) => router.live()[0]!.packets[0])).toEqual(names.map(() => 4n));
  });

  test("a packet of an established session that fits is never cut, one byte more is", () => {
    const lab = established(names, family, { services: [everything], mtu: 1400, lanMtu: 1500 });
    lab.fromLeft(udpUp(ends, content(1400 - ip)));
    lab.run();
    expect(sizesOf(lab.wires)).toEqual(names.slice(1).map(() => 1400));
    expect(lab.wires.some(hasMetadata)).toBe(false);
    lab.wires.length = 0;
    lab.fromLeft(udpUp(ends, content(1401 - ip)));
    lab.run();
    expect(lab.wires.every(hasMetadata)).toBe(true);
    expect(lab.right.map((data) => data.length)).toEqual([1400, 1401]);
  });

  test("10.2 a link behind the egress that is too small: IPv4 is cut with a new identification, IPv6 is dropped", () => {
    const lab = createLab(names, { services: [everything], mtu: 1500 }, (index) => (index === names.length - 1 ? { lanMtu: 1280 } : {}));
    lab.fromLeft(udpUp(ends, content(1450 - ip)));
    lab.run();
    if (family === 6) {
      expect(lab.right).toEqual([]);
      expect(lab.routers.at(-1)!.drops()).toEqual({ "too-big": 1 });
      return;
    }
    expect(lab.wires.filter((wire) => wire.link === 0 && wire.forward)).toHaveLength(2); // too large with metadata, so TLV 1 tells of DF
    expect(lab.routers.at(-1)!.drops()).toEqual({ "too-big": 1 });
    lab.fromLeft(udpUp(ends, content(1420 - ip), { from: 7, ip: { dontFragment: false } }));
    lab.run();
    expect(lab.right.length).toBe(2);
    expect(lab.right.map((data) => data.length <= 1280)).toEqual([true, true]);
    expect(new Set(lab.right.map((data) => parsed(data).ipId)).size).toBe(1);
  });

  test("10.5 a host with DF is not told of the path MTU: its packet is cut", () => {
    const lab = established(names, family);
    lab.fromLeft(udpUp(ends, content(1700), { ip: { dontFragment: true } }));
    lab.run();
    expect([lab.left.length, lab.right.length]).toEqual([0, 1]);
  });

  test("TCP above the path MTU is cut into whole carriers of one header", () => {
    const lab = createLab(names, jumbo);
    connect(lab, ends);
    forget(lab);
    lab.fromLeft(tcpUp(ends, { seq: 1001, ack: 5001, flags: ACK, body: content(5000) }));
    lab.run();
    expect(toHex(bodyOf(lab.right[0]))).toBe(toHex(content(5000)));
    expect(parsed(lab.right[0]).tcp).toMatchObject({ seq: 1001, ack: 5001 });
    expect(new Set(lab.wires.filter((wire) => wire.link === 0).map((wire) => parsed(wire.data).tcp?.seq))).toEqual(new Set([1001]));
  });

  test("3.1 a super-packet is cut into its segments before metadata is added", () => {
    const lab = createLab(names, { services: [{ ...everything, enforcement: "Allow" }], mtu: 1400 });
    lab.fromLeft(tcpUp(ends, { seq: 1001, ack: 5001, flags: ACK, body: content(3000) }), 1000);
    lab.run();
    expect(lab.right.map((data) => [parsed(data).tcp?.seq, bodyOf(data).length])).toEqual([[1001, 1000], [2001, 1000], [3001, 1000]]);
    expect(lab.wires.every(hasMetadata)).toBe(true);
    expect(Math.max(...sizesOf(lab.wires))).toBeLessThanOrEqual(1400);
  });

  test("RB-18 the largest datagram, in fragments of its host: with all headers it is longer than an IP packet can be", () => {
    const lab = createLab(names, { services: [everything], mtu: 1400, lanMtu: 1500 });
    const length = family === 4 ? 65_507 : 65_527;
    for (let round = 0; round < 3; round++) {
      for (const piece of cutIp(udpUp(ends, content(length, round), { ip: { dontFragment: false, ipId: round + 1 } }), { size: 1500, id: round + 1 })) lab.fromLeft(piece);
      lab.run();
      lab.fromRight(udpDown(ends, content(20)));
      lab.run();
    }
    const reassembler = new Reassembler(ROUTER_LIMITS);
    const wholes = lab.right.flatMap((data) => joinIp(reassembler, { packet: parsed(data), ifnum: 1, vlan: 0 }, 0) ?? []);
    expect(wholes.map(({ data }) => toHex(bodyOf(data)) === toHex(content(length, wholes.findIndex((whole) => whole.data === data))))).toEqual([true, true, true]);
    expect(wholes.map(({ data }) => hasGoodChecksum(parsed(data)))).toEqual([true, true, true]);
    expect([Math.max(...sizesOf(lab.wires)) <= 1400, lab.left.length]).toEqual([true, 3]);
    expect(lab.routers.map((router) => router.drops())).toEqual(names.map(() => ({})));
  });

  test("10.1 IP fragments of what a peer sent are joined before its metadata is read", () => {
    const lab = createLab(names, { services: [everything], mtu: 9000 });
    let id = 0;
    lab.onWire = (wire) => {
      id++;
      for (const piece of cutIp(wire.data, { size: 600, id })) lab.inject(wire.forward ? wire.link + 1 : wire.link, wire.forward ? 1 : 2, piece);
      return undefined;
    };
    for (let round = 0; round < 3; round++) {
      lab.fromLeft(udpUp(ends, content(1200, round)));
      lab.run();
      lab.fromRight(udpDown(ends, content(1300, round)));
      lab.run();
    }
    expect(lab.routers.map((router) => [router.drops(), router.live().length])).toEqual(names.map(() => [{}, 1]));
    expect(lab.right.map((data) => toHex(bodyOf(data)))).toEqual([0, 1, 2].map((round) => toHex(content(1200, round))));
    expect(lab.left.map((data) => toHex(bodyOf(data)))).toEqual([0, 1, 2].map((round) => toHex(content(1300, round))));
  });

  test("M-1 HMAC off: fragments without key id and without tag", () => {
    const lab = established(names, family, { ...jumbo, mode: "Disabled", suite: "off" });
    lab.fromLeft(udpUp(ends, content(3000)));
    lab.run();
    expect(toHex(bodyOf(lab.right[0]))).toBe(toHex(content(3000)));
    const first = lab.wires.filter((wire) => wire.link === 0);
    expect(first.map((wire) => parsed(wire.data).end - headerOf(wire).body).reduce((sum, bytes) => sum + bytes)).toBe(3000);
    expect(headerOf(first[0]!).metadata.keyId).toBeUndefined();
  });
});

describe("one router between two host networks", () => {
  const service: LabService = { ...everything, enforcement: "Allow" };

  test.each(families)("12.3 IPv%i: too big for the far link, the host is told its MTU", (family) => {
    const lab = createLab(["solo"], { services: [service], lanMtu: 1500 });
    const { datapath, config } = lab.routers[0]!;
    for (const nexthop of config.nexthops) if (nexthop.interface === "right") nexthop.mtu = 1300;
    lab.reconfigure(0);
    const ends = endsOf(family);
    lab.fromLeft(udpUp(ends, content(1400)));
    lab.run();
    expect(lab.right).toEqual([]);
    expect(datapath.sent).toHaveLength(1);
    const error = parsed(lab.left[0]);
    expect([error.source, error.destination]).toEqual([address(family === 4 ? "10.1.0.1" : "2001:db8:1::1"), ends.client]);
    expect([error.data[error.l4], error.data[error.l4 + 1]]).toEqual(family === 4 ? [3, 4] : [2, 0]);
    expect(readU32(error.data, error.l4 + 4)).toBe(1300);
    expect(error.data.length).toBe(family === 4 ? 576 : 1280);
    expect(hasGoodChecksum(error)).toBe(true);
    if (family === 6) return;
    lab.fromLeft(udpUp(ends, content(1400), { ip: { dontFragment: false, ipId: 99 } }));
    lab.run();
    expect(lab.right.map((data) => [data.length <= 1300, readU16(data, 4)])).toEqual([[true, 99], [true, 99]]);
  });
});
