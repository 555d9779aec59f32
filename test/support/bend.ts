// Packets that are wrong on purpose: cut, with one bit changed, with other lengths, random. Called by tests of bad input, on
// packets that were right. The checksums of what is bent are made right again unless a test wants them wrong.
import { writeU16 } from "../../pkg/base/bytes.ts";
import { finishChecksum, finishIpv4Header } from "../../pkg/svr/checksum.ts";
import { IPV4_HEADER, IPV6_HEADER } from "../../pkg/svr/constants.ts";

/** l4Of is where the L4 header of a packet without options stands. */
export function l4Of(data: Uint8Array): number {
  return data[0]! >>> 4 === 4 ? IPV4_HEADER : IPV6_HEADER;
}

/** repaired gives a packet with right checksums. */
export function repaired(data: Uint8Array): Uint8Array {
  if (l4Of(data) === IPV4_HEADER) finishIpv4Header(data);
  finishChecksum(data, l4Of(data));
  return data;
}

/** cutUdp gives a UDP packet whose payload ends after `length` bytes, with lengths and checksums as if it had been sent so. */
export function cutUdp(data: Uint8Array, length: number): Uint8Array {
  const l4 = l4Of(data);
  const cut = data.slice(0, l4 + 8 + length);
  writeU16(cut, l4 + 4, 8 + length);
  writeU16(cut, l4 === IPV4_HEADER ? 2 : 4, l4 === IPV4_HEADER ? cut.length : cut.length - l4);
  return repaired(cut);
}

/** withWord gives a packet with another 16-bit word at `at`, checksums right. */
export function withWord(data: Uint8Array, at: number, word: number): Uint8Array {
  const bent = data.slice();
  writeU16(bent, at, word);
  return repaired(bent);
}

/** flipped gives a packet with one bit changed, checksums right. */
export function flipped(data: Uint8Array, at: number, bit: number): Uint8Array {
  const bent = data.slice();
  bent[at]! ^= 1 << bit;
  return repaired(bent);
}

/** Noise gives numbers that look random and are the same in each run (xorshift32). */
export class Noise {
  #state: number;

  constructor(seed: number) {
    this.#state = seed | 1;
  }

  /** below gives a whole number from 0 to limit - 1. */
  below(limit: number): number {
    this.#state ^= this.#state << 13;
    this.#state ^= this.#state >>> 17;
    this.#state ^= this.#state << 5;
    return (this.#state >>> 0) % limit;
  }

  /** bytes gives so many of them. */
  bytes(length: number): Uint8Array {
    return Uint8Array.from({ length }, () => this.below(256));
  }
}
