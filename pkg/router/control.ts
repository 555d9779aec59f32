// Control messages that arrive with TLV 24 on a known flow (protocol 6.4); never forwarded, never user traffic. Called by
// arrive.ts; the table is pkg/svr/handshake.ts.
import { equalBytes } from "../base/bytes.ts";
import { CONTROL_ENABLE_METADATA, CONTROL_SESSION_EXISTS, SUITE_CLEAR } from "../svr/constants.ts";
import { checkControl, checkForward, checkReverse } from "../svr/metadata.ts";
import { reasonNumber } from "../svr/reasons.ts";
import type { ControlArrival, HandshakeEffect } from "../svr/segment.ts";
import { suiteOf } from "../svr/protected.ts";
import { Role } from "../svr/session.ts";
import type { SideIndex } from "../svr/session.ts";
import { endSession } from "./batch.ts";
import type { Handle } from "./batch.ts";
import { resetHosts } from "./enforce.ts";
import { takeExists } from "./health.ts";
import { takeSecurity } from "./protection.ts";
import { storeReverse } from "./reverse.ts";
import { PAYLOAD_REKEY } from "./rekeying.ts";
import { deleteElsewhere, sayNow, sendControl } from "./say.ts";
import { stepSegment } from "./segments.ts";
import { needsKeyId } from "./turn.ts";
import type { Opened, OpenedArrival, Turn } from "./turn.ts";

/** arriveControl acts on a control message of a known flow; it is never forwarded and never counted as user traffic. */
export function arriveControl(turn: Turn, arrival: OpenedArrival, at: { handle: Handle; side: SideIndex }): void {
  const { opened } = arrival;
  const { handle, side } = at;
  const { tlvs } = opened;
  if (!checkControl(tlvs, needsKeyId(opened))) return turn.count("metadata-incomplete", opened.peer);
  const control: ControlArrival = {
    code: tlvs.control as number, full: side === 0 ? checkForward(tlvs, needsKeyId(opened)) : checkReverse(tlvs, needsKeyId(opened)) && tlvs.disableForward !== undefined,
    ...(tlvs.uuid === undefined ? {} : { uuidEqual: equalBytes(tlvs.uuid, handle.state.uuid) }),
    modify: tlvs.modify,
  };
  const fault = control.full && control.uuidEqual === true ? takeSecurity(turn, arrival, at) : undefined;
  if (fault !== undefined) return turn.count(fault, opened.peer);
  if (control.code === CONTROL_ENABLE_METADATA && control.uuidEqual !== false) loseKey(turn, handle, side);
  if (control.code === CONTROL_SESSION_EXISTS && control.uuidEqual !== false) return takeExists(turn, handle, side);
  for (const effect of stepSegment(turn, handle, side, { kind: "control", ...control })) carryOut(turn, opened, { handle, side, effect });
}

/** Who asks for metadata lost the session, with its payload key: the ingress makes another one, and a transit router, which has none, asks for it. */
function loseKey(turn: Turn, handle: Handle, side: SideIndex): void {
  const { role, uuid } = handle.state;
  turn.protection.kept.drop(uuid);
  if (side === 0 || role !== Role.transit || suiteOf(handle.state) === SUITE_CLEAR) return;
  if (handle.ref !== undefined && turn.protection.mayAsk(handle.ref.index, turn.nowMs)) sendControl(turn, handle, { side: 0, code: CONTROL_ENABLE_METADATA });
}

/** A transit router that hears of another key, or of a switch, without a body says it on the next segment in the same way (protocol 6.6). */
function passOn(turn: Turn, handle: Handle, { tlvs }: Opened): void {
  const { modify, payloadKey } = tlvs;
  if (handle.state.role !== Role.transit || modify?.done !== false || payloadKey === undefined) return;
  if (modify.reason === PAYLOAD_REKEY) stepSegment(turn, handle, 1, { kind: "trigger", reason: PAYLOAD_REKEY });
  sayNow(turn, handle, tlvs);
}

function carryOut(turn: Turn, opened: Opened, at: { handle: Handle; side: SideIndex; effect: HandshakeEffect }): void {
  const { handle, side, effect } = at;
  switch (effect.kind) {
    case "drop": return turn.count(effect.reason, opened.peer);
    case "storeReverse": return storeReverse(turn, opened, handle);
    case "sendControl": return sendControl(turn, handle, { side, code: effect.code, modify: effect.modify });
    case "deleteSession": {
      if (effect.reason === "peer-delete") deleteElsewhere(turn, handle, side);
      resetHosts(turn, handle.state);
      return endSession(turn.batch, handle, reasonNumber(effect.reason), true);
    }
    case "applyForward": return passOn(turn, handle, opened);
    case "release": case "createSession": case "joinSegment": case "replaceSession": case "resolveGlare":
    case "sendForwardMetadata": case "sendReverseMetadata": case "forwardBody": return; // no body, so nothing goes on
  }
}
