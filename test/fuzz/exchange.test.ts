// Fuzz of the key exchange: whatever arrives in whatever order, both sides stay up and bounded, and nobody gets keys that the other
// one does not have. Messages are true ones, bent, cut, joined, mixed between exchanges, and noise. FUZZ_SEED as in the other fuzz.
import { equalBytes } from "../../pkg/base/bytes.ts";
import { nodeKxCrypto } from "../../pkg/security/kxcrypto.ts";
import { KxInitiator } from "../../pkg/svr/kxinitiator.ts";
import { readKx, readPlain } from "../../pkg/svr/kxmessage.ts";
import { KX_WAITING_MAX, KxResponder } from "../../pkg/svr/kxresponder.ts";
import type { KxDone } from "../../pkg/svr/kxsecret.ts";
import { kxSelf, kxTrust } from "../support/kx.ts";
import { longer, scaled } from "../support/scale.ts";
import { createRandom, seedFrom } from "./random.ts";
import type { Random } from "./random.ts";

const seed = seedFrom(process.env["FUZZ_SEED"], Date.now());
const inputs = scaled(200_000);
const rounds = scaled(400);
const STEPS = 40;
const KEPT = 64;

/** A true message made wrong: one bit, one byte, another length, a part of another message, or noise. */
function bend(random: Random, message: Uint8Array, other: Uint8Array): Uint8Array {
  const data = message.slice();
  const at = random.below(data.length);
  switch (random.below(6)) {
    case 0: data[at]! ^= 1 << random.below(8); return data;
    case 1: data[at] = random.below(256); return data;
    case 2: return data.subarray(0, at);
    case 3: return new Uint8Array([...data, ...other.subarray(0, random.below(64))]);
    case 4: data.set(other.subarray(0, Math.min(other.length, data.length - at)), at); return data;
    default: return data.map(() => random.below(256));
  }
}

/** True messages of one exchange. */
function trueMessages(): Uint8Array[] {
  const { initiator, responder } = sides();
  const [kx1] = initiator.start(0);
  const asked = readKx(kx1!);
  if (!asked.ok || asked.value.kind !== "kx1") throw new Error("no KX1");
  const kx2 = responder.asked(asked.value, "place", 0);
  const answer = readKx(kx2.ok ? kx2.value : new Uint8Array(0));
  if (!kx2.ok || !answer.ok || answer.value.kind !== "kx2") throw new Error("no KX2");
  const told = initiator.answered(answer.value, 0);
  return [kx1!, kx2.value, told.ok ? told.value.send[0]! : new Uint8Array(4)];
}

function sides(): { initiator: KxInitiator; responder: KxResponder } {
  let ids = 0;
  const newKeyId = (): number => ++ids;
  return {
    initiator: new KxInitiator({ primitives: nodeKxCrypto, self: () => kxSelf("east"), peer: "west", trust: kxTrust, newKeyId }),
    responder: new KxResponder({ primitives: nodeKxCrypto, self: () => kxSelf("west"), trust: kxTrust, pskAt: () => undefined, sourceOf: (key) => ({ key, isExpected: true }), mayBe: (name) => name === "east", newKeyId }, 0),
  };
}

test(`${inputs} inputs: messages and plain texts give a value or a reason`, () => {
  console.log(`exchange fuzz: FUZZ_SEED=${seed}`);
  const random = createRandom(seed), messages = trueMessages();
  const seen: Record<string, number> = {};
  for (let run = 0; run < inputs; run++) {
    const data = bend(random, messages[random.below(3)]!, messages[random.below(3)]!);
    const read = readKx(data);
    const what = read.ok ? read.value.kind : read.error;
    seen[what] = (seen[what] ?? 0) + 1;
    const plain = readPlain(data);
    if (plain.ok && plain.value.chain.length + plain.value.signature.length + 8 !== data.length) throw new Error(`seed ${seed}, input ${run}: lengths of a plain text do not add up`);
  }
  expect(Object.keys(seen)).toEqual(expect.arrayContaining(["kx-malformed", "kx1", "kx2", "kx3"]));
}, longer(300_000));

