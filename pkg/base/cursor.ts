// A reading position in bytes with the bounds check inside. Parsers of untrusted input read through it: a read past the
// end gives zero, moves to the end and sets `failed`, which is checked once per structure. It never throws.
import { readU16, readU32 } from "./bytes.ts";

/** Cursor reads big-endian numbers from `data` between `at` and `end`; failure is sticky. */
export class Cursor {
  readonly data: Uint8Array;
  at: number;
  readonly end: number;
  failed = false;

  /** Bounds outside the array are moved to its edges. */
  constructor(data: Uint8Array, at = 0, end = data.length) {
    this.data = data;
    this.end = Math.max(0, Math.min(end, data.length));
    this.at = Math.min(Math.max(0, at), this.end);
  }

  /** left is the number of unread bytes. */
  get left(): number {
    return this.end - this.at;
  }

  u8(): number {
    const at = this.skip(1);
    return this.failed ? 0 : this.data[at]!;
  }

  u16(): number {
    const at = this.skip(2);
    return this.failed ? 0 : readU16(this.data, at);
  }

  u32(): number {
    const at = this.skip(4);
    return this.failed ? 0 : readU32(this.data, at);
  }

  /** bytes gives a view, empty after a failure. */
  bytes(length: number): Uint8Array {
    const at = this.skip(length);
    return this.failed ? this.data.subarray(0, 0) : this.data.subarray(at, at + length);
  }

  /** skip moves on by `length` and gives the position before. */
  skip(length: number): number {
    const at = this.at;
    if (this.failed || length < 0 || length > this.end - at) {
      this.failed = true;
      this.at = this.end;
      return at;
    }
    this.at = at + length;
    return at;
  }
}
