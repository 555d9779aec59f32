// Identifiers: version and variant bits, text forms.
import fc from "fast-check";
import { formatUuid, isZeroBytes, parseUuid, uuidFrom, uuidHex } from "./ids.ts";

const random = fc.uint8Array({ minLength: 16, maxLength: 16 });

describe("uuid", () => {
  test("is RFC 9562 version 4 and keeps the other 122 bits", () => {
    fc.assert(fc.property(random, (bytes) => {
      const before = bytes.slice();
      const uuid = uuidFrom(bytes);
      expect(formatUuid(uuid)).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
      expect(uuid).toBe(bytes);
      uuid.forEach((byte, at) => expect(at === 6 ? byte & 0x0f : at === 8 ? byte & 0x3f : byte).toBe(at === 6 ? before[at]! & 0x0f : at === 8 ? before[at]! & 0x3f : before[at]));
      expect(isZeroBytes(uuid)).toBe(false);
    }));
  });

  test("both text forms are read", () => {
    fc.assert(fc.property(random, (bytes) => {
      expect(parseUuid(uuidHex(bytes))).toEqual(bytes);
      expect(parseUuid(formatUuid(bytes).toUpperCase())).toEqual(bytes);
    }));
  });

  test.each(["", "0".repeat(31), "0".repeat(33), "0000-0000", `${"0".repeat(8)}-${"0".repeat(24)}`])("%p is not an id", (text) => {
    expect(parseUuid(text)).toBeUndefined();
  });

  test("all zero is told", () => {
    expect([isZeroBytes(new Uint8Array(16)), isZeroBytes(Uint8Array.of(0, 1))]).toEqual([true, false]);
  });
});
