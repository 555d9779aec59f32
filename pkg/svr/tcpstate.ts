// The TCP table of behaviour 3.3 as a pure function: what one segment does to the state of its session. Called for packets
// that user space passes and by the model that the eBPF program is fuzzed against. Knows no keys, no packets, no timers:
// the sweeper applies the rows whose event is a timer. Never changes its arguments.
import { sequenceIsNewer } from "../base/seq.ts";
import { TCP_ACK, TCP_FIN, TCP_RST, TCP_SYN } from "./constants.ts";
import { Flag, Life, TcpState } from "./session.ts";
import type { Session, SideIndex } from "./session.ts";
import { isOutsideWindow, movedBy, negotiateScale, rememberWindow } from "./tcpwindow.ts";

/** TcpMemory is the part of a session that TCP segments change; sequence numbers are unsigned 32-bit. */
export type TcpMemory = Pick<Session,
  "life" | "flags" | "tcpState" | "tcpBeforeReset" | "sinceMs" | "isn" | "nextSeq" | "lastAck" | "window" | "protect" | "retransmissions" | "outOfOrder">;

/** TcpSegment is what the table reads of a packet; payload is the sum over all segments of a super-packet, in bytes. */
export interface TcpSegment { side: SideIndex; flags: number; seq: number; ack: number; payload: number; /** not scaled */ window: number; /** of a SYN with the option */ scale?: number | undefined }

/** TcpVerdict: forward it, drop it with reason `state`, or hand it up because it opens a new session. */
export type TcpVerdict = "forward" | "drop" | "newSyn";

/** TcpStep is the outcome: `ended` is the end reason when the session entered GUARD, `restart` whether idle timers start again, `setUp` whether this segment is the first to acknowledge payload (the caller then sets setupMs and Flag.setup). */
export interface TcpStep { verdict: TcpVerdict; state: TcpMemory; restart: boolean; setUp?: boolean; ended?: "fin" | "rst" }

/** tcpStep applies one segment to the state of behaviour 3.3; `now` is monotonic milliseconds, low 32 bits. */
export function tcpStep(before: TcpMemory, segment: TcpSegment, now: number): TcpStep {
  if (before.life === Life.guard) return inGuard(before, segment);
  switch (before.tcpState) {
    case TcpState.synSent:
    case TcpState.synRcvd: return opening(before, segment, now);
    case TcpState.reset: return inReset(before, segment, now);
    case TcpState.none: return forward(before);
    default: return open(before, segment, now);
  }
}

const has = (segment: TcpSegment, flag: number): boolean => (segment.flags & flag) !== 0;
const isBareSyn = (segment: TcpSegment): boolean => has(segment, TCP_SYN) && !has(segment, TCP_ACK);
const finBit = (side: SideIndex): number => (side === 0 ? Flag.finFwd : Flag.finRev);
const ackedBit = (side: SideIndex): number => (side === 0 ? Flag.ackedFwd : Flag.ackedRev);
const BOTH_FINS = Flag.finFwd | Flag.finRev;
const BOTH_ACKED = Flag.ackedFwd | Flag.ackedRev;

function forward(state: TcpMemory, restart = true): TcpStep {
  return { verdict: "forward", state, restart };
}

function drop(state: TcpMemory): TcpStep {
  return { verdict: "drop", state, restart: false };
}

/** A pair with the value of one side replaced. */
function withSide(pair: readonly [number, number], side: SideIndex, value: number): [number, number] {
  return side === 0 ? [value >>> 0, pair[1]] : [pair[0], value >>> 0];
}

/** RESET, GUARD | SYN with another ISN | new session. */
function opensAnew(state: TcpMemory, segment: TcpSegment): boolean {
  return isBareSyn(segment) && segment.seq !== state.isn;
}

function inGuard(state: TcpMemory, segment: TcpSegment): TcpStep {
  if (opensAnew(state, segment)) return { verdict: "newSyn", state, restart: false };
  return forward(state, false);
}

/** SYN-SENT and SYN-RCVD. */
function opening(before: TcpMemory, segment: TcpSegment, now: number): TcpStep {
  if (has(segment, TCP_RST)) return resetWhileOpening(before, segment, now);
  if (has(segment, TCP_SYN)) return synWhileOpening(before, segment, now);
  if (before.tcpState === TcpState.synSent) return forward(remember(before, segment));
  if (segment.side === 0 && has(segment, TCP_ACK)) return established(before, segment, now);
  const early = has(segment, TCP_FIN) ? { ...before, flags: (before.flags | finBit(segment.side)) >>> 0 } : before;
  return forward(remember(early, segment));
}

/** SYN-RCVD | ACK forward | ESTABLISHED; a FIN that the server sent before counts from here on. */
function established(before: TcpMemory, segment: TcpSegment, now: number): TcpStep {
  const early = (before.flags & BOTH_FINS) !== 0;
  const tcpState = early ? TcpState.halfClosed : TcpState.established;
  return open({ ...before, tcpState, sinceMs: now }, segment, now);
}

/** Another RST than the one that the other host would accept is dropped. */
function resetWhileOpening(before: TcpMemory, segment: TcpSegment, now: number): TcpStep {
  const fits = segment.side === 0 ? segment.seq === before.nextSeq[0] : has(segment, TCP_ACK) && segment.ack === before.nextSeq[0];
  if (!fits) return drop(before);
  return { verdict: "forward", state: { ...before, life: Life.guard, sinceMs: now }, restart: true, ended: "rst" };
}

