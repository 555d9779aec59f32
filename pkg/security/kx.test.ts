// Key exchange between two sides in memory (protocol 15.2, 15.5): what completes, what is refused, what is lost on the way.
import { fail, ok } from "../base/result.ts";
import type { Result } from "../base/result.ts";
import { nodeKxCrypto as primitives } from "./kxcrypto.ts";
import { kxPair, kxSelf, kxTrust } from "../../test/support/kx.ts";
import type { KxEnd } from "../../test/support/kx.ts";
import { KX_GIVE_UP_MS, KX_UNPROVEN_MS } from "../svr/kxinitiator.ts";
import type { KxInitiator } from "../svr/kxinitiator.ts";
import { KX1_FREE_PER_SECOND, KX_BEGUN_PER_SOURCE, KX_BEGUN_UNEXPECTED, KX_FINISHED_MAX, KX_FREE_PER_SOURCE, KX_JUDGED_PER_SOURCE, KX_JUDGED_UNEXPECTED, KX_WAIT_MS, KX_WAITING_MAX, KX_WAITING_PER_PLACE, KX_WAITING_PER_SOURCE } from "../svr/kxresponder.ts";
import type { KxResponder } from "../svr/kxresponder.ts";
import { KX_BOX_MAX, readKx, readPlain, writeKx1, writeKx3, writePlain, writeRetry } from "../svr/kxmessage.ts";
import type { Kx1, Kx2, Kx3 } from "../svr/kxmessage.ts";
import { openBox, sealBox } from "../svr/kxsecret.ts";

const PLACE = "192.0.2.1:1280";
const KX2_OPEN = 4 + 32 + 32 + 1088; // bytes before the box

/** A message that must be one of this kind. */
function read<Kind extends "kx1" | "kx2" | "kx3" | "retry">(data: Uint8Array | undefined, kind: Kind): Extract<Kx1 | Kx2 | Kx3 | { kind: "retry"; cookie: Uint8Array }, { kind: Kind }> {
  const message = readKx(data ?? new Uint8Array(0));
  if (!message.ok || message.value.kind !== kind) throw new Error(`not ${kind}`);
  return message.value as never;
}

function valueOf<T>(result: { ok: true; value: T } | { ok: false; error: string }): T {
  if (!result.ok) throw new Error(result.error);
  return result.value;
}

/** The whole exchange without losses. */
function exchange(initiator: KxInitiator, responder: KxResponder, nowMs = 0): { first: ReturnType<KxInitiator["answered"]>; second: ReturnType<KxResponder["told"]> } {
  const kx1 = read(initiator.start(nowMs)[0], "kx1");
  const first = initiator.answered(read(valueOf(responder.asked(kx1, PLACE, nowMs)), "kx2"), nowMs);
  const second = first.ok ? responder.told(read(first.value.send[0], "kx3"), PLACE, nowMs) : fail(first.error);
  return { first, second };
}

test("15.2 both sides have the same keys, each accepts the id that it chose", () => {
  const { initiator, responder } = kxPair({});
  const { first, second } = exchange(initiator, responder);
  const a = valueOf(first).done!, b = valueOf(second)!;
  expect([a.peer.name, b.peer.name]).toEqual(["west", "east"]);
  expect(a.send).toEqual(b.receive);
  expect(a.receive).toEqual(b.send);
  expect([a.send.generation, a.send.sender, a.send.receiver, a.receive.sender]).toEqual([0, "east", "west", "west"]);
  expect(a.send.hmac).not.toEqual(a.receive.hmac);
  expect(initiator.isBusy).toBe(true);
  initiator.proven();
  expect(initiator.isBusy).toBe(false);
});

test("15.2 a pre-shared key of the pair is mixed in: both the same, or nothing", () => {
  const psk = new Uint8Array(32).fill(7);
  const plain = kxPair({}), same = kxPair({ psk, otherPsk: psk }), different = kxPair({ psk, otherPsk: new Uint8Array(32) }), one = kxPair({ psk });
  expect(exchange(plain.initiator, plain.responder).second.ok).toBe(true);
  expect(exchange(same.initiator, same.responder).second.ok).toBe(true);
  for (const { initiator, responder } of [different, one]) expect(exchange(initiator, responder).first).toEqual(fail("kx-box"));
});

