// The TCP table of behaviour 3.3, row by row. Each row: state before, segment, state after, verdict.
import { Flag, Life, TcpState } from "./session.ts";
import { TCP_ACK, TCP_FIN, TCP_PSH, TCP_RST, TCP_SYN, TCP_URG } from "./constants.ts";
import { tcpStep } from "./tcpstate.ts";
import type { TcpMemory, TcpSegment, TcpStep } from "./tcpstate.ts";

const ISN = 1000;
const SERVER = 5000;
const LATER = 777;

function flagsOf(text: string): number {
  const bits: Record<string, number> = { S: TCP_SYN, A: TCP_ACK, F: TCP_FIN, R: TCP_RST, P: TCP_PSH, U: TCP_URG };
  return [...text].reduce((all, letter) => all | (bits[letter] ?? 0), 0);
}

/** Client has sent up to 1001, server up to 5001. */
function memory(tcpState: TcpState, more: Partial<TcpMemory> = {}): TcpMemory {
  return {
    life: Life.live, flags: 0, tcpState, tcpBeforeReset: TcpState.none, sinceMs: 1, isn: ISN, nextSeq: [ISN + 1, SERVER + 1],
    lastAck: [SERVER + 1, ISN + 1], window: [0, 0], protect: 0, retransmissions: 0, outOfOrder: 0, ...more,
  };
}

function segment(side: 0 | 1, flags: string, more: Partial<TcpSegment> = {}): TcpSegment {
  const at = side === 0 ? { seq: ISN + 1, ack: SERVER + 1 } : { seq: SERVER + 1, ack: ISN + 1 };
  return { side, flags: flagsOf(flags), ...at, payload: 0, window: 0, ...more };
}

interface Row {
  desc: string; before: TcpMemory; segment: TcpSegment; verdict: TcpStep["verdict"]; setUp?: true;
  after?: Partial<TcpMemory>; restart?: boolean; ended?: "fin" | "rst";
}

/** Applies the row: what `after` does not name must be unchanged. */
function check(row: Row): void {
  const copy = structuredClone(row.before);
  const step = tcpStep(row.before, row.segment, LATER);
  expect(row.before).toEqual(copy);
  expect(step.verdict).toBe(row.verdict);
  expect(step.state).toEqual({ ...row.before, ...row.after });
  expect(step.ended).toBe(row.ended);
  expect(step.setUp).toBe(row.setUp);
  if (row.restart !== undefined) expect(step.restart).toBe(row.restart);
}

const { synSent, synRcvd, established, halfClosed, closing, reset } = TcpState;

