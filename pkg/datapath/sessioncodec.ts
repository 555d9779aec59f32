// Sessions as bytes: struct svr_session to the plain data of pkg/svr/session.ts and back. Runs for every punt of a known
// session and for every install, so it reads one DataView by constant offsets. Called by punts.ts, ops.ts, open.ts.
import type { IpAddress, IpFamily } from "../base/address.ts";
import { addressOfWords } from "../base/address.ts";
import { createCopier } from "../base/bytes.ts";
import type { Copier } from "../base/bytes.ts";
import type { HandshakeMemory, Life, Role, Session, SessionContext, SessionSide, SideIndex, TcpState } from "../svr/session.ts";
import { handshakeLayout, offsetOf, sessionLayout, sideLayout, tailLayout } from "./layouts.ts";

/** Bytes is one buffer seen both ways; made once per buffer, never per field. */
export interface Bytes {
  readonly array: Uint8Array;
  readonly view: DataView;
  /** of bytes that outlive the buffer's contents */
  readonly copy: Copier;
}

/** createBytes makes a zeroed buffer. */
export function createBytes(size: number): Bytes {
  const array = new Uint8Array(size);
  return { array, view: new DataView(array.buffer), copy: createCopier() };
}

const side = (name: string): number => offsetOf(sideLayout, name);
const SIDE_SIZE = sideLayout.size;
const tail = (name: string): number => offsetOf(tailLayout, name);
const TAIL_SIZE = tailLayout.size, T_REMOTE = tail("remote_be"), T_LOCAL = tail("local_be");
const S_REMOTE = side("remote_be"), S_LOCAL = side("local_be"), S_REMOTE_PORT = side("remote_port_be"), S_LOCAL_PORT = side("local_port_be");
const S_IFNUM = side("ifnum"), S_VLAN = side("vlan"), S_NEXTHOP = side("nexthop"), S_PATH = side("path"), S_PROTO = side("proto"), S_FAMILY = side("family");

const hs = (name: string): number => offsetOf(sessionLayout, "hs") + offsetOf(handshakeLayout, name);
const H_FORWARD = hs("forward_repeats"), H_REVERSE = hs("reverse_repeats"), H_MODIFY_OUT = hs("modify_out"), H_MODIFY_IN = hs("modify_in");
const H_MODIFY_FLAGS = hs("modify_flags"), H_HAVE_REVERSE = hs("have_reverse"), H_CONTROL3 = hs("control3_ms");
const H_SERVICE = hs("reverse_service"), H_EGRESS = hs("egress_router");

const field = (name: string): number => offsetOf(sessionLayout, name);
const SIDES = field("side"), TAILS = field("tail"), FLAGS = field("flags"), LIFE = field("life"), TCP_STATE = field("tcp_state"), TCP_BEFORE = field("tcp_before_reset");
const END_REASON = field("end_reason"), SEEN = field("seen_ms"), SINCE = field("since_ms"), IDLE = field("idle_ms"), NEXT_SEQ = field("next_seq");
const LAST_ACK = field("last_ack"), PACKETS = field("packets"), BYTES = field("bytes"), ISN = field("isn"), LABEL = field("label");
const UUID = field("uuid"), CREATED = field("created_ms"), C_SOURCE = field("context_source"), C_DESTINATION = field("context_destination");
const C_SOURCE_PORT = field("context_source_port_be"), C_DESTINATION_PORT = field("context_destination_port_be");
const C_PROTO = field("context_proto"), C_FAMILY = field("context_family"), ROLE = field("role"), SHARD = field("shard");
const SOURCE_ROUTER = field("source_router"), SECURITY = field("security"), HEALTH = field("health"), SPAN = field("span"), PARENT_SPAN = field("parent_span");
const TRACE_FLAGS = field("trace_flags"), TRAFFIC_CLASS = field("traffic_class"), ROUTE = field("route"), WINDOW = field("window");
const SETUP = field("setup_ms"), RETRANSMISSIONS = field("retransmissions"), OUT_OF_ORDER = field("out_of_order"), INTERIM = field("interim_ms");
const ANSWER = field("answer"), TENANT = field("tenant"), SERVICE = field("service");
const WORD = 0x1_0000_0000;
const PROTECT_SHIFT = 20, LABEL_MASK = 0xfffff; // SVR_PROTECT_SHIFT, SVR_LABEL_MASK
const OWN_FLAGS = 0x40000 | 0x80000; // SVR_F_COUNTED, SVR_F_SOURCE: the library's own, nobody else sees them

