// The handshake of one segment: the state table of protocol 6.1 as step(state, event, now). The router's decisions feed
// it verified packets and carry out its effects in order; two of these talk to each other in tests. No I/O, no clock.
import { CONTROL_KEEP_ALIVE } from "./constants.ts";
import { stepResponder, takeFirst } from "./responder.ts";
import { stepInitiator } from "./initiator.ts";
import { dropWith, freshSegment, stepOf, withoutBody } from "./segment.ts";
import type { ControlArrival, SegmentEvent, SegmentState, Step } from "./segment.ts";

/** step advances one segment by one event at `now` (monotonic ms); state undefined is the table's "none". */
export function step(state: SegmentState | undefined, event: SegmentEvent, now: number): Step {
  if (state === undefined) return stepNone(event, now);
  return state.role === "initiator" ? stepInitiator(state, event, now) : stepResponder(state, event, now);
}

function stepNone(event: SegmentEvent, now: number): Step {
  switch (event.kind) {
    case "forwardPacket": return openInitiator(now);
    case "forwardMetadata": return takeFirst(event, now);
    case "reversePacket": return refuseUnknown();
    case "reverseMetadata": return dropWith(undefined, "no-flow"); // only forward metadata rebuilds a session
    case "control": return takeControl(event, now);
    case "trigger": case "reverseKnown": case "idle": case "end": return stepOf(undefined);
  }
}

function openInitiator(now: number): Step {
  const state = freshSegment("initiator", false, now);
  return stepOf(state, { kind: "createSession" }, { kind: "sendForwardMetadata", retriggered: false });
}

/** Control 2 answers packets and keep-alives of unknown flows, so two routers never answer each other (protocol 6.4). */
function takeControl(control: ControlArrival, now: number): Step {
  if (control.code !== CONTROL_KEEP_ALIVE) return dropWith(undefined, "no-flow");
  return control.full ? withoutBody(takeFirst({ ...control, uuidEqual: false }, now)) : refuseUnknown();
}

function refuseUnknown(): Step {
  return stepOf(undefined, { kind: "drop", reason: "no-flow" }, { kind: "sendControl", code: 2 });
}
