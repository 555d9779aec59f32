// Addresses, ports, protocols and durations as people write them, accepted forms and the message of each refused one.
import { millisOf, parseDuration } from "./duration.ts";
import { parentOf } from "./names.ts";
import { addressField, hasPorts, interfaceAddressField, parsePorts, prefixField, protocolNumber } from "./network.ts";

test.each([["443", [443, 443]], [443, [443, 443]], ["8000-8010", [8000, 8010]], ["1-65535", [1, 65_535]]])("ports %p", (text, range) => {
  expect(Object.values(parsePorts(text) ?? {})).toEqual(range);
});

test.each(["", "0", "65536", "1-65536", "80-79", "08", "1-", "-1", "1 - 2", 0, 70_000, 1.5])("%p are no ports", (text) => expect(parsePorts(text)).toBeUndefined());

test("ICMP depends on the family, everything else does not", () => {
  expect([protocolNumber("ICMP", 4), protocolNumber("ICMP", 6), protocolNumber("TCP", 6), protocolNumber(1, 6)]).toEqual([1, 58, 6, 1]);
  expect([hasPorts("TCP"), hasPorts("ICMP"), hasPorts(132), hasPorts(47)]).toEqual([true, false, true, false]);
});

test.each([["200ms", 200], ["30s", 30_000], ["5m", 300_000], ["24h", 86_400_000], ["0s", 0]])("%s is %p ms", (text, millis) => expect(millisOf(text)).toBe(millis));
test.each(["", "5", "5 s", "1.5s", "-1s", "05s", "1d", "1h30m"])("%p is no duration", (text) => {
  expect(parseDuration(text)).toBeUndefined();
  expect(millisOf(text)).toBe(0);
});

test("IPv4 addresses in IPv6 form are refused, as the API server does", () => {
  const accepts = (text: string): boolean[] => [addressField("An address."), prefixField("A prefix."), interfaceAddressField("An address with a length.")].map((field) => field.safeParse(text).success);
  expect(["::ffff:192.0.2.1", "::ffff:c000:201", "::ffff:192.0.2.0/120", "::ffff:0:0/96"].map(accepts)).toEqual(Array(4).fill([false, false, false]));
  expect(["::192.0.2.1", "64:ff9b::192.0.2.1/128", "::/0"].map(accepts)).toEqual([[true, true, false], [false, true, true], [false, true, true]]);
});

test("the parent of a tenant is the name after the first dot", () => {
  expect([parentOf("a.b.c"), parentOf("c")]).toEqual(["b.c", undefined]);
});
