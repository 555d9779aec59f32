// W-7 and RB-26: SCTP, DCCP, UDP-Lite, GRE, ESP, AH and protocols that nobody knows cross as UDP and leave as the original, to the
// last byte, in both families and over paths of either; source NAT leaves their ports; a second session without ports is refused.
import { toHex } from "../../pkg/base/bytes.ts";
import type { IpFamily } from "../../pkg/base/address.ts";
import { buildPacket } from "../../pkg/svr/build.ts";
import { fold, pseudoSum, sumBytes } from "../../pkg/svr/checksum.ts";
import { cutIp } from "../../pkg/svr/ipfragments.ts";
import { address, ifnumOf } from "./config.ts";
import { createLab } from "./lab.ts";
import type { Lab } from "./lab.ts";
import { authentic, content, endsOf, everything, hasMetadata, headerOf, parsed, readWire } from "./packets.ts";
import type { Ends } from "./packets.ts";

const SCTP = 132, DCCP = 33, UDP_LITE = 136, GRE = 47, ESP = 50, AH = 51, NOBODY = 253;
const COOKIE = [0x4c, 0x48, 0xdb, 0xc6, 0xdd, 0xf6, 0x67, 0x0c];
interface Protocol { name: string; proto: number; start: number[]; hasPorts?: boolean; isSummed?: boolean }
const protocols: Protocol[] = [
  { name: "SCTP", proto: SCTP, start: [0, 0, 0, 1, 0xde, 0xad, 0xbe, 0xef], hasPorts: true },
  { name: "DCCP", proto: DCCP, start: [3, 0, 0, 0, 4, 0, 0, 1], hasPorts: true, isSummed: true },
  { name: "UDP-Lite", proto: UDP_LITE, start: [0, 0, 0, 0], hasPorts: true, isSummed: true },
  { name: "GRE version 0", proto: GRE, start: [0x20, 0, 8, 0, 0, 0, 0, 7] }, { name: "GRE version 1 (PPTP)", proto: GRE, start: [0x30, 0x81, 0x88, 0x0b, 0, 4, 0, 9] },
  { name: "ESP", proto: ESP, start: [0, 0, 1, 0, 0, 0, 0, 1] }, { name: "AH", proto: AH, start: [4, 4, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1] },
  { name: "protocol 253", proto: NOBODY, start: [] },
];
const PORTS = { client: 5000, server: 36412 };

/** The L4 packet of a host; the checksum of DCCP and UDP-Lite covers all of it. */
function packetOf(of: Protocol, ends: Ends, way: { from: keyof Ends; port?: number; size?: number; salt?: number; ends?: Partial<Ends> }): Uint8Array {
  const { from, port = PORTS.client, size = 61, salt = 0 } = way;
  const both = { ...ends, ...way.ends };
  const [source, destination] = from === "client" ? [both.client, both.server] : [both.server, both.client];
  const [sport, dport] = from === "client" ? [port, PORTS.server] : [PORTS.server, port];
  const ports = of.hasPorts === true ? [sport >> 8, sport & 255, dport >> 8, dport & 255] : [];
  const body = Uint8Array.from([...ports, ...of.start, ...content(size, salt)]);
  if (of.isSummed === true) {
    body.fill(0, 6, 8);
    const sum = 0xffff - fold(pseudoSum({ source, destination, proto: of.proto }, body.length) + sumBytes(body, 0, body.length));
    body.set([sum >> 8, sum & 255], 6);
  }
  return buildPacket({ source, destination, tos: 0x28 }, { kind: "other", proto: of.proto }, body);
}

const layFour = (data: Uint8Array): string => toHex(data.subarray(parsed(data).l4, parsed(data).end));
const isSound = (data: Uint8Array): boolean => {
  const packet = parsed(data);
  return fold(pseudoSum(packet, packet.end - packet.l4) + sumBytes(data, packet.l4, packet.end)) === 0xffff;
};

function rounds(lab: Lab, of: Protocol, ends: Ends, count = 3): void {
  for (let n = 0; n < count; n++) {
    lab.fromLeft(packetOf(of, ends, { from: "client", salt: n }));
    lab.run();
    lab.fromRight(packetOf(of, ends, { from: "server", salt: n }));
    lab.run();
  }
}

const ways: { names: string[]; outer: IpFamily[] }[] = [{ names: ["east", "west"], outer: [4] }, { names: ["east", "west"], outer: [6] }, { names: ["branch", "transit", "cloud"], outer: [6, 4] }];
const cases = ways.flatMap((way) => ([4, 6] as const).flatMap((family) => protocols.map((of) => ({ ...way, family, of, name: of.name }))));

