// Prefixes: reading, writing, masks, order.
import { parseAddress } from "./addresstext.ts";
import { comparePrefixes, containsAddress, containsPrefix, formatPrefix, maskWord, networkOf, parsePrefix } from "./prefix.ts";
import type { Prefix } from "./prefix.ts";

function prefix(text: string): Prefix {
  const value = parsePrefix(text);
  if (value === undefined) throw new Error(`test prefix ${text}`);
  return value;
}

test.each([["10.1.2.3/24", "10.1.2.0/24"], ["10.1.2.3", "10.1.2.3/32"], ["0.0.0.0/0", "0.0.0.0/0"], ["2001:db8::1/33", "2001:db8::/33"],
  ["2001:db8:ffff:ffff:ffff::1/64", "2001:db8:ffff:ffff::/64"], ["::1", "::1/128"], ["::/0", "::/0"]])("network of %s is %s", (text, network) => {
  expect(formatPrefix(networkOf(prefix(text)))).toBe(network);
});

test.each(["10.0.0.0/33", "10.0.0.0/", "10.0.0.0/-1", "10.0.0.0/08", "::/129", "name/8", "10.0.0.0/8/8", "::/1e1"])("%p is no prefix", (text) => {
  expect(parsePrefix(text)).toBeUndefined();
});

test.each([
  ["10.0.0.0/8", "10.255.0.1", true], ["10.0.0.0/8", "11.0.0.1", false], ["0.0.0.0/0", "::1", false],
  ["::/0", "::1", true], ["2001:db8::/32", "2001:db9::", false], ["10.0.0.1/32", "10.0.0.1", true],
])("%s contains %s: %p", (outer, inner, expected) => {
  const address = parseAddress(inner);
  expect(address !== undefined && containsAddress(prefix(outer), address)).toBe(expected);
});

test("a prefix contains itself and longer ones, never shorter ones", () => {
  expect(containsPrefix(prefix("10.0.0.0/8"), prefix("10.0.0.0/8"))).toBe(true);
  expect(containsPrefix(prefix("10.0.0.0/8"), prefix("10.1.0.0/16"))).toBe(true);
  expect(containsPrefix(prefix("10.1.0.0/16"), prefix("10.0.0.0/8"))).toBe(false);
});

test("mask words cover each 32 bits", () => {
  expect([0, 1, 2, 3].map((index) => maskWord(33, index))).toEqual([-1, -2147483648, 0, 0]);
});

test("order is IPv4 first, then address without sign, then the shorter prefix", () => {
  const sorted = ["2001:db8::/32", "200.0.0.0/8", "10.0.0.0/16", "10.0.0.0/8"].map(prefix).sort(comparePrefixes).map(formatPrefix);
  expect(sorted).toEqual(["10.0.0.0/8", "10.0.0.0/16", "200.0.0.0/8", "2001:db8::/32"]);
});
