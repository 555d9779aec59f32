// The initiator's half of the table of protocol 6.1: I-META and I-QUIET. Called by handshake.ts only; pure.
// Must not know whether the forward packets come from a host or from the upstream segment.
import { CONTROL_DELETE_SESSION, CONTROL_DISABLE_METADATA, CONTROL_ENABLE_METADATA, CONTROL_KEEP_ALIVE } from "./constants.ts";
import { takeModify, openModify, modifyToSend } from "./modify.ts";
import { CONTROL_SPACING_MS, IDLE_MS, REPEATS_BEFORE_CONTROL, REPEATS_LIMIT } from "./handshaketimers.ts";
import { FORWARD_BODY, dropWith, elapsedMs, needsMetadata, stampOf, stepOf } from "./segment.ts";
import type { ControlArrival, HandshakeEffect, MetadataArrival, SegmentEvent, SegmentState, Step } from "./segment.ts";

/** stepInitiator advances I-META or I-QUIET by one event at `now` (monotonic ms). */
export function stepInitiator(state: SegmentState, event: SegmentEvent, now: number): Step {
  switch (event.kind) {
    case "forwardPacket": return sendForward({ ...state, forwardMs: stampOf(now) });
    case "reversePacket": return takePlain(state, now);
    case "reverseMetadata": return takeReverse(state, event, now);
    case "forwardMetadata": return event.uuidEqual ? dropWith(state, "uuid-mismatch") : stepOf(state, { kind: "resolveGlare" });
    case "control": return takeControl(state, event, now);
    case "trigger": return stepOf(event.reason === undefined ? { ...state, meta: true } : openModify(state, event.reason));
    case "idle": return needsMetadata("forward", state) ? sendIdle(state, now) : stepOf(state);
    case "reverseKnown": return stepOf(state);
    case "end": return stepOf(undefined, { kind: "release" });
  }
}

function sendForward(state: SegmentState): Step {
  if (!needsMetadata("forward", state)) return stepOf(state, FORWARD_BODY);
  return stepOf({ ...state, owed: false }, { kind: "sendForwardMetadata", retriggered: state.haveReverse, modify: modifyToSend(state) });
}

/** A responder says metadata until we stop saying ours, so what comes plain before its first answer is of another session that had
 * these ports: one that a router in between, or we, lost (protocol 6.1). */
function takePlain(state: SegmentState, now: number): Step {
  if (!state.haveReverse) return dropWith(state, "no-flow");
  return stepOf({ ...state, reverseMs: stampOf(now) }, FORWARD_BODY);
}

/** Control 1 with full metadata, because no forward packet can carry it; at most one a second. */
function sendIdle(state: SegmentState, now: number, ...before: HandshakeEffect[]): Step {
  if (!mayControl(state, now)) return stepOf(state, ...before);
  const next = { ...state, owed: false, controlMs: stampOf(now) };
  return stepOf(next, ...before, { kind: "sendControl", code: 1, modify: modifyToSend(state) });
}

function takeReverse(state: SegmentState, arrival: MetadataArrival, now: number): Step {
  if (!arrival.uuidEqual) return dropWith(state, "uuid-mismatch");
  const taken = takeModify({ ...state, reverseMs: stampOf(now) }, arrival.modify);
  const stores = (state.meta || taken.asked) && !taken.stale;
  const effects: HandshakeEffect[] = stores ? [{ kind: "storeReverse" }, FORWARD_BODY] : [FORWARD_BODY];
  const repeats = state.meta ? 0 : Math.min(state.repeats + 1, REPEATS_LIMIT);
  // an open modify keeps I-META until D=1 (protocol 6.6)
  const next = { ...taken.state, meta: taken.state.open, haveReverse: true, repeats };
  if (elapsedMs(now, state.forwardMs) < IDLE_MS) return stepOf(next, ...effects);
  if (taken.asked) return sendIdle(next, now, ...effects);
  if (repeats < REPEATS_BEFORE_CONTROL || !mayControl(next, now)) return stepOf(next, ...effects);
  return stepOf({ ...next, controlMs: stampOf(now) }, ...effects, { kind: "sendControl", code: 3 });
}

function takeControl(state: SegmentState, control: ControlArrival, now: number): Step {
  if (control.uuidEqual === false) return dropWith(state, "uuid-mismatch");
  switch (control.code) {
    case CONTROL_KEEP_ALIVE: return stepOf({ ...state, reverseMs: stampOf(now) }); // refreshes the timers of the flow
    case CONTROL_ENABLE_METADATA: return stepOf({ ...state, meta: true });
    case CONTROL_DISABLE_METADATA: return takeDisable(state, control);
    case CONTROL_DELETE_SESSION: return endByPeer(state, control);
    default: return stepOf(state); // 8 concerns the health check only; 0, 4, 5, 7 and above 8 are ignored (protocol 6.4)
  }
}

function takeDisable(state: SegmentState, control: ControlArrival): Step {
  if (control.uuidEqual !== true) return dropWith(state, "uuid-mismatch");
  if (!control.full) return dropWith(state, "metadata-incomplete");
  const taken = takeModify(state, control.modify);
  const next = { ...taken.state, meta: taken.state.open, haveReverse: true, repeats: state.meta ? 0 : state.repeats };
  return (state.meta || taken.asked) && !taken.stale ? stepOf(next, { kind: "storeReverse" }) : stepOf(next);
}

/** endByPeer is control 6 on either half of the table: only the named session ends (protocol 6.4). */
export function endByPeer(state: SegmentState, control: ControlArrival): Step {
  if (control.uuidEqual !== true) return dropWith(state, "uuid-mismatch");
  return stepOf(undefined, { kind: "deleteSession", reason: "peer-delete" }, { kind: "release" });
}

/** mayControl limits control messages of one session to one a second. */
export function mayControl(state: SegmentState, now: number): boolean {
  return state.controlMs === 0 || elapsedMs(now, state.controlMs) >= CONTROL_SPACING_MS;
}
