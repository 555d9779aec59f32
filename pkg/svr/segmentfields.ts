// Between a stored session and the handshake state of one of its segments. Side 0 toward a peer makes us responder, side
// 1 toward a peer makes us initiator (session.ts). Called by the router before and after step(). Pure; the layout of
// HandshakeMemory.modifyIn, modifyOut and modifyFlags is known only here, except that the data plane reads Flag bits.
import { NO_SEQUENCE, stampOf } from "./segment.ts";
import type { SegmentState } from "./segment.ts";
import { Flag } from "./session.ts";
import type { HandshakeMemory, Session, SideIndex } from "./session.ts";

/** SegmentSource is the part of a session that the handshake lives in. */
export type SegmentSource = Pick<Session, "side" | "flags" | "handshake" | "seenMs" | "createdMs">;

/** SegmentPatch is what a step changed, in the form of a data plane patch. */
export interface SegmentPatch {
  setFlags: number;
  clearFlags: number;
  handshake: HandshakeMemory;
  seenMs: [number, number];
}

// modifyIn: sequence (12 bits), SEQUENCE_VALID, and which side asked. modifyOut: sequence, SEQUENCE_VALID, reason << 13.
// Both are shared by the two segments of a transit router: an open request always stands at the newest sequence, and a
// request of the other side is taken like the first of a joining segment. Both are permitted by protocol 6.6.
const SEQUENCE_MASK = 0x0fff, SEQUENCE_VALID = 0x1000, ASKED_SIDE_1 = 0x2000, REASON_SHIFT = 13;
/** Bits of modifyFlags by side; ONCE: fwdMeta is set only for the owed answer; LOST: control 2 keeps coming on side 0. */
const OPEN = [0x08, 0x01] as const, OWED = [0x02, 0x04] as const, ONCE = 0x10, LOST = 0x20;

/** emptyHandshake is the memory of a session that starts. */
export function emptyHandshake(): HandshakeMemory {
  return {
    forwardRepeats: 0, reverseRepeats: 0, modifyOut: 0, modifyIn: 0, modifyFlags: 0, haveReverse: 0, control3Ms: 0,
    reverseService: 0, egressRouter: 0,
  };
}

/** segmentOf reads the segment on a side; undefined where that side is a host. */
export function segmentOf(session: SegmentSource, side: SideIndex): SegmentState | undefined {
  if (session.side[side].path === 0) return undefined;
  const { handshake: memory, flags } = session;
  const bits = memory.modifyFlags;
  const modifyIn = askedOn(memory, side);
  const open = (bits & OPEN[side]) !== 0;
  const opens = side === 1;
  return {
    role: opens ? "initiator" : "responder",
    meta: opens ? (flags & Flag.fwdMeta) !== 0 && (bits & ONCE) === 0 : (flags & Flag.revMeta) !== 0,
    open, owed: (bits & OWED[side]) !== 0 && modifyIn !== NO_SEQUENCE,
    modifyOut: sequenceOf(memory.modifyOut), modifyReason: open ? memory.modifyOut >>> REASON_SHIFT : 0, modifyIn,
    repeats: opens ? memory.reverseRepeats : memory.forwardRepeats,
    haveReverse: memory.haveReverse !== 0 || (!opens && session.side[1].path === 0),
    lost: !opens && (bits & LOST) !== 0,
    controlMs: memory.control3Ms, forwardMs: seenOf(session, 0), reverseMs: seenOf(session, 1),
  };
}

/** openingFlags are those of a session whose way out is a segment that we open: it says metadata, and trusts nothing plain. */
export const openingFlags = Flag.fwdMeta | Flag.revSlow;

/** segmentPatch writes a stepped state back; the fields of the other segment keep their values. */
export function segmentPatch(session: SegmentSource, side: SideIndex, state: SegmentState): SegmentPatch {
  const setFlags = side === 1 ? initiatorFlags(state) : responderFlags(state);
  const mine = side === 1 ? openingFlags : Flag.revMeta | Flag.holdMeta;
  return {
    setFlags, clearFlags: mine & ~setFlags, handshake: memoryOf(session.handshake, side, state),
    seenMs: [newerSeen(session, 0, state.forwardMs), newerSeen(session, 1, state.reverseMs)],
  };
}

function initiatorFlags(state: SegmentState): number {
  return (state.meta || state.owed ? Flag.fwdMeta : 0) | (state.haveReverse ? 0 : Flag.revSlow);
}

function responderFlags(state: SegmentState): number {
  return (state.meta ? Flag.revMeta : 0) | (state.open || state.owed ? Flag.holdMeta : 0);
}

function memoryOf(memory: HandshakeMemory, side: SideIndex, state: SegmentState): HandshakeMemory {
  return {
    forwardRepeats: side === 1 ? memory.forwardRepeats : state.repeats, reverseRepeats: side === 1 ? state.repeats : memory.reverseRepeats,
    modifyOut: outOf(memory, state), modifyIn: inOf(memory, side, state), modifyFlags: bitsOf(memory, side, state),
    haveReverse: state.haveReverse ? 1 : memory.haveReverse, control3Ms: state.controlMs,
    reverseService: memory.reverseService, egressRouter: memory.egressRouter,
  };
}

function outOf(memory: HandshakeMemory, state: SegmentState): number {
  if (state.modifyOut === NO_SEQUENCE) return memory.modifyOut;
  const reason = state.open ? state.modifyReason : memory.modifyOut >>> REASON_SHIFT;
  return state.modifyOut | SEQUENCE_VALID | (reason << REASON_SHIFT);
}

function inOf(memory: HandshakeMemory, side: SideIndex, state: SegmentState): number {
  if (state.modifyIn !== NO_SEQUENCE) return state.modifyIn | SEQUENCE_VALID | (side === 1 ? ASKED_SIDE_1 : 0);
  return askedOn(memory, side) === NO_SEQUENCE ? memory.modifyIn : 0;
}

function bitsOf(memory: HandshakeMemory, side: SideIndex, state: SegmentState): number {
  const own = OPEN[side] | OWED[side] | (side === 1 ? ONCE : LOST);
  const once = side === 1 && state.owed && !state.meta ? ONCE : 0;
  return (memory.modifyFlags & ~own) | (state.open ? OPEN[side] : 0) | (state.owed ? OWED[side] : 0) | once | (state.lost ? LOST : 0);
}

function sequenceOf(stored: number): number {
  return (stored & SEQUENCE_VALID) === 0 ? NO_SEQUENCE : stored & SEQUENCE_MASK;
}

function askedOn(memory: HandshakeMemory, side: SideIndex): number {
  const asked = (memory.modifyIn & ASKED_SIDE_1) === 0 ? 0 : 1;
  return asked === side ? sequenceOf(memory.modifyIn) : NO_SEQUENCE;
}

/** Before a first packet on a side, silence there counts from the start of the session. */
function seenOf(session: SegmentSource, side: SideIndex): number {
  return session.seenMs[side] || stampOf(session.createdMs);
}

function newerSeen(session: SegmentSource, side: SideIndex, stamp: number): number {
  return stamp === seenOf(session, side) ? session.seenMs[side] : stamp;
}