const opening: Row[] = [
  { desc: "SYN-SENT: SYN-ACK in reverse -> SYN-RCVD", before: memory(synSent), segment: segment(1, "SA", { seq: 9000 }), verdict: "forward",
    after: { tcpState: synRcvd, sinceMs: LATER, nextSeq: [ISN + 1, 9001] } },
  { desc: "SYN-SENT: SYN again is the same session, timer not restarted", before: memory(synSent), segment: segment(0, "S", { seq: ISN }), verdict: "forward" },
  { desc: "SYN-SENT: SYN again with another ISN moves the sequence, not the state", before: memory(synSent), segment: segment(0, "S", { seq: 7, payload: 3 }),
    verdict: "forward", after: { isn: 7, nextSeq: [11, SERVER + 1] } },
  { desc: "SYN-SENT: reverse SYN (simultaneous open) is forwarded", before: memory(synSent), segment: segment(1, "S", { seq: 9000 }), verdict: "forward",
    after: { nextSeq: [ISN + 1, 9001] } },
  { desc: "SYN-SENT: forward SYN-ACK (simultaneous open) keeps the ISN", before: memory(synSent), segment: segment(0, "SA", { seq: ISN }), verdict: "forward" },
  { desc: "SYN-SENT: a bare acknowledgement changes no state", before: memory(synSent), segment: segment(1, "A", { ack: 4 }), verdict: "forward",
    after: { lastAck: [SERVER + 1, 4] } },
  { desc: "SYN-RCVD: SYN again unchanged", before: memory(synRcvd), segment: segment(0, "S", { seq: 3 }), verdict: "forward" },
  { desc: "SYN-RCVD: SYN-ACK again unchanged", before: memory(synRcvd), segment: segment(1, "SA", { seq: 3 }), verdict: "forward" },
  { desc: "SYN-RCVD: reverse data before the ACK (Fast Open) is remembered", before: memory(synRcvd), segment: segment(1, "PA", { payload: 10 }),
    verdict: "forward", after: { nextSeq: [ISN + 1, SERVER + 11] } },
  { desc: "SYN-RCVD: forward segment without ACK is no ACK", before: memory(synRcvd), segment: segment(0, "P", { payload: 1 }), verdict: "forward",
    after: { nextSeq: [ISN + 2, SERVER + 1] } },
  { desc: "SYN-RCVD: ACK forward -> ESTABLISHED", before: memory(synRcvd), segment: segment(0, "A"), verdict: "forward",
    after: { tcpState: established, sinceMs: LATER } },
  { desc: "SYN-RCVD: ACK with FIN forward -> HALF-CLOSED", before: memory(synRcvd), segment: segment(0, "FA"), verdict: "forward",
    after: { tcpState: halfClosed, sinceMs: LATER, flags: Flag.finFwd, nextSeq: [ISN + 2, SERVER + 1] } },
  { desc: "SYN-RCVD: FIN of the server is remembered", before: memory(synRcvd), segment: segment(1, "FA"), verdict: "forward",
    after: { flags: Flag.finRev, nextSeq: [ISN + 1, SERVER + 2] } },
  { desc: "SYN-RCVD with the server's FIN seen: ACK forward -> HALF-CLOSED", before: memory(synRcvd, { flags: Flag.finRev, nextSeq: [ISN + 1, SERVER + 2] }),
    segment: segment(0, "A"), verdict: "forward", after: { tcpState: halfClosed, sinceMs: LATER } },
];

const resetsWhileOpening: Row[] = [synSent, synRcvd].flatMap((state): Row[] => [
  { desc: `${state}: reverse RST with the expected acknowledgement -> GUARD rst`, before: memory(state), segment: segment(1, "RA", { seq: 0 }), verdict: "forward",
    after: { life: Life.guard, sinceMs: LATER }, ended: "rst" },
  { desc: `${state}: reverse RST with another acknowledgement is dropped`, before: memory(state), segment: segment(1, "RA", { ack: ISN }), verdict: "drop" },
  { desc: `${state}: reverse RST without acknowledgement is dropped`, before: memory(state), segment: segment(1, "R"), verdict: "drop" },
  { desc: `${state}: forward RST with the next sequence -> GUARD rst`, before: memory(state), segment: segment(0, "R"), verdict: "forward",
    after: { life: Life.guard, sinceMs: LATER }, ended: "rst" },
  { desc: `${state}: forward RST with another sequence is dropped`, before: memory(state), segment: segment(0, "RA", { seq: ISN }), verdict: "drop" },
]);

