// ICMP errors of sessions (protocol 12.2, 12.3; behaviour 10.3): those that routers and hosts raise about a packet of a session, and
// those that a peer passes on. Each goes to the side that the packet came from, in the terms of that side. Called by decide.ts and
// relay.ts; changes no session.
import { equalBytes } from "../base/bytes.ts";
import { sameAddress } from "../base/address.ts";
import type { IpAddress } from "../base/address.ts";
import { ICMP_HEADER, IPV4_HEADER, IPV6_HEADER } from "../svr/constants.ts";
import { errorAbout, errorPacket, ERROR_LIMIT } from "../svr/icmperror.ts";
import type { IcmpError } from "../svr/icmperror.ts";
import { isTooBig, quoteIsOf, readError, requote, writeError } from "../svr/icmpquote.ts";
import type { Quoted, QuotedError } from "../svr/icmpquote.ts";
import { parsePacket } from "../svr/packet.ts";
import type { Packet } from "../svr/packet.ts";
import { rewritePacket } from "../svr/rewrite.ts";
import { hasGoodChecksum } from "../svr/sanity.ts";
import { Protect } from "../svr/session.ts";
import type { Session, SessionContext, SessionSide, SideIndex } from "../svr/session.ts";
import { arrivalPath } from "./arrivalpath.ts";
import { emitError, endpoints } from "./emit.ts";
import { carriedOf } from "./turn.ts";
import type { Arrival, Carried, OpenedArrival, Turn } from "./turn.ts";

/** Known is the session that an error is about, and the side that the error comes from. */
interface Known { index: number; state: Session; from: SideIndex }

/** arriveError judges an ICMP error whose quote the data plane found a session for: it left on the side where the error arrived. */
export function arriveError(turn: Turn, arrival: Arrival): void {
  const { packet, punt } = arrival;
  if (punt.session === undefined) return turn.count("icmp-error");
  const { index, state, side: from } = punt.session;
  const error = hasGoodChecksum(packet) ? readError(packet.data, { at: packet.l4, end: packet.end }, packet.family) : undefined;
  const inner = error === undefined ? undefined : requote(error, innerEnds(state.context, from === 1));
  if (inner === undefined) return turn.count("icmp-error");
  const far = state.side[from];
  if (far.path !== 0 && error !== undefined && isTooBig(error)) turn.tooBig(far.path); // it starts a discovery, and sets nothing (protocol 10.3)
  const location = far.path === 0 && sameAddress(packet.source, far.remote) ? innerEnds(state.context, from === 1).destination : packet.source;
  passOn(turn, { index, state, from }, { error: inner, location });
}

/** arrivePeerError judges an error that a peer passes on: the session is that of TLV 6, whatever carries it (protocol 12.3). */
export function arrivePeerError(turn: Turn, { packet, opened }: OpenedArrival): void {
  const { tlvs, peer, bodyAt, bodyEnd } = opened;
  const found = tlvs.uuid === undefined ? undefined : turn.find.byUuid(tlvs.uuid);
  if (found === undefined || tlvs.icmpLocation === undefined) return turn.count("icmp-error", peer);
  const { state } = found;
  const from = ([0, 1] as const).find((side) => state.side[side].path !== 0 && turn.tables.pathById(state.side[side].path)?.peer === peer);
  if (from === undefined || !equalBytes(state.uuid, tlvs.uuid as Uint8Array)) return turn.count("peer-mismatch", peer);
  const error = readError(packet.data, { at: bodyAt, end: bodyEnd }, state.context.family);
  if (error === undefined || !quoteIsOf(error, innerEnds(state.context, from === 1))) return turn.count("icmp-error", peer);
  passOn(turn, { ...found, from }, { error, location: tlvs.icmpLocation });
}

/** Raised is an error in terms of the inner packet, and who raised it. */
interface Raised { error: QuotedError; location: IpAddress }

/** At most 100 a second and session (behaviour 10.3). */
function passOn(turn: Turn, known: Known, raised: Raised): void {
  if (!turn.sessionErrors.permits(known.index, turn.nowMs)) return turn.count("icmp-error");
  const to = known.from === 0 ? 1 : 0;
  if (known.state.side[to].path === 0) tellHost(turn, known, raised);
  else tellPeer(turn, known.state, { to, raised });
}

function tellPeer(turn: Turn, session: Session, of: { to: SideIndex; raised: Raised }): void {
  const side = session.side[of.to];
  const path = turn.tables.pathById(side.path);
  if (path === undefined) return turn.count("no-path");
  const { error, location } = of.raised;
  emitError(turn, { to: endpoints(side), nexthop: side.nexthop, path, tlvs: { icmpLocation: location, uuid: session.uuid }, body: writeError(error, quoteLimit(session)) });
}

