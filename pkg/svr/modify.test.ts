// Modify requests of protocol 6.6, row by row.
import { step } from "./handshake.ts";
import { isNewerSequence, nextSequence } from "./modify.ts";
import { NO_SEQUENCE, freshSegment } from "./segment.ts";
import type { HandshakeEffect, Modify, SegmentEvent, SegmentState } from "./segment.ts";

const T0 = 50_000;
const quietInitiator: SegmentState = { ...freshSegment("initiator", true, T0), meta: false };
const quietResponder: SegmentState = { ...freshSegment("responder", true, T0), meta: false };
const ask = (byInitiator: boolean, sequence: number, reason?: number): Modify =>
  reason === undefined ? { byInitiator, done: false, sequence } : { byInitiator, done: false, sequence, reason };
const answer = (byInitiator: boolean, sequence: number): Modify => ({ byInitiator, done: true, sequence });

/** Plays events in order and returns the last state with all effects. */
function play(state: SegmentState, events: readonly SegmentEvent[], now = T0): { state: SegmentState; effects: string[]; last: readonly HandshakeEffect[] } {
  const names: string[] = [];
  let current = state;
  let last: readonly HandshakeEffect[] = [];
  for (const event of events) {
    const outcome = step(current, event, now);
    if (outcome.state === undefined) throw new Error("the session ended");
    current = outcome.state;
    last = outcome.effects;
    names.push(...last.map((effect) => effect.kind));
  }
  return { state: current, effects: names, last };
}

test.each([
  { desc: "anything after none", candidate: 0, last: NO_SEQUENCE, newer: true },
  { desc: "the same", candidate: 7, last: 7, newer: false },
  { desc: "one more", candidate: 8, last: 7, newer: true },
  { desc: "one less", candidate: 6, last: 7, newer: false },
  { desc: "across the wrap", candidate: 0, last: 4095, newer: true },
  { desc: "before the wrap", candidate: 4095, last: 0, newer: false },
  { desc: "2047 ahead", candidate: 2047, last: 0, newer: true },
  { desc: "2048 ahead is undefined in RFC 1982", candidate: 2048, last: 0, newer: false },
])("6.6 sequence compare, RFC 1982 on 12 bits: $desc", ({ candidate, last, newer }) => {
  expect(isNewerSequence(candidate, last)).toBe(newer);
});

test("6.6 sequence is 1 at first, then previous + 1 modulo 4096", () => {
  expect([NO_SEQUENCE, 1, 4094, 4095].map(nextSequence)).toEqual([1, 2, 4095, 0]);
});

