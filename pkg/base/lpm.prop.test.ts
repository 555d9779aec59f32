// The prefix table against a linear model, in any insertion order.
import fc from "fast-check";
import { addressOfWords } from "./address.ts";
import type { IpAddress } from "./address.ts";
import { createPrefixTable } from "./lpm.ts";
import type { PrefixNode } from "./lpm.ts";
import { containsAddress, formatPrefix, networkOf } from "./prefix.ts";
import type { Prefix } from "./prefix.ts";

const bits = fc.constantFrom(0, 1, -1, 0x0a000000, 0x0a010000, 0x0a010203, 0x40000000, -2147483648);
const address: fc.Arbitrary<IpAddress> = fc.tuple(fc.boolean(), bits, bits, bits, bits)
  .map(([four, a, b, c, d]) => (four ? addressOfWords(4, a) : addressOfWords(6, a, b, c, d)));
const prefix: fc.Arbitrary<Prefix> = fc.tuple(address, fc.nat(128))
  .map(([base, length]) => ({ address: base, length: base.family === 4 ? length % 33 : length }));

/** Every stored prefix around the address, longest first: the slow truth. */
function around(stored: Map<string, readonly [Prefix, number]>, target: IpAddress): number[] {
  return [...stored.values()].filter(([one]) => containsAddress(one, target)).sort((a, b) => b[0].length - a[0].length).map(([, value]) => value);
}

function chain(node: PrefixNode<number> | undefined): number[] {
  const values: number[] = [];
  for (let at = node; at !== undefined; at = at.covering) values.push(at.value);
  return values;
}

test("longest match and its covering prefixes equal the linear model", () => {
  fc.assert(fc.property(fc.array(prefix, { maxLength: 60 }), fc.array(address, { maxLength: 20 }), (prefixes, targets) => {
    const entries = prefixes.map((one, index) => [one, index] as const);
    const stored = new Map(entries.map(([one, value]) => [formatPrefix(networkOf(one)), [networkOf(one), value] as const]));
    const table = createPrefixTable(entries);
    expect(table.size).toBe(stored.size);
    for (const target of [...targets, ...prefixes.map((one) => one.address)]) expect(chain(table.longest(target))).toEqual(around(stored, target));
  }));
});
