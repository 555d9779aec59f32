// The sweeper: timers of behaviour 3.3 and 3.5, records, index keys, gauges, and that foreign data in slots harms nothing. The
// kernel's timer is the real one; sessions are given times in the past, so that nothing has to be waited for but walks.
import { reasonNumber } from "../../pkg/svr/reasons.ts";
import { Flag, Life, TcpState } from "../../pkg/svr/session.ts";
import { openHarness } from "./harness.ts";
import type { Fields, Harness, RecordSeen, Words } from "./harness.ts";
import { egress, families, hostSide, ingress, install, prepare, serverSide, session, TCP, UDP } from "./fixture.ts";

let harness: Harness;
beforeAll(async () => {
  harness = openHarness();
  await harness.ask("interface", { ifindex: 1, ifnum: 3, flags: 2 });
  expect(await harness.ask("sweep")).toEqual({ code: 0 });
});
afterAll(async () => { await harness.close(); });
beforeEach(async () => {
  await prepare(harness);
  await harness.ask("settings", { guard_ms: 2000, quarantine_ms: 30_000, interim_ms: 0, half_closed_idle_ms: 300_000 });
});

const f = families[0]!;
const START = 1, INTERIM = 2, END = 3, RELEASE = 4;
const { synSent, synRcvd, established, halfClosed, closing, reset } = TcpState;

/** Waits for three walks, so that one of them began after the last change. */
async function walk(): Promise<{ state: Fields; records: RecordSeen[] }> {
  expect(await harness.ask("walks", { walks: 3 })).toEqual({ ok: true });
  return { state: await session(harness), records: await harness.ask("records") };
}

function kinds(records: readonly RecordSeen[]): number[] {
  return records.map((record) => record.type);
}

async function withTcp(state: number, words: Words): Promise<void> {
  await install(harness, ingress(f, TCP, { tcp_state: state, idle_ms: 1_900_000, ...words }));
}

interface Row { desc: string; state: number; words: Words; reason?: "half-open-timeout" | "timeout" | "fin" | "rst" }

/** The fixed timers count from since_ms, the idle ones from the last packet. */
const rows: Row[] = [
  { desc: "SYN-SENT after 10 s", state: synSent, words: { since_ms: "now-10100", seen_ms0: "now" }, reason: "half-open-timeout" },
  { desc: "SYN-SENT before", state: synSent, words: { since_ms: "now-9000", seen_ms0: "now" } },
  { desc: "SYN-RCVD after 10 s", state: synRcvd, words: { since_ms: "now-10100", seen_ms1: "now" }, reason: "half-open-timeout" },
  { desc: "SYN-RCVD before", state: synRcvd, words: { since_ms: "now-9000", seen_ms1: "now" } },
  { desc: "ESTABLISHED after its idle timeout", state: established, words: { idle_ms: 5000, since_ms: "now-9000", seen_ms0: "now-6000", seen_ms1: "now-5100" }, reason: "timeout" },
  { desc: "ESTABLISHED while one direction talks", state: established, words: { idle_ms: 5000, since_ms: "now-9000", seen_ms0: "now-6000", seen_ms1: "now-3000" } },
  { desc: "ESTABLISHED after its idle timeout, one direction silent for 26 days", state: established, words: { idle_ms: 5000, since_ms: "now-2246400000", seen_ms0: "now-5100" }, reason: "timeout" },
  { desc: "ESTABLISHED while one direction talks, the other silent for 26 days", state: established, words: { idle_ms: 5000, since_ms: "now-2246400000", seen_ms0: "now-3000" } },
  { desc: "ESTABLISHED without a packet counts from its start", state: established, words: { idle_ms: 5000, since_ms: "now-5100" }, reason: "timeout" },
  { desc: "ESTABLISHED with the longest idle timeout there can be", state: established, words: { idle_ms: 0xffff_ffff, since_ms: "now-9000", seen_ms0: "now-6000" } },
  { desc: "HALF-CLOSED after 300 s though the session has 1,900 s", state: halfClosed, words: { flags: Flag.finFwd, since_ms: "now-400000", seen_ms0: "now-300100", seen_ms1: "now-300100" }, reason: "timeout" },
  { desc: "HALF-CLOSED before", state: halfClosed, words: { flags: Flag.finFwd, seen_ms0: "now-300100", seen_ms1: "now-299000" } },
  { desc: "HALF-CLOSED with a shorter idle timeout", state: halfClosed, words: { flags: Flag.finFwd, idle_ms: 5000, seen_ms0: "now-5100", seen_ms1: "now-5100" }, reason: "timeout" },
  { desc: "CLOSING after 10 s, packets or not", state: closing, words: { since_ms: "now-10100", seen_ms0: "now" }, reason: "fin" },
  { desc: "CLOSING before", state: closing, words: { since_ms: "now-9000" } },
  { desc: "RESET after 5 s", state: reset, words: { since_ms: "now-5100", seen_ms0: "now" }, reason: "rst" },
  { desc: "L-7 RESET before", state: reset, words: { since_ms: "now-4000" } },
  { desc: "both FINs seen but the state was lost: as CLOSING", state: halfClosed, words: { flags: Flag.finFwd | Flag.finRev, since_ms: "now-10100", seen_ms0: "now" }, reason: "fin" },
];

