// Bytes, cursor, sequence numbers, queue and identifiers against slow models.
import fc from "fast-check";
import { compareBytes, concatBytes, createCopier, equalBytes, fromHex, readI32, readU16, readU32, readU64, toHex, writeU16, writeU32, writeU64 } from "./bytes.ts";

describe("bytes", () => {
  test("numbers are big-endian", () => {
    const data = Uint8Array.of(0, 0x81, 0x82, 0x83, 0x84, 5, 6, 7, 8);
    expect([readU16(data, 1), readU32(data, 1), readI32(data, 1)]).toEqual([0x8182, 0x81828384, 0x81828384 - 2 ** 32]);
    expect(readU64(data, 1)).toBe(0x8182838405060708n);
  });

  test("what is written is read back, and nothing else changes", () => {
    fc.assert(fc.property(fc.nat(0xffff), fc.nat(0xffffffff), fc.bigInt(0n, 2n ** 64n - 1n), (small, word, long) => {
      const data = new Uint8Array(16).fill(0xee);
      writeU16(data, 1, small);
      writeU32(data, 3, word);
      writeU64(data, 7, long);
      expect([readU16(data, 1), readU32(data, 3), readU64(data, 7)]).toEqual([small, word, long]);
      expect([data[0], data[15]]).toEqual([0xee, 0xee]);
    }));
  });

  test("copies keep their bytes, however many there are and whatever becomes of the original", () => {
    const copy = createCopier(), data = new Uint8Array(20_000);
    const made = Array.from({ length: 3000 }, (_, n) => {
      data.fill(n & 0xff);
      return copy(data, 5, 6 + (n % 40));
    });
    const large = copy(data.fill(7), 1, 20_000);
    data.fill(9);
    made.forEach((one, n) => { expect(one).toEqual(new Uint8Array(1 + (n % 40)).fill(n & 0xff)); });
    expect(large).toEqual(new Uint8Array(19_999).fill(7));
    expect(new Set(made.map((one) => one.buffer)).size).toBe(4);
  });

  test("hexadecimal text survives", () => {
    fc.assert(fc.property(fc.uint8Array(), (data) => {
      expect(toHex(data)).toBe(Buffer.from(data).toString("hex"));
      expect(fromHex(toHex(data))).toEqual(data);
    }));
    expect(fromHex(" 0A\n0b ")).toEqual(Uint8Array.of(10, 11));
    expect([fromHex("abc"), fromHex("0g")]).toEqual([undefined, undefined]);
  });

  test("order and equality agree with Buffer", () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 4 }), fc.uint8Array({ maxLength: 4 }), (a, b) => {
      expect(Math.sign(compareBytes(a, b))).toBe(Buffer.compare(a, b));
      expect(equalBytes(a, b)).toBe(Buffer.compare(a, b) === 0);
      expect(equalBytes(a, a.slice())).toBe(true);
    }));
  });

  test("parts are joined in order", () => {
    expect(concatBytes(Uint8Array.of(1), new Uint8Array(0), Uint8Array.of(2, 3))).toEqual(Uint8Array.of(1, 2, 3));
  });
});
