// A byte pattern that tells its own position: each 8 bytes are a number of their own, so that gaps, repeats and reordered
// bytes show. Used by the servers and clients of this folder.

const WORD = 8; // bytes
const PERIOD = 65_536 * WORD;

const whole = new Uint8Array(PERIOD);
for (let word = 0; word < PERIOD / WORD; word++) new DataView(whole.buffer).setBigUint64(word * WORD, (BigInt(word) * 0x9e3779b97f4a7c15n) & 0xffffffffffffffffn);

/** patternAt gives `length` bytes of the stream from position `at`; at most half a period. */
export function patternAt(at: number, length: number): Uint8Array {
  const start = at % PERIOD;
  if (start + length <= PERIOD) return whole.subarray(start, start + length);
  return Buffer.concat([whole.subarray(start), whole.subarray(0, start + length - PERIOD)]);
}

/** firstWrong is the position of the first byte of `data` that does not belong at `at`, -1 when all do. */
export function firstWrong(at: number, data: Uint8Array): number {
  for (let done = 0; done < data.length; done += PERIOD / 2) {
    const part = data.subarray(done, done + PERIOD / 2);
    const wanted = patternAt(at + done, part.length);
    if (Buffer.compare(part, wanted) === 0) continue;
    return at + done + part.findIndex((byte, index) => byte !== wanted[index]);
  }
  return -1;
}