describe("6.6 the side that asks", () => {
  const asking = play(quietInitiator, [{ kind: "trigger", reason: 2 }]).state;

  test("sends the request with every forward packet", () => {
    const { state, last } = play(asking, [{ kind: "forwardPacket" }, { kind: "forwardPacket" }]);
    expect(last).toEqual([{ kind: "sendForwardMetadata", retriggered: true, modify: ask(true, 1, 2) }]);
    expect(state).toMatchObject({ meta: true, open: true });
  });

  test("stays in I-META until D=1, whatever else arrives", () => {
    const { state } = play(asking, [
      { kind: "reverseMetadata", uuidEqual: true },
      { kind: "reverseMetadata", uuidEqual: true, modify: answer(true, 0) },
      { kind: "reverseMetadata", uuidEqual: true, modify: answer(false, 1) },
      { kind: "control", code: 3, uuidEqual: true, full: true },
      { kind: "reversePacket" },
    ]);
    expect(state).toMatchObject({ meta: true, open: true });
  });

  test("is quiet after D=1 in reverse metadata", () => {
    const { state } = play(asking, [{ kind: "reverseMetadata", uuidEqual: true, modify: answer(true, 1) }]);
    expect(state).toMatchObject({ meta: false, open: false, modifyOut: 1, modifyReason: 0 });
  });

  test("is quiet after D=1 in control 3", () => {
    const { state } = play(asking, [{ kind: "control", code: 3, uuidEqual: true, full: true, modify: answer(true, 1) }]);
    expect(state).toMatchObject({ meta: false, open: false });
  });

  test("a second change supersedes the first: only its answer counts", () => {
    const second = play(asking, [{ kind: "trigger", reason: 3 }]).state;
    expect(second).toMatchObject({ modifyOut: 2, modifyReason: 3 });
    expect(play(second, [{ kind: "reverseMetadata", uuidEqual: true, modify: answer(true, 1) }]).state.open).toBe(true);
    expect(play(second, [{ kind: "reverseMetadata", uuidEqual: true, modify: answer(true, 2) }]).state.open).toBe(false);
  });

  test("as responder stays in R-META although plain forward packets and control 3 arrive", () => {
    const { state, effects } = play(quietResponder, [
      { kind: "trigger", reason: 4 }, { kind: "forwardPacket" }, { kind: "control", code: 3, uuidEqual: true, full: false }, { kind: "reversePacket" },
    ]);
    expect(state).toMatchObject({ meta: true, open: true });
    expect(effects).toEqual(["forwardBody", "sendReverseMetadata"]);
  });

  test("as responder is quiet again after D=1 and a plain forward packet", () => {
    const { state } = play(quietResponder, [
      { kind: "trigger", reason: 4 }, { kind: "forwardMetadata", uuidEqual: true, modify: answer(false, 1) }, { kind: "forwardPacket" },
    ]);
    expect(state).toMatchObject({ meta: false, open: false });
  });

  test.each([1, 7])("reason %i moves a segment, which a responder may not: re-trigger without TLV 28", (reason) => {
    const { state, last } = play(quietResponder, [{ kind: "trigger", reason }, { kind: "reversePacket" }]);
    expect(state).toMatchObject({ meta: true, open: false });
    expect(last).toEqual([{ kind: "sendReverseMetadata", retriggered: false }]);
  });

  test("when idle repeats in control 1, at most once a second", () => {
    const first = step(asking, { kind: "idle" }, T0);
    expect(first.effects).toEqual([{ kind: "sendControl", code: 1, modify: ask(true, 1, 2) }]);
    expect(step(first.state, { kind: "idle" }, T0 + 999).effects).toEqual([]);
    expect(step(first.state, { kind: "idle" }, T0 + 1_000).effects).toHaveLength(1);
  });
});

