// Runs the handshake of protocol 6.1 for a session in a batch: reads the segment, steps it, writes the change back.
// Called by arrive.ts and relay.ts; the table itself is pkg/svr/handshake.ts.
import { step } from "../svr/handshake.ts";
import { segmentOf, segmentPatch } from "../svr/segmentfields.ts";
import type { SegmentPatch } from "../svr/segmentfields.ts";
import type { HandshakeEffect, SegmentEvent } from "../svr/segment.ts";
import type { SideIndex } from "../svr/session.ts";
import { changeFlags, changeHandshake, changeSeen } from "./batch.ts";
import type { Handle } from "./batch.ts";
import type { Turn } from "./turn.ts";

const NOTHING: readonly HandshakeEffect[] = [];

/** stepSegment feeds one event to the segment on a side and returns what is asked for; nothing on a host side. */
export function stepSegment(turn: Turn, handle: Handle, side: SideIndex, event: SegmentEvent): readonly HandshakeEffect[] {
  const before = segmentOf(handle.state, side);
  if (before === undefined) return NOTHING;
  const { state, effects } = step(before, event, turn.nowMs);
  if (state === undefined || state === before) return effects;
  applySegment(turn, handle, segmentPatch(handle.state, side, state));
  return effects;
}

/** applySegment writes a changed segment into the session and its patch. */
export function applySegment(turn: Turn, handle: Handle, patch: SegmentPatch): void {
  changeFlags(turn.batch, handle, { clear: patch.clearFlags, set: patch.setFlags });
  changeHandshake(turn.batch, handle, patch.handshake);
  changeSeen(turn.batch, handle, patch.seenMs);
}