const openRows: Row[] = [
  { desc: "ESTABLISHED: data advances the next sequence", before: memory(established), segment: segment(0, "PA", { payload: 100 }), verdict: "forward", restart: true,
    after: { nextSeq: [ISN + 101, SERVER + 1] } },
  { desc: "ESTABLISHED: an old segment is a retransmission", before: memory(established), segment: segment(0, "PA", { seq: ISN - 99, payload: 100 }), verdict: "forward",
    after: { retransmissions: 1 } },
  { desc: "ESTABLISHED: a gap is out of order", before: memory(established), segment: segment(1, "PA", { seq: SERVER + 9, payload: 1 }), verdict: "forward",
    after: { outOfOrder: 1, nextSeq: [ISN + 1, SERVER + 10] } },
  { desc: "ESTABLISHED: an older acknowledgement is the last one sent", before: memory(established), segment: segment(0, "A", { ack: 5 }), verdict: "forward",
    after: { lastAck: [5, ISN + 1] } },
  { desc: "ESTABLISHED: the first acknowledgement that advances ends the set-up", before: memory(established), segment: segment(1, "A", { ack: ISN + 9 }),
    verdict: "forward", setUp: true, after: { lastAck: [SERVER + 1, ISN + 9] } },
  { desc: "ESTABLISHED: set-up ends once", before: memory(established, { flags: Flag.setup }), segment: segment(1, "A", { ack: ISN + 9 }),
    verdict: "forward", after: { lastAck: [SERVER + 1, ISN + 9] } },
  { desc: "ESTABLISHED: FIN forward -> HALF-CLOSED", before: memory(established), segment: segment(0, "FA"), verdict: "forward",
    after: { tcpState: halfClosed, sinceMs: LATER, flags: Flag.finFwd, nextSeq: [ISN + 2, SERVER + 1] } },
  { desc: "ESTABLISHED: FIN reverse -> HALF-CLOSED", before: memory(established), segment: segment(1, "FPA", { payload: 4 }), verdict: "forward",
    after: { tcpState: halfClosed, sinceMs: LATER, flags: Flag.finRev, nextSeq: [ISN + 1, SERVER + 6] } },
  { desc: "HALF-CLOSED: FIN again changes nothing", before: memory(halfClosed, { flags: Flag.finFwd, nextSeq: [ISN + 2, SERVER + 1] }), segment: segment(0, "FA"),
    verdict: "forward", after: { retransmissions: 1 } },
  { desc: "HALF-CLOSED: acknowledgement of the FIN is noted", before: memory(halfClosed, { flags: Flag.finFwd, nextSeq: [ISN + 2, SERVER + 1] }),
    segment: segment(1, "A", { ack: ISN + 2 }), verdict: "forward", after: { flags: Flag.finFwd | Flag.ackedFwd, lastAck: [SERVER + 1, ISN + 2] } },
  { desc: "HALF-CLOSED: an acknowledgement before the FIN is not one of it", before: memory(halfClosed, { flags: Flag.finFwd, nextSeq: [ISN + 2, SERVER + 1] }),
    segment: segment(1, "A"), verdict: "forward" },
  { desc: "HALF-CLOSED: FIN other direction -> CLOSING", before: memory(halfClosed, { flags: Flag.finFwd, nextSeq: [ISN + 2, SERVER + 1] }), segment: segment(1, "FA"),
    verdict: "forward", after: { tcpState: closing, sinceMs: LATER, flags: Flag.finFwd | Flag.finRev, nextSeq: [ISN + 2, SERVER + 2] } },
  { desc: "CLOSING: both FINs acknowledged -> GUARD fin", segment: segment(0, "A", { seq: ISN + 2, ack: SERVER + 2 }), verdict: "forward", ended: "fin",
    before: memory(closing, { flags: Flag.finFwd | Flag.finRev | Flag.ackedFwd, nextSeq: [ISN + 2, SERVER + 2] }),
    after: { life: Life.guard, sinceMs: LATER, flags: Flag.finFwd | Flag.finRev | Flag.ackedFwd | Flag.ackedRev, lastAck: [SERVER + 2, ISN + 1] } },
  { desc: "CLOSING: one FIN acknowledged stays", segment: segment(0, "A", { seq: ISN + 2, ack: SERVER + 2 }), verdict: "forward",
    before: memory(closing, { flags: Flag.finFwd | Flag.finRev, nextSeq: [ISN + 2, SERVER + 2] }),
    after: { flags: Flag.finFwd | Flag.finRev | Flag.ackedRev, lastAck: [SERVER + 2, ISN + 1] } },
];

