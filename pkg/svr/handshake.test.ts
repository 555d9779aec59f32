// The state table of protocol 6.1, row by row.
import { step } from "./handshake.ts";
import { FORWARD_BODY, NO_SEQUENCE, freshSegment } from "./segment.ts";
import type { HandshakeEffect, Modify, SegmentEvent, SegmentState } from "./segment.ts";

const T0 = 10_000;
const initiator = freshSegment("initiator", false, T0);
const quietInitiator: SegmentState = { ...initiator, meta: false, haveReverse: true };
const responder: SegmentState = { ...freshSegment("responder", true, T0), repeats: 1 };
const quietResponder: SegmentState = { ...responder, meta: false };
const transit: SegmentState = { ...responder, haveReverse: false };

const drop = (reason: "no-flow" | "uuid-mismatch" | "metadata-incomplete"): HandshakeEffect => ({ kind: "drop", reason });
const sendForward: HandshakeEffect = { kind: "sendForwardMetadata", retriggered: false };
const sendReverse: HandshakeEffect = { kind: "sendReverseMetadata", retriggered: false };
const storeReverse: HandshakeEffect = { kind: "storeReverse" };
const applyForward: HandshakeEffect = { kind: "applyForward" };
const createSession: HandshakeEffect = { kind: "createSession" };
const release: HandshakeEffect = { kind: "release" };
const control = (code: 1 | 2 | 3, modify?: Modify): HandshakeEffect =>
  modify === undefined ? { kind: "sendControl", code } : { kind: "sendControl", code, modify };

const forwardPacket: SegmentEvent = { kind: "forwardPacket" };
const reversePacket: SegmentEvent = { kind: "reversePacket" };
const forwardMetadata: SegmentEvent = { kind: "forwardMetadata", uuidEqual: true };
const reverseMetadata: SegmentEvent = { kind: "reverseMetadata", uuidEqual: true };
const heard = (code: number, full = false): SegmentEvent => ({ kind: "control", code, uuidEqual: true, full });
const other = (event: SegmentEvent): SegmentEvent => ({ ...event, uuidEqual: false }) as SegmentEvent;

interface Row {
  desc: string;
  state: SegmentState | undefined;
  event: SegmentEvent;
  /** ms after T0 */
  at?: number;
  /** fields of the next state that the row speaks of; undefined: state none */
  next: Partial<SegmentState> | undefined;
  effects: HandshakeEffect[];
}

function runRows(rows: Row[]): void {
  test.each(rows)("$desc", ({ state, event, at = 0, next, effects }) => {
    const outcome = step(state, event, T0 + at);
    expect(outcome.effects).toEqual(effects);
    if (next === undefined) expect(outcome.state).toBeUndefined();
    else expect(outcome.state).toMatchObject(next);
  });
}

describe("6.1 none", () => {
  runRows([
    { desc: "none + first packet: create, send with forward metadata, I-META", state: undefined, event: forwardPacket, next: { role: "initiator", meta: true, haveReverse: false }, effects: [createSession, sendForward] },
    { desc: "none + forward metadata: create, forward the body, R-META", state: undefined, event: forwardMetadata, next: { role: "responder", meta: true, repeats: 1, haveReverse: false }, effects: [createSession, FORWARD_BODY] },
    { desc: "none + forward metadata at the egress: its own reverse list is known", state: undefined, event: { ...forwardMetadata, answersHere: true }, next: { role: "responder", haveReverse: true }, effects: [createSession, FORWARD_BODY] },
    { desc: "none + forward metadata, UUID live here, permitted: join, R-META", state: undefined, event: { ...forwardMetadata, joins: "accepted" }, next: { role: "responder", meta: true }, effects: [{ kind: "joinSegment" }, FORWARD_BODY] },
    { desc: "none + forward metadata, UUID live here, refused (a loop): drop uuid-mismatch", state: undefined, event: { ...forwardMetadata, joins: "refused" }, next: undefined, effects: [drop("uuid-mismatch")] },
    { desc: "none + joining metadata with a modify: any first sequence is accepted", state: undefined, event: { ...forwardMetadata, joins: "accepted", modify: { byInitiator: true, done: false, sequence: 4000, reason: 1 } }, next: { modifyIn: 4000, owed: true }, effects: [{ kind: "joinSegment" }, FORWARD_BODY] },
    { desc: "none + reverse metadata: drop no-flow", state: undefined, event: reverseMetadata, next: undefined, effects: [drop("no-flow")] },
    { desc: "none + control 3: drop no-flow", state: undefined, event: heard(3, true), next: undefined, effects: [drop("no-flow")] },
    { desc: "none + control 2: drop no-flow, never answered", state: undefined, event: heard(2), next: undefined, effects: [drop("no-flow")] },
    { desc: "none + control 6: ignored as no-flow", state: undefined, event: heard(6), next: undefined, effects: [drop("no-flow")] },
    { desc: "none + control 1 with forward metadata: create, nothing to forward", state: undefined, event: heard(1, true), next: { role: "responder", meta: true }, effects: [createSession] },
    { desc: "none + control 1 with forward metadata of a live UUID: join", state: undefined, event: { kind: "control", code: 1, full: true, joins: "accepted", answersHere: true }, next: { role: "responder", haveReverse: true }, effects: [{ kind: "joinSegment" }] },
    { desc: "none + control 1 without metadata: drop no-flow, send control 2", state: undefined, event: heard(1), next: undefined, effects: [drop("no-flow"), control(2)] },
    { desc: "none + packet without metadata to a waypoint: drop no-flow, send control 2", state: undefined, event: reversePacket, next: undefined, effects: [drop("no-flow"), control(2)] },
    { desc: "none + trigger: nothing", state: undefined, event: { kind: "trigger" }, next: undefined, effects: [] },
    { desc: "none + reverse known: nothing", state: undefined, event: { kind: "reverseKnown" }, next: undefined, effects: [] },
    { desc: "none + idle: nothing", state: undefined, event: { kind: "idle" }, next: undefined, effects: [] },
    { desc: "none + end: nothing", state: undefined, event: { kind: "end" }, next: undefined, effects: [] },
  ]);
});

