// The generator of the differential fuzz: structured packets that hit sessions, nearly hit them, or open new ones, then bent.
// Pure: everything comes from the generator it is given.
import { addressOfWords } from "../../pkg/base/address.ts";
import type { IpFamily } from "../../pkg/base/address.ts";
import { readU16, writeU16 } from "../../pkg/base/bytes.ts";
import { buildPacket } from "../../pkg/svr/build.ts";
import type { IpFields, TransportSpec } from "../../pkg/svr/build.ts";
import { PROTO_TCP, TCP_ACK, TCP_FIN, TCP_PSH, TCP_RST, TCP_SYN } from "../../pkg/svr/constants.ts";
import type { Session, SideIndex } from "../../pkg/svr/session.ts";
import { ifnum, packetOn, place, queryOn } from "../support/flows.ts";
import type { Arriving } from "../support/flows.ts";
import type { Random } from "./random.ts";

/** FuzzPacket is one packet with the link it arrives on; etherType is what the frame says. */
export interface FuzzPacket {
  ifnum: number; vlan: number; etherType: number; gsoSize: number; data: Uint8Array; what: string;
  /** it comes through loopback from a protect worker that opened it, of the session and side that this entry names */
  opened?: { index: number; side: SideIndex };
}

/** SOCKET_PORT is the UDP port on which the host has a socket open. */
export const SOCKET_PORT = 30000;

const COOKIE = [0x4c, 0x48, 0xdb, 0xc6, 0xdd, 0xf6, 0x67, 0x0c, 0x10, 0x0c, 0, 0];
const COMMON_FLAGS = [TCP_ACK, TCP_ACK, TCP_ACK | TCP_PSH, TCP_SYN, TCP_SYN | TCP_ACK, TCP_FIN | TCP_ACK, TCP_FIN | TCP_ACK, TCP_RST, TCP_RST | TCP_ACK];
const SIZES = [0, 0, 0, 0, 0, 1, 1, 2, 7, 8, 9, 10, 33, 34, 64, 65, 120, 208, 209, 228, 229, 511, 1200, 1220, 1332, 1333, 1345, 1352, 1353, 1360, 1372, 1373, 1460];
const TTLS = [64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 128, 255, 3, 2, 1, 0];
const ICMP_TYPES = [0, 3, 8, 11, 13, 14, 17, 18, 128, 129, 1, 2, 135, 143, 130];
const PROTOCOLS = [0, 1, 6, 17, 33, 43, 44, 47, 50, 58, 59, 60, 132, 135, 136, 139, 140];

/** fuzzPacket makes the next packet for a round with these sessions (as they stand now). */
export function fuzzPacket(random: Random, sessions: readonly Session[]): FuzzPacket {
  const packet = random.chance(85) ? aboutSession(random, random.pick(sessions)) : towardNobody(random);
  const bent = random.chance(25) ? bend(random, packet) : packet;
  return runnable(random, random.chance(10) ? { ...bent, data: padded(random, bent.data, 1 + random.below(20)) } : bent);
}

/**
 * What the kernel's test run can be asked: it refuses frames without a whole IP header (the model's own tests send such), and
 * its super-packets have no GSO type, so options cannot be taken off them (receive coalescing never joins packets with options).
 */
function runnable(random: Random, packet: FuzzPacket): FuzzPacket {
  const header = packet.etherType === 0x0800 ? 20 : packet.etherType === 0x86dd ? 40 : 1;
  const data = packet.data.length >= header ? packet.data : padded(random, packet.data, header - packet.data.length);
  const hasOptions = packet.etherType === 0x0800 && data[0]! > 0x45;
  return { ...packet, data, gsoSize: hasOptions ? 0 : packet.gsoSize };
}

function family(random: Random): IpFamily {
  return random.chance(50) ? 4 : 6;
}

function frameOf(data: Uint8Array, at: { ifnum: number; vlan: number }, what: string): FuzzPacket {
  return { ...at, etherType: data[0]! >> 4 === 6 ? 0x86dd : 0x0800, gsoSize: 0, data, what };
}

