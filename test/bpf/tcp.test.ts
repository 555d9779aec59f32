// The TCP table of behaviour 3.3 in eBPF, row by row: state before, segment, verdict, state after. What a row does not name must
// be as before. The timers of the table are in sweep.test.ts.
import { Flag, Life, TcpState } from "../../pkg/svr/session.ts";
import { reasonNumber } from "../../pkg/svr/reasons.ts";
import { openHarness } from "./harness.ts";
import type { Fields, Harness, Words } from "./harness.ts";
import { families, ingress, install, prepare, send, session, TCP, WAN } from "./fixture.ts";
import type { Family, Outcome } from "./fixture.ts";
import type { TcpSpec } from "./packets.ts";

let harness: Harness;
beforeAll(() => { harness = openHarness(); });
afterAll(async () => { await harness.close(); });

const four = families[0]!;
const ISN = 1000, SERVER = 5000;
const { synSent, synRcvd, established, halfClosed, closing, reset } = TcpState;
const NAMES: Record<number, string> = { [synSent]: "SYN-SENT", [synRcvd]: "SYN-RCVD", [established]: "ESTABLISHED", [halfClosed]: "HALF-CLOSED", [closing]: "CLOSING", [reset]: "RESET" };

/** Client has sent up to 1001, server up to 5001, both acknowledged; times in the past, so that a change shows. */
function before(state: number, more: Words = {}): Words {
  return { tcp_state: state, isn: ISN, next_seq0: ISN + 1, next_seq1: SERVER + 1, last_ack0: SERVER + 1, last_ack1: ISN + 1, since_ms: 5, seen_ms0: 7, seen_ms1: 8, created_ms: 3, ...more };
}

interface Row { desc: string; state: Words; side: 0 | 1; flags: string; tcp?: Partial<TcpSpec>; verdict?: string; after?: Fields; moved?: boolean; seen?: boolean }

/** A segment of the opener (side 0) or of the other host (side 1), in sequence unless said otherwise. */
async function segment(f: Family, side: 0 | 1, flags: string, more: Partial<TcpSpec> = {}): Promise<Outcome> {
  const tcp = side === 0
    ? { sport: 40000, dport: 443, flags, seq: ISN + 1, ack: SERVER + 1, ...more }
    : { sport: 16385, dport: 16384, flags, seq: SERVER + 1, ack: ISN + 1, ...more };
  return side === 0 ? send(harness, { from: f.host, to: f.server, tcp }) : send(harness, { from: f.peer, to: f.waypoint, tcp }, { ifnum: WAN });
}

/** `moved`: since_ms changed; `seen`: the idle timer was restarted (default: yes when forwarded). */
async function check(row: Row): Promise<void> {
  await prepare(harness);
  await install(harness, ingress(four, TCP, row.state));
  const start = await session(harness);
  const got = await segment(four, row.side, row.flags, row.tcp);
  const { since_ms, seen_ms0, seen_ms1, packets0, packets1, bytes0, bytes1, setup_ms, ...now } = await session(harness);
  const verdict = row.verdict ?? "forward";
  expect(got.verdict).toBe(verdict);
  const { since_ms: _since, seen_ms0: _seen0, seen_ms1: _seen1, packets0: _p0, packets1: _p1, bytes0: _b0, bytes1: _b1, setup_ms: _setup, ...expected } = { ...start, ...row.after };
  expect(now).toEqual(expected);
  expect(since_ms !== start["since_ms"]).toBe(row.moved ?? false);
  expect((row.side === 0 ? seen_ms0 : seen_ms1) !== start[`seen_ms${row.side}`]).toBe(row.seen ?? verdict === "forward");
  expect(row.side === 0 ? seen_ms1 : seen_ms0).toBe(start[`seen_ms${1 - row.side}`]);
  expect(Number(packets0) + Number(packets1)).toBe(verdict === "forward" ? 1 : 0);
  expect([bytes0, bytes1, setup_ms].every((value) => Number(value) >= 0)).toBe(true);
}

const body = new Uint8Array(10);
const guard = { life: Life.guard };
const rst = { ...guard, end_reason: reasonNumber("rst") };
const fin = { ...guard, end_reason: reasonNumber("fin") };

