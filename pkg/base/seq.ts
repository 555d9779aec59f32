// Serial number comparison (RFC 1982) for counters that wrap. Called by the handshake (12 bits), fragment and
// duplicate windows (16, 32 bits) and TCP checks. Pure.

/** SequenceBits is the width of a serial number. */
export type SequenceBits = 12 | 16 | 32;

/** sequenceDistance gives how far `a` is ahead of `b`, negative when behind; half the space counts as behind. */
export function sequenceDistance(a: number, b: number, bits: SequenceBits): number {
  const shift = 32 - bits;
  return ((a - b) << shift) >> shift;
}

/** sequenceIsNewer tells whether `a` comes after `b`; equal and exactly opposite values do not (RFC 1982 3.2). */
export function sequenceIsNewer(a: number, b: number, bits: SequenceBits): boolean {
  return sequenceDistance(a, b, bits) > 0;
}

/** sequenceAdd adds and wraps; the result is unsigned. */
export function sequenceAdd(a: number, delta: number, bits: SequenceBits): number {
  const shift = 32 - bits;
  return ((a + delta) << shift) >>> shift;
}