test("15.2 messages are repeated after 1, 2, 4 .. 30 s, and begun anew after an hour", () => {
  const { initiator } = kxPair({});
  const [first] = initiator.start(0);
  expect(initiator.start(5)).toEqual([]);
  const sent: number[] = [];
  let last = first!;
  for (let now = 0; now < KX_GIVE_UP_MS + 60_000; now += 500) {
    const [message] = initiator.tick(now);
    if (message === undefined) continue;
    sent.push(now);
    if (now < KX_GIVE_UP_MS) expect(message).toEqual(first);
    last = message;
  }
  expect(sent.slice(0, 7)).toEqual([1000, 3000, 7000, 15_000, 31_000, 61_000, 91_000]);
  expect(last).not.toEqual(first);
  initiator.stop();
  expect([initiator.tick(1e9), initiator.isBusy]).toEqual([[], false]);
});

test("15.2 what was lost is repaired: KX1 and KX2 repeat alike, KX3 until a packet under the new key", () => {
  const { initiator, responder } = kxPair({});
  const kx1 = read(initiator.start(0)[0], "kx1");
  const kx2 = valueOf(responder.asked(kx1, PLACE, 0));
  expect(valueOf(responder.asked(read(initiator.tick(1000)[0], "kx1"), PLACE, 1000))).toEqual(kx2);
  expect(responder.waiting).toBe(1);
  const [kx3] = valueOf(initiator.answered(read(kx2, "kx2"), 1000)).send;
  expect(valueOf(initiator.answered(read(kx2, "kx2"), 1100))).toEqual({ send: [kx3] });
  expect(initiator.tick(2000)).toEqual([kx3]);
  expect(valueOf(responder.told(read(kx3, "kx3"), PLACE, 2000))?.peer.name).toBe("east");
  expect(valueOf(responder.told(read(kx3, "kx3"), PLACE, 2100))).toBeUndefined();
  initiator.proven();
  expect(initiator.tick(60_000)).toEqual([]);
  initiator.proven();
});

test("15.2 an answer of who is not believed leaves the exchange to the peer, and begins a new one after 10 s; KX3 without a proof does after two minutes", () => {
  const doubted = kxPair({}), fine = kxPair({}), unproven = kxPair({});
  const kx1 = read(doubted.initiator.start(0)[0], "kx1");
  doubted.initiator.doubt(500);
  expect([read(doubted.initiator.tick(1_000)[0], "kx1").nonce, read(doubted.initiator.tick(10_500)[0], "kx1").nonce]).toEqual([kx1.nonce, expect.not.arrayContaining([...kx1.nonce])]);
  fine.initiator.start(0);
  fine.initiator.tick(60_000);
  fine.initiator.doubt(60_001);
  expect(fine.initiator.tick(70_001).map((message) => read(message, "kx1").kind)).toEqual(["kx1"]);
  const kx2 = valueOf(unproven.responder.asked(read(unproven.initiator.start(0)[0], "kx1"), PLACE, 0));
  const [kx3] = valueOf(unproven.initiator.answered(read(kx2, "kx2"), 0)).send;
  unproven.initiator.yielded();
  expect(unproven.initiator.tick(KX_UNPROVEN_MS - 1)).toEqual([kx3]);
  expect(unproven.initiator.tick(KX_UNPROVEN_MS + 30_000).map((message) => read(message, "kx1").kind)).toEqual(["kx1"]);
});

test("15.2 both begin at once: the lower nonce wins on both sides, and only one exchange completes", () => {
  for (let round = 0; round < 8; round++) {
    const a = kxPair({}), b = kxPair({ self: "west", peer: "east" });
    const one = read(a.initiator.start(0)[0], "kx1"), two = read(b.initiator.start(0)[0], "kx1");
    const yields = [a.initiator.yieldsTo(two), b.initiator.yieldsTo(one)];
    expect([...yields].sort()).toEqual([false, true]);
    expect([a.initiator.isBusy, b.initiator.isBusy]).toEqual([true, true]); // anybody could have said it
    for (const [place, { initiator }] of [a, b].entries()) if (yields[place] === true) initiator.yielded();
    expect([a.initiator.isBusy, b.initiator.isBusy]).toEqual(yields.map((each) => !each));
  }
  const alone = kxPair({}).initiator;
  expect(alone.yieldsTo({ nonce: new Uint8Array(32) })).toBe(true);
  const kx1 = read(alone.start(0)[0], "kx1");
  expect(alone.yieldsTo(kx1)).toBe(false); // a copy of our own
});

