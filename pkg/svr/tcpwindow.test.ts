// Enforcement strict, row by row: which segments lie in the window (behaviour 3.4). tcpstate.test.ts has the states.
import { TCP_ACK, TCP_RST, TCP_SYN } from "./constants.ts";
import { Flag, Life, Protect, TcpState } from "./session.ts";
import { tcpStep } from "./tcpstate.ts";
import type { TcpMemory, TcpSegment } from "./tcpstate.ts";
import { negotiateScale, openingScale, rememberWindow, windowScale } from "./tcpwindow.ts";

const CLIENT = 0xffff_fff0; // the next byte of the client; its window of sequences wraps
const SERVER = 5000;

/** Scale 7 of both hosts, and each has told a window of 10 units of 128 bytes. */
function memory(more: Partial<TcpMemory> = {}): TcpMemory {
  return {
    life: Life.live, flags: (Flag.strict | (8 << 24) | (8 << 28)) >>> 0, tcpState: TcpState.established, tcpBeforeReset: TcpState.none, sinceMs: 1, isn: 1,
    nextSeq: [CLIENT, SERVER], lastAck: [SERVER, CLIENT], window: [10, 10], protect: 0, retransmissions: 0, outOfOrder: 0, ...more,
  };
}

const UNKNOWN = { flags: Flag.strict };

test.each<{ desc: string; before?: Partial<TcpMemory>; at: number; payload?: number; ack?: number; flags?: number; verdict: "forward" | "drop" }>([
  { desc: "the next byte", at: 0, payload: 100, verdict: "forward" },
  { desc: "up to the right edge", at: 0, payload: 1280, verdict: "forward" },
  { desc: "beyond the right edge", at: 0, payload: 1282, verdict: "drop" },
  { desc: "ahead, within the window", at: 1000, payload: 280, verdict: "forward" },
  { desc: "ahead, outside", at: 2000, payload: 1, verdict: "drop" },
  { desc: "a super-packet that fills the window", at: 0, payload: 1280, verdict: "forward" },
  { desc: "a keep-alive one byte back", at: -1, verdict: "forward" },
  { desc: "a keep-alive with its byte", at: -1, payload: 1, verdict: "forward" },
  { desc: "a retransmission of a whole old window", at: -60_000, payload: 1400, verdict: "forward" },
  { desc: "older than any window", at: -(65_535 << 7) - 1, payload: 1400, verdict: "drop" },
  { desc: "one byte that probes a window of zero", before: { window: [0, 0] }, at: 0, payload: 1, verdict: "forward" },
  { desc: "more than a probe", before: { window: [0, 0] }, at: 0, payload: 2, verdict: "drop" },
  { desc: "an acknowledgement of what was never sent", at: 0, ack: SERVER + 70_000, verdict: "drop" },
  { desc: "slack of 64 KiB while the scale is not known", before: { ...UNKNOWN, window: [0, 0] }, at: 0, payload: 65_536, verdict: "forward" },
  { desc: "beyond that slack", before: { ...UNKNOWN, window: [0, 0] }, at: 0, payload: 65_537, verdict: "drop" },
  { desc: "a SYN is the hosts' business", at: 1_000_000, flags: TCP_SYN, verdict: "forward" },
  { desc: "not strict", before: { flags: 0 }, at: 1_000_000, payload: 1, verdict: "forward" },
])("strict: $desc: $verdict", ({ before, at, payload = 0, ack = SERVER, flags = TCP_ACK, verdict }) => {
  const segment: TcpSegment = { side: 0, flags, seq: (CLIENT + at) >>> 0, ack, payload, window: 10 };
  const state = memory(before);
  expect(tcpStep(state, segment, 7).verdict).toBe(verdict);
  if (verdict === "drop") expect(tcpStep(state, segment, 7).state).toEqual(state);
});