describe("6.1 I-META", () => {
  runRows([
    { desc: "W-3 I-META + further forward packet: same forward metadata", state: initiator, event: forwardPacket, at: 7, next: { meta: true, forwardMs: T0 + 7 }, effects: [sendForward] },
    { desc: "I-META again after reverse metadata was known: remaining time is told", state: { ...quietInitiator, meta: true }, event: forwardPacket, next: { meta: true }, effects: [{ kind: "sendForwardMetadata", retriggered: true }] },
    { desc: "I-META + reverse metadata: store, strip, forward body, I-QUIET", state: initiator, event: reverseMetadata, at: 9, next: { meta: false, haveReverse: true, repeats: 0, reverseMs: T0 + 9 }, effects: [storeReverse, FORWARD_BODY] },
    { desc: "I-META + reverse metadata long after the last forward packet: I-QUIET, no control message", state: initiator, event: reverseMetadata, at: 5_000, next: { meta: false }, effects: [storeReverse, FORWARD_BODY] },
    { desc: "W-9 I-META + control 3 with TLV 18: nothing forwarded, I-QUIET", state: initiator, event: heard(3, true), next: { meta: false, haveReverse: true }, effects: [storeReverse] },
    { desc: "I-META + control 3 without the reverse list: drop metadata-incomplete", state: initiator, event: heard(3), next: initiator, effects: [drop("metadata-incomplete")] },
    { desc: "I-META + control 3, other UUID: drop uuid-mismatch", state: initiator, event: other(heard(3, true)), next: initiator, effects: [drop("uuid-mismatch")] },
    { desc: "I-META + control 3 that names no session: drop uuid-mismatch", state: initiator, event: { kind: "control", code: 3, full: true }, next: initiator, effects: [drop("uuid-mismatch")] },
    { desc: "I-META re-triggered + reverse packet without metadata: forward, metadata stays on", state: { ...initiator, haveReverse: true }, event: reversePacket, at: 3, next: { meta: true, reverseMs: T0 + 3 }, effects: [FORWARD_BODY] },
    { desc: "P-6 I-META never answered + reverse packet without metadata: of another session, drop no-flow", state: initiator, event: reversePacket, at: 3, next: initiator, effects: [drop("no-flow")] },
    { desc: "I-META + reverse metadata, other UUID: drop uuid-mismatch", state: initiator, event: other(reverseMetadata), at: 5, next: initiator, effects: [drop("uuid-mismatch")] },
    { desc: "I-META + forward metadata, other UUID: glare decides (6.5)", state: initiator, event: other(forwardMetadata), next: initiator, effects: [{ kind: "resolveGlare" }] },
    { desc: "I-META + forward metadata, own UUID (a loop): drop uuid-mismatch", state: initiator, event: forwardMetadata, next: initiator, effects: [drop("uuid-mismatch")] },
    { desc: "I-META + control 2: stays", state: initiator, event: heard(2), next: { meta: true }, effects: [] },
    { desc: "I-META + idle: control 1 with forward metadata", state: initiator, event: { kind: "idle" }, next: { meta: true, controlMs: T0 }, effects: [control(1)] },
    { desc: "I-META + idle within a second of the last: nothing", state: { ...initiator, controlMs: T0 }, event: { kind: "idle" }, at: 999, next: { controlMs: T0 }, effects: [] },
    { desc: "I-META + end: release the pair", state: initiator, event: { kind: "end" }, next: undefined, effects: [release] },
  ]);
});

