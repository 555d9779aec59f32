// Text appended piece by piece as UTF-8 bytes: what a busy router writes tens of thousands of times a second must not become strings
// first, which are built, joined, measured and copied one after the other. Called by recordwriter.ts and recordlines.ts. Knows no JSON.
import type { IpAddress } from "../base/address.ts";
import { formatAddress } from "../base/addresstext.ts";

const FIRST_BYTES = 65_536;
const LONGEST_SHORT = 32; // up to here a loop is faster than the call that copies
const DIGITS_MAX = 10, SMALL_MAX = 0x7fff_ffff;
const ZERO = 0x30, DOT = 0x2e;
const HEX = Uint8Array.from("0123456789abcdef", (digit) => digit.charCodeAt(0));

const encoder = new TextEncoder();

/** bytesOf are the bytes of a text, for pieces that come again and again. */
export function bytesOf(text: string): Uint8Array {
  return encoder.encode(text);
}

/** LineBytes grows as it is written to. */
export class LineBytes {
  #data = new Uint8Array(FIRST_BYTES);
  #at = 0;

  #reserve(count: number): void {
    if (this.#at + count <= this.#data.length) return;
    const more = new Uint8Array(2 * (this.#at + count));
    more.set(this.#data.subarray(0, this.#at));
    this.#data = more;
  }

  /** clear forgets what a writer left that gave up half-way. */
  clear(): void {
    this.#at = 0;
  }

  /** piece appends bytes as they are. */
  piece(bytes: Uint8Array): void {
    const { length } = bytes;
    this.#reserve(length);
    const data = this.#data, at = this.#at;
    if (length > LONGEST_SHORT) data.set(bytes, at);
    else for (let i = 0; i < length; i++) data[at + i] = bytes[i]!;
    this.#at = at + length;
  }

  /** text appends any text. */
  text(text: string): void {
    this.piece(bytesOf(text));
  }

  #ascii(text: string): void {
    this.#reserve(text.length);
    for (let i = 0; i < text.length; i++) this.#data[this.#at++] = text.charCodeAt(i);
  }

  /** number appends a whole number in decimal digits. */
  number(value: number): void {
    if (value < 0 || value > SMALL_MAX) return this.#ascii(String(value));
    this.#reserve(DIGITS_MAX);
    const data = this.#data;
    let count = 1, left = value;
    for (let power = 10; power <= value; power *= 10) count++;
    for (let at = this.#at + count - 1; at >= this.#at; at--) {
      const next = (left / 10) | 0;
      data[at] = ZERO + left - next * 10;
      left = next;
    }
    this.#at += count;
  }

  /** thousandths appends exactly three digits of a number from 0 to 999. */
  thousandths(value: number): void {
    this.#reserve(3);
    const hundreds = (value / 100) | 0, tens = (value / 10) | 0;
    this.#data[this.#at++] = ZERO + hundreds;
    this.#data[this.#at++] = ZERO + tens - hundreds * 10;
    this.#data[this.#at++] = ZERO + value - tens * 10;
  }

  /** hex appends two lower-case digits a byte. */
  hex(bytes: Uint8Array): void {
    this.#reserve(2 * bytes.length);
    const data = this.#data;
    let at = this.#at;
    for (let i = 0; i < bytes.length; i++) {
      const byte = bytes[i]!;
      data[at++] = HEX[byte >>> 4]!;
      data[at++] = HEX[byte & 15]!;
    }
    this.#at = at;
  }

  #byte(value: number): void {
    this.#reserve(1);
    this.#data[this.#at++] = value;
  }

  /** address appends an address as formatAddress writes it. */
  address(address: IpAddress): void {
    if (address.family === 6) return this.#ascii(formatAddress(address));
    for (let shift = 24; shift >= 0; shift -= 8) {
      this.number((address.w0 >>> shift) & 0xff);
      if (shift > 0) this.#byte(DOT);
    }
  }

  /** take gives what was appended since it was called last; the caller owns it. */
  take(): Uint8Array {
    const all = this.#data.slice(0, this.#at);
    this.clear();
    return all;
  }
}
