// Path MTU discovery of one peer path and direction (protocol 10.3), as a pure table: step(state, event, now). Probes and
// replies are pkg/svr/peering.ts; who sends them is pkg/router. ICMP errors only start a run, they never set the value.

/** MTU_FLOOR is the least path MTU, in bytes of an IP packet. */
export const MTU_FLOOR = 1_280;
const STEP = 8; // bytes: the search ends here
const TRIES = 3, WAIT_MS = 1_000; // unanswered probes that mean too big
const ALIVE = 256; // bytes of a probe that fits every path: is anybody there?
const SILENT_MS = 30_000; // pause after a run that nobody answered
const TRIGGER_MS = 5_000; // least time between runs that errors start

/** MtuVerdict is what is known: nothing yet, a size, that nobody answers (the last value stays), or a path below the floor. */
export type MtuVerdict = "searching" | "found" | "silent" | "below-floor";

/** Probe is one size that is being asked for; `why` says what its answer means. */
interface Probe { size: number; why: "top" | "search" | "floor" | "check" | "alive" | "floorCheck"; id: number; tries: number; sentMs: number }

/** MtuState is one path; every time is monotonic milliseconds. */
export interface MtuState {
  /** the largest size worth asking for: of the local interface, or as configured */
  readonly top: number;
  readonly intervalMs: number;
  /** in force, bytes of an IP packet */
  readonly mtu: number;
  readonly verdict: MtuVerdict;
  /** no size is known to pass: packets leave with DF=0, and routers on the way may cut them (protocol 2.7) */
  readonly cuttable: boolean;
  /** largest size that passed and smallest that did not in this run */
  readonly good: number;
  readonly bad: number;
  readonly probe: Probe | undefined;
  readonly nextRunMs: number;
  readonly lastRunMs: number;
  readonly nextId: number;
}

/** MtuEvent is what happens: time passes, a reply arrives, an ICMP "too big" about the path came. */
export type MtuEvent = { kind: "tick" } | { kind: "reply"; id: number; size: number } | { kind: "tooBig" };

/** MtuEffect is what the owner does: send a probe of `size` bytes of IP packet. */
export interface MtuEffect { kind: "probe"; id: number; size: number }

/** MtuStep is the state after an event and what is to be done. */
export interface MtuStep { state: MtuState; effects: MtuEffect[] }

/** startMtu is a path that came up: `top` holds until more is known, and the first run begins with the next tick. */
export function startMtu(of: { top: number; intervalMs: number; firstId: number }, now: number): MtuState {
  const { top, intervalMs, firstId } = of;
  return { top, intervalMs, mtu: top, verdict: "searching", cuttable: true, good: 0, bad: 0, probe: undefined, nextRunMs: now, lastRunMs: now, nextId: firstId >>> 0 };
}

/** againEvery is a path with another interval, which counts from its last run. */
export function againEvery(state: MtuState, intervalMs: number): MtuState {
  return { ...state, intervalMs, nextRunMs: Math.min(state.nextRunMs, state.lastRunMs + intervalMs) };
}

/** stepMtu runs the table. */
export function stepMtu(state: MtuState, event: MtuEvent, now: number): MtuStep {
  switch (event.kind) {
    case "tick": return tick(state, now);
    case "reply": return reply(state, event, now);
    case "tooBig": return { state: state.probe === undefined ? { ...state, nextRunMs: Math.min(state.nextRunMs, Math.max(now, state.lastRunMs + TRIGGER_MS)) } : state, effects: [] };
  }
}

function tick(state: MtuState, now: number): MtuStep {
  const { probe } = state;
  if (probe === undefined) return now >= state.nextRunMs ? ask({ ...state, good: 0, bad: state.top + 1, lastRunMs: now }, { size: state.top, why: "top" }, now) : { state, effects: [] };
  if (now - probe.sentMs < WAIT_MS) return { state, effects: [] };
  return probe.tries < TRIES ? send(state, { ...probe, tries: probe.tries + 1 }, now) : unanswered(state, probe, now);
}

function ask(state: MtuState, about: Pick<Probe, "size" | "why">, now: number): MtuStep {
  return send(state, { ...about, tries: 1, id: 0, sentMs: now }, now);
}

/** Each try has an id of its own, so that a late answer to an earlier size counts for nothing. */
function send(state: MtuState, probe: Probe, now: number): MtuStep {
  const id = state.nextId;
  return { state: { ...state, probe: { ...probe, id, sentMs: now }, nextId: (id + 1) >>> 0 }, effects: [{ kind: "probe", id, size: probe.size }] };
}

function reply(state: MtuState, { id, size }: { id: number; size: number }, now: number): MtuStep {
  const { probe } = state;
  const isOurs = probe !== undefined && size === probe.size && ((probe.id - id) >>> 0) < probe.tries; // any try of this size
  if (!isOurs) return { state, effects: [] };
  switch (probe.why) {
    case "top": return finish(state, { mtu: state.top, verdict: "found", cuttable: false }, now);
    case "search": case "floor": return search({ ...state, good: probe.size }, now);
    case "check": case "floorCheck": return search({ ...state, good: probe.size, bad: state.top + 1 }, now); // the path was away meanwhile
    case "alive": return ask(state, { size: Math.min(MTU_FLOOR, state.top), why: "floorCheck" }, now); // it may have come back just now
  }
}

function unanswered(state: MtuState, probe: Probe, now: number): MtuStep {
  switch (probe.why) {
    case "top": case "search": return search({ ...state, bad: probe.size }, now);
    case "floor": return ask(state, { size: Math.min(ALIVE, state.top), why: "alive" }, now);
    case "check": return finish(state, { mtu: state.good, verdict: "found", cuttable: false }, now);
    case "alive": return finish(state, { mtu: state.mtu, verdict: "silent", cuttable: state.cuttable }, now);
    case "floorCheck": return finish(state, { mtu: MTU_FLOOR, verdict: "below-floor", cuttable: true }, now);
  }
}

/** Halves what is left; at the end what is too big must still be, or the path was only away for a moment. */
function search(state: MtuState, now: number): MtuStep {
  const { good, bad } = state;
  const low = Math.max(good, MTU_FLOOR);
  if (bad > state.top && good === state.top) return finish(state, { mtu: state.top, verdict: "found", cuttable: false }, now);
  if (bad - low > STEP) return ask(state, { size: nextSize(state, low), why: "search" }, now);
  if (good === 0) return ask(state, { size: Math.min(MTU_FLOOR, state.top), why: "floor" }, now);
  if (bad > state.top) return ask(state, { size: state.top, why: "top" }, now);
  return ask(state, { size: bad, why: "check" }, now);
}

/** What held so far comes first, and a step above it: a path that stayed as it was keeps its value. */
function nextSize({ good, bad, mtu }: MtuState, low: number): number {
  if (mtu > low && mtu < bad && good < mtu) return mtu;
  return good === mtu && good > 0 ? good + STEP : Math.floor((low + bad) / 2);
}

function finish(state: MtuState, found: Pick<MtuState, "mtu" | "verdict" | "cuttable">, now: number): MtuStep {
  const pause = found.verdict === "silent" ? Math.min(SILENT_MS, state.intervalMs) : state.intervalMs;
  return { state: { ...state, ...found, probe: undefined, nextRunMs: now + pause }, effects: [] };
}