describe("L-2 timers of behaviour 3.3", () => {
  test.each(rows)("$desc", async ({ state, words, reason }) => {
    await withTcp(state, words);
    const after = await walk();
    if (reason === undefined) {
      expect(after.state).toMatchObject({ life: Life.live, end_reason: 0 });
      expect(kinds(after.records)).toEqual([START]);
    } else {
      expect(after.state).toMatchObject({ life: Life.guard, end_reason: reasonNumber(reason), tcp_state: state });
      expect(kinds(after.records)).toEqual([START, END]);
      expect(after.records[1]!.session).toMatchObject({ end_reason: reasonNumber(reason), life: Life.guard });
    }
  });

  test("L-2 UDP and ICMP by their idle timeout, a session without packets counts from its start", async () => {
    await install(harness, ingress(f, UDP, { idle_ms: 180_000, since_ms: "now-190000", seen_ms0: "now-180100" }));
    await install(harness, { slot: 1, ...ingress(families[1]!, 58, { idle_ms: 10_000, since_ms: "now-20000", seen_ms0: "now-9000" }) });
    const after = await walk();
    expect(after.state).toMatchObject({ life: Life.guard, end_reason: reasonNumber("timeout") });
    expect(await session(harness, 1)).toMatchObject({ life: Life.live });
  });

  test("times that lie ahead of the sweeper's clock end nothing, also across the 32-bit wrap", async () => {
    await install(harness, ingress(f, UDP, { idle_ms: 1000, seen_ms0: "now+400", since_ms: "now+500" }));
    expect((await walk()).state).toMatchObject({ life: Life.live });
  });
});

