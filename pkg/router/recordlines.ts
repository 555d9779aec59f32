// Session records as lines of JSON: what records.ts says field by field, written in one pass, because a busy router writes tens of
// thousands a second and an object a record cost many times as much. Called by recordwriter.ts; a test compares both forms.
import type { IpAddress } from "../base/address.ts";
import { isZeroBytes } from "../base/ids.ts";
import type { DatapathRecord } from "../ports/datapath.ts";
import { securityWord } from "../svr/protected.ts";
import type { SecurityWord } from "../svr/protected.ts";
import { Flag } from "../svr/session.ts";
import type { Session } from "../svr/session.ts";
import { bytesOf } from "./linebytes.ts";
import type { LineBytes } from "./linebytes.ts";
import { carrierName, durationMs, endReasonName, nameText, peerOfPath, roleName, tcpStateName, trafficClassName, waypointSide } from "./records.ts";
import type { RecordSource } from "./records.ts";

/** RecordLines writes the part of a line that tells of the session. */
export interface RecordLines {
  /** members from `role` on with a comma in front of each; unixOffsetMs turns monotonic into unix time */
  session(record: DatapathRecord, unixOffsetMs: number): void;
}

/** TimeWriter appends unix milliseconds as records do (RFC 3339 with ms). */
export type TimeWriter = (unixMs: number) => void;

/** Piece is the bytes of a text that comes again and again. */
type Piece = Uint8Array;

const member = {
  span: bytesOf('","spanId":"'), parentSpan: bytesOf('","parentSpanId":"'),
  source: bytesOf(',"sourceAddress":"'), sourcePort: bytesOf('","sourcePort":'), destination: bytesOf(',"destinationAddress":"'), destinationPort: bytesOf('","destinationPort":'),
  natSource: bytesOf(',"natSource":"'), natDestination: bytesOf('","natDestination":"'), waypointLocal: bytesOf(',"waypointLocal":"'), waypointRemote: bytesOf('","waypointRemote":"'),
  duration: bytesOf(',"duration":'), forwardPackets: bytesOf(',"forwardPackets":'), forwardBytes: bytesOf(',"forwardBytes":'), reversePackets: bytesOf(',"reversePackets":'),
  reverseBytes: bytesOf(',"reverseBytes":'), retransmissions: bytesOf(',"retransmissions":'), outOfOrder: bytesOf(',"outOfOrder":'), setupTime: bytesOf(',"setupTime":'),
};
const securityPieces: Record<SecurityWord, Piece> = {
  clear: bytesOf(',"security":"clear","startTime":"'), encrypted: bytesOf(',"security":"encrypted","startTime":"'),
  "adaptive-tls": bytesOf(',"security":"adaptive-tls","startTime":"'), "adaptive-ipsec": bytesOf(',"security":"adaptive-ipsec","startTime":"'),
};
const quote = bytesOf('"'), opening = bytesOf("["), closing = bytesOf("]:"), colon = bytesOf(":"), zone = bytesOf("Z");

/** createRecordLines writes to `out`, and keeps the pieces that come again and again: of names the data plane has at most 65,535. */
export function createRecordLines(source: Pick<RecordSource, "nameOf" | "interfaceName">, out: LineBytes): RecordLines {
  const isNamed = (id: number): boolean => source.nameOf(id) !== undefined;
  const named = (key: string): ((id: number) => Piece) => createPieces((id) => `,"${key}":${JSON.stringify(nameText(source, id))}`, isNamed);
  const device = (key: string): ((name: string) => Piece) => createPieces((name) => `,"${key}":${JSON.stringify(name)}`, always);
  const tenant = named("tenant"), service = named("service"), nexthop = named("nextHop");
  const ingress = device("ingressInterface"), egress = device("egressInterface");
  const path = createPieces((id: number) => pathMembers(nameText(source, id)), isNamed);
  const time = createTimeWriter(out);
  return {
    session({ type, timeMs, session }, unixOffsetMs) {
      const { side: [from, to] } = session;
      writeIds(out, session);
      out.piece(tenant(session.tenant));
      out.piece(service(session.service));
      writeContext(out, session);
      out.piece(ingress(source.interfaceName(from.ifnum)));
      out.piece(egress(source.interfaceName(to.ifnum)));
      out.piece(vlanPiece(from.vlan));
      writeNat(out, session);
      writeWaypoints(out, session, path);
      if (to.nexthop !== 0) out.piece(nexthop(to.nexthop));
      out.piece(securityPieces[securityWord(session)]);
      time(unixOffsetMs + session.createdMs);
      out.piece(quote);
      if (type !== "start") writeCounts(out, session, timeMs);
      if (type === "end") out.piece(endPiece(endReasonName(session)));
    },
  };
}

