// Pooled random bytes: no byte twice, any count, what was given out stays as it is.
import { toHex } from "../base/bytes.ts";
import { createRandomSource } from "./random.ts";

test("bytes are fresh across refills, and do not change afterwards", () => {
  const source = createRandomSource();
  const given = Array.from({ length: 3000 }, () => source.bytes(16)); // three pools
  const texts = given.map(toHex);
  source.bytes(16_000);
  expect(new Set(texts).size).toBe(3000);
  expect(given.map(toHex)).toEqual(texts);
});

test.each([0, 1, 16_384, 16_385, 100_000])("%i bytes are given, not all zero", (count) => {
  const bytes = createRandomSource().bytes(count);
  expect(bytes.length).toBe(count);
  expect(count >= 16 && bytes.every((byte) => byte === 0)).toBe(false);
});
