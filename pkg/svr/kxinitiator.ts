// The side of a key exchange that begins it (protocol 15.2), for one peer: KX1 until it is answered, then KX3 until a packet under the
// new key proves that the peer has it. Driven by the router's main thread; what it returns is to be sent. Pure: time is passed in.
import { compareBytes, equalBytes } from "../base/bytes.ts";
import { fail, ok, type Result } from "../base/result.ts";
import { KX_NONCE, writeKx1, writeKx3, type Kx1, type Kx2 } from "./kxmessage.ts";
import { initiatorHash, kxKeys, kxSecret, openBox, responderHash, sealBox, type KxCrypto, type KxDone, type KxFailure, type KxSelf, type KxTrust } from "./kxsecret.ts";

/** How often a message is repeated: after 1 s, then twice as long each time up to 30 s; a new exchange after an hour. */
export const KX_REPEAT_MS = 1_000, KX_REPEAT_MAX_MS = 30_000, KX_GIVE_UP_MS = 3_600_000;
/** A new exchange after this long where nothing proves that KX3 came: who answered has forgotten what it is the answer to. A new one soon where the answer was of somebody who is not believed. */
export const KX_UNPROVEN_MS = 120_000, KX_DOUBT_MS = 10_000;

/** KxOptions are what an exchange with one peer works with. */
export interface KxOptions {
  primitives: KxCrypto;
  /** the identity of the moment: it may be renewed between two exchanges */
  self(): KxSelf;
  /** the peer that must answer */
  peer: string;
  trust: KxTrust;
  /** of the pair, where it has one */
  psk?: Uint8Array | undefined;
  /** a key id that this router does not use, not 0 */
  newKeyId(): number;
}

interface Asking { kind: "asking"; kx1: Kx1; dh: ReturnType<KxCrypto["x25519"]>; kem: ReturnType<KxCrypto["mlkem"]>; self: KxSelf }
interface Telling { kind: "telling"; kx2: Kx2; kx3: Uint8Array }
type State = { kind: "idle" } | Asking | Telling;

/** KxInitiator is one exchange after the other with one peer. */
export class KxInitiator {
  readonly #options: KxOptions;
  #state: State = { kind: "idle" };
  #message = new Uint8Array(0);
  #untilMs = 0;
  #waitMs = 0;
  #dueMs = 0;

  constructor(options: KxOptions) {
    this.#options = options;
  }

  /** isBusy: an exchange is under way. */
  get isBusy(): boolean {
    return this.#state.kind !== "idle";
  }

  /** start begins an exchange unless one is under way; what to send. */
  start(nowMs: number): Uint8Array[] {
    return this.isBusy ? [] : this.#begin(nowMs);
  }

