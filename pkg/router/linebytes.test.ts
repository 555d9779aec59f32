// Bytes of lines against the strings that they stand for, and that they grow and are given out once.
import fc from "fast-check";
import { addressOfWords } from "../base/address.ts";
import { formatAddress } from "../base/addresstext.ts";
import { toHex } from "../base/bytes.ts";
import { bytesOf, LineBytes } from "./linebytes.ts";

const taken = (write: (out: LineBytes) => void): string => {
  const out = new LineBytes();
  write(out);
  return new TextDecoder().decode(out.take());
};

test("a whole number is written as String does", () => {
  const edges = fc.constantFrom(0, 9, 10, 99, 100, 2 ** 31 - 1, 2 ** 31, 2 ** 32, 10 ** 9, 999_999_999, 2 ** 53 - 1, -1);
  fc.assert(fc.property(fc.oneof(edges, fc.nat(), fc.maxSafeInteger()), (value) => {
    expect(taken((out) => { out.number(value); })).toBe(String(value));
  }));
});

test("thousandths have three digits", () => {
  for (let value = 0; value < 1000; value++) expect(taken((out) => { out.thousandths(value); })).toBe(String(value).padStart(3, "0"));
});

test("addresses and bytes are written as their text forms", () => {
  const word = fc.oneof(fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }), fc.constant(0));
  fc.assert(fc.property(fc.constantFrom<4 | 6>(4, 6), fc.tuple(word, word, word, word), fc.uint8Array({ maxLength: 16 }), (family, [w0, w1, w2, w3], bytes) => {
    const address = family === 4 ? addressOfWords(4, w0) : addressOfWords(6, w0, w1, w2, w3);
    expect(taken((out) => { out.address(address); })).toBe(formatAddress(address));
    expect(taken((out) => { out.hex(bytes); })).toBe(toHex(bytes));
  }));
});

test("it grows with what is written, in pieces of any size", () => {
  const part = "0123456789ü", long = part.repeat(20_000);
  expect(taken((out) => { for (let i = 0; i < 20_000; i++) out.piece(bytesOf(part)); })).toBe(long);
  expect(taken((out) => { out.text(long); out.number(7); })).toBe(`${long}7`);
});

test("what was taken is the caller's, and what a writer left half-way is forgotten", () => {
  const out = new LineBytes();
  out.text("one");
  const first = out.take();
  out.text("half");
  out.clear();
  out.text("two");
  expect([first, out.take(), out.take()].map((bytes) => new TextDecoder().decode(bytes))).toEqual(["one", "two", ""]);
});