const opening: Row[] = [
  { desc: "SYN-SENT, SYN-ACK in reverse -> SYN-RCVD", state: before(synSent), side: 1, flags: "SA", tcp: { seq: 9000 }, after: { tcp_state: synRcvd, next_seq1: 9001 }, moved: true },
  { desc: "SYN-SENT, SYN again: same session", state: before(synSent), side: 0, flags: "S", tcp: { seq: ISN } },
  { desc: "SYN-SENT, SYN with another ISN: same session, new sequence", state: before(synSent), side: 0, flags: "S", tcp: { seq: 7, body }, after: { isn: 7, next_seq0: 18 } },
  { desc: "SYN-SENT, reverse SYN (simultaneous open)", state: before(synSent), side: 1, flags: "S", tcp: { seq: 9000 }, after: { next_seq1: 9001 } },
  { desc: "SYN-SENT, bare acknowledgement: no change of state", state: before(synSent), side: 1, flags: "A", tcp: { ack: 4 }, after: { last_ack1: 4 } },
  { desc: "SYN-RCVD, SYN again: unchanged", state: before(synRcvd), side: 0, flags: "S", tcp: { seq: 3 } },
  { desc: "SYN-RCVD, SYN-ACK again: unchanged", state: before(synRcvd), side: 1, flags: "SA", tcp: { seq: 3 } },
  { desc: "SYN-RCVD, reverse data before the ACK is remembered", state: before(synRcvd), side: 1, flags: "PA", tcp: { body }, after: { next_seq1: SERVER + 11 } },
  { desc: "SYN-RCVD, ACK forward -> ESTABLISHED", state: before(synRcvd), side: 0, flags: "A", after: { tcp_state: established }, moved: true },
  { desc: "SYN-RCVD, ACK with FIN forward -> HALF-CLOSED", state: before(synRcvd), side: 0, flags: "FA", after: { tcp_state: halfClosed, flags: Flag.finFwd, next_seq0: ISN + 2 }, moved: true },
  { desc: "SYN-RCVD, FIN of the server is remembered", state: before(synRcvd), side: 1, flags: "FA", after: { flags: Flag.finRev, next_seq1: SERVER + 2 } },
  { desc: "SYN-RCVD after that FIN, ACK forward -> HALF-CLOSED", state: before(synRcvd, { flags: Flag.finRev, next_seq1: SERVER + 2 }), side: 0, flags: "A", after: { tcp_state: halfClosed }, moved: true },
];

const resetsWhileOpening: Row[] = [synSent, synRcvd].flatMap((state): Row[] => [
  { desc: `L-3 ${NAMES[state]}, reverse RST with the expected acknowledgement -> GUARD rst`, state: before(state), side: 1, flags: "RA", tcp: { seq: 0 }, after: rst, moved: true },
  { desc: `L-7 ${NAMES[state]}, reverse RST with another acknowledgement is dropped`, state: before(state), side: 1, flags: "RA", tcp: { ack: ISN }, verdict: "drop:state" },
  { desc: `L-7 ${NAMES[state]}, reverse RST without acknowledgement is dropped`, state: before(state), side: 1, flags: "R", verdict: "drop:state" },
  { desc: `L-3 ${NAMES[state]}, forward RST with the next sequence -> GUARD rst`, state: before(state), side: 0, flags: "R", after: rst, moved: true },
  { desc: `L-7 ${NAMES[state]}, forward RST with another sequence is dropped`, state: before(state), side: 0, flags: "RA", tcp: { seq: ISN }, verdict: "drop:state" },
]);

