// A segment survives being stored in a session.
import { step } from "./handshake.ts";
import { NO_SEQUENCE } from "./segment.ts";
import type { SegmentEvent, SegmentState } from "./segment.ts";
import { emptyHandshake, segmentOf, segmentPatch } from "./segmentfields.ts";
import type { SegmentSource } from "./segmentfields.ts";
import { addressOfWords } from "../base/address.ts";
import { Flag } from "./session.ts";
import type { SessionSide, SideIndex } from "./session.ts";

const zero = addressOfWords(4, 0);
const sideToward = (path: number): SessionSide =>
  ({ remote: zero, local: zero, remotePort: 0, localPort: 0, ifnum: 1, vlan: 0, nexthop: 1, path, proto: 17, family: 4 });
const stored = (path0: number, path1: number, flags: number): SegmentSource =>
  ({ side: [sideToward(path0), sideToward(path1)], flags, handshake: emptyHandshake(), seenMs: [0, 0], createdMs: 1_000 });

/** What the data plane does with a patch. */
function apply(session: SegmentSource, side: SideIndex, state: SegmentState): SegmentSource {
  const patch = segmentPatch(session, side, state);
  return { ...session, flags: (session.flags & ~patch.clearFlags) | patch.setFlags, handshake: patch.handshake, seenMs: patch.seenMs };
}

function run(session: SegmentSource, side: SideIndex, event: SegmentEvent, now = 1_000): SegmentSource {
  const outcome = step(segmentOf(session, side), event, now);
  if (outcome.state === undefined) throw new Error("the session ended");
  return apply(session, side, outcome.state);
}

test("a host side has no segment", () => {
  const session = stored(0, 0, 0);
  expect([segmentOf(session, 0), segmentOf(session, 1)]).toEqual([undefined, undefined]);
});

test("ingress: side 1 is an initiator in I-META until reverse metadata clears the flag", () => {
  const session = stored(0, 3, Flag.fwdMeta | Flag.snat);
  expect(segmentOf(session, 1)).toMatchObject({ role: "initiator", meta: true, haveReverse: false, forwardMs: 1_000, reverseMs: 1_000 });
  const after = run(session, 1, { kind: "reverseMetadata", uuidEqual: true }, 1_040);
  expect(after.flags).toBe(Flag.snat);
  expect(after.handshake.haveReverse).toBe(1);
  expect(after.seenMs).toEqual([0, 1_040]);
});

test("egress: side 0 is a responder that knows its own reverse list", () => {
  const session = stored(3, 0, Flag.revMeta);
  expect(segmentOf(session, 0)).toMatchObject({ role: "responder", meta: true, haveReverse: true, lost: false });
  const after = run(session, 0, { kind: "forwardPacket" }, 1_040);
  expect(after.flags).toBe(0);
  expect(after.seenMs).toEqual([1_040, 0]);
});

test("transit: both segments, and the reverse TLVs heard downstream count upstream", () => {
  const session = stored(3, 4, Flag.fwdMeta | Flag.revMeta);
  expect(segmentOf(session, 0)?.haveReverse).toBe(false);
  const heard = run(session, 1, { kind: "reverseMetadata", uuidEqual: true });
  expect(segmentOf(heard, 0)?.haveReverse).toBe(true);
  expect(heard.flags).toBe(Flag.revMeta);
  const up = run(heard, 0, { kind: "reversePacket" });
  expect(up.handshake.haveReverse).toBe(1);
});

test("a segment that joins keeps what the other one learnt", () => {
  const session = run(stored(3, 4, Flag.fwdMeta), 1, { kind: "reverseMetadata", uuidEqual: true });
  const joined = step(undefined, { kind: "forwardMetadata", uuidEqual: true, joins: "accepted" }, 2_000).state as SegmentState;
  const after = apply(session, 0, joined);
  expect(after.flags).toBe(Flag.revMeta);
  expect(segmentOf(after, 0)).toMatchObject({ haveReverse: true, meta: true, repeats: 1 });
});

test("an open modify of the responder holds R-META against the fast path", () => {
  const asking = run(stored(3, 0, 0), 0, { kind: "trigger", reason: 4 });
  expect(asking.flags).toBe(Flag.revMeta | Flag.holdMeta);
  expect(segmentOf(asking, 0)).toMatchObject({ open: true, modifyOut: 1, modifyReason: 4 });
  const answered = run(asking, 0, { kind: "forwardMetadata", uuidEqual: true, modify: { byInitiator: false, done: true, sequence: 1 } });
  expect(answered.flags).toBe(Flag.revMeta);
  expect(segmentOf(answered, 0)).toMatchObject({ open: false, modifyOut: 1, modifyReason: 0 });
});