describe("the way out", () => {
  test("3.8 a half-open session whose time is over is not half open any more", async () => {
    await install(harness, ingress(f, TCP, { tcp_state: synSent, since_ms: "now-11000" }));
    expect(await harness.ask("gauges")).toMatchObject({ live: 1, half_open: 1 });
    expect(kinds((await walk()).records)).toEqual([START, END]);
    expect(await harness.ask("gauges")).toMatchObject({ live: 0, half_open: 0 });
  });

  test("GUARD, then side-0 and uuid keys go and the pair rests, then it is released and the slot is free", async () => {
    await install(harness, ingress(f, UDP, { idle_ms: 1000, since_ms: "now-2000", seen_ms0: "now-2000" }));
    expect(await harness.ask("gauges")).toMatchObject({ slots_used: 1, live: 1, quarantined: 0 });
    expect(kinds((await walk()).records)).toEqual([START, END]);
    expect(await harness.ask("gauges")).toMatchObject({ slots_used: 1, live: 0, quarantined: 0 });
    expect(await harness.ask("entries", { slot: 0 })).toEqual({ forward: 2, reverse: 1 });
    await harness.ask("patch", { slot: 0, since_ms: "now-2100" });
    expect(await walk()).toMatchObject({ state: { life: Life.quarantine }, records: [] });
    expect(await harness.ask("entries", { slot: 0 })).toEqual({ forward: 0, reverse: 1 });
    expect(await harness.ask("gauges")).toMatchObject({ slots_used: 1, live: 0, quarantined: 1 });
    await harness.ask("patch", { slot: 0, since_ms: "now-30100" });
    const gone = await walk();
    expect(gone.state).toMatchObject({ life: Life.free });
    expect(gone.records).toMatchObject([{ type: RELEASE, index: 0, session: { "side1.local_port_be": 16384 } }]);
    expect(await harness.ask("entries", { slot: 0 })).toEqual({ forward: 0, reverse: 0 });
    expect(await harness.ask("gauges")).toMatchObject({ slots_used: 0, live: 0, quarantined: 0 });
  });

  test("a server side without source NAT does not rest", async () => {
    await install(harness, egress(f, UDP, { life: Life.guard, since_ms: "now-2100", end_reason: 96 }));
    const after = await walk();
    expect(after.state).toMatchObject({ life: Life.free });
    expect(kinds(after.records)).toEqual([START, END]);
    expect(await harness.ask("entries", { slot: 0 })).toEqual({ forward: 0, reverse: 0 });
  });

  test("one with source NAT does (RB-1)", async () => {
    const sides = [hostSide(f, UDP), serverSide(f, UDP, { local: f.nat, localPort: 20000 })] as const;
    await install(harness, { sides, fields: { life: Life.guard, since_ms: "now-2100", end_reason: 96, flags: Flag.snat } });
    expect((await walk()).state).toMatchObject({ life: Life.quarantine });
  });

  test("removal by the router: ends as it says, and the forward keys go at once", async () => {
    await install(harness, ingress(f, UDP, { flags: Flag.delete, end_reason: reasonNumber("policy"), seen_ms0: "now" }));
    const after = await walk();
    expect(after.state).toMatchObject({ life: Life.quarantine, end_reason: reasonNumber("policy") });
    expect(kinds(after.records)).toEqual([START, END]);
    expect(await harness.ask("entries", { slot: 0 })).toEqual({ forward: 0, reverse: 1 });
  });

  test("start and end are written once, however often it is walked", async () => {
    await install(harness, ingress(f, UDP, { life: Life.guard, since_ms: "now", end_reason: 101 }));
    const first = (await walk()).records;
    const more = (await walk()).records;
    expect(kinds([...first, ...more])).toEqual([START, END]);
    expect(first[0]).toMatchObject({ size: 336, index: 0 });
  });
});

describe("records", () => {
  test("O-1 interim records come with their interval, not between", async () => {
    await harness.ask("settings", { interim_ms: 60_000 });
    await install(harness, ingress(f, UDP, { created_ms: "now-70000", seen_ms0: "now" }));
    expect(await harness.ask("walks", { walks: 10 })).toEqual({ ok: true }); // every 8th walk looks
    const first = kinds(await harness.ask("records"));
    expect(await harness.ask("walks", { walks: 10 })).toEqual({ ok: true });
    const more = kinds(await harness.ask("records"));
    expect([...first, ...more]).toEqual([START, INTERIM]);
  });

  test("O-1 records that find the ring full wait in their slots: each comes once, none is lost", async () => {
    const lost = (await harness.ask("gauges"))["records_lost"]!;
    await harness.ask("fill", { from: 0, count: 400 });
    await install(harness, { slot: 400, ...ingress(f, UDP, { seen_ms0: "now" }) }); // raises the high-water mark
    const received: RecordSeen[] = [];
    for (let reads = 0; reads < 8; reads++) {
      expect(await harness.ask("walks", { walks: 3 })).toEqual({ ok: true });
      received.push(...await harness.ask("records"));
    }
    expect(new Set(kinds(received))).toEqual(new Set([START]));
    expect(received.length).toBe(401);
    expect((await harness.ask("gauges"))["records_lost"]).toBe(lost);
  });

  test("O-1 an ended session keeps its slot until its end record has found room", async () => {
    await harness.ask("fill", { from: 0, count: 400 });
    await install(harness, { slot: 400, ...ingress(f, UDP, { life: Life.guard, since_ms: "now-2100", end_reason: reasonNumber("timeout") }) });
    expect(await harness.ask("walks", { walks: 3 })).toEqual({ ok: true }); // start records fill the ring
    expect(await session(harness, 400)).toMatchObject({ life: Life.guard });
    const received: RecordSeen[] = [];
    for (let reads = 0; reads < 8; reads++) {
      received.push(...await harness.ask("records"));
      expect(await harness.ask("walks", { walks: 3 })).toEqual({ ok: true });
    }
    expect(kinds(received).filter((kind) => kind !== START)).toEqual([END]);
    expect(await session(harness, 400)).toMatchObject({ life: Life.quarantine });
  });
});

