// Session records as lines of JSON: what records.ts says field by field, written in one pass, because a busy router writes tens of
// thousands a second and an object a record cost four times as much. Called by recordwriter.ts; a test compares both forms.
import { formatAddress } from "../base/addresstext.ts";
import { toHex } from "../base/bytes.ts";
import { isZeroBytes } from "../base/ids.ts";
import type { DatapathRecord } from "../ports/datapath.ts";
import { Flag } from "../svr/session.ts";
import type { Session } from "../svr/session.ts";
import { carrierName, durationMs, endpoint, endReasonName, nameText, peerOfPath, roleName, tcpStateName, trafficClassName, waypointSide } from "./records.ts";
import type { RecordSource } from "./records.ts";

/** RecordLines writes the part of a line that tells of the session. */
export interface RecordLines {
  /** members from `role` on with a comma in front of each; unixOffsetMs turns monotonic into unix time */
  session(record: DatapathRecord, unixOffsetMs: number): string;
}

/** createRecordLines keeps the texts that come again and again: of names, of which the data plane has at most 65,535. */
export function createRecordLines(source: Pick<RecordSource, "nameOf" | "interfaceName">): RecordLines {
  const isNamed = (id: number): boolean => source.nameOf(id) !== undefined;
  const name = createTexts((id: number) => JSON.stringify(nameText(source, id)), isNamed);
  const path = createTexts((id: number) => pathMembers(nameText(source, id)), isNamed);
  const quoted = createTexts((text: string) => JSON.stringify(text), () => true);
  const at = (ifnum: number): string => quoted(source.interfaceName(ifnum));
  const startTime = createTimeText();
  return {
    session({ type, timeMs, session }, unixOffsetMs) {
      const { side: [from, out] } = session;
      const start = startTime(unixOffsetMs + session.createdMs);
      return `${idMembers(session)},"tenant":${name(session.tenant)},"service":${name(session.service)},"trafficClass":"${trafficClassName(session)}"${contextMembers(session)
      },"ingressInterface":${at(from.ifnum)},"egressInterface":${at(out.ifnum)},"vlan":${from.vlan}${natMembers(session)}${waypointMembers(session, path)
      }${out.nexthop === 0 ? "" : `,"nextHop":${name(out.nexthop)}`},"security":"${session.security === 0 ? "clear" : "encrypted"}","startTime":"${start}"${
        type === "start" ? "" : countMembers(session, timeMs)}${type === "end" ? `,"endReason":"${endReasonName(session)}"` : ""}`;
    },
  };
}

function idMembers(session: Session): string {
  const parent = isZeroBytes(session.parentSpan) ? "" : `,"parentSpanId":"${toHex(session.parentSpan)}"`;
  return `,"role":"${roleName(session)}","sessionId":"${toHex(session.uuid)}","spanId":"${toHex(session.span)}"${parent}`;
}

function contextMembers({ context }: Session): string {
  return `,"protocol":${context.proto},"sourceAddress":"${formatAddress(context.source)}","sourcePort":${context.sourcePort},"destinationAddress":"${formatAddress(context.destination)}","destinationPort":${context.destinationPort}`;
}

function natMembers({ flags, side: [, out] }: Session): string {
  const source = (flags & Flag.snat) === 0 ? "" : endpoint(out.local, out.localPort);
  const destination = (flags & Flag.dnat) === 0 ? "" : endpoint(out.remote, out.remotePort);
  return `,"natSource":"${source}","natDestination":"${destination}"`;
}

function waypointMembers(session: Session, path: (id: number) => string): string {
  const side = waypointSide(session);
  if (side === undefined) return "";
  return `,"waypointLocal":"${endpoint(side.local, side.localPort)}","waypointRemote":"${endpoint(side.remote, side.remotePort)}"${path(side.path)},"carrier":"${carrierName(side)}"`;
}

function pathMembers(path: string): string {
  return `,"peer":${JSON.stringify(peerOfPath(path))},"peerPath":${JSON.stringify(path)}`;
}

function countMembers(session: Session, atMs: number): string {
  const { packets, bytes, setupMs } = session;
  const state = tcpStateName(session);
  const tcp = state === undefined ? "" : `,"retransmissions":${session.retransmissions},"outOfOrder":${session.outOfOrder},"tcpState":"${state}"`;
  return `,"duration":${durationMs(session, atMs)},"forwardPackets":${packets[0]},"forwardBytes":${bytes[0]},"reversePackets":${packets[1]},"reverseBytes":${bytes[1]}${tcp
  }${setupMs === 0 ? "" : `,"setupTime":${setupMs - 1}`}`;
}

/** Texts by what they are of; kept once they cannot change any more. */
function createTexts<Of>(make: (of: Of) => string, isFinal: (of: Of) => boolean): (of: Of) => string {
  const made = new Map<Of, string>();
  return (of) => {
    const known = made.get(of);
    if (known !== undefined) return known;
    const text = make(of);
    if (isFinal(of)) made.set(of, text);
    return text;
  };
}

/** createTimeText writes unix milliseconds as records do (RFC 3339 with ms); most times are of the second of the one before. */
export function createTimeText(): (unixMs: number) => string {
  let second = Number.NaN, text = "";
  return (unixMs) => {
    const whole = Math.floor(unixMs / 1000);
    if (whole !== second) text = new Date(whole * 1000).toISOString().slice(0, -4); // without milliseconds and Z
    second = whole;
    const ms = Math.floor(unixMs - whole * 1000);
    return `${text}${ms < 10 ? "00" : ms < 100 ? "0" : ""}${ms}Z`;
  };
}
