// Enforcement strict (behaviour 3.4): does a segment lie in the window that the other host has told? Called by tcpstate.ts; eBPF does
// the same (svr_window.h). Pure.
import { sequenceIsNewer } from "../base/seq.ts";
import { TCP_ACK, TCP_HEADER, TCP_SYN } from "./constants.ts";
import { Flag, Protect } from "./session.ts";
import type { Session, SideIndex } from "./session.ts";
import { findOption } from "./tcp.ts";

/** WindowMemory is what a session knows of both windows; scales + 1 are in the highest byte of its flags. */
export type WindowMemory = Pick<Session, "flags" | "nextSeq" | "lastAck" | "window" | "protect">;

/** WindowSegment is what counts of a segment; `end` is the sequence behind it. */
export interface WindowSegment { side: SideIndex; seq: number; end: number; ack: number; flags: number }

const ENCRYPTED = Protect.encrypted | Protect.encryptedRev, BODIES = Protect.bodyFwd | Protect.bodyRev, MOVED = 1_024; // PAYLOAD_POSITIONS times what a body grows by
const SLACK = 0x10000, MOST = 0xffff, SCALE_MOST = 14;
const OPTION_SCALE = 3, OPTION_SCALE_BYTES = 3;
const FORWARD = 24, REVERSE = 28;
const SCALES = 0xff000000;

/** windowScale gives the scale option of the TCP header at l4; undefined when there is none. */
export function windowScale(data: Uint8Array, l4: number): number | undefined {
  const at = findOption(data, { from: l4 + TCP_HEADER, to: l4 + (data[l4 + 12]! >>> 4) * 4 }, OPTION_SCALE);
  return at >= 0 && data[at + 1] === OPTION_SCALE_BYTES ? Math.min(data[at + 2]!, SCALE_MOST) : undefined;
}

/** A session built in the middle of a connection never knows the scale: the widest counts. */
function scaleOf(flags: number, side: SideIndex): number {
  const said = (flags >>> (side === 0 ? FORWARD : REVERSE)) & 15;
  return flags >>> REVERSE !== 0 && said !== 0 ? said - 1 : SCALE_MOST;
}

/** movedBy is how far sequence numbers of sealed bodies that only pass a router may lie ahead of those of the hosts (docs/decisions/026). */
export function movedBy({ protect }: Pick<Session, "protect">): number {
  return (protect & ENCRYPTED) !== 0 && (protect & BODIES) === 0 ? MOVED : 0;
}

/** isOutsideWindow tells a segment to be dropped: beyond the right edge, older than the window can be wide, or acknowledging what was never sent. */
export function isOutsideWindow(state: WindowMemory, segment: WindowSegment): boolean {
  if ((state.flags & Flag.strict) === 0) return false;
  const other = segment.side === 0 ? 1 : 0;
  const scale = scaleOf(state.flags, other);
  const edge = state.lastAck[other], next = state.nextSeq[segment.side], sent = state.nextSeq[other];
  const width = (state.window[other] << scale) + (state.flags >>> REVERSE !== 0 ? 1 : SLACK) + movedBy(state); // one byte probes a window of zero
  if (edge !== 0 && sequenceIsNewer(segment.end, edge + width, 32)) return true;
  if (next !== 0 && sequenceIsNewer(next - (MOST << scale), segment.seq, 32)) return true;
  return (segment.flags & TCP_ACK) !== 0 && sent !== 0 && sequenceIsNewer(segment.ack, sent + SLACK, 32);
}

/** rememberWindow keeps acknowledgement and window of a side: an older one tells nothing, an equal one may open the window. */
export function rememberWindow<M extends WindowMemory>(state: M, { side, ack, window }: { side: SideIndex; ack: number; window: number }): M {
  const last = state.lastAck[side];
  if (last !== 0 && sequenceIsNewer(last, ack, 32)) return state;
  const width = last !== 0 && last === ack ? Math.max(window, state.window[side]) : window;
  return { ...state, lastAck: pair(state.lastAck, side, ack), window: pair(state.window, side, width) };
}

function pair(before: readonly [number, number], side: SideIndex, value: number): [number, number] {
  return side === 0 ? [value, before[1]] : [before[0], value];
}

/** openingScale is the flags of a session that a SYN of its opener begins. */
export function openingScale(flags: number, scale: number | undefined): number {
  return ((flags & ~SCALES) | (scale === undefined ? 0 : (scale + 1) << FORWARD)) >>> 0;
}

/** negotiateScale gives the flags after a SYN: that of the opener tells its scale, the answer decides for both. */
export function negotiateScale(flags: number, segment: { side: SideIndex; flags: number; scale?: number | undefined }): number {
  const answer = (segment.flags & (TCP_SYN | TCP_ACK)) === (TCP_SYN | TCP_ACK);
  if (segment.side === 0) return answer ? flags : openingScale(flags, segment.scale);
  if (!answer) return flags;
  const opener = (flags >>> FORWARD) & 15;
  const scales = opener !== 0 && segment.scale !== undefined ? (opener << FORWARD) | ((segment.scale + 1) << REVERSE) : (1 << FORWARD) | (1 << REVERSE);
  return ((flags & ~SCALES) | scales) >>> 0;
}