describe("15.1, 15.2 who is refused", () => {
  const rows: [string, Parameters<typeof kxPair>[0], string, string][] = [
    ["a peer with another name", { peer: "north" }, "first", "wrong-name"],
    ["an initiator that may not come from here", { mayBe: () => false }, "second", "wrong-name"],
    ["a chain that the initiator does not trust", { trust: () => fail("expired") }, "first", "expired"],
    ["a chain that the responder does not trust", { otherTrust: () => fail("revoked") }, "second", "revoked"],
    ["a responder whose signature is wrong", { bend: "west" }, "first", "kx-signature"],
    ["an initiator whose signature is wrong", { bend: "east" }, "second", "kx-signature"],
    ["ourselves", { peer: "east", other: "east" }, "first", "kx-reflected"],
  ];
  test.each(rows)("%s", (_desc, options, side, why) => {
    const { initiator, responder } = kxPair(options);
    const done = exchange(initiator, responder);
    expect(side === "first" ? done.first : done.second).toEqual(fail(why));
  });

  test("a refused answer leaves the exchange as it is: the right one still completes it", () => {
    const { initiator, responder } = kxPair({});
    const kx1 = read(initiator.start(0)[0], "kx1");
    const kx2 = valueOf(responder.asked(kx1, PLACE, 0));
    const bent = kx2.slice();
    bent[bent.length - 1]! ^= 1;
    expect(initiator.answered(read(bent, "kx2"), 0)).toEqual(fail("kx-box"));
    const keyless = kx2.slice();
    keyless.fill(0, 36, 68);
    expect(initiator.answered(read(keyless, "kx2"), 0)).toEqual(fail("kx-keys"));
    expect(initiator.answered(read(kx2, "kx2"), 0).ok).toBe(true);
    const other = kx2.slice();
    other[40]! ^= 1;
    expect(initiator.answered(read(other, "kx2"), 0)).toEqual(fail("kx-unasked"));
    initiator.proven();
    expect(initiator.answered(read(kx2, "kx2"), 0)).toEqual(fail("kx-unasked"));
    expect(initiator.retry(new Uint8Array(32), 0)).toEqual([]);
  });

  test("KX1 whose keys are no keys", () => {
    const { initiator, responder } = kxPair({});
    const kx1 = read(initiator.start(0)[0], "kx1");
    expect(responder.asked({ ...kx1, x25519: new Uint8Array(32), transcript: new Uint8Array(1) }, PLACE, 0)).toEqual(fail("kx-keys"));
    expect(responder.asked({ ...kx1, mlkem: new Uint8Array(1184).fill(0xff), transcript: new Uint8Array(2) }, PLACE, 0)).toEqual(fail("kx-keys"));
    expect(responder.waiting).toBe(0);
  });

  test("KX3 that nobody asked for, of another exchange, from another place, or too late", () => {
    const { initiator, responder } = kxPair({});
    const kx2 = valueOf(responder.asked(read(initiator.start(0)[0], "kx1"), PLACE, 0));
    const kx3 = read(valueOf(initiator.answered(read(kx2, "kx2"), 0)).send[0], "kx3");
    expect(responder.told(kx3, "192.0.2.9:1280", 0)).toEqual(fail("kx-unasked"));
    expect(responder.told({ kind: "kx3", box: kx3.box.map((byte) => byte ^ 1) }, PLACE, 0)).toEqual(fail("kx-box"));
    expect(responder.told(kx3, PLACE, KX_WAIT_MS)).toEqual(fail("kx-unasked"));
  });
});