describe("6.1 I-QUIET", () => {
  const three = { ...quietInitiator, repeats: 2 };
  runRows([
    { desc: "I-QUIET + forward packet: no metadata", state: quietInitiator, event: forwardPacket, next: { meta: false }, effects: [FORWARD_BODY] },
    { desc: "I-QUIET + reverse packet: forward", state: quietInitiator, event: reversePacket, next: { meta: false }, effects: [FORWARD_BODY] },
    { desc: "I-QUIET + reverse metadata again: accept, forward metadata stays off", state: quietInitiator, event: reverseMetadata, at: 5_000, next: { meta: false, repeats: 1 }, effects: [FORWARD_BODY] },
    { desc: "I-QUIET + third reverse metadata, 999 ms without forward packet: no control yet", state: three, event: reverseMetadata, at: 999, next: { repeats: 3, controlMs: 0 }, effects: [FORWARD_BODY] },
    { desc: "W-9 I-QUIET + third reverse metadata and 1 s without forward packet: control 3", state: three, event: reverseMetadata, at: 1_000, next: { repeats: 3, controlMs: T0 + 1_000 }, effects: [FORWARD_BODY, control(3)] },
    { desc: "I-QUIET + another within a second of control 3: not again", state: { ...three, repeats: 3, controlMs: T0 + 1_000 }, event: reverseMetadata, at: 1_999, next: { controlMs: T0 + 1_000 }, effects: [FORWARD_BODY] },
    { desc: "I-QUIET + another a second after control 3: again", state: { ...three, repeats: 255, controlMs: T0 + 1_000 }, event: reverseMetadata, at: 2_000, next: { repeats: 255, controlMs: T0 + 2_000 }, effects: [FORWARD_BODY, control(3)] },
    { desc: "I-QUIET + reverse metadata, other UUID: drop uuid-mismatch", state: three, event: other(reverseMetadata), at: 5, next: three, effects: [drop("uuid-mismatch")] },
    { desc: "I-QUIET + control 3 again: nothing new", state: three, event: heard(3, true), next: { meta: false, repeats: 2 }, effects: [] },
    { desc: "L-5 I-QUIET + control 2: I-META", state: quietInitiator, event: heard(2), next: { meta: true }, effects: [] },
    { desc: "I-QUIET + control 2 that names no session: I-META", state: quietInitiator, event: { kind: "control", code: 2, full: false }, next: { meta: true }, effects: [] },
    { desc: "I-QUIET + control 2, other UUID: drop uuid-mismatch", state: quietInitiator, event: other(heard(2)), next: { meta: false }, effects: [drop("uuid-mismatch")] },
    { desc: "I-QUIET + keep-alive: timer of the flow refreshed, nothing forwarded", state: quietInitiator, event: heard(1), at: 50, next: { meta: false, reverseMs: T0 + 50 }, effects: [] },
    { desc: "I-QUIET + control 6: delete", state: quietInitiator, event: heard(6), next: undefined, effects: [{ kind: "deleteSession", reason: "peer-delete" }, release] },
    { desc: "I-QUIET + control 6 that names no session: drop uuid-mismatch", state: quietInitiator, event: { kind: "control", code: 6, full: false }, next: quietInitiator, effects: [drop("uuid-mismatch")] },
    { desc: "I-QUIET + control 8: nothing here", state: quietInitiator, event: heard(8), next: quietInitiator, effects: [] },
    { desc: "I-QUIET + control 0: ignored", state: quietInitiator, event: heard(0), next: quietInitiator, effects: [] },
    { desc: "I-QUIET + trigger without change: I-META, no modify", state: quietInitiator, event: { kind: "trigger" }, next: { meta: true, open: false, modifyOut: NO_SEQUENCE }, effects: [] },
    { desc: "I-QUIET + idle: nothing to deliver", state: quietInitiator, event: { kind: "idle" }, next: quietInitiator, effects: [] },
    { desc: "I-QUIET + reverse known: it knew", state: quietInitiator, event: { kind: "reverseKnown" }, next: quietInitiator, effects: [] },
  ]);
});