const finished = { flags: Flag.finFwd, next_seq0: ISN + 2 };
const both = { flags: Flag.finFwd | Flag.finRev | Flag.ackedFwd, next_seq0: ISN + 2, next_seq1: SERVER + 2 };
const open: Row[] = [
  { desc: "ESTABLISHED, data advances the next sequence", state: before(established), side: 0, flags: "PA", tcp: { body }, after: { next_seq0: ISN + 11 } },
  { desc: "ESTABLISHED, an old segment is a retransmission", state: before(established), side: 0, flags: "PA", tcp: { seq: ISN - 9, body }, after: { retransmissions: 1 } },
  { desc: "ESTABLISHED, a gap is out of order", state: before(established), side: 1, flags: "PA", tcp: { seq: SERVER + 9, body }, after: { out_of_order: 1, next_seq1: SERVER + 19 } },
  { desc: "ESTABLISHED, FIN forward -> HALF-CLOSED", state: before(established), side: 0, flags: "FA", after: { tcp_state: halfClosed, ...finished }, moved: true },
  { desc: "ESTABLISHED, FIN reverse with data -> HALF-CLOSED", state: before(established), side: 1, flags: "FPA", tcp: { body }, after: { tcp_state: halfClosed, flags: Flag.finRev, next_seq1: SERVER + 12 }, moved: true },
  { desc: "HALF-CLOSED, FIN again changes nothing", state: before(halfClosed, finished), side: 0, flags: "FA", after: { retransmissions: 1 } },
  { desc: "HALF-CLOSED, acknowledgement of the FIN is noted", state: before(halfClosed, finished), side: 1, flags: "A", tcp: { ack: ISN + 2 }, after: { flags: Flag.finFwd | Flag.ackedFwd, last_ack1: ISN + 2 } },
  { desc: "HALF-CLOSED, an acknowledgement before the FIN is none of it", state: before(halfClosed, finished), side: 1, flags: "A" },
  { desc: "HALF-CLOSED, FIN other direction -> CLOSING", state: before(halfClosed, finished), side: 1, flags: "FA", after: { tcp_state: closing, flags: Flag.finFwd | Flag.finRev, next_seq1: SERVER + 2 }, moved: true },
  { desc: "CLOSING, one FIN acknowledged: stays", state: before(closing, { ...both, flags: Flag.finFwd | Flag.finRev }), side: 0, flags: "A", tcp: { seq: ISN + 2, ack: SERVER + 2 },
    after: { flags: Flag.finFwd | Flag.finRev | Flag.ackedRev, last_ack0: SERVER + 2 } },
  { desc: "L-3 CLOSING, both FINs acknowledged -> GUARD fin", state: before(closing, both), side: 0, flags: "A", tcp: { seq: ISN + 2, ack: SERVER + 2 },
    after: { ...fin, flags: both.flags | Flag.ackedRev, last_ack0: SERVER + 2 }, moved: true },
];

const resets: Row[] = [established, halfClosed, closing].flatMap((state): Row[] => [
  { desc: `${NAMES[state]}, RST -> RESET, forwarded`, state: before(state), side: 1, flags: "R", tcp: { seq: 1 }, after: { tcp_state: reset, tcp_before_reset: state }, moved: true },
  { desc: `L-7 ${NAMES[state]}, strict: RST without the exact sequence is dropped`, state: before(state, { flags: Flag.strict }), side: 1, flags: "R", tcp: { seq: 1 }, verdict: "drop:state" },
  { desc: `${NAMES[state]}, strict: the exact RST -> RESET`, state: before(state, { flags: Flag.strict }), side: 1, flags: "R", after: { tcp_state: reset, tcp_before_reset: state }, moved: true },
  { desc: `${NAMES[state]}, SYN is forwarded, nothing changes`, state: before(state), side: 0, flags: "S", tcp: { seq: 42 }, seen: false },
  { desc: `${NAMES[state]}, SYN-ACK is forwarded, nothing changes`, state: before(state), side: 1, flags: "SA", tcp: { seq: 42 }, seen: false },
  { desc: `L-7 RESET, blind RST: a segment without RST or SYN -> ${NAMES[state]}`, state: before(reset, { tcp_before_reset: state }), side: 1, flags: "A", after: { tcp_state: state }, moved: true },
]).concat([
  { desc: "RESET, further RST forwarded, timer not restarted", state: before(reset, { tcp_before_reset: established }), side: 0, flags: "R", tcp: { seq: 8 }, seen: false },
  { desc: "RESET, FIN is judged in the state before", state: before(reset, { tcp_before_reset: established }), side: 1, flags: "FA", after: { tcp_state: halfClosed, flags: Flag.finRev, next_seq1: SERVER + 2 }, moved: true },
  { desc: "L-4 RESET, SYN with another ISN -> new session", state: before(reset), side: 0, flags: "S", tcp: { seq: 9 }, verdict: "punt:new-syn" },
  { desc: "RESET, SYN with the same ISN is forwarded", state: before(reset), side: 0, flags: "S", tcp: { seq: ISN }, seen: false },
  { desc: "RESET, SYN-ACK opens nothing", state: before(reset), side: 1, flags: "SA", tcp: { seq: 9 }, seen: false },
]);