/** One game: a line that loses, copies, holds back, bends and makes up messages, between two sides that only ever talk over it. */
class Game {
  readonly #random: Random;
  readonly #two = sides();
  readonly #line: Uint8Array[] = [];
  readonly #done: { east: KxDone[]; west: KxDone[] } = { east: [], west: [] };
  #nowMs = 0;

  constructor(random: Random) { this.#random = random; }

  #put(messages: readonly Uint8Array[]): void {
    this.#line.push(...messages);
    if (this.#line.length > KEPT) this.#line.splice(0, this.#line.length - KEPT);
  }

  #toWest(data: Uint8Array): void {
    const message = readKx(data);
    if (!message.ok) return;
    if (message.value.kind === "kx1") {
      const answer = this.#two.responder.asked(message.value, "place", this.#nowMs);
      if (answer.ok) this.#put([answer.value]);
    } else if (message.value.kind === "kx3") {
      const told = this.#two.responder.told(message.value, "place", this.#nowMs);
      if (told.ok && told.value !== undefined) this.#done.west.push(told.value);
    }
  }

  #toEast(data: Uint8Array): void {
    const message = readKx(data);
    if (!message.ok) return;
    if (message.value.kind === "retry") this.#put(this.#two.initiator.retry(message.value.cookie, this.#nowMs));
    if (message.value.kind !== "kx2") return;
    const answered = this.#two.initiator.answered(message.value, this.#nowMs);
    if (!answered.ok) return;
    if (answered.value.done !== undefined) this.#done.east.push(answered.value.done);
    this.#put(answered.value.send);
  }

  step(): void {
    const random = this.#random;
    this.#nowMs += random.below(2_000);
    this.#put([...this.#two.initiator.start(this.#nowMs), ...this.#two.initiator.tick(this.#nowMs)]);
    const pick = this.#line[random.below(this.#line.length)]!, other = this.#line[random.below(this.#line.length)]!;
    const data = random.chance(30) ? bend(random, pick, other) : pick;
    if (random.chance(50)) this.#toWest(data);
    else this.#toEast(data);
  }

  /** What both sides got must fit: each key set of the one was made by the other, or the other has not completed yet. */
  check(): { completed: number } {
    const { east, west } = this.#done;
    const fits = west.every((one) => east.some((two) => equalBytes(one.send.hmac, two.receive.hmac) && equalBytes(one.receive.hmac, two.send.hmac) && one.send.keyId === two.receive.keyId));
    expect([fits, this.#two.responder.waiting <= KX_WAITING_MAX, new Set(west.map((one) => String(one.send.hmac))).size]).toEqual([true, true, west.length]);
    return { completed: west.length };
  }

  /** On a clean line it ends with keys on both sides. */
  settle(): void {
    const before = this.#done.west.length;
    this.#line.splice(0);
    this.#two.initiator.stop();
    this.#two.initiator.start(this.#nowMs += 200_000).forEach((data) => { this.#toWest(data); });
    for (let n = 0; n < 4; n++) for (const data of this.#line.splice(0)) { this.#toEast(data); this.#toWest(data); }
    expect(this.#done.west.length).toBe(before + 1);
  }
}

test(`${rounds} lines that lose, copy, re-order, bend and make up messages: keys fit, and a clean line completes`, () => {
  const random = createRandom(seed ^ 0x1234);
  let completed = 0;
  for (let round = 0; round < rounds; round++) {
    const game = new Game(random);
    for (let step = 0; step < STEPS; step++) game.step();
    completed += game.check().completed;
    game.settle();
    game.check();
  }
  expect(completed).toBeGreaterThan(rounds / 10);
}, longer(300_000));
