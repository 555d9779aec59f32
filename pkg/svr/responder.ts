// The responder's half of the table of protocol 6.1: R-META and R-QUIET. Called by handshake.ts only; pure.
// The data plane runs two rows of it alone: plain packets while R-QUIET, and a plain forward packet that ends R-META.
import { CONTROL_DELETE_SESSION, CONTROL_DISABLE_METADATA, CONTROL_ENABLE_METADATA, CONTROL_KEEP_ALIVE } from "./constants.ts";
import { takeModify, openModify, modifyToSend } from "./modify.ts";
import type { Taken } from "./modify.ts";
import { IDLE_MS, INITIATOR_REASONS, LOST_MS, REPEATS_BEFORE_CONTROL, REPEATS_LIMIT } from "./handshaketimers.ts";
import { endByPeer, mayControl } from "./initiator.ts";
import { FORWARD_BODY, dropWith, elapsedMs, freshSegment, needsMetadata, stampOf, stepOf, withoutBody } from "./segment.ts";
import type { ControlArrival, HandshakeEffect, MetadataArrival, NewcomerFacts, SegmentEvent, SegmentState, Step } from "./segment.ts";

/** stepResponder advances R-META or R-QUIET by one event at `now` (monotonic ms). */
export function stepResponder(state: SegmentState, event: SegmentEvent, now: number): Step {
  switch (event.kind) {
    case "reversePacket": return sendReverse({ ...state, reverseMs: stampOf(now), repeats: 0 });
    case "forwardPacket": return stepOf(heardPlain(state, now), FORWARD_BODY);
    case "forwardMetadata": return takeForward(state, event, now);
    case "reverseMetadata": return dropWith(state, event.uuidEqual ? "metadata-incomplete" : "uuid-mismatch");
    case "control": return takeControl(state, event, now);
    case "trigger": return stepOf(trigger(state, event.reason));
    case "reverseKnown": return answerUnheard({ ...state, haveReverse: true }, now);
    case "idle": return stepOf(state);
    case "end": return stepOf(undefined, { kind: "release" });
  }
}

/** takeFirst starts a segment from valid forward metadata: R-META, that packet counted, its modify accepted whatever its sequence. */
export function takeFirst(arrival: MetadataArrival & NewcomerFacts, now: number): Step {
  if (arrival.joins === "refused") return dropWith(undefined, "uuid-mismatch");
  const fresh = freshSegment("responder", arrival.answersHere === true, now);
  const { state } = takeModify({ ...fresh, repeats: 1 }, arrival.modify);
  return stepOf(state, { kind: arrival.joins === "accepted" ? "joinSegment" : "createSession" }, FORWARD_BODY);
}

function sendReverse(state: SegmentState): Step {
  if (!needsMetadata("reverse", state)) return stepOf(state, FORWARD_BODY);
  return stepOf({ ...state, owed: false }, { kind: "sendReverseMetadata", retriggered: state.lost, modify: modifyToSend(state) });
}

/** The initiator sends without metadata, so it has ours: quiet, unless a modify is open or unanswered (protocol 6.6). */
function heardPlain(state: SegmentState, now: number): SegmentState {
  return { ...state, forwardMs: stampOf(now), lost: false, meta: state.open || state.owed };
}

function takeForward(state: SegmentState, arrival: MetadataArrival & NewcomerFacts, now: number): Step {
  if (!arrival.uuidEqual) return replace(state, arrival, now);
  const repeats = state.meta ? Math.min(state.repeats + 1, REPEATS_LIMIT) : 1;
  const taken = takeModify({ ...state, meta: true, lost: false, forwardMs: stampOf(now), repeats }, arrival.modify);
  return answerUnheard(taken.state, now, ...forwardEffects(state, taken));
}

/** Another UUID on our 5-tuple: the old session is a dead one of the peer's (behaviour RB-2), unless the join is refused. */
function replace(state: SegmentState, arrival: MetadataArrival & NewcomerFacts, now: number): Step {
  if (arrival.joins === "refused") return dropWith(state, "uuid-mismatch");
  const first = takeFirst(arrival, now);
  return stepOf(first.state, { kind: "replaceSession" }, ...first.effects);
}

function forwardEffects(before: SegmentState, taken: Taken): HandshakeEffect[] {
  const applies = (!before.meta || taken.asked) && !taken.stale;
  return applies ? [{ kind: "applyForward" }, FORWARD_BODY] : [FORWARD_BODY];
}

/** Control 3 when metadata keeps coming and no reverse packet can answer it. */
function answerUnheard(state: SegmentState, now: number, ...before: HandshakeEffect[]): Step {
  const due = state.meta && state.haveReverse && state.repeats >= REPEATS_BEFORE_CONTROL
    && elapsedMs(now, state.reverseMs) >= IDLE_MS && mayControl(state, now);
  if (!due) return stepOf(state, ...before);
  const next = { ...state, owed: false, controlMs: stampOf(now) };
  return stepOf(next, ...before, { kind: "sendControl", code: 3, modify: modifyToSend(state) });
}

function takeControl(state: SegmentState, control: ControlArrival, now: number): Step {
  if (control.code === CONTROL_KEEP_ALIVE && control.full) {
    return withoutBody(takeForward(state, { ...control, uuidEqual: control.uuidEqual === true }, now));
  }
  if (control.uuidEqual === false) return dropWith(state, "uuid-mismatch");
  switch (control.code) {
    // without metadata a keep-alive comes from an initiator that is quiet: one in I-META sends it with metadata
    case CONTROL_KEEP_ALIVE: return stepOf(heardPlain(state, now));
    case CONTROL_ENABLE_METADATA: return takeEnable(state, now);
    case CONTROL_DISABLE_METADATA: return takeDisable(state, control);
    case CONTROL_DELETE_SESSION: return endByPeer(state, control);
    default: return stepOf(state); // 8 concerns the health check only; 0, 4, 5, 7 and above 8 are ignored (protocol 6.4)
  }
}

/** The peer does not know the flow: metadata on the next reverse packet, and the end after 30 s of that without a forward one. */
function takeEnable(state: SegmentState, now: number): Step {
  const silent = elapsedMs(now, state.controlMs);
  if (!state.lost || elapsedMs(now, state.forwardMs) < silent) {
    return stepOf({ ...trigger(state, undefined), lost: true, controlMs: stampOf(now) });
  }
  if (silent < LOST_MS) return stepOf({ ...state, meta: true });
  return stepOf(undefined, { kind: "deleteSession", reason: "path-lost" }, { kind: "release" });
}

function takeDisable(state: SegmentState, control: ControlArrival): Step {
  if (control.uuidEqual !== true) return dropWith(state, "uuid-mismatch");
  const next = takeModify(state, control.modify).state;
  return stepOf({ ...next, lost: false, meta: next.open || next.owed });
}

/** Only the initiator moves a segment: such reasons re-trigger here without a modify (protocol 6.6). */
function trigger(state: SegmentState, reason: number | undefined): SegmentState {
  const counted = state.meta ? state : { ...state, repeats: 0 };
  if (reason === undefined || INITIATOR_REASONS.includes(reason)) return { ...counted, meta: true };
  return openModify(counted, reason);
}