const resetRows: Row[] = [established, halfClosed, closing].flatMap((state): Row[] => [
  { desc: `${state}: RST -> RESET, forwarded`, before: memory(state), segment: segment(1, "R", { seq: 1 }), verdict: "forward",
    after: { tcpState: reset, tcpBeforeReset: state, sinceMs: LATER } },
  { desc: `${state}: strict drops a RST without the exact next sequence`, before: memory(state, { flags: Flag.strict }), segment: segment(1, "R", { seq: 1 }), verdict: "drop" },
  { desc: `${state}: strict passes the exact RST`, before: memory(state, { flags: Flag.strict }), segment: segment(1, "R"), verdict: "forward",
    after: { tcpState: reset, tcpBeforeReset: state, sinceMs: LATER } },
  { desc: `${state}: SYN is forwarded, no change, timer not restarted`, before: memory(state), segment: segment(0, "S", { seq: 42 }), verdict: "forward", restart: false },
  { desc: `${state}: SYN-ACK is forwarded, no change`, before: memory(state), segment: segment(1, "SA", { seq: 42 }), verdict: "forward", restart: false },
]).concat([
  { desc: "RESET: further RST forwarded, timer not restarted", before: memory(reset, { tcpBeforeReset: established }), segment: segment(0, "R", { seq: 8 }),
    verdict: "forward", restart: false },
  { desc: "RESET: strict drops a further wrong RST", before: memory(reset, { tcpBeforeReset: established, flags: Flag.strict }), segment: segment(0, "R", { seq: 8 }), verdict: "drop" },
  { desc: "RESET: segment without RST or SYN -> state before", before: memory(reset, { tcpBeforeReset: established }), segment: segment(1, "A"), verdict: "forward",
    after: { tcpState: established, sinceMs: LATER }, restart: true },
  { desc: "RESET: FIN is judged in the state before", before: memory(reset, { tcpBeforeReset: established }), segment: segment(1, "FA"), verdict: "forward",
    after: { tcpState: halfClosed, flags: Flag.finRev, sinceMs: LATER, nextSeq: [ISN + 1, SERVER + 2] } },
  { desc: "RESET: SYN with another ISN -> new session", before: memory(reset), segment: segment(0, "S", { seq: 9 }), verdict: "newSyn" },
  { desc: "RESET: SYN with the same ISN is forwarded", before: memory(reset), segment: segment(0, "S", { seq: ISN }), verdict: "forward" },
  { desc: "RESET: SYN-ACK opens nothing", before: memory(reset), segment: segment(1, "SA", { seq: 9 }), verdict: "forward" },
]);

const guarded = memory(established, { life: Life.guard });
const guardRows: Row[] = [
  { desc: "GUARD: SYN with another ISN -> new session", before: guarded, segment: segment(0, "S", { seq: 9 }), verdict: "newSyn" },
  { desc: "GUARD: SYN with the same ISN is forwarded", before: guarded, segment: segment(0, "S", { seq: ISN }), verdict: "forward", restart: false },
  { desc: "GUARD: late data is forwarded and changes nothing", before: guarded, segment: segment(0, "PA", { payload: 9 }), verdict: "forward", restart: false },
  { desc: "GUARD: late RST is forwarded and changes nothing", before: guarded, segment: segment(1, "R"), verdict: "forward", restart: false },
];

describe("L-3 TCP table of behaviour 3.3", () => {
  test.each(opening)("opening, $desc", check);
  test.each(resetsWhileOpening)("reset while opening, state $desc", check);
  test.each(openRows)("open, $desc", check);
  test.each(resetRows)("reset, state $desc", check);
  test.each(guardRows)("guard, $desc", check);
  test("a session that is not TCP is not judged", () => check({ desc: "", before: memory(TcpState.none), segment: segment(0, "R"), verdict: "forward" }));
});

describe("P-4 a new session does not need the old one to be gone", () => {
  test("a whole conversation ends in GUARD, then a new SYN opens", () => {
    const talk: [0 | 1, string, Partial<TcpSegment>][] = [
      [0, "S", { seq: ISN, ack: 0 }], [1, "SA", { seq: SERVER }], [0, "A", {}], [0, "PA", { payload: 5 }], [1, "A", { ack: ISN + 6 }],
      [0, "FA", { seq: ISN + 6 }], [1, "FA", { ack: ISN + 7 }], [0, "A", { seq: ISN + 7, ack: SERVER + 2 }],
    ];
    let state = memory(synSent, { nextSeq: [ISN + 1, 0], lastAck: [0, 0] });
    for (const [side, flags, more] of talk) state = tcpStep(state, segment(side, flags, more), LATER).state;
    expect(state).toMatchObject({ life: Life.guard, nextSeq: [ISN + 7, SERVER + 2], lastAck: [SERVER + 2, ISN + 7], retransmissions: 0, outOfOrder: 0 });
    expect(tcpStep(state, segment(0, "S", { seq: 31337 }), LATER).verdict).toBe("newSyn");
  });
});
