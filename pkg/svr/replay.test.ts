// The first-packet replay window over shared memory.
import { Worker } from "node:worker_threads";
import fc from "fast-check";
import { ReplayWindow, replayBytes } from "./replay.ts";

const EPOCH = 883_612_800;
/** A tag as HMAC would give it: well spread bytes that depend on the number. */
function tagOf(number: number): Uint8Array {
  const tag = new Uint8Array(16);
  let state = (number + 1) >>> 0;
  for (let at = 0; at < 16; at++) {
    state = (Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + 0x9e3779b9) >>> 0;
    tag[at] = state >>> 13;
  }
  return tag;
}
const windowOf = (window: number, slots: number): ReplayWindow =>
  new ReplayWindow({ window, slots, memory: new ArrayBuffer(replayBytes(window, slots)) });

test("S-2 the same first packet is new once and a replay after that", () => {
  const replay = windowOf(1, 64);
  expect([replay.check(tagOf(1), EPOCH), replay.check(tagOf(1), EPOCH), replay.check(tagOf(2), EPOCH)]).toEqual(["new", "replay", "new"]);
});

test.each([1, 2, 5])("S-2 window %i: a tag is remembered while its epoch can verify, 2 x window + 1 epochs", (window) => {
  const replay = windowOf(window, 64);
  replay.check(tagOf(1), EPOCH); // verified early: the local epoch is EPOCH - window
  for (let local = EPOCH - window; local <= EPOCH + window; local++) {
    for (let epoch = local - window; epoch <= local + window; epoch++) replay.check(tagOf(1_000 + epoch - EPOCH), epoch);
    expect(replay.check(tagOf(1), EPOCH)).toBe("replay");
  }
});

test.each([64, 16])("how full an epoch is, from all slots or some of them: %i looks", (looks) => {
  const replay = windowOf(1, 64);
  for (let number = 0; number < 64; number++) replay.check(tagOf(number), EPOCH);
  replay.check(tagOf(99), EPOCH + 1);
  expect(replay.taken(EPOCH, looks)).toEqual({ taken: 64, slots: 64 });
  expect(replay.taken(EPOCH + 1, 64)).toEqual({ taken: 1, slots: 64 });
  expect(replay.taken(EPOCH + 3, looks)).toEqual({ taken: 0, slots: 64 }); // its places hold the tags of an epoch that is over
});

test("S-2 memory is used again for later epochs: 100,000 tags over time never fill 192 slots", () => {
  const replay = windowOf(1, 64);
  const verdicts = new Map<string, number>();
  for (let number = 0; number < 100_000; number++) {
    const verdict = replay.check(tagOf(number), EPOCH + Math.floor(number / 20));
    verdicts.set(verdict, (verdicts.get(verdict) ?? 0) + 1);
  }
  expect([...verdicts]).toEqual([["new", 100_000]]);
});

test("S-2 a full epoch says so, still knows its tags, and the next epoch takes new ones", () => {
  const replay = windowOf(1, 64);
  const verdicts = Array.from({ length: 100 }, (_, number) => replay.check(tagOf(number), EPOCH));
  expect(verdicts).toEqual(Array.from({ length: 100 }, (_, number) => (number < 64 ? "new" : "full")));
  expect([replay.check(tagOf(3), EPOCH), replay.check(tagOf(99), EPOCH), replay.check(tagOf(99), EPOCH + 1)]).toEqual(["replay", "full", "new"]);
});

test("S-2 a clock that steps back does not lock anyone out", () => {
  const replay = windowOf(1, 64);
  replay.check(tagOf(1), EPOCH + 300);
  expect([replay.check(tagOf(2), EPOCH), replay.check(tagOf(2), EPOCH)]).toEqual(["new", "replay"]);
});

test("S-2 the first epochs and a tag of zeros are remembered like others", () => {
  const replay = windowOf(1, 64);
  expect([replay.check(new Uint8Array(16), 0), replay.check(new Uint8Array(16), 0)]).toEqual(["new", "replay"]);
});

test("S-2 same answers as a set per epoch", () => {
  fc.assert(fc.property(fc.array(fc.tuple(fc.nat(40), fc.nat(2)), { maxLength: 200 }), (checks) => {
    const replay = windowOf(1, 256);
    const seen = new Set<string>();
    for (const [number, epoch] of checks) {
      const key = `${number} ${epoch}`;
      expect(replay.check(tagOf(number), EPOCH + epoch)).toBe(seen.has(key) ? "replay" : "new");
      seen.add(key);
    }
  }));
});

test("S-2 four shards on one memory: each tag is new exactly once", async () => {
  const tags = 4_096, shards = 4;
  const memory = new SharedArrayBuffer(replayBytes(1, 16_384));
  const counts = new SharedArrayBuffer(4 * tags);
  const gate = new SharedArrayBuffer(4);
  const code = `
    const { workerData } = require("node:worker_threads");
    import(workerData.module).then(({ ReplayWindow }) => {
      const replay = new ReplayWindow({ window: 1, slots: 16384, memory: workerData.memory });
      const counts = new Int32Array(workerData.counts), gate = new Int32Array(workerData.gate);
      Atomics.add(gate, 0, 1); Atomics.notify(gate, 0);
      for (let seen = Atomics.load(gate, 0); seen < workerData.shards; seen = Atomics.load(gate, 0)) Atomics.wait(gate, 0, seen, 10000);
      workerData.tags.forEach((tag, at) => { if (replay.check(tag, ${EPOCH}) === "new") Atomics.add(counts, at, 1); });
    });`;
  const workerData = { memory, counts, gate, shards, tags: Array.from({ length: tags }, (_, number) => tagOf(number)), module: new URL("./replay.ts", import.meta.url).href };
  await Promise.all(Array.from({ length: shards }, () => new Promise<void>((resolve, reject) => {
    const worker = new Worker(code, { eval: true, workerData });
    worker.once("error", reject);
    worker.once("exit", () => resolve());
  })));
  expect(new Int32Array(counts).every((count) => count === 1)).toBe(true);
}, 20_000);

test.each([
  { desc: "slots that are not a power of two", slots: 48, bytes: 1_000_000 },
  { desc: "no slots", slots: 0, bytes: 1_000_000 },
  { desc: "memory too small", slots: 64, bytes: replayBytes(1, 64) - 8 },
])("misuse is refused at construction: $desc", ({ slots, bytes }) => {
  expect(() => new ReplayWindow({ window: 1, slots, memory: new ArrayBuffer(bytes) })).toThrow(RangeError);
});
