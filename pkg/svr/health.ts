// Session health check in inactivity mode (protocol 6.7): we send, nothing comes back for the timeout, so the next packet asks.
// Pure; called by the router before a packet leaves toward a peer. The data plane runs isUnheard alone (svr_forward.h).
import { elapsedMs } from "./segment.ts";
import type { Session, SideIndex } from "./session.ts";

/** HealthSource is the part of a session that the check lives in. */
export type HealthSource = Pick<Session, "seenMs" | "createdMs" | "health">;

/** REQUEST_MS is how long an answer is awaited, MAX_REQUESTS how often it is asked: once, then three repeated requests. */
export const REQUEST_MS = 1_000, MAX_REQUESTS = 4;

// The byte `health`: requests since something came back (3 bits), when the last one was sent in steps of 256 ms (5 bits, 8 s).
const COUNT = 0x07, TIME_SHIFT = 3, STEP_SHIFT = 8, STEPS = 32, REQUEST_STEPS = REQUEST_MS >> STEP_SHIFT;

/** HealthRequest is TLV 46 of the next packet, 1 or 2 (repeated); or the path has failed for this session. */
export type HealthRequest = { kind: "request"; value: 1 | 2; health: number } | { kind: "failed" };

/** isUnheard tells whether a packet that arrived on side `from` should ask: nothing came from the other side for limitMs, and no request is under way. */
export function isUnheard(session: HealthSource, from: SideIndex, at: { nowMs: number; limitMs: number }): boolean {
  if (at.limitMs === 0 || elapsedMs(at.nowMs >>> 0, heardMs(session, from)) < at.limitMs) return false;
  return (session.health & COUNT) === 0 || stepsSince(session.health, at.nowMs) >= REQUEST_STEPS;
}

/** nextRequest is what a packet says that isUnheard wants to ask; requests of an earlier silence do not count. */
export function nextRequest(session: HealthSource, from: SideIndex, nowMs: number): HealthRequest {
  const sent = requestsSent(session, from, nowMs);
  if (sent >= MAX_REQUESTS) return { kind: "failed" };
  return { kind: "request", value: sent === 0 ? 1 : 2, health: (sent + 1) | (stepOf(nowMs) << TIME_SHIFT) };
}

/** isAwaited tells whether an answer from the other side is due: a request was sent since something came back. Any other answer is stale. */
export function isAwaited(session: HealthSource, from: SideIndex, nowMs: number): boolean {
  return requestsSent(session, from, nowMs) !== 0;
}

/** Requests since something came back. */
function requestsSent(session: HealthSource, from: SideIndex, nowMs: number): number {
  const silent = elapsedMs(nowMs >>> 0, heardMs(session, from));
  return silent >> STEP_SHIFT >= stepsSince(session.health, nowMs) ? session.health & COUNT : 0;
}

function heardMs(session: HealthSource, from: SideIndex): number {
  return session.seenMs[from === 0 ? 1 : 0] || session.createdMs >>> 0;
}

function stepOf(nowMs: number): number {
  return (nowMs >>> STEP_SHIFT) % STEPS;
}

function stepsSince(health: number, nowMs: number): number {
  return (stepOf(nowMs) - (health >>> TIME_SHIFT) + STEPS) % STEPS;
}