/** What hosts of an encrypted session say is not quoted between routers: no more than IP header and ports, which is enough to find the socket (RFC 792). */
function quoteLimit({ protect, context: { family } }: Session): number {
  return (protect & (Protect.encrypted | Protect.encryptedRev)) === 0 ? ERROR_LIMIT[4] : ICMP_HEADER + (family === 4 ? IPV4_HEADER : IPV6_HEADER) + QUOTED_L4;
}

const QUOTED_L4 = 8;

/** The host sees the error from who raised it, unless topology is hidden or its family has no such address; its own end of the talk stays what it talked to. */
function tellHost(turn: Turn, { state, from }: Known, { error, location }: Raised): void {
  const side = state.side[from === 0 ? 1 : 0];
  const about = hostEnds(side);
  const said = requote(error, about);
  const source = sourceFor(turn, { session: state, side, location, farEnd: innerEnds(state.context, from === 1).destination });
  if (said === undefined || source === undefined) return turn.count("icmp-error");
  turn.batch.outputs.push({ frame: { nexthop: side.nexthop, data: errorPacket(said, source, side.remote) } });
}

function sourceFor(turn: Turn, of: { session: Session; side: SessionSide; location: IpAddress; farEnd: IpAddress }): IpAddress | undefined {
  const { session, side, location, farEnd } = of;
  if (sameAddress(location, farEnd)) return side.local;
  const hidden = turn.tables.serviceById(session.service)?.hideTopology === true;
  return hidden || location.family !== side.family ? turn.tables.addressOn(side.ifnum, side.vlan, side.family) : location;
}

/** The packet as the host on a side sent it. */
function hostEnds(side: SessionSide): Quoted {
  return { source: side.remote, destination: side.local, sourcePort: side.remotePort, destinationPort: side.localPort, proto: side.proto };
}

/** The packet of a direction between the routers' hosts, as contexts tell it (TLV 2 to 5). */
function innerEnds({ source, destination, sourcePort, destinationPort, proto }: SessionContext, isForward: boolean): Quoted {
  return isForward
    ? { source, destination, sourcePort, destinationPort, proto }
    : { source: destination, destination: source, sourcePort: destinationPort, destinationPort: sourcePort, proto };
}

/** raiseToPeer tells the host behind a peer what is wrong with its packet of a session: it arrived on `side` and cannot go on from here. */
export function raiseToPeer(turn: Turn, of: { session: Session; side: SideIndex; carried: Carried }, error: IcmpError): void {
  const { session, side, carried } = of;
  const at = session.side[side];
  const about = innerPacket(carried, innerEnds(session.context, side === 0));
  const said = about === undefined ? undefined : errorAbout(about, error);
  if (said === undefined || !turn.errorGate.permits(at.ifnum, turn.nowMs)) return;
  tellPeer(turn, session, { to: side, raised: { error: said, location: turn.tables.addressOn(at.ifnum, at.vlan, session.context.family) ?? at.local } });
}

/** raiseUnknown does so for a first packet with metadata, which has no session here. */
export function raiseUnknown(turn: Turn, arrival: OpenedArrival, error: IcmpError): void {
  const { opened, packet, punt } = arrival;
  const { forwardContext, uuid } = opened.tlvs;
  const path = arrivalPath(arrival);
  if (forwardContext === undefined || uuid === undefined || path === undefined) return;
  const about = innerPacket(carriedOf(arrival), innerEnds(forwardContext, true));
  const said = about === undefined ? undefined : errorAbout(about, error);
  if (said === undefined || !turn.errorGate.permits(punt.ifnum, turn.nowMs)) return;
  const location = turn.tables.addressOn(punt.ifnum, punt.vlan, forwardContext.family) ?? packet.destination;
  const to = { source: packet.destination, destination: packet.source, sourcePort: packet.destinationPort, destinationPort: packet.sourcePort };
  emitError(turn, { to, nexthop: path.nexthop, path, tlvs: { icmpLocation: location, uuid }, body: writeError(said, ERROR_LIMIT[4]) });
}

/** The packet as the hosts know it, its TTL as it arrived here. */
function innerPacket({ packet, bodyAt, bodyEnd, tlvs, original }: Carried, ends: Quoted): Packet | undefined {
  const body = tlvs === undefined ? {} : { bodyAt, bodyEnd };
  const data = rewritePacket(packet, ends, { carrier: ends.proto, ttl: packet.ttl, dontFragment: original?.dontFragment, ...body });
  const parsed = data.ok ? parsePacket(data.value) : data;
  return parsed.ok ? parsed.value : undefined;
}