describe("6.1 R-META", () => {
  const three = { ...responder, repeats: 2 };
  runRows([
    { desc: "R-META + reverse packet: send with reverse metadata", state: three, event: reversePacket, at: 4, next: { meta: true, repeats: 0, reverseMs: T0 + 4 }, effects: [sendReverse] },
    { desc: "R-META + reverse packet at transit without the reverse TLVs: no metadata upstream", state: transit, event: reversePacket, next: { meta: true }, effects: [FORWARD_BODY] },
    { desc: "R-META + forward packet without metadata: forward it, R-QUIET", state: responder, event: forwardPacket, at: 6, next: { meta: false, forwardMs: T0 + 6 }, effects: [FORWARD_BODY] },
    { desc: "W-3 R-META + forward metadata again: repeat, forward body", state: responder, event: forwardMetadata, at: 5, next: { meta: true, repeats: 2, forwardMs: T0 + 5 }, effects: [FORWARD_BODY] },
    { desc: "R-META + third forward metadata, 999 ms without reverse packet: no control yet", state: three, event: forwardMetadata, at: 999, next: { repeats: 3, controlMs: 0 }, effects: [FORWARD_BODY] },
    { desc: "W-9 R-META + third forward metadata and 1 s without reverse packet: control 3, stays R-META", state: three, event: forwardMetadata, at: 1_000, next: { meta: true, controlMs: T0 + 1_000 }, effects: [FORWARD_BODY, control(3)] },
    { desc: "R-META + another within a second of control 3: not again", state: { ...three, controlMs: T0 + 1_000 }, event: forwardMetadata, at: 1_999, next: { controlMs: T0 + 1_000 }, effects: [FORWARD_BODY] },
    { desc: "R-META + another a second after control 3: again", state: { ...three, repeats: 255, controlMs: T0 + 1_000 }, event: forwardMetadata, at: 2_000, next: { repeats: 255, controlMs: T0 + 2_000 }, effects: [FORWARD_BODY, control(3)] },
    { desc: "R-META + third forward metadata at transit without the reverse TLVs: no control 3", state: { ...transit, repeats: 2 }, event: forwardMetadata, at: 1_000, next: { repeats: 3 }, effects: [FORWARD_BODY] },
    { desc: "R-META + reverse TLVs become known where the rule already holds: control 3 at once", state: { ...transit, repeats: 3 }, event: { kind: "reverseKnown" }, at: 1_000, next: { haveReverse: true, controlMs: T0 + 1_000 }, effects: [control(3)] },
    { desc: "R-META + reverse TLVs become known earlier: nothing yet", state: transit, event: { kind: "reverseKnown" }, at: 1_000, next: { haveReverse: true }, effects: [] },
    { desc: "R-META + control 3 from the initiator: nothing forwarded, R-QUIET", state: responder, event: heard(3), next: { meta: false }, effects: [] },
    { desc: "R-META + control 3, other UUID: drop uuid-mismatch", state: responder, event: other(heard(3)), next: { meta: true }, effects: [drop("uuid-mismatch")] },
    { desc: "R-META + control 3 that names no session: drop uuid-mismatch", state: responder, event: { kind: "control", code: 3, full: false }, next: { meta: true }, effects: [drop("uuid-mismatch")] },
    { desc: "R-META + keep-alive with forward metadata: a repeat without a body", state: three, event: heard(1, true), at: 1_000, next: { meta: true, repeats: 3, forwardMs: T0 + 1_000 }, effects: [control(3)] },
    { desc: "R-META + keep-alive without metadata: the initiator is quiet, so are we", state: responder, event: heard(1), at: 8, next: { meta: false, forwardMs: T0 + 8 }, effects: [] },
    { desc: "R-META + reverse metadata of its own session: drop metadata-incomplete", state: responder, event: reverseMetadata, next: responder, effects: [drop("metadata-incomplete")] },
    { desc: "R-META + reverse metadata, other UUID: drop uuid-mismatch", state: responder, event: other(reverseMetadata), next: responder, effects: [drop("uuid-mismatch")] },
    { desc: "RB-2 R-META + forward metadata, other UUID: replace the session", state: three, event: other(forwardMetadata), next: { meta: true, repeats: 1, haveReverse: false }, effects: [{ kind: "replaceSession" }, createSession, FORWARD_BODY] },
    { desc: "R-META + trigger: stays", state: three, event: { kind: "trigger" }, next: { meta: true, repeats: 2 }, effects: [] },
    { desc: "R-META + control 6: delete", state: responder, event: heard(6), next: undefined, effects: [{ kind: "deleteSession", reason: "peer-delete" }, release] },
    { desc: "R-META + end: release", state: responder, event: { kind: "end" }, next: undefined, effects: [release] },
  ]);
});