describe.each(cases)("$name, inner IPv$family, outer $outer", ({ names, outer, family, of }) => {
  const ends = endsOf(family);

  test("W-7 RB-26 crosses as UDP both ways, leaves as it was; metadata goes off and no packet goes up any more", () => {
    const lab = createLab(names, { services: [everything], outer });
    rounds(lab, of, ends);
    expect(lab.right.map(layFour)).toEqual([0, 1, 2].map((salt) => layFour(packetOf(of, ends, { from: "client", salt }))));
    expect(lab.left.map(layFour)).toEqual([0, 1, 2].map((salt) => layFour(packetOf(of, ends, { from: "server", salt }))));
    expect([...lab.right, ...lab.left].every((data) => parsed(data).tos === 0x28 && parsed(data).proto === of.proto)).toBe(true);
    expect(lab.wires.every(({ data }) => parsed(data).proto === 17)).toBe(true);
    lab.wires.length = 0;
    const punts = lab.routers.map((router) => router.counters().map((one) => one.punts));
    rounds(lab, of, ends, 1);
    expect(lab.wires.some(hasMetadata)).toBe(false);
    expect(lab.wires.map(({ data }) => parsed(data).end - parsed(data).payload)).toEqual(lab.wires.map(() => packetOf(of, ends, { from: "client" }).length - (family === 4 ? 20 : 40)));
    expect(lab.routers.map((router) => router.counters().map((one) => one.punts))).toEqual(punts);
    expect(lab.routers.map((router) => router.live().map(({ packets, bytes }) => [...packets, ...bytes].map(Number)))).toEqual(
      names.map(() => [[4, 4, ...[0, 1].map(() => 4 * packetOf(of, ends, { from: "client" }).length)]]));
  });

  test("N-1 source NAT gives another address and leaves the ports; a second session that would look the same is refused", () => {
    const lab = createLab(names, { services: [{ ...everything, sourceNat: true }], outer });
    const outside = { client: address(family === 4 ? "10.2.0.1" : "2001:db8:2::1") };
    for (let salt = 0; salt < 3; salt++) {
      lab.fromLeft(packetOf(of, ends, { from: "client", salt }));
      lab.run();
      lab.fromRight(packetOf(of, ends, { from: "server", salt, ends: outside }));
      lab.run();
    }
    expect(lab.right.map(layFour)).toEqual([0, 1, 2].map((salt) => layFour(packetOf(of, ends, { from: "client", salt, ends: outside }))));
    expect(lab.left.map(layFour)).toEqual([0, 1, 2].map((salt) => layFour(packetOf(of, ends, { from: "server", salt }))));
    if (of.isSummed === true) expect([...lab.left, ...lab.right].every(isSound)).toBe(true);
    lab.fromLeft(packetOf(of, endsOf(family, 11), { from: "client" }));
    lab.run();
    expect([lab.right.length, lab.routers.at(-1)!.drops()]).toEqual([3, { nat: 1 }]);
  });

  test("3.4 10.2 a body that looks like metadata, and 1,500 bytes over 1,400, in fragments too", () => {
    const lab = createLab(names, { services: [everything], outer, mtu: 1400, lanMtu: 1500 });
    rounds(lab, of, ends, 2);
    const size = 1500 - (family === 4 ? 20 : 40) - of.start.length - (of.hasPorts === true ? 4 : 0);
    const large = packetOf(of, ends, { from: "client", size });
    lab.fromLeft(large);
    lab.run();
    expect(layFour(lab.right.at(-1)!)).toBe(layFour(large));
    const pieces = packetOf(of, ends, { from: "client", size: 3000 });
    if (family === 4) pieces[6]! &= ~0x40;
    for (const piece of cutIp(pieces, { size: 1240, id: 77 })) lab.fromLeft(piece);
    lab.run();
    const got = lab.right.slice(3).map((data) => toHex(data.subarray(family === 4 ? 20 : 48))).join("");
    expect(got).toBe(layFour(pieces));
    expect(lab.wires.every(({ data }) => data.length <= 1400)).toBe(true);
    if (of.hasPorts === true) return;
    const bare = buildPacket({ source: ends.client, destination: ends.server }, { kind: "other", proto: of.proto }, Uint8Array.from([...COOKIE, ...content(20)]));
    lab.fromLeft(bare);
    lab.run();
    expect(layFour(lab.right.at(-1)!)).toBe(layFour(bare));
  });
});

describe.each(protocols.filter((of) => of.hasPorts === true))("$name", (of) => {
  test("5 two sessions of a protocol with ports are two sessions; 3.3 a peer may not put other ports into one", () => {
    const lab = createLab(["east", "west"], { services: [everything] });
    const ends = endsOf(4);
    for (const port of [5000, 5001]) lab.fromLeft(packetOf(of, ends, { from: "client", port }));
    lab.run();
    expect([lab.routers[0]!.live().length, lab.right.length]).toEqual([2, 2]);
    const wire = lab.wires.find(hasMetadata)!;
    expect(headerOf(wire).metadata.keyId).toBeDefined();
    const tlvs = { ...readWire(lab, wire)!, iv: undefined };
    const body = packetOf(of, ends, { from: "client", port: 5002 }).subarray(20);
    lab.inject(1, ifnumOf.left, authentic(lab, { link: 0, forward: true, like: wire.data, tlvs, body }));
    lab.inject(1, ifnumOf.left, authentic(lab, { link: 0, forward: true, like: wire.data, tlvs: { ...tlvs, uuid: new Uint8Array(16).fill(7) }, body }));
    lab.run();
    expect([lab.right.length, lab.routers[1]!.drops()]).toEqual([2, { filter: 2 }]);
  });
});