const always = (): boolean => true;
// What these are of is a byte, a VLAN, or one of our own words.
const rolePiece = createPieces((role: Session["role"]) => `,"role":"${roleName({ role })}","sessionId":"`, always);
const classPiece = createPieces((trafficClass: number) => `,"trafficClass":"${trafficClassName({ trafficClass })}"`, always);
const protocolPiece = createPieces((proto: number) => `,"protocol":${proto}`, always);
const vlanPiece = createPieces((vlan: number) => `,"vlan":${vlan}`, always);
const carrierPiece = createPieces((proto: number) => `,"carrier":"${carrierName({ proto })}"`, always);
const statePiece = createPieces((state: string) => `,"tcpState":"${state}"`, always);
const endPiece = createPieces((reason: string) => `,"endReason":"${reason}"`, always);

function writeIds(out: LineBytes, session: Session): void {
  out.piece(rolePiece(session.role));
  out.hex(session.uuid);
  out.piece(member.span);
  out.hex(session.span);
  if (!isZeroBytes(session.parentSpan)) {
    out.piece(member.parentSpan);
    out.hex(session.parentSpan);
  }
  out.piece(quote);
}

function writeContext(out: LineBytes, { context, trafficClass }: Session): void {
  out.piece(classPiece(trafficClass));
  out.piece(protocolPiece(context.proto));
  out.piece(member.source);
  out.address(context.source);
  out.piece(member.sourcePort);
  out.number(context.sourcePort);
  out.piece(member.destination);
  out.address(context.destination);
  out.piece(member.destinationPort);
  out.number(context.destinationPort);
}

/** As records.endpoint. */
function writeEndpoint(out: LineBytes, address: IpAddress, port: number): void {
  if (address.family === 6) out.piece(opening);
  out.address(address);
  out.piece(address.family === 6 ? closing : colon);
  out.number(port);
}

function writeNat(out: LineBytes, { flags, side: [, to] }: Session): void {
  out.piece(member.natSource);
  if ((flags & Flag.snat) !== 0) writeEndpoint(out, to.local, to.localPort);
  out.piece(member.natDestination);
  if ((flags & Flag.dnat) !== 0) writeEndpoint(out, to.remote, to.remotePort);
  out.piece(quote);
}

function writeWaypoints(out: LineBytes, session: Session, path: (id: number) => Piece): void {
  const side = waypointSide(session);
  if (side === undefined) return;
  out.piece(member.waypointLocal);
  writeEndpoint(out, side.local, side.localPort);
  out.piece(member.waypointRemote);
  writeEndpoint(out, side.remote, side.remotePort);
  out.piece(quote);
  out.piece(path(side.path));
  out.piece(carrierPiece(side.proto));
}

function pathMembers(path: string): string {
  return `,"peer":${JSON.stringify(peerOfPath(path))},"peerPath":${JSON.stringify(path)}`;
}

function writeCounts(out: LineBytes, session: Session, atMs: number): void {
  const { packets, bytes, setupMs } = session;
  const count = (key: Piece, value: number): void => {
    out.piece(key);
    out.number(value);
  };
  count(member.duration, durationMs(session, atMs));
  count(member.forwardPackets, Number(packets[0]));
  count(member.forwardBytes, Number(bytes[0]));
  count(member.reversePackets, Number(packets[1]));
  count(member.reverseBytes, Number(bytes[1]));
  const state = tcpStateName(session);
  if (state !== undefined) {
    count(member.retransmissions, session.retransmissions);
    count(member.outOfOrder, session.outOfOrder);
    out.piece(statePiece(state));
  }
  if (setupMs !== 0) count(member.setupTime, setupMs - 1);
}

/** Pieces by what they are of; kept once they cannot change any more. */
function createPieces<Of>(make: (of: Of) => string, isFinal: (of: Of) => boolean): (of: Of) => Piece {
  const made = new Map<Of, Piece>();
  return (of) => {
    const known = made.get(of);
    if (known !== undefined) return known;
    const piece = bytesOf(make(of));
    if (isFinal(of)) made.set(of, piece);
    return piece;
  };
}

/** createTimeWriter makes a writer of times; most are of the second of the one before. */
export function createTimeWriter(out: LineBytes): TimeWriter {
  let second = Number.NaN, piece: Piece = bytesOf("");
  return (unixMs) => {
    const whole = Math.floor(unixMs / 1000);
    if (whole !== second) piece = bytesOf(new Date(whole * 1000).toISOString().slice(0, -4)); // without milliseconds and Z
    second = whole;
    out.piece(piece);
    out.thousandths(Math.floor(unixMs - whole * 1000));
    out.piece(zone);
  };
}