describe("15.2 many KX1", () => {
  const fresh = (): Kx1 => read(kxPair({}).initiator.start(0)[0], "kx1");

  test("above 100 a second a cookie is asked for, bound to place and nonce, for a minute or two", () => {
    const { initiator, responder } = kxPair({});
    const kx1 = fresh();
    for (let n = 0; n < KX1_FREE_PER_SECOND; n++) responder.asked(kx1, PLACE, 500);
    const [mine] = initiator.start(500);
    const { cookie } = read(valueOf(responder.asked(read(mine, "kx1"), PLACE, 600)), "retry");
    const [again] = initiator.retry(cookie, 600);
    expect(read(valueOf(responder.asked(read(again, "kx1"), "192.0.2.9:1280", 700)), "retry").kind).toBe("retry");
    const stolen = writeKx1({ ...fresh() }, cookie);
    expect(read(valueOf(responder.asked(read(stolen, "kx1"), PLACE, 700)), "retry").kind).toBe("retry");
    const kx2 = valueOf(responder.asked(read(again, "kx1"), PLACE, 700));
    expect(initiator.answered(read(kx2, "kx2"), 700).ok).toBe(true); // the transcript is without the cookie
    expect(read(valueOf(responder.asked(fresh(), "192.0.2.7 1280", 1000)), "kx2").kind).toBe("kx2"); // another second
  });

  test("cookies grow old", () => {
    const { initiator, responder } = kxPair({});
    const flood = (nowMs: number): void => { for (let n = 0; n < KX1_FREE_PER_SECOND; n++) responder.asked(kx1, "flood", nowMs); };
    const kx1 = fresh();
    flood(0);
    const { cookie } = read(valueOf(responder.asked(read(initiator.start(0)[0], "kx1"), PLACE, 0)), "retry");
    const [again] = initiator.retry(cookie, 0);
    const kindAt = (nowMs: number): string => {
      flood(nowMs);
      const answer = readKx(valueOf(responder.asked(read(again, "kx1"), PLACE, nowMs)));
      return answer.ok ? answer.value.kind : answer.error;
    };
    expect([kindAt(61_000), kindAt(200_000), kindAt(300_000)]).toEqual(["kx2", "retry", "retry"]);
  });

  const base = fresh();
  const another = (n: number): Kx1 => ({ ...base, transcript: Uint8Array.of(n, n >> 8, n >> 16) });
  /** asks as one who is where it says: with the cookie, when one is asked for */
  const asks = (responder: KxResponder, kx1: Kx1, place: string, nowMs: number): Result<Uint8Array, string> => {
    const first = responder.asked(kx1, place, nowMs), message = first.ok ? readKx(first.value) : first;
    return message.ok && message.value.kind === "retry" ? responder.asked({ ...kx1, cookie: message.value.cookie }, place, nowMs) : first;
  };

  test("the oldest of a place that has too many makes room: one that restarts again and again is not kept out", () => {
    const { responder } = kxPair({});
    for (let n = 0; n < 3 * KX_WAITING_PER_PLACE; n++) expect(asks(responder, another(n), PLACE, n * 1000).ok).toBe(true);
    expect(responder.waiting).toBe(KX_WAITING_PER_PLACE);
  });

  test("a source with many ports has 16 places and 20 beginnings a second, and no more; it needs a cookie from the third on", () => {
    const { initiator, responder } = kxPair({});
    let begun = 0;
    for (let n = 0; n < 100; n++) if (asks(responder, another(n), `192.0.2.66 ${n}`, 5).ok) begun++;
    expect([begun, responder.waiting]).toEqual([KX_BEGUN_PER_SOURCE, KX_WAITING_PER_SOURCE]);
    expect(exchange(initiator, responder, 1_001).second.ok).toBe(true); // a peer needs nothing more than before
    expect(read(valueOf(responder.asked(another(200), "192.0.2.66 200", 1_002)), "retry").kind).toBe("retry");
    expect(responder.waiting).toBe(KX_WAITING_PER_SOURCE);
  });

  test("who writes the address of a peer on what it sends takes two places of that peer, and the peer comes through with a cookie", () => {
    const { initiator, responder } = kxPair({});
    for (let n = 0; n < 90; n++) responder.asked(another(n), PLACE, 0); // answers go to the peer, which knows of nothing
    expect(responder.waiting).toBe(KX_FREE_PER_SOURCE);
    const [kx1] = initiator.start(1), { cookie } = read(valueOf(responder.asked(read(kx1, "kx1"), PLACE, 1)), "retry");
    const kx2 = valueOf(responder.asked(read(initiator.retry(cookie, 1)[0], "kx1"), PLACE, 1));
    for (let second = 1; second < 20; second++) for (let n = 0; n < 90; n++) responder.asked(another(1000 * second + n), PLACE, 1000 * second);
    expect(responder.told(read(valueOf(initiator.answered(read(kx2, "kx2"), 20_000)).send[0], "kx3"), PLACE, 20_000)).toMatchObject({ ok: true, value: { peer: { name: "east" } } });
  });

  test("many sources: 256 places and 200 beginnings a second; the oldest of the largest makes room, never the one of a peer that is expected and quick", () => {
    const { initiator, responder } = kxPair({ isExpected: (place) => place === PLACE });
    const begun = Array.from({ length: 5 }, (_, second) => {
      let count = 0;
      for (let n = 0; n < 600; n++) if (asks(responder, another(1000 * second + n), `203.0.113.${n % 60} ${n}`, 1000 * second + 1).ok) count++;
      return count;
    });
    expect([begun, responder.waiting]).toEqual([Array(5).fill(KX_BEGUN_UNEXPECTED), KX_WAITING_MAX]);
    const [kx1] = initiator.start(4_500), { cookie } = read(valueOf(responder.asked(read(kx1, "kx1"), PLACE, 4_500)), "retry");
    const kx2 = valueOf(responder.asked(read(initiator.retry(cookie, 4_500)[0], "kx1"), PLACE, 4_500));
    for (let n = 0; n < 600; n++) asks(responder, another(50_000 + n), `203.0.113.${n % 60} ${n}`, 5_001);
    expect(responder.told(read(valueOf(initiator.answered(read(kx2, "kx2"), 5_100)).send[0], "kx3"), PLACE, 5_100)).toMatchObject({ ok: true });
    expect(responder.waiting).toBe(KX_WAITING_MAX - 1);
    expect(responder.asked(another(1), "192.0.2.200 1", 5_001 + KX_WAIT_MS).ok).toBe(true);
    expect(responder.waiting).toBe(1);
  }, 60_000);
});