  #begin(nowMs: number): Uint8Array[] {
    const { primitives } = this.#options;
    const dh = primitives.x25519(), kem = primitives.mlkem();
    const parts = { nonce: primitives.random(KX_NONCE), x25519: dh.publicKey, mlkem: kem.publicKey };
    const transcript = writeKx1(parts);
    this.#state = { kind: "asking", kx1: { kind: "kx1", ...parts, transcript }, dh, kem, self: this.#options.self() };
    this.#untilMs = nowMs + KX_GIVE_UP_MS;
    return this.#say(transcript, nowMs);
  }

  #say(message: Uint8Array, nowMs: number): Uint8Array[] {
    this.#message = new Uint8Array(message);
    this.#waitMs = KX_REPEAT_MS;
    this.#dueMs = nowMs + KX_REPEAT_MS;
    return [message];
  }

  /** tick repeats what was not answered, and begins anew when nothing comes of it; what to send. */
  tick(nowMs: number): Uint8Array[] {
    if (!this.isBusy || nowMs < this.#dueMs) return [];
    if (nowMs >= this.#untilMs) return this.#begin(nowMs);
    this.#waitMs = Math.min(2 * this.#waitMs, KX_REPEAT_MAX_MS);
    this.#dueMs = nowMs + this.#waitMs;
    return [this.#message];
  }

  /** retry sends KX1 again with the cookie that the responder asked for. */
  retry(cookie: Uint8Array, nowMs: number): Uint8Array[] {
    return this.#state.kind === "asking" ? this.#say(writeKx1(this.#state.kx1, cookie), nowMs) : [];
  }

  /**
   * yieldsTo: both began at once; the lower nonce wins, and is answered (true). Anybody could have said it, so ours goes on until the other one
   * completes. A copy of our own is nothing.
   */
  yieldsTo(other: Pick<Kx1, "nonce">): boolean {
    return this.#state.kind !== "asking" || compareBytes(this.#state.kx1.nonce, other.nonce) > 0;
  }

  /** yielded: the exchange that the other side began completed, and ours is not needed. */
  yielded(): void {
    if (this.#state.kind === "asking") this.#state = { kind: "idle" };
  }

  /** doubt: who answered is not believed. It need not be the peer, whose answer still counts; but its next one may come with another certificate. */
  doubt(nowMs: number): void {
    this.#untilMs = Math.min(this.#untilMs, nowMs + KX_DOUBT_MS);
    this.#dueMs = Math.min(this.#dueMs, this.#untilMs);
  }

  /** answered takes KX2: the keys, and KX3 to be sent. A repeat of KX2 gives KX3 again; a wrong one changes nothing. */
  answered(kx2: Kx2, nowMs: number): Result<{ done?: KxDone; send: Uint8Array[] }, KxFailure> {
    const state = this.#state;
    if (state.kind === "idle") return fail("kx-unasked");
    if (state.kind === "telling") return equalBytes(state.kx2.transcript, kx2.transcript) ? ok({ send: [state.kx3] }) : fail("kx-unasked");
    const secret = this.#secretOf(state, kx2);
    return secret === undefined ? fail("kx-keys") : this.#complete(state, kx2, { prk: secret, nowMs });
  }

  #secretOf({ dh, kem, kx1 }: Asking, kx2: Kx2): Uint8Array | undefined {
    const x25519 = dh.agree(kx2.x25519), mlkem = kem.decapsulate(kx2.ciphertext);
    if (x25519 === undefined || mlkem === undefined) return undefined;
    return kxSecret(this.#options.primitives, { initiator: kx1.nonce, responder: kx2.nonce }, { mlkem, x25519, psk: this.#options.psk });
  }

  #complete(asking: Asking, kx2: Kx2, by: { prk: Uint8Array; nowMs: number }): Result<{ done: KxDone; send: Uint8Array[] }, KxFailure> {
    const { primitives, trust, peer } = this.#options;
    const { prk, nowMs } = by;
    const { kx1, self } = asking;
    const opened = openBox({ primitives, prk, hash: responderHash(primitives, kx1, kx2.open), side: "r" }, kx2.box, { trust, selfName: self.name });
    if (!opened.ok) return opened;
    if (opened.value.peer.name !== peer) return fail("wrong-name");
    const receiveId = this.#options.newKeyId();
    const kx3 = writeKx3(sealBox({ primitives, prk, hash: initiatorHash(primitives, kx1, kx2), side: "i" }, self, receiveId));
    this.#state = { kind: "telling", kx2, kx3 };
    this.#untilMs = nowMs + KX_UNPROVEN_MS;
    return ok({ done: kxKeys(primitives, prk, { self: self.name, peer: opened.value.peer, sendId: opened.value.keyId, receiveId }), send: this.#say(kx3, nowMs) });
  }

  /** proven: a packet under the new key came, so KX3 arrived. */
  proven(): void {
    if (this.#state.kind === "telling") this.#state = { kind: "idle" };
  }

  /** stop forgets the exchange under way. */
  stop(): void {
    this.#state = { kind: "idle" };
  }
}
