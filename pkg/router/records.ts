// Records of the sweeper as session records (behaviour 13.1), in sequence. Called by the app's record pump; holds only
// the counter of this boot. Writing them anywhere is the sink's job.
import { formatAddress } from "../base/addresstext.ts";
import type { IpAddress } from "../base/address.ts";
import { toHex } from "../base/bytes.ts";
import { isZeroBytes } from "../base/ids.ts";
import type { SessionRecord } from "../api/record.ts";
import type { Clock } from "../ports/clock.ts";
import type { DatapathRecord } from "../ports/datapath.ts";
import { endReasonOf } from "../svr/reasons.ts";
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

/** RecordWriter numbers and fills records; one per process, so (router, boot, sequence) is unique and gap-free. */
export interface RecordWriter {
  fromDatapath(record: DatapathRecord): SessionRecord | undefined;
  denial(denial: Denial): SessionRecord;
  loss(lost: number): SessionRecord;
}

/** Denial is one refused first packet that is reported (behaviour 2.6). */
export interface Denial {
  reason: string;
  tenant: string;
  service?: string;
  source: IpAddress;
  destination: IpAddress;
  sourcePort: number;
  destinationPort: number;
  proto: number;
  ifnum: number;
  vlan: number;
  /** the peer that delivered it, absent for hosts */
  peer?: string;
}

const trafficClassNames = ["BestEffort", "Low", "Medium", "High"] as const; // by Session.trafficClass, as build.ts numbers them
const roleNames = { [Role.single]: "single", [Role.ingress]: "ingress", [Role.transit]: "transit", [Role.egress]: "egress" };
const tcpNames = {
  [TcpState.none]: "none", [TcpState.synSent]: "syn-sent", [TcpState.synRcvd]: "syn-rcvd", [TcpState.established]: "established",
  [TcpState.halfClosed]: "half-closed", [TcpState.closing]: "closing", [TcpState.reset]: "reset",
};

/** roleName is the record's word for Session.role. */
export function roleName(session: Session): string {
  return roleNames[session.role];
}

/** tcpStateName is the record's word for Session.tcpState; absent when it is no TCP session. */
export function tcpStateName(session: Session): string | undefined {
  return session.tcpState === TcpState.none ? undefined : tcpNames[session.tcpState];
}

/** createRecordWriter makes the writer of this boot. */
export function createRecordWriter(source: RecordSource): RecordWriter {
  let sequence = 0;
  const stamp = (recordType: SessionRecord["recordType"], unixMs: number): SessionRecord => ({
    recordType, boot: source.boot, sequence: sequence++, time: new Date(unixMs).toISOString(), router: source.router,
  });
  return {
    fromDatapath(record) {
      if (record.type === "release") return undefined;
      const offset = source.clock.unixMs() - source.clock.monotonicMs();
      const base = stamp(record.type, offset + record.timeMs);
      const identity = identityFields(source, record.session);
      if (record.type === "start") return { ...base, ...identity, startTime: timeText(offset + record.session.createdMs) };
      return { ...base, ...identity, ...totals(record.session, { atMs: record.timeMs, unixOffsetMs: offset }), ...ending(record) };
    },
    denial(denial) {
      return { ...stamp("deny", source.clock.unixMs()), ...denialFields(source, denial) };
    },
    loss(lost) {
      return { ...stamp("loss", source.clock.unixMs()), lost };
    },
  };
}

/** identityFields are the fields of a session that do not change, as in records and in the admin API. */
export function identityFields(source: RecordSource, session: Session): Partial<SessionRecord> {
  const [from, to] = session.side;
  const context = session.context;
  return {
    role: roleName(session),
    sessionId: toHex(session.uuid), spanId: toHex(session.span), ...(isZeroBytes(session.parentSpan) ? {} : { parentSpanId: toHex(session.parentSpan) }),
    tenant: nameText(source, session.tenant), service: nameText(source, session.service), trafficClass: trafficClassNames[session.trafficClass] ?? String(session.trafficClass),
    protocol: context.proto,
    sourceAddress: formatAddress(context.source), sourcePort: context.sourcePort,
    destinationAddress: formatAddress(context.destination), destinationPort: context.destinationPort,
    ingressInterface: source.interfaceName(from.ifnum), egressInterface: source.interfaceName(to.ifnum), vlan: from.vlan,
    ...natFields(session), ...waypointFields(source, session), ...(to.nexthop === 0 ? {} : { nextHop: nameText(source, to.nexthop) }),
    security: session.security === 0 ? "clear" : "encrypted",
  };
}