test("sealed bodies that only pass are longer and may be moved: windows, resets, repetitions and the end of a connection allow for it", () => {
  const passing = Protect.encrypted | Protect.openFwd | Protect.sealFwd, step = (protect: number, more: Partial<TcpSegment>, before: Partial<TcpMemory> = {}) =>
    tcpStep(memory({ protect, ...before }), { side: 0, flags: TCP_ACK, seq: CLIENT, ack: SERVER, payload: 0, window: 10, ...more }, 7);
  expect([step(passing, { payload: 1_281 + 1_024 }).verdict, step(passing, { payload: 1_282 + 1_024 }).verdict, step(passing | Protect.bodyFwd, { payload: 1_282 }).verdict]).toEqual(["forward", "drop", "drop"]);
  const reset = (protect: number, back: number) => step(protect, { flags: TCP_RST, seq: CLIENT - back }).verdict;
  expect([reset(passing, 1_024), reset(passing, 1_025), reset(passing, -1), reset(0, 1), reset(0, 0)]).toEqual(["forward", "drop", "drop", "drop", "forward"]);
  const repeated = (protect: number, back: number) => step(protect, { seq: CLIENT - 100 - back, payload: 100 }).state.retransmissions;
  expect([repeated(passing, 1_023), repeated(passing, 1_024), repeated(0, 0), repeated(0, -1)]).toEqual([0, 1, 1, 0]);
  const finished = (protect: number, back: number) => step(protect, { flags: TCP_ACK, ack: SERVER - back }, { flags: Flag.finRev }).state.flags & Flag.ackedRev;
  expect([finished(passing, 1_024) !== 0, finished(passing, 1_025) !== 0, finished(0, 0) !== 0, finished(0, 1) !== 0]).toEqual([true, false, true, false]);
});

test("strict: an older acknowledgement tells nothing, an equal one may open the window, never close it", () => {
  const state = memory();
  const told = (ack: number, window: number): unknown => {
    const { lastAck, window: windows } = rememberWindow(state, { side: 0, ack, window });
    return [lastAck[0], windows[0]];
  };
  expect([told(SERVER - 100, 900), told(SERVER, 900), told(SERVER, 3), told(SERVER + 100, 3)]).toEqual([[SERVER, 10], [SERVER, 900], [SERVER, 10], [SERVER + 100, 3]]);
});

test("strict: the scale of both hosts counts when both tell one, else windows are not scaled", () => {
  const answer = { side: 1, flags: TCP_SYN | TCP_ACK } as const;
  const opened = openingScale(Flag.strict, 7);
  const scales = (flags: number): number[] => [(flags >>> 24) & 15, flags >>> 28];
  expect(scales(opened)).toEqual([8, 0]);
  expect(scales(negotiateScale(opened, { ...answer, scale: 14 }))).toEqual([8, 15]);
  expect(scales(negotiateScale(opened, answer))).toEqual([1, 1]);
  expect(scales(negotiateScale(openingScale(Flag.strict, undefined), { ...answer, scale: 7 }))).toEqual([1, 1]);
  expect(scales(negotiateScale(opened, { side: 0, flags: TCP_SYN, scale: 3 }))).toEqual([4, 0]);
});

test("the scale option is found among others, bounded by 14, and not behind broken ones", () => {
  const scaleOf = (...options: number[]): number | undefined => {
    const data = new Uint8Array(60);
    data.set(options, 20);
    data[12] = ((20 + Math.ceil(options.length / 4) * 4) / 4) << 4;
    return windowScale(data, 0);
  };
  expect([scaleOf(1, 3, 3, 7), scaleOf(2, 4, 5, 0xb4, 1, 3, 3, 99), scaleOf(3, 2, 7, 0), scaleOf(8, 0, 3, 3, 7, 0), scaleOf()]).toEqual([7, 14, undefined, undefined, undefined]);
});

test("a segment of the server that answers no SYN tells no scale", () => {
  expect(negotiateScale(openingScale(Flag.strict, 7), { side: 1, flags: TCP_ACK, scale: 3 })).toBe(openingScale(Flag.strict, 7));
});
