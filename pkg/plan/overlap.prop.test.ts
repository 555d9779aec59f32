// The index of addresses against a list that is searched from end to end, over random additions and removals.
import fc from "fast-check";
import { containsPrefix, formatPrefix, networkOf, parsePrefix } from "../base/prefix.ts";
import { createOverlapIndex } from "./overlap.ts";

const prefix = fc.constantFrom("0.0.0.0/0", "10.0.0.0/8", "10.1.2.3/8", "10.1.0.0/16", "10.1.2.0/24", "10.1.2.3/32", "10.1.2.4/32", "10.2.0.0/16", "::/0", "fd00::/16", "fd00:1::/64", "fd00:1::1/128", "fd00:2::/64")
  .map((text) => networkOf(parsePrefix(text)!));
const step = fc.record({ add: fc.constantFrom(true, true, false), prefix, owner: fc.constantFrom("a", "b", "c") });

test("what overlaps a prefix is what a linear search finds, after any additions and removals", () => {
  fc.assert(fc.property(fc.array(step, { maxLength: 40 }), fc.array(prefix, { maxLength: 6 }), (steps, asked) => {
    const index = createOverlapIndex();
    const owners = new Map<string, Set<string>>();
    for (const { add, prefix: one, owner } of steps) {
      const known = owners.get(formatPrefix(one)) ?? new Set();
      owners.set(formatPrefix(one), known);
      if (add) {
        index.add(one, owner);
        known.add(owner);
      } else {
        index.remove(one, owner);
        known.delete(owner);
      }
      for (const other of asked) {
        const expected = [...owners].filter(([text, list]) => list.size > 0 && (containsPrefix(parsePrefix(text)!, other) || containsPrefix(other, parsePrefix(text)!)));
        expect(index.overlapping(other).map(({ text, owners: list }) => [text, [...list].sort()]).sort()).toEqual(expected.map(([text, list]) => [text, [...list].sort()]).sort());
      }
    }
  }), { numRuns: 100 });
});