/** SESSION_SIZE is the size of struct svr_session in bytes. */
export const SESSION_SIZE = sessionLayout.size;

/** sessionAt are the offsets that patches write to. */
export const sessionAt = {
  tcpState: TCP_STATE, tcpBefore: TCP_BEFORE, isn: ISN, retransmissions: RETRANSMISSIONS, outOfOrder: OUT_OF_ORDER, seen: SEEN, since: SINCE, idle: IDLE, nextSeq: NEXT_SEQ, lastAck: LAST_ACK,
  packets: PACKETS, bytes: BYTES, setup: SETUP, answer: ANSWER, tenant: TENANT, service: SERVICE, window: WINDOW, health: HEALTH, security: SECURITY,
} as const;

/** writeAddress writes the 16 bytes of an address. */
export function writeAddress(view: DataView, at: number, address: IpAddress): void {
  view.setInt32(at, address.w0);
  view.setInt32(at + 4, address.w1);
  view.setInt32(at + 8, address.w2);
  view.setInt32(at + 12, address.w3);
}

/** readAddress reads an address of a known family; of IPv4 only the first word counts. */
export function readAddress(view: DataView, at: number, family: IpFamily): IpAddress {
  if (family === 4) return addressOfWords(4, view.getInt32(at));
  return addressOfWords(6, view.getInt32(at), view.getInt32(at + 4), view.getInt32(at + 8), view.getInt32(at + 12));
}

/** writeU64 writes a non-negative safe integer. */
export function writeU64(view: DataView, at: number, value: number): void {
  view.setUint32(at, value % WORD, true);
  view.setUint32(at + 4, value / WORD, true);
}

/** readU64 reads a number that fits 53 bits: times and counts of this kernel. */
export function readU64(view: DataView, at: number): number {
  return view.getUint32(at, true) + view.getUint32(at + 4, true) * WORD;
}

/** A side's address: four bytes in the side, twelve in the tail. */
function writeSplit(view: DataView, head: number, rest: number, address: IpAddress): void {
  view.setInt32(head, address.w0);
  view.setInt32(rest, address.w1);
  view.setInt32(rest + 4, address.w2);
  view.setInt32(rest + 8, address.w3);
}

function readSplit(view: DataView, head: number, rest: number, family: IpFamily): IpAddress {
  if (family === 4) return addressOfWords(4, view.getInt32(head));
  return addressOfWords(6, view.getInt32(head), view.getInt32(rest), view.getInt32(rest + 4), view.getInt32(rest + 8));
}

/** writeSide writes one side of the session at `session`: struct svr_side and its tail. */
export function writeSide(view: DataView, session: number, index: SideIndex, from: SessionSide): void {
  const at = session + SIDES + index * SIDE_SIZE, rest = session + TAILS + index * TAIL_SIZE;
  writeSplit(view, at + S_REMOTE, rest + T_REMOTE, from.remote);
  writeSplit(view, at + S_LOCAL, rest + T_LOCAL, from.local);
  view.setUint16(at + S_REMOTE_PORT, from.remotePort);
  view.setUint16(at + S_LOCAL_PORT, from.localPort);
  view.setUint16(at + S_IFNUM, from.ifnum, true);
  view.setUint16(at + S_VLAN, from.vlan, true);
  view.setUint16(at + S_NEXTHOP, from.nexthop, true);
  view.setUint16(at + S_PATH, from.path, true);
  view.setUint8(at + S_PROTO, from.proto);
  view.setUint8(at + S_FAMILY, from.family);
}

function familyOf(value: number): IpFamily {
  return value === 6 ? 6 : 4;
}

function readSide(view: DataView, session: number, index: SideIndex): SessionSide {
  const at = session + SIDES + index * SIDE_SIZE, rest = session + TAILS + index * TAIL_SIZE;
  const family = familyOf(view.getUint8(at + S_FAMILY));
  return {
    remote: readSplit(view, at + S_REMOTE, rest + T_REMOTE, family), local: readSplit(view, at + S_LOCAL, rest + T_LOCAL, family),
    remotePort: view.getUint16(at + S_REMOTE_PORT), localPort: view.getUint16(at + S_LOCAL_PORT),
    ifnum: view.getUint16(at + S_IFNUM, true), vlan: view.getUint16(at + S_VLAN, true), nexthop: view.getUint16(at + S_NEXTHOP, true),
    path: view.getUint16(at + S_PATH, true), proto: view.getUint8(at + S_PROTO), family,
  };
}