/** Address and port after NAT, empty without. */
function natFields(session: Session): Partial<SessionRecord> {
  const to = session.side[1];
  return {
    natSource: (session.flags & Flag.snat) === 0 ? "" : endpoint(to.local, to.localPort),
    natDestination: (session.flags & Flag.dnat) === 0 ? "" : endpoint(to.remote, to.remotePort),
  };
}

/** The segment toward the egress is the one reported; an egress reports the one it came by. */
function waypointFields(source: RecordSource, session: Session): Partial<SessionRecord> {
  const side = session.side[1].path !== 0 ? session.side[1] : session.side[0];
  if (side.path === 0) return {};
  const path = nameText(source, side.path);
  return {
    waypointLocal: endpoint(side.local, side.localPort), waypointRemote: endpoint(side.remote, side.remotePort),
    peer: peerOfPath(path), peerPath: path, carrier: carrierName(side),
  };
}

/** totals are the counted fields of a session at a moment (monotonic ms); unixOffsetMs turns monotonic into unix time. */
export function totals(session: Session, at: { atMs: number; unixOffsetMs: number }): Partial<SessionRecord> {
  const state = tcpStateName(session);
  return {
    startTime: timeText(at.unixOffsetMs + session.createdMs), duration: Math.max(0, Math.round(at.atMs - session.createdMs)),
    forwardPackets: Number(session.packets[0]), forwardBytes: Number(session.bytes[0]),
    reversePackets: Number(session.packets[1]), reverseBytes: Number(session.bytes[1]),
    ...(state === undefined ? {} : { retransmissions: session.retransmissions, outOfOrder: session.outOfOrder, tcpState: state }),
    ...(session.setupMs === 0 ? {} : { setupTime: session.setupMs - 1 }),
  };
}

function ending(record: DatapathRecord): Partial<SessionRecord> {
  return record.type === "end" ? { endReason: endReasonName(record.session) } : {};
}

/** endReasonName is the record's word for why a session ended; `error` when it did not say. */
export function endReasonName(session: Session): string {
  return endReasonOf(session.endReason) ?? "error";
}

function denialFields(source: RecordSource, denial: Denial): Partial<SessionRecord> {
  return {
    denyReason: denial.reason, tenant: denial.tenant, protocol: denial.proto, vlan: denial.vlan,
    sourceAddress: formatAddress(denial.source), sourcePort: denial.sourcePort,
    destinationAddress: formatAddress(denial.destination), destinationPort: denial.destinationPort,
    ingressInterface: source.interfaceName(denial.ifnum),
    ...(denial.service === undefined ? {} : { service: denial.service }),
    ...(denial.peer === undefined ? {} : { peer: denial.peer }),
  };
}

/** endpoint writes address and port as records do: 192.0.2.1:443, [2001:db8::1]:443. */
export function endpoint(address: IpAddress, port: number): string {
  return address.family === 4 ? `${formatAddress(address)}:${port}` : `[${formatAddress(address)}]:${port}`;
}

function carrierName(side: SessionSide): string {
  if (side.proto === 6) return "tcp";
  return side.proto === 17 ? "udp" : `protocol-${side.proto}`;
}

/** peerOfPath is the peer that a path leads to: paths are named `peer/path`. */
export function peerOfPath(path: string): string {
  return path.split("/", 1)[0] ?? path;
}

/** nameText is the plain name of a number, `unknown-N` when it is not known any more. */
export function nameText(source: Pick<RecordSource, "nameOf">, id: number): string {
  const name = source.nameOf(id);
  return name === undefined ? `unknown-${id}` : plainName(name);
}

function timeText(unixMs: number): string {
  return new Date(unixMs).toISOString();
}