describe("6.6 the side that answers", () => {
  test("as initiator answers on the next forward packet and is quiet again", () => {
    const asked = play(quietInitiator, [{ kind: "reverseMetadata", uuidEqual: true, modify: ask(false, 9, 4) }]);
    expect(asked.effects).toEqual(["storeReverse", "forwardBody"]);
    expect(asked.state).toMatchObject({ meta: false, owed: true, modifyIn: 9 });
    const { effects, state } = play(asked.state, [{ kind: "forwardPacket" }, { kind: "forwardPacket" }]);
    expect(effects).toEqual(["sendForwardMetadata", "forwardBody"]);
    expect(step(asked.state, { kind: "forwardPacket" }, T0).effects).toEqual([{ kind: "sendForwardMetadata", retriggered: true, modify: answer(false, 9) }]);
    expect(state.owed).toBe(false);
  });

  test("as idle initiator answers in control 1 with full metadata", () => {
    const outcome = step(quietInitiator, { kind: "reverseMetadata", uuidEqual: true, modify: ask(false, 9) }, T0 + 1_000);
    expect(outcome.effects.at(-1)).toEqual({ kind: "sendControl", code: 1, modify: answer(false, 9) });
    expect(outcome.state).toMatchObject({ owed: false });
  });

  test("as initiator that is idle and has just sent a control message waits", () => {
    const outcome = step({ ...quietInitiator, controlMs: T0 + 500 }, { kind: "reverseMetadata", uuidEqual: true, modify: ask(false, 9) }, T0 + 1_000);
    expect(outcome.effects.map((effect) => effect.kind)).toEqual(["storeReverse", "forwardBody"]);
    expect(outcome.state).toMatchObject({ owed: true });
  });

  test("as responder answers on the next reverse packet and is not quiet before", () => {
    const { state, effects, last } = play(quietResponder, [
      { kind: "forwardMetadata", uuidEqual: true, modify: ask(true, 5, 2) }, { kind: "forwardPacket" }, { kind: "reversePacket" },
    ]);
    expect(effects).toEqual(["applyForward", "forwardBody", "forwardBody", "sendReverseMetadata"]);
    expect(last).toEqual([{ kind: "sendReverseMetadata", retriggered: false, modify: answer(true, 5) }]);
    expect(state).toMatchObject({ meta: true, owed: false });
    expect(play(state, [{ kind: "forwardPacket" }]).state.meta).toBe(false);
  });

  test("as responder without reverse packets answers in control 3", () => {
    const loud = { ...quietResponder, meta: true, repeats: 2 };
    const outcome = step(loud, { kind: "forwardMetadata", uuidEqual: true, modify: ask(true, 5) }, T0 + 1_000);
    expect(outcome.effects.at(-1)).toEqual({ kind: "sendControl", code: 3, modify: answer(true, 5) });
    expect(outcome.state).toMatchObject({ owed: false, meta: true });
  });

  test("a sequence that is not newer is answered but not applied again", () => {
    const first = play({ ...quietResponder, meta: true }, [{ kind: "forwardMetadata", uuidEqual: true, modify: ask(true, 5) }, { kind: "reversePacket" }]);
    expect(first.effects).toEqual(["applyForward", "forwardBody", "sendReverseMetadata"]);
    const again = play(first.state, [{ kind: "forwardMetadata", uuidEqual: true, modify: ask(true, 5) }, { kind: "reversePacket" }]);
    expect(again.effects).toEqual(["forwardBody", "sendReverseMetadata"]);
    expect(again.last).toEqual([{ kind: "sendReverseMetadata", retriggered: false, modify: answer(true, 5) }]);
    const late = play(again.state, [{ kind: "forwardMetadata", uuidEqual: true, modify: ask(true, 4) }]);
    expect(late.effects).toEqual(["forwardBody"]);
    expect(late.state).toMatchObject({ modifyIn: 5, owed: true });
  });

  test("a stale reverse modify is forwarded, answered and not stored", () => {
    const state = { ...quietInitiator, modifyIn: 9 };
    expect(play(state, [{ kind: "reverseMetadata", uuidEqual: true, modify: ask(false, 9) }]).effects).toEqual(["forwardBody"]);
    expect(play({ ...state, meta: true }, [{ kind: "control", code: 3, uuidEqual: true, full: true, modify: ask(false, 9) }]).effects).toEqual([]);
  });

  test("a new modify in a repeated control 3 is applied", () => {
    expect(play(quietInitiator, [{ kind: "control", code: 3, uuidEqual: true, full: true, modify: ask(false, 3) }]).effects).toEqual(["storeReverse"]);
  });

  test("answers before it asks, one TLV 28 per packet", () => {
    const both = play(quietInitiator, [{ kind: "trigger", reason: 2 }, { kind: "reverseMetadata", uuidEqual: true, modify: ask(false, 1) }]).state;
    const first = step(both, { kind: "forwardPacket" }, T0);
    expect(first.effects).toEqual([{ kind: "sendForwardMetadata", retriggered: true, modify: answer(false, 1) }]);
    const second = step(first.state, { kind: "forwardPacket" }, T0);
    expect(second.effects).toEqual([{ kind: "sendForwardMetadata", retriggered: true, modify: ask(true, 1, 2) }]);
  });

  test("ignores its own request sent back and an answer to nothing", () => {
    const { state } = play(quietResponder, [{ kind: "forwardMetadata", uuidEqual: true, modify: ask(false, 3) }, { kind: "forwardMetadata", uuidEqual: true, modify: answer(true, 3) }]);
    expect(state).toMatchObject({ owed: false, modifyIn: NO_SEQUENCE });
  });
});

test("6.6 control 1 with full metadata carries a request to a responder", () => {
  const outcome = step(quietResponder, { kind: "control", code: 1, uuidEqual: true, full: true, modify: ask(true, 1, 1) }, T0);
  expect(outcome.state).toMatchObject({ owed: true, modifyIn: 1, meta: true });
  expect(outcome.effects).toEqual([{ kind: "applyForward" }]);
});

test("6.6 control 3 from the initiator closes the responder's modify", () => {
  const asking = play(quietResponder, [{ kind: "trigger", reason: 3 }]).state;
  const outcome = step(asking, { kind: "control", code: 3, uuidEqual: true, full: false, modify: answer(false, 1) }, T0);
  expect(outcome.state).toMatchObject({ open: false, meta: false });
});

test("6.6 a request without reason is sent without one", () => {
  const state: SegmentState = { ...quietInitiator, meta: true, open: true, modifyOut: 3, modifyReason: 0 };
  expect(step(state, { kind: "forwardPacket" }, T0).effects).toEqual([{ kind: "sendForwardMetadata", retriggered: true, modify: ask(true, 3) }]);
});