test("15.2 KX3 that open and are refused: 20 chains of a source are judged in a second, 200 of strangers, and a peer completes beside them", () => {
  let judged = 0;
  const of = (isExpected: (place: string) => boolean): ReturnType<typeof kxPair> => kxPair({ isExpected, otherTrust: (chain) => (++judged > 0 && chain.length > 9 ? fail("wrong-authority") : kxTrust(chain)) });
  const { initiator, responder } = of((place) => place === PLACE);
  const stranger = kxPair({ self: "strangerhere" }).initiator; // a chain of twelve bytes
  const told = (place: string, count: number, nowMs: number): void => {
    stranger.stop();
    const asked = responder.asked(read(stranger.start(nowMs)[0], "kx1"), place, nowMs), first = readKx(valueOf(asked));
    const again = first.ok && first.value.kind === "retry" ? responder.asked(read(stranger.retry(first.value.cookie, nowMs)[0], "kx1"), place, nowMs) : asked;
    const [kx3] = valueOf(stranger.answered(read(valueOf(again), "kx2"), nowMs)).send;
    for (let n = 0; n < count; n++) expect(responder.told(read(kx3, "kx3"), place, nowMs).ok).toBe(false);
  };
  told("203.0.113.1 1", 100, 5);
  expect(judged).toBe(KX_JUDGED_PER_SOURCE);
  for (let n = 0; n < 40; n++) told(`203.0.113.${n} 1`, 20, 1_000);
  expect(judged).toBe(KX_JUDGED_PER_SOURCE + KX_JUDGED_UNEXPECTED);
  expect(exchange(initiator, responder, 1_500).second).toMatchObject({ ok: true, value: { peer: { name: "east" } } });
});

test("15.2 a thousand peers that take new keys keep nothing waiting", () => {
  const { initiator, responder } = kxPair({});
  let last: [Kx3, string] | undefined;
  for (let n = 0; n < KX_FINISHED_MAX + 50; n++) {
    const place = `p${n}`, nowMs = n * 20;
    const kx2 = valueOf(responder.asked(read(initiator.start(nowMs)[0], "kx1"), place, nowMs));
    const kx3 = read(valueOf(initiator.answered(read(kx2, "kx2"), nowMs)).send[0], "kx3");
    expect(responder.told(kx3, place, nowMs)).toMatchObject({ ok: true, value: { peer: { name: "east" } } });
    initiator.proven();
    last = [kx3, place];
  }
  expect([responder.waiting, responder.told(last![0], last![1], 1e5)]).toEqual([0, ok(undefined)]);
});