/** writeHandshake writes the handshake memory of the session at `at`. */
export function writeHandshake(view: DataView, at: number, from: HandshakeMemory): void {
  view.setUint8(at + H_FORWARD, from.forwardRepeats);
  view.setUint8(at + H_REVERSE, from.reverseRepeats);
  view.setUint16(at + H_MODIFY_OUT, from.modifyOut, true);
  view.setUint16(at + H_MODIFY_IN, from.modifyIn, true);
  view.setUint8(at + H_MODIFY_FLAGS, from.modifyFlags);
  view.setUint8(at + H_HAVE_REVERSE, from.haveReverse);
  view.setUint32(at + H_CONTROL3, from.control3Ms, true);
  view.setUint16(at + H_SERVICE, from.reverseService, true);
  view.setUint16(at + H_EGRESS, from.egressRouter, true);
}

function readHandshake(view: DataView, at: number): HandshakeMemory {
  return {
    forwardRepeats: view.getUint8(at + H_FORWARD), reverseRepeats: view.getUint8(at + H_REVERSE),
    modifyOut: view.getUint16(at + H_MODIFY_OUT, true), modifyIn: view.getUint16(at + H_MODIFY_IN, true),
    modifyFlags: view.getUint8(at + H_MODIFY_FLAGS), haveReverse: view.getUint8(at + H_HAVE_REVERSE),
    control3Ms: view.getUint32(at + H_CONTROL3, true), reverseService: view.getUint16(at + H_SERVICE, true),
    egressRouter: view.getUint16(at + H_EGRESS, true),
  };
}

function writeContext(view: DataView, at: number, from: SessionContext): void {
  writeAddress(view, at + C_SOURCE, from.source);
  writeAddress(view, at + C_DESTINATION, from.destination);
  view.setUint16(at + C_SOURCE_PORT, from.sourcePort);
  view.setUint16(at + C_DESTINATION_PORT, from.destinationPort);
  view.setUint8(at + C_PROTO, from.proto);
  view.setUint8(at + C_FAMILY, from.family);
}

function readContext(view: DataView, at: number): SessionContext {
  const family = familyOf(view.getUint8(at + C_FAMILY));
  return {
    source: readAddress(view, at + C_SOURCE, family), destination: readAddress(view, at + C_DESTINATION, family),
    sourcePort: view.getUint16(at + C_SOURCE_PORT), destinationPort: view.getUint16(at + C_DESTINATION_PORT),
    proto: view.getUint8(at + C_PROTO), family,
  };
}

/** writePair writes two u32, one per side. */
export function writePair(view: DataView, at: number, pair: readonly [number, number]): void {
  view.setUint32(at, pair[0], true);
  view.setUint32(at + 4, pair[1], true);
}

function readPair(view: DataView, at: number): [number, number] {
  return [view.getUint32(at, true), view.getUint32(at + 4, true)];
}

function writeCounts(view: DataView, at: number, pair: readonly [bigint, bigint]): void {
  view.setBigUint64(at, pair[0], true);
  view.setBigUint64(at + 8, pair[1], true);
}

function readCounts(view: DataView, at: number): [bigint, bigint] {
  return [view.getBigUint64(at, true), view.getBigUint64(at + 8, true)];
}

function writeHot(view: DataView, at: number, s: Session): void {
  writeSide(view, at, 0, s.side[0]);
  writeSide(view, at, 1, s.side[1]);
  view.setUint32(at + FLAGS, s.flags, true);
  view.setUint8(at + LIFE, s.life);
  view.setUint8(at + TCP_STATE, s.tcpState);
  view.setUint8(at + TCP_BEFORE, s.tcpBeforeReset);
  view.setUint8(at + END_REASON, s.endReason);
  writePair(view, at + SEEN, s.seenMs);
  view.setUint32(at + SINCE, s.sinceMs, true);
  view.setUint32(at + IDLE, s.idleMs, true);
  writePair(view, at + NEXT_SEQ, s.nextSeq);
  writePair(view, at + LAST_ACK, s.lastAck);
  writeCounts(view, at + PACKETS, s.packets);
  writeCounts(view, at + BYTES, s.bytes);
  view.setUint32(at + ISN, s.isn, true);
  view.setUint32(at + LABEL, (s.flowLabel | s.protect << PROTECT_SHIFT) >>> 0, true);
}

