// Byte patterns that tell their own position: each 8 bytes are a number of their own, so that gaps, repeats and reordered
// bytes show. In the second pattern every other word is the SVR cookie, so that segments begin with it. Used by the servers and
// clients of this folder.

/** Pattern is an endless stream of known bytes. */
export interface Pattern {
  /** `length` bytes from position `at`; at most half a period (256 KiB) */
  bytes(at: number, length: number): Uint8Array;
  /** position of the first byte of `data` that does not belong at `at`, -1 when all do */
  firstWrong(at: number, data: Uint8Array): number;
}

const WORD = 8; // bytes
const WORDS = 65_536;
const PERIOD = WORDS * WORD;
const COOKIE = 0x4c48dbc6ddf6670cn;

function createPattern(wordAt: (word: number) => bigint): Pattern {
  const whole = new Uint8Array(PERIOD);
  const view = new DataView(whole.buffer);
  for (let word = 0; word < WORDS; word++) view.setBigUint64(word * WORD, wordAt(word));
  const bytes = (at: number, length: number): Uint8Array => {
    const start = at % PERIOD;
    return start + length <= PERIOD ? whole.subarray(start, start + length) : Buffer.concat([whole.subarray(start), whole.subarray(0, start + length - PERIOD)]);
  };
  return {
    bytes,
    firstWrong(at, data) {
      for (let done = 0; done < data.length; done += PERIOD / 2) {
        const part = data.subarray(done, done + PERIOD / 2);
        const wanted = bytes(at + done, part.length);
        if (Buffer.compare(part, wanted) !== 0) return at + done + part.findIndex((byte, index) => byte !== wanted[index]);
      }
      return -1;
    },
  };
}

const numbers = (word: number): bigint => (BigInt(word) * 0x9e3779b97f4a7c15n) & 0xffffffffffffffffn;

/** patternOf makes the pattern of numbers, or the one with cookies. */
export function patternOf(kind: "numbers" | "cookies" = "numbers"): Pattern {
  return createPattern(kind === "numbers" ? numbers : (word) => (word % 2 === 0 ? COOKIE : numbers(word)));
}
