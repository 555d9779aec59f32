// The side of key exchanges that answers (protocol 15.2), for all peers of a router: KX1 from anybody, a cookie first when many come,
// a bounded number of exchanges that wait for KX3. Driven by the router's main thread. Pure: time is passed in.
import { concatBytes, equalBytes } from "../base/bytes.ts";
import { fail, ok, type Result } from "../base/result.ts";
import { KX_NONCE, writeKx2Open, writeRetry, type Kx1, type Kx3 } from "./kxmessage.ts";
import { initiatorHash, kxKeys, kxSecret, openBox, responderHash, sameKx1, sealBox, type KxCrypto, type KxDone, type KxFailure, type KxSelf, type KxTrust } from "./kxsecret.ts";

/** KX1 messages a second above which a cookie is asked for (protocol 15.2). */
export const KX1_FREE_PER_SECOND = 100;
/** Exchanges that may wait for KX3: in all, from one source, from one address and port; one waits KX_WAIT_MS at most. */
export const KX_WAITING_MAX = 256, KX_WAITING_PER_SOURCE = 16, KX_WAITING_PER_PLACE = 4, KX_WAIT_MS = 90_000;
/** Exchanges of one source that may wait while its next one begins without a cookie, and what begins in a second: of one source, and of all that nobody expects there. */
export const KX_FREE_PER_SOURCE = 2, KX_BEGUN_PER_SOURCE = 20, KX_BEGUN_UNEXPECTED = 200;
/** Chains that are judged in a second: of one source, and of all that nobody expects there. Who opened a box is not known before that. */
export const KX_JUDGED_PER_SOURCE = 20, KX_JUDGED_UNEXPECTED = 200;
/** Exchanges that completed, whose last message may come again. */
export const KX_FINISHED_MAX = 256;

const COOKIE_ROTATION_MS = 60_000;
const SECRET = 32;
const SECOND_MS = 1_000;
const utf8 = new TextEncoder();

/** KxPlace is where a message came from, as text: address and port. */
export type KxPlace = string;

/** KxSource is the host or network that a place belongs to: what is bounded for it is bounded however many ports it uses. */
export interface KxSource { key: string; /** a peer is reached there */ isExpected: boolean }

/** KxResponderOptions are what a responder works with. */
export interface KxResponderOptions {
  primitives: KxCrypto;
  self(): KxSelf;
  trust: KxTrust;
  /** of the pair that this place belongs to, where it has one */
  pskAt(place: KxPlace): Uint8Array | undefined;
  sourceOf(place: KxPlace): KxSource;
  /** whether this peer may take keys by an exchange from this place */
  mayBe(name: string, place: KxPlace): boolean;
  newKeyId(): number;
}

interface Waiting { kx1: Kx1; kx2: Uint8Array; prk: Uint8Array; hash: Uint8Array; receiveId: number; place: KxPlace; source: string; /** it showed a cookie: it is where it says */ isProven: boolean; sinceMs: number; self: KxSelf }
/** What told us who asked: its repeats are nothing new, and nothing secret is kept for them. */
interface Finished { place: KxPlace; box: Uint8Array }

/** Budget bounds what is done in a second, by source and for all that nobody expects. */
class Budget {
  readonly #most: number;
  readonly #mostUnexpected: number;
  readonly #used = new Map<string, number>();
  #unexpected = 0;

  constructor(most: number, mostUnexpected: number) {
    this.#most = most;
    this.#mostUnexpected = mostUnexpected;
  }

