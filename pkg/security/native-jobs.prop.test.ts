// The library against job records that lie: whatever numbers stand in them, a call is refused with nothing done, or it
// changes nothing outside of its packets. Speaks to the library directly, below the engine that writes honest records.
import fc from "fast-check";
import { openHandle, openNative } from "../native/binding.ts";
import type { Handle } from "../native/binding.ts";

const WORDS = 20, SECRET_BYTES = 76, EINVAL = 22;
const AT = 4096, LENGTH = 260, ARENA = 8192; // one packet amid bytes that must stay
const LISTS = Uint32Array.of(0, 1, 2, 883_612_800, 883_612_799);
const FIELDS = ["at", "length", "l4", "l4Length", "metadata", "headerLength", "iv", "plain", "plainLength", "cipherLength", "tag", "suite", "keys", "keyCount", "epochs", "epochCount"] as const;

type JobRecord = Record<(typeof FIELDS)[number], number>;

/** A good packet: IPv4, UDP, 64 bytes of header with the IV at their end, 96 bytes of section, 60 of body, the tag. */
const good: JobRecord = {
  at: AT, length: LENGTH, l4: 20, l4Length: 8, metadata: 28, headerLength: 60, iv: 72, plain: 88, plainLength: 90, cipherLength: 96, tag: 244, suite: 1,
  keys: 0, keyCount: 1, epochs: 3, epochCount: 1,
};

const near = fc.oneof(fc.nat(300), fc.constantFrom(0xffffffff, 0xfffffff0, 0x80000000, 0x7fffffff, 65_534, 65_535, ARENA, ARENA - LENGTH, ARENA - LENGTH + 1), fc.nat(0xffffffff));
const lies = fc.array(fc.tuple(fc.constantFrom(...FIELDS), near), { maxLength: 4 });
const honest = fc.record({ suite: fc.constantFrom(0, 1, 2), plainLength: fc.constantFrom(80, 90), tag: fc.constantFrom(0, 244) });

function wordsOf(job: JobRecord): Uint32Array {
  const words = new Uint32Array(WORDS);
  FIELDS.forEach((field, index) => { words[index] = job[field]; });
  words[16] = 7;
  return words;
}

const BEFORE = Uint8Array.from({ length: ARENA }, (_, at) => at * 37);

/** Whether bytes before `from` or from `end` on are still as they were. */
function isKept(after: Uint8Array, from: number, end: number): boolean {
  return Buffer.compare(BEFORE.subarray(0, from), after.subarray(0, from)) === 0 && Buffer.compare(BEFORE.subarray(end), after.subarray(end)) === 0;
}

describe("W-6 job records that lie", () => {
  const native = openNative();
  const engine = openHandle((out) => native.engineCreate(4, out)) as Handle;
  native.engineKey(engine, 0, new Uint8Array(SECRET_BYTES).fill(5), SECRET_BYTES);
  native.engineKey(engine, 1, new Uint8Array(SECRET_BYTES).fill(6), SECRET_BYTES);
  afterAll(() => native.engineClose(engine));

  const run = (call: "sealRun" | "openRun", job: JobRecord): { status: number; kept: boolean; refused: boolean } => {
    const arena = BEFORE.slice();
    const words = wordsOf(job);
    const status = native[call](engine, Uint32Array.of(ARENA, words.byteLength, LISTS.byteLength), arena, words, LISTS);
    const [from, end] = status < 0 ? [0, 0] : [job.at, job.at + job.length];
    return { status, kept: isKept(arena, from, end), refused: words[18] === 0xfffffffd };
  };

  test.each(["sealRun", "openRun"] as const)("%s of the good record is done", (call) => {
    expect(run(call, good)).toEqual({ status: 1, kept: true, refused: false });
  });

  test.each([
    ["suite", 3], ["at", ARENA - LENGTH + 1], ["at", 0xffffffff], ["length", ARENA], ["length", 100], ["l4", 300], ["l4", 0xffffffff], ["l4Length", 4], ["l4Length", 12],
    ["l4Length", 300], ["metadata", 0], ["metadata", 24], ["metadata", 80], ["headerLength", 20], ["headerLength", 61], ["headerLength", 0xffffffff], ["iv", 20], ["iv", 80],
    ["iv", 0], ["plain", 72], ["plain", 160], ["cipherLength", 160], ["cipherLength", 0xfffffff0], ["tag", 30], ["tag", 246], ["tag", 0xffffffff],
    ["keys", 2], ["keys", 5], ["keys", 0xffffffff], ["keyCount", 0], ["keyCount", 6], ["keyCount", 0xffffffff], ["epochs", 5], ["epochCount", 3], ["epochCount", 0xffffffff],
  ] as const)("both calls refuse %s = %i", (field, value) => {
    for (const call of ["sealRun", "openRun"] as const) expect([call, run(call, { ...good, [field]: value })]).toEqual([call, { status: -EINVAL, kept: true, refused: true }]);
  });

  test.each([["keyCount", 2], ["epochCount", 2], ["cipherLength", 95], ["cipherLength", 0]] as const)("a seal refuses %s = %i", (field, value) => {
    expect(run("sealRun", { ...good, [field]: value })).toMatchObject({ status: -EINVAL, kept: true });
  });

  test("a clear section longer than its packet is refused", () => {
    for (const call of ["sealRun", "openRun"] as const) expect(run(call, { ...good, suite: 0, cipherLength: LENGTH + 1 })).toMatchObject({ status: -EINVAL, kept: true });
  });

  test("any record is refused, or stays inside of its packet", () => {
    let done = 0;
    fc.assert(fc.property(honest, lies, fc.constantFrom("sealRun" as const, "openRun" as const), (suite, changes, call) => {
      const { status, kept } = run(call, { ...good, ...suite, ...Object.fromEntries(changes) });
      if (status === 1) done++;
      expect([1, -EINVAL]).toContain(status);
      expect(kept).toBe(true);
    }), { numRuns: 4000 });
    expect(done).toBeGreaterThan(100);
  });

  test("sizes that are no whole records are refused", () => {
    const words = wordsOf(good), arena = new Uint8Array(ARENA);
    expect(native.openRun(engine, Uint32Array.of(ARENA, words.byteLength - 4, LISTS.byteLength), arena, words, LISTS)).toBe(-EINVAL);
    expect(native.openRun(engine, Uint32Array.of(ARENA, words.byteLength, 3), arena, words, LISTS)).toBe(-EINVAL);
    expect(native.engineKey(engine, 4, new Uint8Array(SECRET_BYTES), SECRET_BYTES)).toBe(-EINVAL);
    expect(native.engineKey(engine, 0, new Uint8Array(SECRET_BYTES), SECRET_BYTES - 1)).toBe(-EINVAL);
    expect(openHandle((out) => native.engineCreate(0, out))).toBe(-EINVAL);
  });
});