const late: Row[] = [
  { desc: "L-3 L-4 GUARD, SYN with another ISN -> new session", state: before(established, guard), side: 0, flags: "S", tcp: { seq: 9 }, verdict: "punt:new-syn" },
  { desc: "GUARD, SYN with the same ISN is forwarded", state: before(established, guard), side: 0, flags: "S", tcp: { seq: ISN }, seen: false },
  { desc: "L-3 GUARD, late data is forwarded and opens nothing", state: before(established, guard), side: 0, flags: "PA", tcp: { body }, seen: false },
  { desc: "L-3 GUARD, late RST is forwarded", state: before(established, guard), side: 1, flags: "R", seen: false },
];

const illegal: Row[] = ["", "SF", "SR", "F", "SFRPAU"].map((flags) => (
  { desc: `RB-26 illegal flags '${flags}' on a live session`, state: before(established), side: 0, flags, verdict: "drop:state" }));

describe("behaviour 3.3", () => {
  test.each(opening)("$desc", check);
  test.each(resetsWhileOpening)("$desc", check);
  test.each(open)("$desc", check);
  test.each(resets)("$desc", check);
  test.each(late)("$desc", check);
  test.each(illegal)("$desc", check);
});

/** A whole conversation; sequence numbers cross the 32-bit wrap. */
describe.each(families)("$name a connection from SYN to GUARD", (f) => {
  const isn = 0xfffffffe, server = 0xfffffff0;
  const talk: [0 | 1, string, number, number, number, number][] = [
    [1, "SA", server, isn + 1, 0, synRcvd], [0, "A", isn + 1, server + 1, 0, established], [0, "PA", isn + 1, server + 1, 5, established], [1, "A", server + 1, isn + 6, 0, established],
    [1, "PA", server + 1, isn + 6, 30, established], [0, "FA", isn + 6, server + 31, 0, halfClosed], [1, "FA", server + 31, isn + 7, 0, closing], [0, "A", isn + 7, server + 32, 0, closing],
  ];

  test("L-3 ends in GUARD with reason fin, live count down by one, setup time taken once", async () => {
    await prepare(harness);
    await install(harness, ingress(f, TCP, { tcp_state: synSent, isn, next_seq0: isn + 1, created_ms: "now-50" }));
    const live = (await harness.ask("gauges"))["live"]!;
    const before = (await harness.ask("gauges"))["half_open"]!;
    const halfOpen: number[] = [];
    const states: number[] = [];
    for (const [side, flags, seq, ack, size] of talk) {
      expect((await segment(f, side, flags, { seq: seq >>> 0, ack: ack >>> 0, body: new Uint8Array(size) })).verdict).toBe("forward");
      states.push(Number((await session(harness))["tcp_state"]));
      halfOpen.push((await harness.ask("gauges"))["half_open"]! - before);
    }
    expect(halfOpen).toEqual([0, -1, -1, -1, -1, -1, -1, -1]); // behaviour 3.8: until the handshake is done
    expect(states).toEqual(talk.map((step) => step[5]));
    const after = await session(harness);
    expect(after).toMatchObject({ ...fin, next_seq0: (isn + 7) >>> 0, next_seq1: (server + 32) >>> 0, retransmissions: 0, out_of_order: 0, packets0: 4, packets1: 4 });
    expect(after["setup_ms"]).toBeGreaterThanOrEqual(50);
    expect(after["setup_ms"]).toBeLessThan(2000);
    expect((await harness.ask("gauges"))["live"]).toBe(live - 1);
  });
});
