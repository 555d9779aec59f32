// The cursor never reads outside its bounds and its failure is sticky.
import fc from "fast-check";
import { Cursor } from "./cursor.ts";

describe("cursor", () => {
  test("reads numbers and views in order", () => {
    const cursor = new Cursor(Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8, 9, 10), 1);
    expect([cursor.u8(), cursor.u16(), cursor.u32()]).toEqual([2, 0x0304, 0x05060708]);
    expect([...cursor.bytes(1)]).toEqual([9]);
    expect([cursor.left, cursor.failed]).toEqual([1, false]);
  });

  test.each([
    ["u8", (c: Cursor) => c.u8(), 0], ["u16", (c: Cursor) => c.u16(), 1], ["u32", (c: Cursor) => c.u32(), 3],
    ["bytes", (c: Cursor) => c.bytes(5).length, 4], ["negative", (c: Cursor) => c.bytes(-1).length, 9],
  ])("%s past the end gives nothing and fails for good", (_name, read, size) => {
    const cursor = new Cursor(new Uint8Array(size).fill(255));
    expect(read(cursor)).toBe(0);
    expect([cursor.failed, cursor.left, cursor.u8()]).toEqual([true, 0, 0]);
  });

  test("bounds outside the array are moved to its edges", () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 8 }), fc.integer({ min: -4, max: 12 }), fc.integer({ min: -4, max: 12 }), (data, at, end) => {
      const cursor = new Cursor(data, at, end);
      const seen: number[] = [];
      while (cursor.left > 0) seen.push(cursor.u8());
      expect(seen).toEqual([...data.slice(Math.max(0, at), Math.max(0, end))]);
    }));
  });
});