test("15.2 every byte of every message counts: nothing completes with one bit changed", () => {
  const bendEach = (data: Uint8Array, every: number, use: (bent: Uint8Array) => void): void => {
    for (let at = 0; at < data.length; at += every) use(data.map((byte, i) => (i === at ? byte ^ 1 << at % 8 : byte)));
  };
  const { initiator, responder } = kxPair({});
  const [first] = initiator.start(0);
  const kx2 = valueOf(responder.asked(read(first, "kx1"), PLACE, 0));
  bendEach(kx2, 7, (bent) => {
    const message = readKx(bent);
    if (message.ok && message.value.kind === "kx2") expect(initiator.answered(message.value, 0).ok).toBe(false);
  });
  const kx3 = valueOf(initiator.answered(read(kx2, "kx2"), 0)).send[0]!;
  bendEach(kx3, 1, (bent) => {
    const message = readKx(bent);
    if (message.ok && message.value.kind === "kx3") expect(responder.told(message.value, PLACE, 0).ok).toBe(false);
  });
  bendEach(first!, 61, (bent) => { // a man in the middle who changes KX1
    const message = readKx(bent), fooled = kxPair({});
    if (!message.ok || message.value.kind !== "kx1") return;
    const answer = fooled.responder.asked(message.value, PLACE, 0);
    if (!answer.ok) return;
    const asking = kxPair({}).initiator;
    asking.start(0);
    expect(asking.answered(read(answer.value, "kx2"), 0).ok).toBe(false);
  });
});

test("15.2 the reader takes exact lengths only, version 1 and no flags", () => {
  const { initiator, responder } = kxPair({});
  const kx1 = initiator.start(0)[0]!;
  const kx2 = valueOf(responder.asked(read(kx1, "kx1"), PLACE, 0));
  const kx3 = valueOf(initiator.answered(read(kx2, "kx2"), 0)).send[0]!;
  const retry = writeRetry(new Uint8Array(32));
  for (const message of [kx1, kx2, kx3, retry]) {
    expect(readKx(message).ok).toBe(true);
    for (const [at, value] of [[0, 5], [0, 0], [1, 2], [2, 1], [3, 1]] as const) expect(readKx(message.map((byte, i) => (i === at ? value : byte)))).toEqual(fail("kx-malformed"));
    for (const length of [0, 3, 4, 27]) expect(readKx(message.subarray(0, length))).toEqual(fail("kx-malformed"));
  }
  for (const message of [kx1, retry]) for (const other of [message.subarray(1), message.subarray(0, -1), new Uint8Array([...message, 0])]) expect(readKx(other)).toEqual(fail("kx-malformed"));
  expect(readKx(kx2.subarray(0, KX2_OPEN + 23))).toEqual(fail("kx-malformed"));
  expect(readKx(writeKx3(new Uint8Array(KX_BOX_MAX))).ok).toBe(true);
  expect(readKx(writeKx3(new Uint8Array(KX_BOX_MAX + 1)))).toEqual(fail("kx-malformed"));
});

test("15.2 the plain text of a box", () => {
  const plain = { keyId: 0xf0000001, chain: Uint8Array.of(1, 2, 3), signature: Uint8Array.of(4) };
  const data = writePlain(plain);
  expect(readPlain(data)).toEqual(ok(plain));
  expect(readPlain(writePlain({ ...plain, keyId: 0 }))).toEqual(fail("kx-malformed"));
  for (let length = 0; length < data.length; length++) expect(readPlain(data.subarray(0, length))).toEqual(fail("kx-malformed"));
  const box = { primitives, prk: new Uint8Array(32), hash: new Uint8Array(32), side: "r" as const };
  expect(openBox(box, sealBox(box, kxSelf("west"), 7), { trust: kxTrust, selfName: "east" }).ok).toBe(true);
  expect(openBox({ ...box, side: "i" }, sealBox(box, kxSelf("west"), 7), { trust: kxTrust, selfName: "east" })).toEqual(fail("kx-box"));
  const junk = primitives.seal(...boxKeyOf(box), box.hash, Uint8Array.of(0, 0, 0, 1, 0, 9, 0, 0));
  expect(openBox(box, junk, { trust: kxTrust, selfName: "east" })).toEqual(fail("kx-malformed"));
});

/** Key and nonce of a box as the text of protocol 15.2 has them. */
function boxKeyOf({ prk, hash, side }: { prk: Uint8Array; hash: Uint8Array; side: string }): [Uint8Array, Uint8Array] {
  const both = primitives.hkdf.expand(prk, new Uint8Array([...new TextEncoder().encode(`svr1 kx ${side}`), ...hash]), 44);
  return [both.subarray(0, 32), both.subarray(32)];
}

test("ends of the test's own have different keys", () => {
  const ends: KxEnd[] = ["east", "west"];
  expect(ends.map((name) => kxSelf(name).leafHash)).not.toEqual(["west", "west"].map((name) => kxSelf(name).leafHash));
});