function synWhileOpening(before: TcpMemory, segment: TcpSegment, now: number): TcpStep {
  if (before.tcpState === TcpState.synRcvd) return forward(before);
  const nextSeq = withSide(before.nextSeq, segment.side, segment.seq + segment.payload + 1);
  const opener = segment.side === 0 && isBareSyn(segment) ? segment.seq : before.isn;
  const flags = (before.flags & Flag.strict) === 0 ? before.flags : negotiateScale(before.flags, segment);
  const state = rememberAck({ ...before, nextSeq, isn: opener, flags }, segment);
  const answered = segment.side === 1 && has(segment, TCP_ACK);
  return forward(answered ? { ...state, tcpState: TcpState.synRcvd, sinceMs: now } : state);
}

/** ESTABLISHED, HALF-CLOSED and CLOSING. */
function open(before: TcpMemory, segment: TcpSegment, now: number): TcpStep {
  if (has(segment, TCP_RST)) return resetWhileOpen(before, segment, now);
  if (has(segment, TCP_SYN)) return forward(before, false);
  if (isOutsideWindow(before, { ...segment, end: (segment.seq + consumed(segment)) >>> 0 })) return drop(before);
  const counted = countOrder(before, segment);
  const step = closing(finSeen(remember(counted, segment), segment, now), segment, now);
  return acknowledgesPayload(before, segment) ? { ...step, setUp: true } : step;
}

/** Setup time ends with the first acknowledgement that advances once the connection is open, unless it is one of a FIN (behaviour 13.1). */
function acknowledgesPayload(before: TcpMemory, segment: TcpSegment): boolean {
  const last = before.lastAck[segment.side];
  if ((before.flags & (Flag.setup | BOTH_FINS)) !== 0 || last === 0) return false;
  return has(segment, TCP_ACK) && sequenceIsNewer(segment.ack, last, 32);
}

function resetWhileOpen(before: TcpMemory, segment: TcpSegment, now: number): TcpStep {
  if (!resetAllowed(before, segment)) return drop(before);
  return forward({ ...before, tcpBeforeReset: before.tcpState, tcpState: TcpState.reset, sinceMs: now });
}

/** Enforcement strict passes a RST only with the exact next sequence. */
function resetAllowed(state: TcpMemory, segment: TcpSegment): boolean {
  return (state.flags & Flag.strict) === 0 || (state.nextSeq[segment.side] - segment.seq >>> 0) <= movedBy(state);
}

/** ESTABLISHED | FIN | HALF-CLOSED; HALF-CLOSED | FIN other direction | CLOSING. */
function finSeen(state: TcpMemory, segment: TcpSegment, now: number): TcpMemory {
  const bit = finBit(segment.side);
  if (!has(segment, TCP_FIN) || (state.flags & bit) !== 0) return state;
  const flags = (state.flags | bit) >>> 0;
  const tcpState = (flags & BOTH_FINS) === BOTH_FINS ? TcpState.closing : TcpState.halfClosed;
  return { ...state, flags, tcpState, sinceMs: now };
}

/** CLOSING | both FINs acknowledged | GUARD. */
function closing(before: TcpMemory, segment: TcpSegment, now: number): TcpStep {
  const other: SideIndex = segment.side === 0 ? 1 : 0;
  const covers = has(segment, TCP_ACK) && (before.flags & finBit(other)) !== 0 && !sequenceIsNewer(before.nextSeq[other] - movedBy(before) >>> 0, segment.ack, 32);
  const state = covers ? { ...before, flags: (before.flags | ackedBit(other)) >>> 0 } : before;
  const done = state.tcpState === TcpState.closing && (state.flags & BOTH_ACKED) === BOTH_ACKED;
  if (!done) return forward(state);
  return { verdict: "forward", state: { ...state, life: Life.guard, sinceMs: now }, restart: true, ended: "fin" };
}

/** A blind RST ends nothing: the hosts that keep talking bring the state back. */
function inReset(before: TcpMemory, segment: TcpSegment, now: number): TcpStep {
  if (has(segment, TCP_RST)) return resetAllowed(before, segment) ? forward(before, false) : drop(before);
  if (opensAnew(before, segment)) return { verdict: "newSyn", state: before, restart: false };
  if (has(segment, TCP_SYN)) return forward(before, false);
  return open({ ...before, tcpState: before.tcpBeforeReset, sinceMs: now }, segment, now);
}

/** Sequence and acknowledgement memory: the next expected byte only advances, the acknowledgement is the last one. */
function remember(before: TcpMemory, segment: TcpSegment): TcpMemory {
  const end = (segment.seq + consumed(segment)) >>> 0;
  const advanced = sequenceIsNewer(end, before.nextSeq[segment.side], 32);
  return rememberAck(advanced ? { ...before, nextSeq: withSide(before.nextSeq, segment.side, end) } : before, segment);
}

function rememberAck(before: TcpMemory, segment: TcpSegment): TcpMemory {
  if (has(segment, TCP_ACK) && (before.flags & Flag.strict) !== 0) return rememberWindow(before, segment);
  return has(segment, TCP_ACK) ? { ...before, lastAck: withSide(before.lastAck, segment.side, segment.ack) } : before;
}

function consumed(segment: TcpSegment): number {
  return segment.payload + (has(segment, TCP_FIN) ? 1 : 0);
}

function countOrder(before: TcpMemory, segment: TcpSegment): TcpMemory {
  if (consumed(segment) === 0) return before;
  const next = before.nextSeq[segment.side];
  if (sequenceIsNewer(segment.seq, next, 32)) return { ...before, outOfOrder: (before.outOfOrder + 1) >>> 0 };
  const old = !sequenceIsNewer(segment.seq + consumed(segment), next - movedBy(before) >>> 0, 32);
  return old ? { ...before, retransmissions: (before.retransmissions + 1) >>> 0 } : before;
}
