// A packet of a known session that came up: metadata is pending, arrives, or the body looks like it. Books the packet,
// runs the segment it arrived on, hands the body to the other side. Called by decide.ts.
import { equalBytes } from "../base/bytes.ts";
import { checkForward, checkReverse } from "../svr/metadata.ts";
import { reasonNumber } from "../svr/reasons.ts";
import type { HandshakeEffect, SegmentEvent } from "../svr/segment.ts";
import { Life } from "../svr/session.ts";
import type { SideIndex } from "../svr/session.ts";
import { replayVerdict } from "./accept.ts";
import { account } from "./account.ts";
import { endSession } from "./batch.ts";
import type { Handle } from "./batch.ts";
import { resolveWaypoint } from "./contend.ts";
import { arriveControl } from "./control.ts";
import { answerHealth } from "./health.ts";
import { refreshMoved } from "./moved.ts";
import { adapts } from "./adapting.ts";
import { takeSecurity, uncovered } from "./protection.ts";
import { PAYLOAD_REKEY } from "./rekeying.ts";
import { askKey } from "./lostkeys.ts";
import { leave } from "./relay.ts";
import { storeReverse } from "./reverse.ts";
import { sendControl } from "./say.ts";
import { stepSegment } from "./segments.ts";
import { carriesNothing, isOpened, needsKeyId } from "./turn.ts";
import type { Arrival, Opened, OpenedArrival, Opener, Turn } from "./turn.ts";

/** Known is the session of a packet, the side where it arrived, and who opens another session on its flow. */
export interface Known {
  handle: Handle;
  side: SideIndex;
  opener: Opener;
}

/** arriveKnown decides a packet that belongs to a session, on the side where it arrived. */
export function arriveKnown(turn: Turn, arrival: Arrival, at: Known): void {
  const { handle, side } = at;
  turn.capturing.arrives(arrival, handle.state, side);
  if (side === 0 && arrival.opened?.tlvs.control === undefined && !staysOn(turn, arrival, at)) return;
  if (handle.state.side[side].path === 0 || !isOpened(arrival) || arrival.opened.empty) return arrivePlain(turn, arrival, at);
  const { opened } = arrival;
  if (!isFlowPeer(turn, handle, side, opened)) return turn.count("peer-mismatch", opened.peer);
  if (opened.tlvs.control !== undefined) return arriveControl(turn, arrival, { handle, side });
  if (opened.tlvs.keyId === undefined && needsKeyId(opened)) return turn.count("metadata-incomplete", opened.peer);
  if (opened.tlvs.healthCheck !== undefined) answerHealth(turn, handle, side);
  if (opened.headerOnly) return arrivePlain(turn, arrival, at);
  arriveMetadata(turn, arrival, at);
}

/** A session whose way out moved may end by it; the packet then opens another one, unless it is TCP (behaviour 7.5). */
function staysOn(turn: Turn, arrival: Arrival, { handle, opener }: Known): boolean {
  const refreshed = refreshMoved(turn, handle);
  if (refreshed === "reopen") opener(turn, arrival);
  return refreshed === "unchanged" || refreshed === "moved";
}

function arrivePlain(turn: Turn, arrival: Arrival, at: Known): void {
  const { handle, side } = at;
  const { path } = handle.state.side[side];
  for (const effect of stepSegment(turn, handle, side, { kind: side === 0 ? "forwardPacket" : "reversePacket" })) {
    if (effect.kind === "drop") return turn.count(effect.reason, turn.tables.pathById(path)?.peer);
  }
  if (carriesNothing(arrival.opened)) return;
  const carried = uncovered(turn, arrival, at);
  if (carried === undefined || !adapts(turn, arrival, { ...at, carried }, (held) => { arrivePlain(turn, held, at); })) return;
  const verdict = account(turn, handle, side, carried);
  if (verdict === "newSyn") return openAnew(turn, arrival, at);
  if (verdict === "drop") return turn.count("state");
  leave(turn, handle, other(side), carried);
}

/** openAnew ends what is left of an old connection when a host begins the next one on its tuple (behaviour 3.3, RESET and GUARD). */
export function openAnew(turn: Turn, arrival: Arrival, at: Known): void {
  const { handle, side, opener } = at;
  if (handle.state.side[side].path !== 0) return turn.count("state"); // a new connection of a peer comes with metadata
  endSession(turn.batch, handle, reasonNumber("rst"), true);
  opener(turn, arrival);
}