  permits({ key, isExpected }: KxSource): boolean {
    const own = this.#used.get(key) ?? 0;
    if (own >= this.#most || (!isExpected && this.#unexpected >= this.#mostUnexpected)) return false;
    this.#used.set(key, own + 1);
    if (!isExpected) this.#unexpected++;
    return true;
  }

  clear(): void {
    this.#used.clear();
    this.#unexpected = 0;
  }
}

/** KxResponder answers exchanges. */
export class KxResponder {
  readonly #options: KxResponderOptions;
  readonly #waiting: Waiting[] = [];
  readonly #finished: Finished[] = [];
  #second = -1;
  #came = 0;
  readonly #begun = new Budget(KX_BEGUN_PER_SOURCE, KX_BEGUN_UNEXPECTED);
  readonly #judged = new Budget(KX_JUDGED_PER_SOURCE, KX_JUDGED_UNEXPECTED);
  #secrets: [Uint8Array, Uint8Array];
  #secretMs: number;

  constructor(options: KxResponderOptions, nowMs: number) {
    this.#options = options;
    this.#secrets = [options.primitives.random(SECRET), options.primitives.random(SECRET)];
    this.#secretMs = nowMs;
  }

  /** waiting is how many exchanges wait for KX3. */
  get waiting(): number {
    return this.#waiting.length;
  }

  /** asked takes KX1: KX2 or a retry to be sent. A repeat is answered as before; what is too much is refused. */
  asked(kx1: Kx1, place: KxPlace, nowMs: number): Result<Uint8Array, KxFailure> {
    this.#expire(nowMs);
    const known = this.#waiting.find((one) => one.place === place && sameKx1(one.kx1, kx1));
    const source = this.#options.sourceOf(place), isFree = this.#countAndJudge(source.key, nowMs);
    if (known !== undefined) return ok(known.kx2);
    const isProven = kx1.cookie !== undefined && this.#isRightCookie(kx1, place, nowMs);
    if (!isFree && !isProven) return ok(writeRetry(this.#cookie(this.#secrets[0], kx1, place)));
    return this.#begun.permits(source) ? this.#begin(kx1, { place, source: source.key, isProven }, nowMs) : fail("kx-busy");
  }

  /** Few came in this second, few wait, hardly any of this source: no cookie is needed. */
  #countAndJudge(source: string, nowMs: number): boolean {
    this.#countAnew(nowMs);
    const own = this.#waiting.filter((one) => one.source === source).length;
    return ++this.#came <= KX1_FREE_PER_SECOND && this.#waiting.length < KX_WAITING_MAX / 2 && own < KX_FREE_PER_SOURCE;
  }

  #countAnew(nowMs: number): void {
    const second = Math.floor(nowMs / SECOND_MS);
    if (second === this.#second) return;
    this.#second = second;
    this.#came = 0;
    for (const budget of [this.#begun, this.#judged]) budget.clear();
  }

  #cookie(secret: Uint8Array, { nonce }: Kx1, place: KxPlace): Uint8Array {
    return this.#options.primitives.hkdf.expand(secret, concatBytes(utf8.encode(`svr1 kx cookie ${place}\0`), nonce), SECRET);
  }

  #isRightCookie(kx1: Kx1, place: KxPlace, nowMs: number): boolean {
    if (nowMs - this.#secretMs >= COOKIE_ROTATION_MS) {
      this.#secrets = [this.#options.primitives.random(SECRET), this.#secrets[0]];
      this.#secretMs = nowMs;
    }
    const { cookie } = kx1;
    return cookie !== undefined && this.#secrets.some((secret) => differing(this.#cookie(secret, kx1, place), cookie) === 0);
  }

  #begin(kx1: Kx1, from: Pick<Waiting, "place" | "source" | "isProven">, nowMs: number): Result<Uint8Array, KxFailure> {
    const options = this.#options, { primitives } = options, { place } = from;
    const dh = primitives.x25519(), x25519 = dh.agree(kx1.x25519), kem = primitives.encapsulate(kx1.mlkem);
    if (x25519 === undefined || kem === undefined) return fail("kx-keys");
    const nonce = primitives.random(KX_NONCE);
    const prk = kxSecret(primitives, { initiator: kx1.nonce, responder: nonce }, { mlkem: kem.secret, x25519, psk: options.pskAt(place) });
    const open = writeKx2Open({ nonce, x25519: dh.publicKey, ciphertext: kem.ciphertext });
    const me = options.self(), receiveId = options.newKeyId();
    const kx2 = concatBytes(open, sealBox({ primitives, prk, hash: responderHash(primitives, kx1, open), side: "r" }, me, receiveId));
    this.#makeRoom(from);
    this.#waiting.push({ ...from, kx1, kx2, prk, hash: initiatorHash(primitives, kx1, { transcript: kx2 }), receiveId, sinceMs: nowMs, self: me });
    return ok(kx2);
  }

