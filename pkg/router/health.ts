// Session health check of this router (protocol 6.7): asks a peer that sends nothing back, answers peers that ask. The rule is
// pkg/svr/health.ts. Called by relay.ts before a packet leaves, by arrive.ts and control.ts for what arrives.
import { CONTROL_SESSION_EXISTS } from "../svr/constants.ts";
import { isAwaited, isUnheard, nextRequest } from "../svr/health.ts";
import type { Metadata } from "../svr/metadata.ts";
import { Flag } from "../svr/session.ts";
import type { SideIndex } from "../svr/session.ts";
import { changeFields } from "./batch.ts";
import type { Handle } from "./batch.ts";
import { sendControl } from "./say.ts";
import { stepSegment } from "./segments.ts";
import type { Turn } from "./turn.ts";

/** healthKinds are the outcomes that are counted, under the names of behaviour 13.3. */
export const healthKinds = ["sent", "received", "exists", "timeout", "stale"] as const;

/** HealthKind is one of healthKinds. */
export type HealthKind = (typeof healthKinds)[number];

/** requestHealth is what a packet that leaves on a side says to ask whether the peer still knows the session; usually nothing. */
export function requestHealth(turn: Turn, handle: Handle, to: SideIndex): Metadata | undefined {
  const from = to === 0 ? 1 : 0;
  if (!asksHere(turn, handle, to)) return undefined;
  const next = nextRequest(handle.state, from, turn.nowMs);
  if (next.kind === "failed") return giveUp(turn, handle, to);
  changeFields(turn.batch, handle, { health: next.health });
  turn.countHealth("sent");
  return { healthCheck: next.value };
}

/** Full metadata wants an answer as well, so it asks nothing more. */
function asksHere(turn: Turn, { state }: Handle, to: SideIndex): boolean {
  if ((state.flags & Flag.health) === 0 || (state.flags & (to === 1 ? Flag.fwdMeta : Flag.revMeta)) !== 0) return false;
  return isUnheard(state, to === 0 ? 1 : 0, { nowMs: turn.nowMs, limitMs: turn.tables.inactivityMs });
}

/** The path has failed for this session. There is no other one to move to in this version, so it is announced anew. */
function giveUp(turn: Turn, handle: Handle, to: SideIndex): undefined {
  turn.countHealth("timeout");
  changeFields(turn.batch, handle, { health: 0 });
  stepSegment(turn, handle, to, { kind: "trigger" });
}

/** answerHealth tells the peer on a side that its session exists here. */
export function answerHealth(turn: Turn, handle: Handle, side: SideIndex): void {
  turn.countHealth("received");
  sendControl(turn, handle, { side, code: CONTROL_SESSION_EXISTS });
}

/** takeExists takes code 8: the peer knows the session, so the silence begins anew. An answer nobody waits for is stale. */
export function takeExists(turn: Turn, handle: Handle, side: SideIndex): void {
  if (!isAwaited(handle.state, side === 0 ? 1 : 0, turn.nowMs)) return turn.countHealth("stale");
  const seenMs: [number, number] = [...handle.state.seenMs];
  seenMs[side] = (turn.nowMs >>> 0) || 1;
  changeFields(turn.batch, handle, { health: 0, seenMs });
  turn.countHealth("exists");
}
