// An identity that is asked for: only when it is wanted, again before it ends, never over one that somebody else wrote, with longer pauses
// after refusals. Time and answers are the test's.
import { SvrError } from "../base/errors.ts";
import type { CertificateAnswer, Identity } from "../ports/identity.ts";
import { createIdentityCluster } from "./identitycluster.ts";

const DAY = 86_400_000;
const settled = async (): Promise<void> => { for (let turn = 0; turn < 20; turn++) await Promise.resolve(); };

interface World {
  now: number; asked: string[]; waits: { ms: number; work: () => void }[]; said: string[]; kept: { isOwn: boolean; sinceMs: number } | undefined; dropped: number;
  /** key id of who signs */
  signs: string;
  answer(with_: CertificateAnswer | Error): Promise<void>;
  /** runs what waits longest; a notice waits only while it asks */
  pass(): Promise<number>;
  own: ReturnType<typeof createIdentityCluster>;
}

function world(identity?: { isOwn: boolean }): World {
  let current: Identity | undefined, pending: PromiseWithResolvers<CertificateAnswer> | undefined, keys = 0;
  const named = (): Identity => ({ name: "r1", chain: [], serial: String(keys), notBefore: made.now, notAfter: made.now + 90 * DAY, authority: { name: "CN=a", key: made.signs }, sign: () => new Uint8Array() });
  const tell = (level: string) => (fields: object, text: string): void => void made.said.push(`${level} ${text} ${JSON.stringify(fields)}`);
  const made = { now: 1_000 * DAY, asked: [] as string[], waits: [] as World["waits"], said: [] as string[], dropped: 0, signs: "aa" } as World;
  if (identity !== undefined) [current, made.kept] = [named(), { ...identity, sinceMs: made.now }];
  made.own = createIdentityCluster({
    name: "r1", clock: { unixMs: () => made.now }, random: () => 1, log: { info: tell("info"), warn: tell("warn"), error: tell("error") },
    after: (ms, work) => {
      const one = { ms, work };
      made.waits.push(one);
      return { stop: () => { made.waits = made.waits.filter((other) => other !== one); } };
    },
    files: { current: () => current, authorities: () => [], authorityFile: () => "", watch: () => ({ stop: () => undefined }), wanted: () => undefined, look: () => { current = named(); } },
    keeper: {
      kept: () => made.kept, request: () => Promise.resolve(`request ${keys}`), drop: () => { made.dropped++; keys++; },
      install: (chain) => {
        if (chain !== "PEM") return `the certificate that came is ${chain}`;
        made.kept = { isOwn: true, sinceMs: made.now };
        keys++;
        return undefined;
      },
    },
    requests: { ask: ({ request }, signal) => {
      made.asked.push(request);
      pending = Promise.withResolvers();
      signal.addEventListener("abort", () => { pending?.reject(signal.reason as Error); });
      return pending.promise;
    } },
  });
  made.answer = async (answer) => {
    await settled();
    if (answer instanceof Error) pending?.reject(answer);
    else pending?.resolve(answer);
    await settled();
  };
  made.pass = async () => {
    const next = made.waits[0]!;
    made.waits = made.waits.filter((one) => one !== next);
    made.now += next.ms;
    next.work();
    await settled();
    return next.ms;
  };
  return made;
}

test("nothing is asked until an identity is wanted; then once, and the answer is the identity", async () => {
  const one = world();
  expect([one.asked, one.waits]).toEqual([[], []]);
  one.own.wanted(true);
  one.own.wanted(true);
  await one.answer({ certificate: "PEM" });
  expect([one.asked, one.own.current()?.name]).toEqual([["request 0"], "r1"]);
});

