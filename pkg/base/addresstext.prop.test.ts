// Text form of addresses against the address library, which is used in tests only.
import fc from "fast-check";
import ipaddr from "ipaddr.js";
import { addressOfWords } from "./address.ts";
import { formatAddress, parseAddress } from "./addresstext.ts";

const word = fc.oneof(fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }), fc.constantFrom(0, 1, 0xffff, 0x10000));

function wordsOf(bytes: number[]): number[] {
  const view = new DataView(Uint8Array.from(bytes).buffer);
  return Array.from({ length: bytes.length / 4 }, (_, index) => view.getInt32(index * 4));
}

test("what is written is read back, and the library reads the same bytes", () => {
  fc.assert(fc.property(fc.constantFrom(4 as const, 6 as const), fc.tuple(word, word, word, word), (family, words) => {
    const address = family === 4 ? addressOfWords(4, words[0]) : addressOfWords(6, ...words);
    const text = formatAddress(address);
    expect(parseAddress(text)).toEqual(address);
    expect(wordsOf(ipaddr.parse(text).toByteArray())).toEqual(words.map((one) => one | 0).slice(0, family === 4 ? 1 : 4));
  }));
});

test("IPv6 text the library accepts is accepted with the same bytes", () => {
  const group = fc.integer({ min: 0, max: 0xffff }).map((value) => value.toString(16));
  const text = fc.tuple(fc.array(group, { maxLength: 8 }), fc.array(group, { maxLength: 8 }), fc.boolean())
    .map(([head, tail, gap]) => (gap ? `${head.join(":")}::${tail.join(":")}` : [...head, ...tail].join(":")));
  fc.assert(fc.property(text, (sample) => {
    const groups = sample.split(":").filter((part) => part !== "").length;
    // RFC 5952 leaves "::" for one group; the library refuses more than eight and accepts "::" for none, RFC 4291 does not.
    fc.pre(!(sample.includes("::") && groups === 8));
    const address = parseAddress(sample);
    expect(address !== undefined).toBe(ipaddr.IPv6.isValid(sample));
    if (address !== undefined) expect([address.w0, address.w1, address.w2, address.w3]).toEqual(wordsOf(ipaddr.IPv6.parse(sample).toByteArray()));
  }));
});
