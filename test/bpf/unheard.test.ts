// Sessions whose packets ask when nothing comes back: recovery by inactivity (protocol 6.7) and sessions whose way out moved
// (behaviour 7.5). The silence is measured with the kernel's clock, so stamps are written relative to it.
import { openHarness } from "./harness.ts";
import type { Harness } from "./harness.ts";
import { egress, families, ingress, install, prepare, send, UDP, WAN } from "./fixture.ts";
import type { Family } from "./fixture.ts";
import type { PacketSpec } from "./packets.ts";
import { bytesOf } from "./packets.ts";

const HEALTH = 0x400000, MOVED = 0x800000, LIMIT = 5_000, STEP = 256;

let harness: Harness;
beforeAll(() => { harness = openHarness(); });
afterAll(async () => { await harness.close(); });
beforeEach(async () => { await prepare(harness); });

/** CLOCK_MONOTONIC, as the program reads it, low 32 bits. */
const now = (): number => Number((process.hrtime.bigint() / 1_000_000n) & 0xffff_ffffn);
const ago = (ms: number): number => (now() - ms) >>> 0;
const asked = (ms: number, count: number): number => count | ((Math.floor(ago(ms) / STEP) % 32) << 3);
const up = (f: Family): PacketSpec => ({ from: f.host, to: f.server, udp: { sport: 40000, dport: 443, body: bytesOf("up") } });
const down = (f: Family): PacketSpec => ({ from: f.peer, to: f.waypoint, udp: { sport: 16385, dport: 16384, body: bytesOf("down") } });

describe.each(families)("$name", (f) => {
  test.each([
    { desc: "silence longer than the limit", heard: LIMIT + 50, flags: HEALTH, verdict: "punt:slow" },
    { desc: "something came back meanwhile", heard: LIMIT - 500, flags: HEALTH, verdict: "forward" },
    { desc: "no recovery by inactivity", heard: 10 * LIMIT, flags: 0, verdict: "forward" },
    { desc: "a request is under way", heard: LIMIT + 400, flags: HEALTH, health: () => asked(300, 1), verdict: "forward" },
    { desc: "a request was not answered", heard: LIMIT + 1200, flags: HEALTH, health: () => asked(1100, 1), verdict: "punt:slow" },
    { desc: "the way out moved", heard: LIMIT + 50, flags: MOVED, verdict: "punt:slow" },
    { desc: "the way out moved and still works", heard: LIMIT - 500, flags: MOVED, verdict: "forward" },
  ])("forward packet, $desc: $verdict", async ({ heard, flags, health, verdict }) => {
    await install(harness, ingress(f, UDP, { flags, seen_ms0: ago(10), seen_ms1: ago(heard), health: health?.() ?? 0 }));
    expect((await send(harness, up(f))).verdict).toBe(verdict);
  });

  test("nothing ever came back: the start of the session counts", async () => {
    await install(harness, ingress(f, UDP, { flags: HEALTH, seen_ms0: ago(10), seen_ms1: 0, created_ms: ago(LIMIT + 50) }));
    expect((await send(harness, up(f))).verdict).toBe("punt:slow");
  });

  test("toward a host nobody asks, and a move concerns forward packets alone", async () => {
    await install(harness, ingress(f, UDP, { flags: HEALTH | MOVED, seen_ms0: ago(2 * LIMIT), seen_ms1: ago(10) }));
    expect((await send(harness, down(f), { ifnum: WAN })).verdict).toBe("forward");
  });

  test("a reverse packet toward a peer asks", async () => {
    await install(harness, egress(f, UDP, { flags: HEALTH, seen_ms0: ago(LIMIT + 50), seen_ms1: ago(10) }));
    expect((await send(harness, { from: f.server, to: f.host, udp: { sport: 443, dport: 40000, body: bytesOf("answer") } })).verdict).toBe("punt:slow");
  });
});