describe("a full ring", () => {
  test("RB-3 a pair whose release finds no room waits in quarantine until it can be told, and is not counted as a lost record", async () => {
    await harness.ask("fill", { from: 0, count: 400 });
    await install(harness, { slot: 400, ...ingress(f, UDP, { life: Life.quarantine, since_ms: "now", end_reason: reasonNumber("timeout") }) });
    expect(await harness.ask("walks", { walks: 3 })).toEqual({ ok: true }); // start records fill the ring
    const { records_lost: lost } = await harness.ask("gauges");
    await harness.ask("patch", { slot: 400, since_ms: "now-30100" });
    expect(await harness.ask("walks", { walks: 3 })).toEqual({ ok: true });
    expect(await session(harness, 400)).toMatchObject({ life: Life.quarantine });
    expect(await harness.ask("entries", { slot: 400 })).toMatchObject({ reverse: 1 });
    expect((await harness.ask("gauges"))["records_lost"]).toBe(lost);
    const received: RecordSeen[] = [];
    for (let reads = 0; reads < 8; reads++) {
      received.push(...await harness.ask("records"));
      expect(await harness.ask("walks", { walks: 3 })).toEqual({ ok: true });
    }
    expect(kinds(received).filter((kind) => kind !== START)).toEqual([RELEASE]);
    expect(await session(harness, 400)).toMatchObject({ life: Life.free });
    expect(await harness.ask("entries", { slot: 400 })).toMatchObject({ reverse: 0 });
  });
});

describe("foreign and torn data", () => {
  test("a fresh claim stays, one of a dead shard is freed with its keys", async () => {
    await install(harness, ingress(f, UDP, { life: Life.claimed, since_ms: "now-9000" }));
    await install(harness, { slot: 1, ...ingress(families[1]!, UDP, { life: Life.claimed, since_ms: "now-10100" }) });
    const after = await walk();
    expect(after.state).toMatchObject({ life: Life.claimed });
    expect(after.records).toEqual([]);
    expect(await session(harness, 1)).toMatchObject({ life: Life.free });
    expect(await harness.ask("entries", { slot: 1 })).toEqual({ forward: 0, reverse: 0 });
    expect(await harness.ask("entries", { slot: 0 })).toEqual({ forward: 2, reverse: 1 });
  });

  test("a claim that is filled between two walks is not touched: only what was suspect and is unchanged goes", async () => {
    await install(harness, ingress(f, UDP, { life: Life.claimed, since_ms: "now-10100", end_reason: 0xff, idle_ms: 100_000 }));
    await harness.ask("patch", { slot: 0, life: Life.live, end_reason: 0, since_ms: "now" });
    expect((await walk()).state).toMatchObject({ life: Life.live });
  });

  test("impossible states and lives end or rest, and the walk goes on behind them", async () => {
    await install(harness, ingress(f, TCP, { tcp_state: 200 }));
    await install(harness, { slot: 1, ...ingress(families[1]!, UDP, { life: 77 }) });
    await install(harness, { slot: 2, sides: [hostSide(f, UDP, { remotePort: 9 }), serverSide(f, UDP, { localPort: 9 })], fields: { idle_ms: 1, since_ms: "now-1000" } });
    const after = await walk();
    expect(after.state).toMatchObject({ life: Life.guard, end_reason: reasonNumber("error") });
    expect(await session(harness, 1)).toMatchObject({ life: 77 });
    expect(await session(harness, 2)).toMatchObject({ life: Life.guard });
  });

  test("keys of another session in the same buckets stay", async () => {
    await harness.ask("fill", { from: 10, count: 400 });
    await install(harness, ingress(f, UDP, { flags: Flag.delete }));
    await walk();
    expect(await harness.ask("entries", { slot: 0 })).toEqual({ forward: 0, reverse: 1 });
    for (const slot of [10, 200, 409]) expect(await harness.ask("entries", { slot })).toEqual({ forward: 2, reverse: 1 });
  });

  test("arming again does not start a second clock", async () => {
    expect(await harness.ask("sweep")).toEqual({ code: 0 });
    await install(harness, ingress(f, UDP, { seen_ms0: "now" }));
    const before = (await harness.ask("gauges"))["sweeps"]!;
    const began = performance.now();
    expect(await harness.ask("walks", { walks: 20 })).toEqual({ ok: true });
    const walks = (await harness.ask("gauges"))["sweeps"]! - before;
    expect(walks / (performance.now() - began)).toBeLessThan(1 / 40); // one walk in 50 ms of a small table
  });
});
