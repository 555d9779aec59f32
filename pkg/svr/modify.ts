// Modify requests of one segment (protocol 6.6, TLV 28): the 12-bit sequence, opening our own, taking the peer's, and
// what the next metadata must say. Called by initiator.ts and responder.ts. Must not decide when metadata is sent.
import { sequenceAdd, sequenceIsNewer } from "../base/seq.ts";
import { NO_SEQUENCE } from "./segment.ts";
import type { Modify, SegmentState } from "./segment.ts";

const SEQUENCE_BITS = 12;

/** isNewerSequence compares as RFC 1982 on 12 bits; anything is newer than NO_SEQUENCE, an undefined distance is not newer. */
export function isNewerSequence(candidate: number, last: number): boolean {
  return last === NO_SEQUENCE || sequenceIsNewer(candidate, last, SEQUENCE_BITS);
}

/** nextSequence is the previous one plus 1 modulo 4096, 1 at first. */
export function nextSequence(last: number): number {
  return last === NO_SEQUENCE ? 1 : sequenceAdd(last, 1, SEQUENCE_BITS);
}

/** openModify starts our own request; an open one is superseded, because all repeats carry the newest sequence. */
export function openModify(state: SegmentState, reason: number): SegmentState {
  return { ...state, meta: true, open: true, modifyOut: nextSequence(state.modifyOut), modifyReason: reason };
}

/** Taken is what a received TLV 28 did: `asked` it is a request, `stale` one that is answered but not applied again. */
export interface Taken {
  readonly state: SegmentState;
  readonly asked: boolean;
  readonly stale: boolean;
}

/** takeModify books TLV 28 of metadata that arrived from the peer; what the peer cannot mean (its own F with D=1) is ignored. */
export function takeModify(state: SegmentState, modify: Modify | undefined): Taken {
  if (modify === undefined) return { state, asked: false, stale: false };
  const ours = modify.byInitiator === (state.role === "initiator");
  if (ours !== modify.done) return { state, asked: false, stale: false };
  if (ours) return { state: closeModify(state, modify.sequence), asked: false, stale: false };
  const stale = !isNewerSequence(modify.sequence, state.modifyIn);
  const modifyIn = stale ? state.modifyIn : modify.sequence;
  return { state: { ...state, owed: true, modifyIn }, asked: true, stale };
}

function closeModify(state: SegmentState, sequence: number): SegmentState {
  if (!state.open || sequence !== state.modifyOut) return state;
  return { ...state, open: false, modifyReason: 0 };
}

/** modifyToSend is the TLV 28 of the next metadata: the answer we owe comes before our own request, one per packet. */
export function modifyToSend(state: SegmentState): Modify | undefined {
  const initiator = state.role === "initiator";
  if (state.owed) return { byInitiator: !initiator, done: true, sequence: state.modifyIn };
  if (!state.open) return undefined;
  const request = { byInitiator: initiator, done: false, sequence: state.modifyOut };
  return state.modifyReason === 0 ? request : { ...request, reason: state.modifyReason };
}
