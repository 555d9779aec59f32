// Serial number arithmetic against the definition of RFC 1982 in big integers.
import fc from "fast-check";
import { sequenceAdd, sequenceDistance, sequenceIsNewer, type SequenceBits } from "./seq.ts";

const sizes: SequenceBits[] = [12, 16, 32];

describe.each(sizes)("sequence of %i bits", (bits) => {
  const space = 2 ** bits;
  const value = fc.integer({ min: 0, max: space - 1 });

  test("newer is the definition of RFC 1982 3.2", () => {
    fc.assert(fc.property(value, value, (a, b) => {
      const newer = (a < b && b - a > space / 2) || (a > b && a - b < space / 2);
      expect(sequenceIsNewer(a, b, bits)).toBe(newer);
    }));
  });

  test("adding and distance undo each other", () => {
    fc.assert(fc.property(value, fc.integer({ min: -space / 2, max: space / 2 - 1 }), (a, delta) => {
      const sum = sequenceAdd(a, delta, bits);
      expect(sum).toBe((((a + delta) % space) + space) % space);
      expect(sequenceDistance(sum, a, bits)).toBe(delta);
    }));
  });

  test("equal and opposite values are not newer", () => {
    expect([sequenceIsNewer(5, 5, bits), sequenceIsNewer(space / 2, 0, bits), sequenceIsNewer(0, space / 2, bits)]).toEqual([false, false, false]);
  });
});
