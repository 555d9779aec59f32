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
      const filled = stamp(record.type, offset + record.timeMs);
      fillIdentity(filled, source, record.session);
      if (record.type === "start") filled.startTime = timeText(offset + record.session.createdMs);
      else fillTotals(filled, record.session, { atMs: record.timeMs, unixOffsetMs: offset });
      if (record.type === "end") filled.endReason = endReasonName(record.session);
      return filled;
    },
    denial(denial) {
      return { ...stamp("deny", source.clock.unixMs()), ...denialFields(source, denial) };
    },
    loss(lost) {
      return { ...stamp("loss", source.clock.unixMs()), lost };
    },
  };
}

// A busy router writes tens of thousands of records a second: fields are put into one object, in one order; spreading small
// objects into each other took four times as long.
/** fillIdentity writes the fields of a session that do not change, as in records and in the admin API. */
export function fillIdentity(to: Partial<SessionRecord>, source: RecordSource, session: Session): void {
  const { context, side: [from, out] } = session;
  to.role = roleName(session);
  to.sessionId = toHex(session.uuid);
  to.spanId = toHex(session.span);
  if (!isZeroBytes(session.parentSpan)) to.parentSpanId = toHex(session.parentSpan);
  to.tenant = nameText(source, session.tenant);
  to.service = nameText(source, session.service);
  to.trafficClass = trafficClassNames[session.trafficClass] ?? String(session.trafficClass);
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
  to.security = session.security === 0 ? "clear" : "encrypted";
}

/** The segment toward the egress is the one reported; an egress reports the one it came by. */
function fillWaypoints(to: Partial<SessionRecord>, source: RecordSource, session: Session): void {
  const side = session.side[1].path !== 0 ? session.side[1] : session.side[0];
  if (side.path === 0) return;
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
  to.startTime = timeText(at.unixOffsetMs + session.createdMs);
  to.duration = Math.max(0, Math.round(at.atMs - session.createdMs));
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
  const slash = path.indexOf("/");
  return slash < 0 ? path : path.slice(0, slash);
}

/** nameText is the plain name of a number, `unknown-N` when it is not known any more. */
export function nameText(source: Pick<RecordSource, "nameOf">, id: number): string {
  const name = source.nameOf(id);
  return name === undefined ? `unknown-${id}` : plainName(name);
}

function timeText(unixMs: number): string {
  return new Date(unixMs).toISOString();
}