test("it is asked for again when two thirds of its life are over, a little earlier by chance", async () => {
  const one = world();
  one.own.wanted(true);
  await one.answer({ certificate: "PEM" });
  const from = one.now;
  while (one.asked.length === 1) await one.pass();
  const part = (one.now - from) / (90 * DAY);
  expect([part > 2 / 3 - 1 / 20 - 0.001, part <= 2 / 3]).toEqual([true, true]);
  await one.answer({ certificate: "PEM" });
  expect(one.own.current()?.serial).toBe("2");
});

test("what somebody else wrote is left alone, also when it ends", async () => {
  const one = world({ isOwn: false });
  one.own.wanted(true);
  for (let hour = 0; hour < 24 * 100; hour += 24) await one.pass();
  expect(one.asked).toEqual([]);
});

test("a refusal is told once, with longer and longer pauses and another key each time", async () => {
  const one = world();
  one.own.wanted(true);
  const pauses: number[] = [];
  for (let round = 0; round < 9; round++) {
    await one.answer({ denied: "no Router r1 on this node" });
    pauses.push(await one.pass());
  }
  expect(pauses).toEqual([10, 20, 40, 80, 160, 320, 640, 900, 900].map((seconds) => seconds * 1_000));
  expect([one.dropped, one.said.filter((line) => line.includes("no Router r1"))]).toEqual([9, [expect.stringContaining("warn")]]);
  await one.answer({ certificate: "PEM" });
  expect(one.own.current()).toBeDefined();
});

test("a certificate of another key is as good as a refusal: another key is made, and asked with", async () => {
  const one = world();
  one.own.wanted(true);
  await one.answer({ certificate: "of another key" });
  expect([one.dropped, one.own.current(), one.said]).toEqual([1, undefined, [expect.stringContaining("warn this router has no new certificate; it asks again")]]);
  expect(await one.pass()).toBe(10_000);
  await one.answer({ certificate: "PEM" });
  expect([one.asked, one.own.current()?.name]).toEqual([["request 0", "request 1"], "r1"]);
});

describe("another authority signs now", () => {
  test("who has a certificate of the one before renews it within a minute, once", async () => {
    const one = world({ isOwn: true });
    one.own.wanted(true, "aa");
    one.signs = "bb";
    one.own.wanted(true, "bb");
    expect([await one.pass(), one.asked]).toEqual([60_000, ["request 0"]]);
    await one.answer({ certificate: "PEM" });
    expect(one.own.current()?.authority.key).toBe("bb");
    for (let hour = 0; hour < 48; hour++) await one.pass();
    expect(one.asked).toEqual(["request 0"]);
  });

  test("who is answered by yet another one asks once an hour, and who says nothing of it keeps what it has", async () => {
    const one = world({ isOwn: true });
    one.own.wanted(true);
    for (let hour = 0; hour < 48; hour++) await one.pass();
    expect(one.asked).toEqual([]);
    one.own.wanted(true, "bb");
    await one.pass();
    for (let hour = 0; hour < 3; hour++) {
      await one.answer({ certificate: "PEM" });
      expect([await one.pass(), await one.pass()]).toEqual([0, 3_600_000]);
    }
    expect(one.asked).toHaveLength(4);
  });

  test("what somebody else wrote is left to them", async () => {
    const one = world({ isOwn: false });
    one.own.wanted(true, "bb");
    for (let hour = 0; hour < 48; hour++) await one.pass();
    expect(one.asked).toEqual([]);
  });
});

test("a server that is away, a request that is gone: tried again, with the same key", async () => {
  const one = world();
  one.own.wanted(true);
  await one.answer(new SvrError("SVR_KUBE_UNREACHABLE", { object: "API server", attempted: "create", fix: "wait" }));
  expect(await one.pass()).toBeLessThanOrEqual(30_000);
  await one.answer({ gone: true });
  await one.pass();
  expect(one.asked).toEqual(["request 0", "request 0", "request 0"]);
});

test("it ends while it waits for an answer", async () => {
  const one = world();
  one.own.wanted(true);
  await settled();
  await one.own.stop();
  expect([one.waits, one.own.current()]).toEqual([[], undefined]);
});
