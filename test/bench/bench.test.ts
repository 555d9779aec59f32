// Smoke test of the benchmarks: each measure runs on a small scale and gives finite numbers, so that `npm run bench` works when it
// is wanted. No timing is asserted, except what reading costs, how long changes take, and the order of magnitude of the deterministic test run in the kernel;
// and the verifier must stay far from its limit.
import { describeNet } from "../support/probe.ts";
import { apply } from "./apply.ts";
import { edit, endTimes } from "./edit.ts";
import { programmed } from "./programmed.ts";
import { measures } from "./measures.ts";
import type { Sample } from "./measure.ts";
import { MOST_SLOWER, reading, slowdowns } from "./reading.ts";
import { build } from "./tool.ts";

const LONGEST_NS = 20_000; // a packet takes some hundred; twenty thousand is a program that has gone wrong
/** The verifier gives up at a million; a comparison that the compiler turned into branches has once brought us to 910,000. */
const MOST_VERIFIED = 400_000;

const WITHIN_MS = 5_000; // behaviour 1.2
const EDITED_MS = 5_000; // some hundred milliseconds on a machine with nothing else to do

const numbersOf = (samples: readonly Sample[]): number[] => samples.flatMap((sample) => Object.values(sample.values));

describeNet("benchmarks", () => {
  beforeAll(() => { build(); }, 120_000);

  // The table is smaller than a million, and what is read of it is not: readers go round. Variants take turns and medians are compared;
  // the limit is that of `npm run bench -- reading`, and on top what turns without readers differ by, as others use the machine too.
  test("O-6 RB-29 readers of both routers' tables, and routes that change every 100 ms besides, slow forwarding by at most 10 %", async () => {
    const { read, changed, noise } = slowdowns((await reading.run({ rounds: 7, smoke: true }, () => undefined)).samples);
    expect(Math.max(read, changed)).toBeLessThanOrEqual(MOST_SLOWER + noise);
  }, 180_000);

  test("1.2 a change of policy ends live sessions within 5 s, at both routers: none, some, all of them", async () => {
    const { samples } = await edit.run({ rounds: 1, smoke: true }, () => undefined);
    expect(endTimes(samples).map((ms) => ms <= WITHIN_MS)).toEqual([true, true, true]);
    expect(samples.at(-1)?.values["passed"]).toBe(0);
  }, 120_000);

  test("one edit of a Service is written to the heads of its ten routers and to nothing else, beside the first statuses of all objects", async () => {
    const { samples } = await apply.run({ rounds: 1, smoke: true }, () => undefined);
    const edits = samples.filter(({ variant }) => variant.endsWith("a Service"));
    expect(edits.map(({ values }) => [values["routers"], (values["ms"] ?? Infinity) <= EDITED_MS])).toEqual(edits.map(() => [10, true]));
    expect(samples.find(({ variant }) => variant.endsWith("beside"))?.values).toMatchObject({ heads: 10 * edits.length, others: 0, unnamed: 0 });
  }, 120_000);

  test("an edit is programmed by live routers, which say when", async () => {
    const { samples } = await programmed.run({ rounds: 1, smoke: true }, () => undefined);
    const times = samples.map(({ values }) => values["ms"] ?? Infinity);
    expect(times.filter((ms) => ms <= 0 || ms > EDITED_MS)).toEqual([]);
    expect(times.length).toBeGreaterThan(0);
  }, 120_000);

  test.each(measures.filter((measure) => ![reading, edit, apply, programmed].includes(measure)).map((measure) => [measure.name, measure.title, measure] as const))("%s runs: %s", async (_name, _title, measure) => {
    const { samples, rows } = await measure.run({ rounds: 1, smoke: true }, () => undefined);
    expect(samples.length).toBeGreaterThan(0);
    expect(numbersOf(samples).filter((value) => !Number.isFinite(value))).toEqual([]);
    expect(rows.length).toBeGreaterThan(0);
    expect(rows.map((row) => row.value).filter((text) => /NaN|Infinity|undefined/.test(text))).toEqual([]);
    const perPacket = samples.flatMap(({ values }) => ["forward_ns", "reverse_ns"].flatMap((field) => values[field] ?? []));
    expect(perPacket.filter((ns) => ns > LONGEST_NS)).toEqual([]);
    expect(samples.flatMap(({ values }) => values["verified"] ?? []).filter((walked) => walked > MOST_VERIFIED)).toEqual([]);
  }, 240_000);
});