function arriveMetadata(turn: Turn, arrival: OpenedArrival, at: Known): void {
  const { handle, side } = at;
  const { opened } = arrival;
  if (side === 1 && opened.tlvs.forwardContext !== undefined) return arriveOpposed(turn, arrival, at);
  const complete = side === 0 ? checkForward(opened.tlvs, needsKeyId(opened)) : checkReverse(opened.tlvs, needsKeyId(opened));
  if (!complete) return turn.count("metadata-incomplete", opened.peer);
  const uuidEqual = equalBytes(opened.tlvs.uuid as Uint8Array, handle.state.uuid);
  const event: SegmentEvent = { kind: side === 0 ? "forwardMetadata" : "reverseMetadata", uuidEqual, modify: opened.tlvs.modify };
  if (side === 0 && !uuidEqual) return at.opener(turn, { ...arrival, replaces: handle });
  if (isLateCopy(turn, arrival, at)) return turn.count("replay-first-packet", opened.peer);
  const fault = uuidEqual ? takeSecurity(turn, arrival, at) : undefined;
  if (fault === "no-key") askKey(turn, handle);
  if (fault !== undefined) return turn.count(fault, opened.peer);
  const effects = stepSegment(turn, handle, side, event);
  for (const effect of effects) carryOut(turn, arrival, { handle, side, effect });
}

/** What opened a session that is over does not reach its host again; what else is late does (protocol 6.3, GUARD of behaviour 3.3). */
function isLateCopy(turn: Turn, { opened }: OpenedArrival, { handle, side }: Known): boolean {
  return side === 0 && handle.state.life === Life.guard && replayVerdict(turn, opened) === "replay";
}

/** Forward metadata on a segment that we opened: the peer chose the same 5-tuple for a session of its own, or ours came back. */
function arriveOpposed(turn: Turn, arrival: OpenedArrival, at: Known): void {
  const { opened } = arrival;
  const { handle, opener } = at;
  if (!checkForward(opened.tlvs, needsKeyId(opened))) return turn.count("metadata-incomplete", opened.peer);
  const uuidEqual = equalBytes(opened.tlvs.uuid as Uint8Array, handle.state.uuid);
  for (const effect of stepSegment(turn, handle, 1, { kind: "forwardMetadata", uuidEqual })) {
    if (effect.kind === "drop") turn.count(effect.reason, opened.peer);
    else if (effect.kind === "resolveGlare") resolveWaypoint(turn, arrival, { handle, opener });
  }
}

function carryOut(turn: Turn, arrival: OpenedArrival, at: { handle: Handle; side: SideIndex; effect: HandshakeEffect }): void {
  const { handle, side, effect } = at;
  switch (effect.kind) {
    case "forwardBody": {
      if (carriesNothing(arrival.opened)) return;
      const carried = uncovered(turn, arrival, { handle, side });
      if (carried === undefined || !adapts(turn, arrival, { handle, side, carried }, unheld)) return;
      if (account(turn, handle, side, carried) === "forward") leave(turn, handle, other(side), carried);
      else turn.count("state");
      return;
    }
    case "storeReverse": return storeReverse(turn, arrival.opened, handle);
    case "drop": return turn.count(effect.reason, arrival.opened.peer);
    case "sendControl": return sendControl(turn, handle, { side, code: effect.code, modify: effect.modify });
    case "deleteSession": return endSession(turn.batch, handle, reasonNumber(effect.reason), true);
    case "applyForward": return passOn(turn, handle, arrival.opened);
    case "release": case "createSession": case "joinSegment": case "replaceSession": case "resolveGlare":
    case "sendForwardMetadata": case "sendReverseMetadata": return; // the body goes on through leave, which says what it must
  }
}

/** Only the ingress holds packets, and those come without metadata. */
const unheld = (): void => undefined;

/** A transit router that hears of a change says it on the next segment with a modify of its own (protocol 6.6). */
function passOn(turn: Turn, handle: Handle, { tlvs: { modify } }: Opened): void {
  if (handle.state.side[1].path === 0 || modify?.reason !== PAYLOAD_REKEY || modify.done) return; // a change of security is seen by what it changes
  stepSegment(turn, handle, 1, { kind: "trigger", reason: modify.reason });
}

/** The owner of the key id must be the peer of the flow (protocol 7.4). */
function isFlowPeer(turn: Turn, handle: Handle, side: SideIndex, opened: Opened): boolean {
  return turn.tables.pathById(handle.state.side[side].path)?.peer === opened.peer;
}

/** other is the opposite side. */
export function other(side: SideIndex): SideIndex {
  return side === 0 ? 1 : 0;
}
