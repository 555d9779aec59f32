// Bytes in network order: reading, writing, hexadecimal, comparison. Called by every codec; holds no state and never
// checks bounds of a read (cursor.ts does): a read past the end counts as zero.

const HEX: readonly string[] = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));

/** readU16 reads two bytes, most significant first. */
export function readU16(data: Uint8Array, at: number): number {
  return (data[at]! << 8) | data[at + 1]!;
}

/** readU32 reads four bytes as an unsigned number. */
export function readU32(data: Uint8Array, at: number): number {
  return readI32(data, at) >>> 0;
}

/** readI32 reads four bytes as a signed number, the form of address words. */
export function readI32(data: Uint8Array, at: number): number {
  return (data[at]! << 24) | (data[at + 1]! << 16) | (data[at + 2]! << 8) | data[at + 3]!;
}

/** readU64 reads eight bytes as an unsigned bigint; not for hot paths. */
export function readU64(data: Uint8Array, at: number): bigint {
  return (BigInt(readU32(data, at)) << 32n) | BigInt(readU32(data, at + 4));
}

/** writeU16 writes the low 16 bits, most significant byte first. */
export function writeU16(data: Uint8Array, at: number, value: number): void {
  data[at] = value >>> 8;
  data[at + 1] = value;
}

/** writeU32 writes the low 32 bits; signed and unsigned numbers give the same bytes. */
export function writeU32(data: Uint8Array, at: number, value: number): void {
  data[at] = value >>> 24;
  data[at + 1] = value >>> 16;
  data[at + 2] = value >>> 8;
  data[at + 3] = value;
}

/** writeU64 writes the low 64 bits of a bigint; not for hot paths. */
export function writeU64(data: Uint8Array, at: number, value: bigint): void {
  writeU32(data, at, Number((value >> 32n) & 0xffffffffn));
  writeU32(data, at + 4, Number(value & 0xffffffffn));
}

/** Copier copies bytes [from, to) of an array. */
export type Copier = (data: Uint8Array, from: number, to: number) => Uint8Array;

const COPIES_BYTES = 1 << 14;

/**
 * createCopier makes a copier for ids and the like: its copies share memory, because a small array with memory of its own costs more
 * than all that is done with it, at birth and when it is collected. A copy keeps 16 KiB alive: for what lives shortly.
 */
export function createCopier(): Copier {
  let memory = new Uint8Array(0), used = 0;
  return (data, from, to) => {
    const length = to - from;
    if (length > COPIES_BYTES) return data.slice(from, to);
    if (used + length > memory.length) {
      memory = new Uint8Array(COPIES_BYTES);
      used = 0;
    }
    const copy = memory.subarray(used, used + length);
    used += length;
    for (let at = 0; at < length; at++) copy[at] = data[from + at]!;
    return copy;
  };
}

/** toHex gives two lower-case digits a byte. */
export function toHex(data: Uint8Array): string {
  let text = "";
  for (let at = 0; at < data.length; at++) text += HEX[data[at]!]!;
  return text;
}

/** fromHex reads hexadecimal text, white space ignored; undefined when it is anything else. */
export function fromHex(text: string): Uint8Array | undefined {
  const digits = text.replace(/\s+/g, "");
  if (digits.length % 2 !== 0 || !/^[0-9a-fA-F]*$/.test(digits)) return undefined;
  const data = new Uint8Array(digits.length / 2);
  for (let at = 0; at < data.length; at++) data[at] = Number.parseInt(digits.slice(2 * at, 2 * at + 2), 16);
  return data;
}

/** concatBytes joins parts into one new array. */
export function concatBytes(...parts: readonly Uint8Array[]): Uint8Array {
  return joinBytes(parts);
}

/** joinBytes is concatBytes for a list, of any length. */
export function joinBytes(parts: readonly Uint8Array[]): Uint8Array {
  const joined = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}

/** compareBytes orders by the first byte that differs, then by length: negative, zero or positive. Not constant time. */
export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const shared = Math.min(a.length, b.length);
  for (let at = 0; at < shared; at++) {
    const difference = a[at]! - b[at]!;
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}

/** equalBytes tells whether two arrays hold the same bytes. Not constant time: never for tags or keys. */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && compareBytes(a, b) === 0;
}