test("an owed answer of the initiator lifts the next forward packet only", () => {
  const asked = run(stored(0, 3, 0), 1, { kind: "reverseMetadata", uuidEqual: true, modify: { byInitiator: false, done: false, sequence: 0 } });
  expect(asked.flags).toBe(Flag.fwdMeta);
  expect(segmentOf(asked, 1)).toMatchObject({ meta: false, owed: true, modifyIn: 0 });
  const answered = run(asked, 1, { kind: "forwardPacket" });
  expect(answered.flags).toBe(0);
  expect(segmentOf(answered, 1)).toMatchObject({ meta: false, owed: false, modifyIn: 0 });
});

test("an owed answer survives a re-trigger as full I-META", () => {
  const asked = run(stored(0, 3, 0), 1, { kind: "reverseMetadata", uuidEqual: true, modify: { byInitiator: false, done: false, sequence: 2 } });
  const both = run(asked, 1, { kind: "trigger" });
  const answered = run(both, 1, { kind: "forwardPacket" });
  expect(segmentOf(answered, 1)).toMatchObject({ meta: true, owed: false });
});

test("an owed answer of the responder holds R-META", () => {
  const asked = run(stored(3, 0, 0), 0, { kind: "forwardMetadata", uuidEqual: true, modify: { byInitiator: true, done: false, sequence: 7 } });
  expect(asked.flags).toBe(Flag.revMeta | Flag.holdMeta);
  expect(run(asked, 0, { kind: "reversePacket" }).flags).toBe(Flag.revMeta);
});

test("transit with requests from both ends: each is taken, the overtaken answer is asked for again", () => {
  const fromUp = run(stored(3, 4, 0), 0, { kind: "forwardMetadata", uuidEqual: true, modify: { byInitiator: true, done: false, sequence: 1 } });
  const fromBoth = run(fromUp, 1, { kind: "reverseMetadata", uuidEqual: true, modify: { byInitiator: false, done: false, sequence: 1 } });
  expect(segmentOf(fromBoth, 1)).toMatchObject({ owed: true, modifyIn: 1 });
  expect(segmentOf(fromBoth, 0)).toMatchObject({ owed: false, modifyIn: NO_SEQUENCE });
  const again = run(fromBoth, 0, { kind: "forwardMetadata", uuidEqual: true, modify: { byInitiator: true, done: false, sequence: 1 } });
  expect(segmentOf(again, 0)).toMatchObject({ owed: true, modifyIn: 1 });
});

test("transit with open modifies on both segments: both stand at the newest sequence", () => {
  const down = run(stored(3, 4, 0), 1, { kind: "trigger", reason: 2 });
  const both = run(down, 0, { kind: "trigger", reason: 3 });
  expect(segmentOf(both, 1)).toMatchObject({ open: true, modifyOut: 2 });
  expect(segmentOf(both, 0)).toMatchObject({ open: true, modifyOut: 2, modifyReason: 3 });
  const closed = run(both, 1, { kind: "reverseMetadata", uuidEqual: true, modify: { byInitiator: true, done: true, sequence: 2 } });
  expect(segmentOf(closed, 1)).toMatchObject({ open: false });
  expect(segmentOf(closed, 0)).toMatchObject({ open: true, modifyReason: 3 });
});

test("the search for a lost peer is remembered on side 0 and left alone by side 1", () => {
  const lost = run(stored(3, 4, 0), 0, { kind: "control", code: 2, full: false }, 7_000);
  expect(segmentOf(lost, 0)).toMatchObject({ lost: true, controlMs: 7_000 });
  const after = run(lost, 1, { kind: "reversePacket" }, 7_500);
  expect(segmentOf(after, 0)?.lost).toBe(true);
  expect(segmentOf(run(after, 0, { kind: "forwardPacket" }, 8_000), 0)?.lost).toBe(false);
});

test("a joining segment forgets the sequence of the one it replaces", () => {
  const asked = run(stored(3, 0, 0), 0, { kind: "forwardMetadata", uuidEqual: true, modify: { byInitiator: true, done: false, sequence: 9 } });
  const joined = step(undefined, { kind: "forwardMetadata", uuidEqual: true, joins: "accepted" }, 2_000).state as SegmentState;
  expect(segmentOf(apply(asked, 0, joined), 0)).toMatchObject({ modifyIn: NO_SEQUENCE, owed: false });
});