describe("6.1 R-QUIET", () => {
  runRows([
    { desc: "R-QUIET + reverse packet: no metadata", state: quietResponder, event: reversePacket, next: { meta: false }, effects: [FORWARD_BODY] },
    { desc: "R-QUIET + forward packet: forward", state: quietResponder, event: forwardPacket, next: { meta: false }, effects: [FORWARD_BODY] },
    { desc: "R-QUIET + forward metadata again: apply changes, R-META, counting anew", state: { ...quietResponder, repeats: 9 }, event: forwardMetadata, at: 9_000, next: { meta: true, repeats: 1 }, effects: [applyForward, FORWARD_BODY] },
    { desc: "RB-2 R-QUIET + forward metadata, other UUID: replace the session", state: quietResponder, event: other({ ...forwardMetadata, answersHere: true }), next: { meta: true, repeats: 1, haveReverse: true }, effects: [{ kind: "replaceSession" }, createSession, FORWARD_BODY] },
    { desc: "R-QUIET + forward metadata of a live UUID whose join is refused: drop uuid-mismatch", state: quietResponder, event: { kind: "forwardMetadata", uuidEqual: false, joins: "refused" }, next: quietResponder, effects: [drop("uuid-mismatch")] },
    { desc: "R-QUIET + forward metadata of a live UUID that may join: replace and join", state: quietResponder, event: { kind: "forwardMetadata", uuidEqual: false, joins: "accepted" }, next: { meta: true }, effects: [{ kind: "replaceSession" }, { kind: "joinSegment" }, FORWARD_BODY] },
    { desc: "R-QUIET + keep-alive with another UUID's metadata: replace, nothing forwarded", state: quietResponder, event: other(heard(1, true)), next: { meta: true }, effects: [{ kind: "replaceSession" }, createSession] },
    { desc: "R-QUIET + keep-alive without metadata, other UUID: drop uuid-mismatch", state: quietResponder, event: other(heard(1)), next: quietResponder, effects: [drop("uuid-mismatch")] },
    { desc: "L-5 R-QUIET + control 2: R-META", state: { ...quietResponder, repeats: 9 }, event: heard(2), at: 40_000, next: { meta: true, repeats: 0, lost: true, controlMs: T0 + 40_000 }, effects: [] },
    { desc: "R-QUIET + control 8: nothing here", state: quietResponder, event: heard(8), next: quietResponder, effects: [] },
    { desc: "R-QUIET + control 7: ignored", state: quietResponder, event: heard(7), next: quietResponder, effects: [] },
    { desc: "R-QUIET + idle: a responder waits for packets", state: quietResponder, event: { kind: "idle" }, next: quietResponder, effects: [] },
    { desc: "R-QUIET + trigger: R-META, counting anew", state: { ...quietResponder, repeats: 9 }, event: { kind: "trigger" }, next: { meta: true, open: false, repeats: 0 }, effects: [] },
  ]);
});

describe("6.4 control 2 toward a responder", () => {
  const lost: SegmentState = { ...responder, lost: true, controlMs: T0 + 5_000 };
  runRows([
    { desc: "29.999 s of control 2: still trying", state: lost, event: heard(2), at: 34_999, next: { meta: true, lost: true, controlMs: T0 + 5_000 }, effects: [] },
    { desc: "30 s of control 2 and no forward packet: path-lost", state: lost, event: heard(2), at: 35_000, next: undefined, effects: [{ kind: "deleteSession", reason: "path-lost" }, release] },
    { desc: "a forward packet through the fast path in between starts the time anew", state: { ...lost, forwardMs: T0 + 20_000 }, event: heard(2), at: 35_000, next: { lost: true, controlMs: T0 + 35_000 }, effects: [] },
    { desc: "forward metadata ends the search", state: lost, event: forwardMetadata, at: 6_000, next: { lost: false }, effects: [FORWARD_BODY] },
    { desc: "a plain forward packet ends the search", state: lost, event: forwardPacket, at: 6_000, next: { lost: false, meta: false }, effects: [FORWARD_BODY] },
    { desc: "a late control 2 after that does not end the session", state: { ...responder, controlMs: T0 }, event: heard(2), at: 90_000, next: { lost: true, controlMs: T0 + 90_000 }, effects: [] },
  ]);
});
