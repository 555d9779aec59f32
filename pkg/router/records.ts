// What session records say of a session (behaviour 13.1), field by field: for the admin API, and as the model of the lines that
// recordlines.ts writes. Pure; called by sessionview.ts and traceview.ts.
import { formatAddress } from "../base/addresstext.ts";
import type { IpAddress } from "../base/address.ts";
import { toHex } from "../base/bytes.ts";
import { isZeroBytes } from "../base/ids.ts";
import type { SessionRecord } from "../api/record.ts";
import type { Clock } from "../ports/clock.ts";
import { endReasonOf } from "../svr/reasons.ts";
import { securityWord } from "../svr/protected.ts";
import { Flag, Role, TcpState } from "../svr/session.ts";
import type { Session, SessionSide } from "../svr/session.ts";
import { plainName } from "./names.ts";

/** RecordSource is what record fields are looked up in. */
export interface RecordSource {
  router: string;
  boot: string;
  clock: Clock;
  nameOf(id: number): string | undefined;
  interfaceName(ifnum: number): string;
}

const trafficClassNames = ["BestEffort", "Low", "Medium", "High"] as const; // by Session.trafficClass, as build.ts numbers them
const roleNames = { [Role.single]: "single", [Role.ingress]: "ingress", [Role.transit]: "transit", [Role.egress]: "egress" };
const tcpNames = {
  [TcpState.none]: "none", [TcpState.synSent]: "syn-sent", [TcpState.synRcvd]: "syn-rcvd", [TcpState.established]: "established",
  [TcpState.halfClosed]: "half-closed", [TcpState.closing]: "closing", [TcpState.reset]: "reset",
};

/** roleName is the record's word for Session.role. */
export function roleName({ role }: Pick<Session, "role">): string {
  return roleNames[role];
}

/** trafficClassName is the record's word for Session.trafficClass. */
export function trafficClassName({ trafficClass }: Pick<Session, "trafficClass">): string {
  return trafficClassNames[trafficClass] ?? String(trafficClass);
}

/** tcpStateName is the record's word for Session.tcpState; absent when it is no TCP session. */
export function tcpStateName(session: Session): string | undefined {
  return session.tcpState === TcpState.none ? undefined : tcpNames[session.tcpState];
}

// A million sessions may be asked for: fields are put into one object, in one order; spreading small objects into each other took
// four times as long.
/** fillIdentity writes the fields of a session that do not change, as in records and in the admin API. */
export function fillIdentity(to: Partial<SessionRecord>, source: RecordSource, session: Session): void {
  const { context, side: [from, out] } = session;
  to.role = roleName(session);
  to.sessionId = toHex(session.uuid);
  to.spanId = toHex(session.span);
  if (!isZeroBytes(session.parentSpan)) to.parentSpanId = toHex(session.parentSpan);
  to.tenant = nameText(source, session.tenant);
  to.service = nameText(source, session.service);
  to.trafficClass = trafficClassName(session);
  to.protocol = context.proto;
  to.sourceAddress = formatAddress(context.source);
  to.sourcePort = context.sourcePort;
  to.destinationAddress = formatAddress(context.destination);
  to.destinationPort = context.destinationPort;
  to.ingressInterface = source.interfaceName(from.ifnum);
  to.egressInterface = source.interfaceName(out.ifnum);
  to.vlan = from.vlan;
  to.natSource = (session.flags & Flag.snat) === 0 ? "" : endpoint(out.local, out.localPort);
  to.natDestination = (session.flags & Flag.dnat) === 0 ? "" : endpoint(out.remote, out.remotePort);
  fillWaypoints(to, source, session);
  if (out.nexthop !== 0) to.nextHop = nameText(source, out.nexthop);
  to.security = securityWord(session);
}

/** waypointSide is the segment that is reported: the one toward the egress, on an egress the one it came by; absent between hosts. */
export function waypointSide({ side: [from, out] }: Session): SessionSide | undefined {
  if (out.path !== 0) return out;
  return from.path === 0 ? undefined : from;
}

function fillWaypoints(to: Partial<SessionRecord>, source: RecordSource, session: Session): void {
  const side = waypointSide(session);
  if (side === undefined) return;
  const path = nameText(source, side.path);
  to.waypointLocal = endpoint(side.local, side.localPort);
  to.waypointRemote = endpoint(side.remote, side.remotePort);
  to.peer = peerOfPath(path);
  to.peerPath = path;
  to.carrier = carrierName(side);
}

/** fillTotals writes the counted fields of a session at a moment (monotonic ms); unixOffsetMs turns monotonic into unix time. */
export function fillTotals(to: Partial<SessionRecord>, session: Session, at: { atMs: number; unixOffsetMs: number }): void {
  const state = tcpStateName(session);
  to.startTime = new Date(at.unixOffsetMs + session.createdMs).toISOString();
  to.duration = durationMs(session, at.atMs);
  to.forwardPackets = Number(session.packets[0]);
  to.forwardBytes = Number(session.bytes[0]);
  to.reversePackets = Number(session.packets[1]);
  to.reverseBytes = Number(session.bytes[1]);
  if (state !== undefined) {
    to.retransmissions = session.retransmissions;
    to.outOfOrder = session.outOfOrder;
    to.tcpState = state;
  }
  if (session.setupMs !== 0) to.setupTime = session.setupMs - 1;
}

/** durationMs is the age of a session at a monotonic moment, in whole milliseconds. */
export function durationMs({ createdMs }: Session, atMs: number): number {
  return Math.max(0, Math.round(atMs - createdMs));
}

/** endReasonName is the record's word for why a session ended; `error` when it did not say. */
export function endReasonName(session: Session): string {
  return endReasonOf(session.endReason) ?? "error";
}

/** endpoint writes address and port as records do: 192.0.2.1:443, [2001:db8::1]:443. */
export function endpoint(address: IpAddress, port: number): string {
  return address.family === 4 ? `${formatAddress(address)}:${port}` : `[${formatAddress(address)}]:${port}`;
}

/** carrierName is what carries a segment. */
export function carrierName({ proto }: Pick<SessionSide, "proto">): string {
  if (proto === 6) return "tcp";
  return proto === 17 ? "udp" : `protocol-${proto}`;
}

/** peerOfPath is the peer that a path leads to: paths are named `peer/path`. */
export function peerOfPath(path: string): string {
  const slash = path.indexOf("/");
  return slash < 0 ? path : path.slice(0, slash);
}

/** nameText is the plain name of a number, `unknown-N` when it is not known any more. */
export function nameText(source: Pick<RecordSource, "nameOf">, id: number): string {
  const name = source.nameOf(id);
  return name === undefined ? `unknown-${id}` : plainName(name);
}