function payloadOf(random: Random): Uint8Array {
  const payload = random.bytes(random.pick(SIZES));
  if (random.chance(6)) payload.set(COOKIE.slice(0, payload.length));
  return payload;
}

function ipOf(random: Random): Partial<IpFields> {
  return { ttl: random.pick(TTLS), tos: random.below(256), ipId: random.below(65536), dontFragment: random.chance(60), flowLabel: random.chance(50) ? 0 : random.below(0x100000) };
}

/** Options: well-formed MSS among padding, or anything; the builder pads them to words. */
function optionsOf(random: Random): Uint8Array {
  if (random.chance(25)) return random.bytes(random.below(41));
  const mss = random.pick([0, 1, 535, 536, 537, 1300, 1340, 1360, 1361, 1460, 8960, 65535]);
  const blocks = [[1], [1, 1], [4, 2], [3, 3, 7], [2, 4, mss >> 8, mss & 255], [8, 10, 1, 2, 3, 4, 5, 6, 7, 8], [0], [5, 10, 1, 2, 3, 4, 5, 6, 7, 8]];
  const chosen: number[] = [];
  for (let tries = random.below(7); tries > 0; tries--) {
    const block = random.pick(blocks);
    if (chosen.length + block.length <= 40) chosen.push(...block);
  }
  return Uint8Array.from(chosen);
}

/** Near the number that is expected, sometimes exactly it. */
function near(random: Random, expected: number): number {
  const distance = random.pick([0, 0, 0, 1, -1, 2, 100, -100, 1460, -1460, 70000, -70000]);
  return random.chance(3) ? random.word() : (expected + distance) >>> 0;
}

function arrivingOn(random: Random, session: Session, side: SideIndex): Arriving {
  const flags = random.chance(70) ? random.pick(COMMON_FLAGS) : random.below(64);
  const syn = (flags & TCP_SYN) !== 0;
  const base: Arriving = { ip: ipOf(random), payload: payloadOf(random), flags, noChecksum: random.chance(8) && session.side[side].family === 4 };
  const icmp = random.chance(15) ? { icmpType: random.pick([...ICMP_TYPES, queryOn(session, side)]) } : {};
  const numbers = {
    seq: syn && random.chance(50) ? session.isn : near(random, session.nextSeq[side]), ack: near(random, session.nextSeq[side === 0 ? 1 : 0]),
    ...(syn || random.chance(20) ? { options: optionsOf(random) } : {}),
  };
  return { ...base, ...icmp, ...(session.side[side].proto === PROTO_TCP ? numbers : {}) };
}

function towardSession(random: Random, session: Session): FuzzPacket {
  return aboutSide(random, session, random.chance(50) ? 0 : 1);
}

function aboutSide(random: Random, session: Session, side: SideIndex): FuzzPacket {
  const arriving = arrivingOn(random, session, side);
  const { ifnum: number, vlan } = session.side[side];
  const packet = frameOf(packetOn(session, side, arriving), { ifnum: number, vlan }, `${session.uuid[15]} side ${side}`);
  const isTcp = session.side[side].proto === PROTO_TCP;
  return random.chance(isTcp ? 15 : 4) ? superPacket(random, packet, { session, side, arriving }) : packet;
}

/** fuzzOpened is such a packet as a worker brings back, nearly always of the session that it names; its frame has neither tag nor odd type. */
export function fuzzOpened(random: Random, slots: readonly (Session | undefined)[]): FuzzPacket | undefined {
  const taken = slots.flatMap((session, index) => (session === undefined ? [] : [{ session, index }]));
  if (taken.length === 0) return undefined;
  const { session, index } = random.pick(taken), side: SideIndex = random.chance(50) ? 0 : 1;
  const made = aboutSide(random, session, side);
  const bent = random.chance(20) ? bend(random, made) : made;
  const packet = runnable(random, { ...bent, vlan: 0, etherType: bent.data[0]! >> 4 === 6 ? 0x86dd : 0x0800 }); // by what its first byte says now
  const named = random.chance(95) ? { index, side } : { index: random.below(slots.length + 2), side: random.pick<SideIndex>([0, 1]) };
  return { ...packet, opened: named, what: `${packet.what} opened` };
}

