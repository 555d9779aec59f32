// The native engine beside its batches: which engine is chosen, what is refused, keys that come and go.
import { openNative } from "../native/binding.ts";
import { SvrError } from "../base/errors.ts";
import type { PeerKeys } from "../svr/keys.ts";
import type { OpenJob } from "../svr/open.ts";
import type { SealJob } from "../svr/seal.ts";
import { nativeEngine } from "../../test/support/engines.ts";
import { chooseEngine } from "./engine.ts";
import { KeySlots } from "./keyslots.ts";
import { createNodeEngine } from "./node-engine.ts";

const keys = (number: number): PeerKeys => ({
  keyId: number, hmac: new Uint8Array(32).fill(number), meta: new Uint8Array(32).fill(number), salt: new Uint8Array(8), sender: "a", receiver: "b", generation: 1,
});

/** A tag-only UDP packet of so many bytes. */
const sealJob = (key: PeerKeys, length = 100): SealJob => ({
  data: new Uint8Array(length), l4: 20, l4Length: 8, metadata: 0, headerLength: 0, iv: 0, plain: 0, plainLength: 0, cipherLength: 0, tag: length - 16, suite: 0,
  counter: 1n, epoch: 9, key,
});
const openJob = (sealed: SealJob, offered: PeerKeys[]): OpenJob => ({ ...sealed, data: sealed.data.slice(), keys: offered, epochs: [9] });

function codeOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    return error instanceof SvrError ? error.code : String(error);
  }
  return "no error";
}

test("without the library the portable engine is chosen, and says why", () => {
  const chosen = chooseEngine(undefined);
  expect(chosen).toMatchObject({ kind: "node", description: "node:crypto: the native library is not loaded" });
  chosen.close();
});

test("a key set is loaded once; the one that was not used for longest makes room", () => {
  const loads: [slot: number, id: number][] = [];
  const secrets: Uint8Array[] = [];
  const slots = new KeySlots(2, (slot, secret) => {
    secrets.push(secret);
    loads.push([slot, secret[3]!]);
  });
  const [one, two, three] = [keys(1), keys(2), keys(3)];
  expect([one, two, one, one, three, one, two].map((key) => slots.slotOf(key))).toEqual([0, 1, 0, 0, 1, 0, 1]);
  expect(loads).toEqual([[0, 1], [1, 2], [1, 3], [1, 2]]);
  expect(secrets.every((secret) => secret.length === 76 && secret.every((byte) => byte === 0))).toBe(true);
});

describe("native engine", () => {
  const engine = nativeEngine();
  afterAll(() => engine.close());

  test("it is chosen where it runs, and says on what", () => {
    const chosen = chooseEngine(openNative());
    expect(chosen.kind).toBe("native");
    expect(chosen.description).toMatch(/^libipsec-mb, (SSE|AVX|AVX2|AVX-512)$/);
    chosen.close();
  });

  test("one bad job stops the batch before anything is done", () => {
    const good = sealJob(keys(1));
    const before = good.data.slice();
    const bad = { ...sealJob(keys(1)), tag: 90 };
    expect(codeOf(() => engine.seal([good, bad]))).toBe("SVR_SEAL_JOB");
    expect(good.data).toEqual(before);
    expect(codeOf(() => engine.open([{ ...openJob(good, [keys(1)]), l4: -1 }]))).toBe("SVR_SEAL_JOB");
    expect(codeOf(() => engine.seal([good]))).toBe("no error");
  });

  test("a packet larger than a whole call is refused", () => {
    expect(codeOf(() => engine.seal([sealJob(keys(1), 1 << 20)]))).toBe("SVR_SEAL_JOB");
    expect(codeOf(() => engine.seal([sealJob(keys(1), 65_575)]))).toBe("SVR_SEAL_JOB");
  });

  test("the largest IP packet is signed as node:crypto signs it", () => {
    const ours = sealJob(keys(1), 65_535), theirs = sealJob(keys(1), 65_535);
    engine.seal([ours]);
    createNodeEngine().seal([theirs]);
    expect(ours.data.subarray(ours.tag)).toEqual(theirs.data.subarray(theirs.tag));
  });

  test("nothing to do is done", () => {
    engine.seal([]);
    expect(engine.open([])).toEqual([]);
  });

  test("no key or no epoch fits nothing; the fitting key among several is told", () => {
    const [one, two, three] = [keys(1), keys(2), keys(3)];
    const sealed = sealJob(two);
    engine.seal([sealed]);
    expect(engine.open([openJob(sealed, [one, three]), { ...openJob(sealed, [two]), epochs: [] }, openJob(sealed, [one, three, two])])).toEqual([
      { ok: false, reason: "hmac-failure" }, { ok: false, reason: "hmac-failure" }, { ok: true, key: two, epoch: 9, plainLength: 0 }]);
  });

  test("a key set that made room is loaded again when it is needed", () => {
    const small = nativeEngine(2);
    const sets = [1, 2, 3, 4].map(keys);
    const sealed = sets.map((key) => sealJob(key));
    small.seal(sealed);
    expect(small.open(sealed.map((job) => openJob(job, [job.key]))).map((result) => result.ok && result.key.keyId)).toEqual([1, 2, 3, 4]);
    expect(codeOf(() => small.open([openJob(sealed[0]!, sets)]))).toBe("SVR_SEAL_JOB");
    small.close();
    small.close();
    expect(codeOf(() => small.seal(sealed))).toBe("SVR_SEAL_JOB");
  });
});
