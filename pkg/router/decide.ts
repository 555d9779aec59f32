// What happens to one packet that came up. The dispatch of the packet path's slow half: first packet of a host, first
// metadata of a peer, packet of a known session, question about an unknown flow. Called by shard.ts; pure but for what it
// writes into the turn's batch.
import type { SideIndex } from "../svr/session.ts";
import { acceptForward } from "./accept.ts";
import { admitHost } from "./admit.ts";
import { arriveKnown, openAnew } from "./arrive.ts";
import { arrivalKey } from "./arrivalkey.ts";
import { handleOf, waitFor } from "./batch.ts";
import type { Handle } from "./batch.ts";
import { complain } from "./complain.ts";
import { arriveError, arrivePeerError, raiseToPeer, raiseUnknown } from "./icmperrors.ts";
import { answerUnknown } from "./say.ts";
import { carriedOf, isOpened } from "./turn.ts";
import type { Arrival, OpenedArrival, Turn } from "./turn.ts";

/** Causes of struct svr_punt, by name. */
export const Cause = {
  miss: 1, metadata: 2, unknown: 3, cookie: 4, needMeta: 5, slow: 6, mtu: 7, fragment: 8, newSyn: 9, ttl: 10, error: 11,
} as const;

/** decide handles one parsed packet whose metadata, if it has any for us, was opened. */
export function decide(turn: Turn, arrival: Arrival): void {
  const { punt } = arrival;
  const session = punt.session;
  if (punt.cause === Cause.error) return arriveError(turn, arrival);
  if (isOpened(arrival) && arrival.opened.tlvs.icmpLocation !== undefined) return arrivePeerError(turn, arrival);
  if (isExhausted(arrival)) return refuseExhausted(turn, arrival);
  if (session === undefined) return decideNew(turn, arrival);
  const handle = handleOf(turn.batch, session.index, session.state);
  if (punt.cause === Cause.newSyn) return decideNewSyn(turn, arrival, { handle, side: session.side });
  arriveKnown(turn, arrival, { handle, side: session.side, opener: decideFresh });
}

/** The TTL of a packet that would go on has no step left (protocol 2.7); what ends here needs none. */
function isExhausted({ packet, punt, opened }: Arrival): boolean {
  const endsHere = opened === undefined ? punt.session === undefined && punt.toWaypoint : opened.tlvs.control !== undefined;
  return packet.ttl <= 1 && !endsHere;
}

/** A host learns where its packet ended, over SVR too. */
function refuseExhausted(turn: Turn, arrival: Arrival): void {
  const { packet, punt } = arrival;
  const { session } = punt;
  turn.count("ttl");
  const isFromHost = session === undefined ? !punt.toWaypoint : session.state.side[session.side].path === 0;
  if (isFromHost) complain(turn, { packet, ifnum: punt.ifnum, vlan: punt.vlan }, { kind: "time-exceeded" });
  else if (session !== undefined) raiseToPeer(turn, { session: session.state, side: session.side, carried: carriedOf(arrival) }, { kind: "time-exceeded" });
  else if (isOpened(arrival)) raiseUnknown(turn, arrival, { kind: "time-exceeded" });
}

/** A packet without a session: the first of its flow, or one that raced with the installation of it. */
function decideNew(turn: Turn, arrival: Arrival): void {
  const waiting = turn.batch.drafts.get(arrivalKey(arrival));
  if (waiting !== undefined) {
    if (!waitFor(turn.batch, waiting, () => afterFirst(turn, arrival))) turn.count("limit");
    return;
  }
  decideFresh(turn, arrival);
}

/** The first packet of the flow has its session, or was refused: then this one is judged by itself, so that it is counted as what it is. */
function afterFirst(turn: Turn, arrival: Arrival): void {
  if (turn.find.byArrival(arrival) === undefined) decideFresh(turn, arrival);
  else again(turn, arrival);
}

function decideFresh(turn: Turn, arrival: Arrival): void {
  const { punt } = arrival;
  if (punt.cause === Cause.unknown) return answerUnknown(turn, arrival);
  const isOwn = punt.toWaypoint || turn.tables.isOwn(arrival.packet.destination);
  if (isOwn && isKernels(turn, arrival)) return void turn.batch.outputs.push({ frame: { nexthop: KERNEL, data: arrival.packet.data } });
  if (!punt.toWaypoint) return isOwn ? turn.count("no-flow") : admitHost(turn, arrival, again);
  if (!isOpened(arrival)) return answerUnknown(turn, arrival);
  decideMetadata(turn, arrival);
}

const KERNEL = 0; // Frame.nexthop

/** Fragments to this router come up because only the whole of them tells whose they are; what is of no session and no peer is the kernel's. */
function isKernels(turn: Turn, { punt, packet, opened }: Arrival): boolean {
  if (punt.cause !== Cause.fragment || opened !== undefined) return false;
  return packet.icmpType !== undefined || turn.tables.pathsAt(punt.ifnum, punt.vlan, packet.source).length === 0;
}

/** Metadata of an unknown flow: only forward metadata, alone or in a keep-alive, opens a session (protocol 6.1). */
function decideMetadata(turn: Turn, arrival: OpenedArrival): void {
  const { tlvs, empty, headerOnly, peer } = arrival.opened;
  const control = tlvs.control;
  if (control !== undefined && control !== 1) return turn.count("no-flow", peer);
  if (empty || headerOnly) return control === undefined || control === 1 ? answerUnknown(turn, arrival) : undefined;
  if (tlvs.forwardContext === undefined) return turn.count("no-flow", peer);
  acceptForward(turn, arrival, again);
}

/** A SYN with another ISN, as eBPF saw it (behaviour 3.3). */
function decideNewSyn(turn: Turn, arrival: Arrival, at: { handle: Handle; side: SideIndex }): void {
  openAnew(turn, arrival, { ...at, opener: decideFresh });
}

/** again decides a packet whose flow another packet installed meanwhile; once, so it cannot loop. */
function again(turn: Turn, arrival: Arrival): void {
  const found = turn.find.byArrival(arrival);
  if (found === undefined) return turn.count("nat");
  const handle = handleOf(turn.batch, found.index, found.state);
  arriveKnown(turn, arrival, { handle, side: found.side, opener: (t) => t.count("uuid-mismatch") });
}