/** Of a session, or an ICMP error about a packet that it sent. */
function aboutSession(random: Random, session: Session): FuzzPacket {
  return random.chance(8) ? errorAbout(random, session) : towardSession(random, session);
}

/** The quote is what left on a side: what arrives there, with the ends turned round. */
function errorAbout(random: Random, session: Session): FuzzPacket {
  const side: SideIndex = random.chance(50) ? 0 : 1;
  const at = session.side[side];
  const turned = { ...at, remote: at.local, local: at.remote, remotePort: at.localPort, localPort: at.remotePort };
  const sides: Session["side"] = side === 0 ? [turned, session.side[1]] : [session.side[0], turned];
  const quote = packetOn({ ...session, side: sides }, side, { ...arrivingOn(random, session, side), icmpType: random.pick([queryOn(session, side === 0 ? 1 : 0), ...ICMP_TYPES]) });
  const type = random.pick(at.family === 4 ? [3, 3, 11, 12, 5] : [1, 2, 3, 4, 5]);
  const data = buildPacket({ source: random.chance(50) ? at.remote : place(at.family, "server"), destination: random.chance(80) ? at.local : place(at.family, "waypoint"), ...ipOf(random) }, { kind: "icmp", type, rest: random.word() }, quote.subarray(0, 28 + random.below(80)));
  return frameOf(data, { ifnum: at.ifnum, vlan: at.vlan }, `${session.uuid[15]} error on side ${side}`);
}

/** A super-packet; a later segment may start with the cookie. */
function superPacket(random: Random, packet: FuzzPacket, of: { session: Session; side: SideIndex; arriving: Arriving }): FuzzPacket {
  const gsoSize = random.pick([1, 9, 100, 500, 1239, 1240, 1340, 1360, 1361, 1460]);
  const payload = random.bytes(Math.min(3300, gsoSize * (1 + random.below(5)) + random.below(gsoSize)));
  const start = gsoSize * random.below(5);
  if (random.chance(20) && start + COOKIE.length <= payload.length) payload.set(COOKIE, start);
  return { ...packet, gsoSize, data: packetOn(of.session, of.side, { ...of.arriving, payload }), what: `${packet.what} gso ${gsoSize}` };
}

function transportOf(random: Random, proto: FuzzPacket["ifnum"]): TransportSpec {
  const destinationPort = random.pick([443, 16383, 16384, 16386, 20001, SOCKET_PORT, 65534, 65535, 1280, 1283, random.below(65536)]);
  const sourcePort = random.below(65536);
  if (proto === 0) return { kind: "tcp", sourcePort, destinationPort, flags: random.chance(50) ? TCP_SYN : random.below(64), seq: random.word(), options: optionsOf(random) };
  if (proto === 1) return { kind: "udp", sourcePort, destinationPort };
  if (proto === 2) return { kind: "icmp", type: random.pick(ICMP_TYPES), rest: random.word() };
  return { kind: "other", proto: random.pick(PROTOCOLS) };
}

/** Sources and destinations of packets without a session, the forbidden ones included. */
function endsOf(random: Random, of: IpFamily): Pick<IpFields, "source" | "destination"> {
  const odd = of === 4
    ? [0x7f000001, 0xe0000001, -1, 0, 5, 0xf0000001, 0xdfffffff].map((word) => addressOfWords(4, word))
    : [[0, 0, 0, 1], [0, 0, 0, 0], [0xff020000, 0, 0, 1], [0xfe800000, 0, 0, 1], [0xfec00000, 0, 0, 1], [0, 0, 0xffff, 1]].map(([a = 0, b = 0, c = 0, d = 0]) => addressOfWords(6, a, b, c, d));
  const usual = [place(of, "host", 1 + random.below(4)), place(of, "server"), place(of, "waypoint"), place(of, "waypoint", 2), place(of, "peer"), place(of, "nat"), place(of, "plain")];
  const one = (): Pick<IpFields, "source">["source"] => (random.chance(12) ? random.pick(odd) : random.pick(usual));
  return { source: one(), destination: one() };
}

