// Source NAT ports (behaviour 5): in which order to try the 49,151 ports of one translated address toward one remote
// address, port and protocol. Called by the shard that opens a session. Keeps no list of used ports: the flow index
// decides, an install that finds the port taken (or resting) fails with `exists` and the next candidate is tried.
import type { IpAddress } from "../base/address.ts";

/** NAT_PORT_FIRST and NAT_PORT_LAST bound translated source ports and ICMP identifiers (behaviour 5). */
export const NAT_PORT_FIRST = 16384, NAT_PORT_LAST = 65534;
/** NAT_PORT_COUNT is how many sessions one translated address can have toward one remote address, port and protocol. */
export const NAT_PORT_COUNT = NAT_PORT_LAST - NAT_PORT_FIRST + 1;

/** NatTarget is what a translated port must be unique within. */
export interface NatTarget {
  /** the translated address */
  readonly local: IpAddress;
  readonly remote: IpAddress;
  readonly remotePort: number;
  readonly proto: number;
}

/** mix is one step of a 32-bit multiplicative hash (the finaliser of MurmurHash3); fast, not cryptographic. */
function mix(hash: number, word: number): number {
  let value = Math.imul(hash ^ word, 0x85ebca6b);
  value = Math.imul(value ^ (value >>> 13), 0xc2b2ae35);
  return value ^ (value >>> 16);
}

/** natHash names a target in 32 bits under a secret of this boot. */
export function natHash(secret: number, target: NatTarget): number {
  const { local, remote } = target;
  const words = [local.w0, local.w1, local.w2, local.w3, remote.w0, remote.w1, remote.w2, remote.w3, target.remotePort | (target.proto << 16)];
  return words.reduce(mix, secret) >>> 0;
}

/** natSeed gives each session its own order; `nonce` is random to it (four bytes of its UUID). Equal orders would make the n-th session try n ports. */
export function natSeed(hash: number, nonce: number): number {
  return mix(hash, nonce) >>> 0;
}

const HALF_BITS = 8, HALF_MASK = 0xff, ROUNDS = 4, WALK = 0x10000;

/** A permutation of 16 bits: four rounds of a Feistel network with 8-bit halves. */
function permute(value: number, seed: number): number {
  let left = value >>> HALF_BITS;
  let right = value & HALF_MASK;
  for (let round = 0; round < ROUNDS; round++) {
    const next = left ^ (mix(seed, (round << HALF_BITS) | right) & HALF_MASK);
    left = right;
    right = next;
  }
  return (left << HALF_BITS) | right;
}

/** natPorts yields every port once, in an order that looks random and depends on the seed only. */
export function* natPorts(seed: number): Generator<number, void, undefined> {
  for (let step = 0; step < WALK; step++) {
    const candidate = permute(step, seed);
    if (candidate < NAT_PORT_COUNT) yield NAT_PORT_FIRST + candidate;
  }
}

/** NatFailures remembers targets whose ports were all taken, so that a flood costs one full search per hold time. */
export class NatFailures {
  readonly #hash: Uint32Array;
  readonly #until: Float64Array;
  readonly #holdMs: number;

  /** `slots` bounds the memory (12 bytes each); a newer failure displaces an older one in its slot. */
  constructor(slots: number, holdMs: number) {
    this.#hash = new Uint32Array(slots);
    this.#until = new Float64Array(slots);
    this.#holdMs = holdMs;
  }

  /** note records that a search for this natHash found nothing at `now` (ms). */
  note(hash: number, now: number): void {
    const slot = hash % this.#hash.length;
    this.#hash[slot] = hash;
    this.#until[slot] = now + this.#holdMs;
  }

  /** isExhausted tells that the last search failed less than the hold time ago: refuse with `nat` at once. */
  isExhausted(hash: number, now: number): boolean {
    const slot = hash % this.#hash.length;
    return this.#hash[slot] === hash && now < this.#until[slot]!;
  }
}