  /** Where there are too many the oldest one makes room, one without a cookie first: a peer that restarts again and again is not kept out, nor is one by others. */
  #makeRoom({ place, source }: Pick<Waiting, "place" | "source">): void {
    this.#shorten(this.#waiting.filter((one) => one.place === place), KX_WAITING_PER_PLACE);
    this.#shorten(this.#waiting.filter((one) => one.source === source), KX_WAITING_PER_SOURCE);
    if (this.#waiting.length >= KX_WAITING_MAX) this.#shorten(this.#largest(), 0);
  }

  #shorten(group: readonly Waiting[], most: number): void {
    if (group.length < Math.max(1, most)) return;
    const [goes] = [...group.filter(({ isProven }) => !isProven), ...group];
    this.#waiting.splice(this.#waiting.indexOf(goes!), 1);
  }

  /** Those of the source that has most; of the oldest one where several do. */
  #largest(): Waiting[] {
    const groups = [...Map.groupBy(this.#waiting, ({ source }) => source).values()];
    return groups.reduce((most, one) => (one.length > most.length ? one : most));
  }

  #expire(nowMs: number): void {
    const kept = this.#waiting.filter((one) => nowMs - one.sinceMs < KX_WAIT_MS);
    if (kept.length < this.#waiting.length) this.#waiting.splice(0, this.#waiting.length, ...kept);
  }

  /** told takes KX3: the keys; undefined for a repeat of one that completed. */
  told(kx3: Kx3, place: KxPlace, nowMs: number): Result<KxDone | undefined, KxFailure> {
    this.#expire(nowMs);
    this.#countAnew(nowMs);
    if (this.#finished.some((one) => one.place === place && equalBytes(one.box, kx3.box))) return ok(undefined);
    let why: KxFailure = "kx-unasked";
    for (const one of this.#waiting.filter((each) => each.place === place).reverse()) {
      const done = this.#complete(one, kx3);
      if (done.ok) return done;
      if (why === "kx-unasked" || why === "kx-box") why = done.error;
    }
    return fail(why);
  }

  #complete(one: Waiting, kx3: Kx3): Result<KxDone, KxFailure> {
    const options = this.#options, { primitives } = options;
    const trust: KxTrust = (chain) => (this.#judged.permits(options.sourceOf(one.place)) ? options.trust(chain) : fail("kx-busy"));
    const opened = openBox({ primitives, prk: one.prk, hash: one.hash, side: "i" }, kx3.box, { trust, selfName: one.self.name });
    if (!opened.ok) return opened;
    const { peer, keyId } = opened.value;
    if (!this.#options.mayBe(peer.name, one.place)) return fail("wrong-name");
    this.#waiting.splice(this.#waiting.indexOf(one), 1);
    this.#finished.push({ place: one.place, box: kx3.box });
    if (this.#finished.length > KX_FINISHED_MAX) this.#finished.shift();
    return ok(kxKeys(primitives, one.prk, { self: one.self.name, peer, sendId: keyId, receiveId: one.receiveId }));
  }
}

/** Bits that differ, in constant time; both have one length. */
function differing(a: Uint8Array, b: Uint8Array): number {
  return a.reduce((bits, byte, at) => bits | (byte ^ b[at]!), 0);
}