function towardNobody(random: Random): FuzzPacket {
  const data = buildPacket({ ...endsOf(random, family(random)), ...ipOf(random) }, transportOf(random, random.below(4)), payloadOf(random));
  return frameOf(data, { ifnum: random.pick(Object.values(ifnum)), vlan: random.pick([0, 0, 7, 12]) }, "nobody");
}

function padded(random: Random, data: Uint8Array, count: number): Uint8Array {
  const longer = new Uint8Array(data.length + count);
  longer.set(data);
  longer.set(random.bytes(count), data.length);
  return longer;
}

/** One way to bend a packet; it gets a copy. */
type Bend = (random: Random, packet: FuzzPacket) => FuzzPacket;

const change = (edit: (random: Random, data: Uint8Array) => void): Bend => (random, packet) => {
  edit(random, packet.data);
  return packet;
};
const isIp4 = (data: Uint8Array): boolean => data[0]! >> 4 === 4;

const bends: readonly Bend[] = [
  change((random, data) => { for (let times = 1 + random.below(3); times > 0; times--) data[random.below(Math.min(data.length, 80))] = random.below(256); }),
  change((random, data) => { const at = random.below(Math.min(data.length, 80)); data[at] = data[at]! ^ (1 << random.below(8)); }),
  (random, packet) => ({ ...packet, data: packet.data.slice(0, 1 + random.below(packet.data.length)) }),
  (random, packet) => ({ ...packet, data: packet.data.slice(0, 1 + random.below(Math.min(packet.data.length, 70))) }),
  change((random, data) => writeU16(data, isIp4(data) ? 2 : 4, Math.max(0, readU16(data, isIp4(data) ? 2 : 4) + random.pick([-1, 1, -8, -20, -40, 8])))),
  change((random, data) => { if (isIp4(data)) writeU16(data, 6, random.pick([0x2000, 0x2001, 0x0001, 0x1fff, 0x4000, 0x8000, 0])); }),
  change((random, data) => { data[isIp4(data) ? 9 : 6] = random.pick(PROTOCOLS); }),
  (random, packet) => (isIp4(packet.data) ? { ...packet, data: withOptions(random, packet.data) } : packet),
  (random, packet) => ({ ...packet, vlan: random.pick([0, 1, 7, 12, 4095]) }),
  (random, packet) => ({ ...packet, ifnum: random.pick(Object.values(ifnum)) }),
  (random, packet) => ({ ...packet, etherType: random.pick([0x0800, 0x86dd, 0x0806, 0x8100, 0x88a8]) }),
  (random, packet) => ({ ...packet, gsoSize: random.pick([1, 8, 500, 1400]) }),
];

function bend(random: Random, packet: FuzzPacket): FuzzPacket {
  return random.pick(bends)(random, { ...packet, data: packet.data.slice(), what: `${packet.what} bent` });
}

/** IPv4 options between the header and what follows; the header checksum becomes wrong, which established packets do not mind. */
function withOptions(random: Random, data: Uint8Array): Uint8Array {
  const words = 1 + random.below(10);
  const longer = new Uint8Array(data.length + words * 4);
  longer.set(data.subarray(0, 20));
  longer.set(random.bytes(words * 4), 20);
  longer.set(data.subarray(20), 20 + words * 4);
  longer[0] = 0x45 + words;
  writeU16(longer, 2, Math.min(65535, readU16(longer, 2) + words * 4));
  return longer;
}