function writeCold({ view, array }: Bytes, at: number, s: Session): void {
  array.set(s.uuid, at + UUID);
  writeU64(view, at + CREATED, s.createdMs);
  writeContext(view, at, s.context);
  view.setUint8(at + ROLE, s.role);
  view.setUint8(at + SHARD, s.shard);
  view.setUint16(at + SOURCE_ROUTER, s.sourceRouter, true);
  view.setUint8(at + SECURITY, s.security);
  view.setUint8(at + HEALTH, s.health);
  array.set(s.span, at + SPAN);
  array.set(s.parentSpan, at + PARENT_SPAN);
  view.setUint8(at + TRACE_FLAGS, s.traceFlags);
  view.setUint8(at + TRAFFIC_CLASS, s.trafficClass);
  view.setUint16(at + ROUTE, s.route, true);
  view.setUint16(at + WINDOW, s.window[0], true);
  view.setUint16(at + WINDOW + 2, s.window[1], true);
  writeHandshake(view, at, s.handshake);
  view.setUint32(at + SETUP, s.setupMs, true);
  view.setUint32(at + RETRANSMISSIONS, s.retransmissions, true);
  view.setUint32(at + OUT_OF_ORDER, s.outOfOrder, true);
  view.setUint32(at + INTERIM, s.interimMs, true);
  writeAddress(view, at + ANSWER, s.answer);
  view.setUint16(at + TENANT, s.tenant, true);
  view.setUint16(at + SERVICE, s.service, true);
}

/** writeSession writes a whole session at `at`; the room must be zeroed or hold an earlier session. */
export function writeSession(to: Bytes, at: number, session: Session): void {
  writeHot(to.view, at, session);
  writeCold(to, at, session);
}

/** readSession copies the session at `at`; nothing in the result refers to the buffer. */
export function readSession({ view, array, copy }: Bytes, at: number): Session {
  const context = readContext(view, at);
  return {
    side: [readSide(view, at, 0), readSide(view, at, 1)], flags: (view.getUint32(at + FLAGS, true) & ~OWN_FLAGS) >>> 0,
    life: view.getUint8(at + LIFE) as Life, tcpState: view.getUint8(at + TCP_STATE) as TcpState,
    tcpBeforeReset: view.getUint8(at + TCP_BEFORE) as TcpState, endReason: view.getUint8(at + END_REASON),
    seenMs: readPair(view, at + SEEN), sinceMs: view.getUint32(at + SINCE, true), idleMs: view.getUint32(at + IDLE, true),
    nextSeq: readPair(view, at + NEXT_SEQ), lastAck: readPair(view, at + LAST_ACK), packets: readCounts(view, at + PACKETS),
    bytes: readCounts(view, at + BYTES), isn: view.getUint32(at + ISN, true),
    flowLabel: view.getUint32(at + LABEL, true) & LABEL_MASK, protect: view.getUint32(at + LABEL, true) >>> PROTECT_SHIFT,
    uuid: copy(array, at + UUID, at + UUID + 16), createdMs: readU64(view, at + CREATED), context,
    role: view.getUint8(at + ROLE) as Role, shard: view.getUint8(at + SHARD), sourceRouter: view.getUint16(at + SOURCE_ROUTER, true),
    security: view.getUint8(at + SECURITY), health: view.getUint8(at + HEALTH), span: copy(array, at + SPAN, at + SPAN + 8),
    parentSpan: copy(array, at + PARENT_SPAN, at + PARENT_SPAN + 8), traceFlags: view.getUint8(at + TRACE_FLAGS),
    trafficClass: view.getUint8(at + TRAFFIC_CLASS), route: view.getUint16(at + ROUTE, true),
    window: [view.getUint16(at + WINDOW, true), view.getUint16(at + WINDOW + 2, true)],
    handshake: readHandshake(view, at), setupMs: view.getUint32(at + SETUP, true),
    retransmissions: view.getUint32(at + RETRANSMISSIONS, true), outOfOrder: view.getUint32(at + OUT_OF_ORDER, true),
    interimMs: view.getUint32(at + INTERIM, true), answer: readAddress(view, at + ANSWER, context.family),
    tenant: view.getUint16(at + TENANT, true), service: view.getUint16(at + SERVICE, true),
  };
}
