// How many objects of a list are asked for at once, whatever their size.
import { firstLimit, nextLimit } from "./limit.ts";
import { largestAnswer } from "./answers.ts";

const largestObject = 1_572_864; // what etcd takes

test("the first page is readable with the largest objects, and no later one is asked to be larger than it may be", () => {
  expect(firstLimit * largestObject).toBeLessThan(largestAnswer);
  for (const size of [100, 1_000, 50_000, 262_144, largestObject]) {
    let limit = firstLimit;
    for (let page = 0; page < 10; page += 1) limit = nextLimit(limit, limit * size);
    expect(limit).toBe(Math.min(500, Math.max(1, Math.floor(16_777_216 / size))));
    for (const grown of [size, largestObject]) expect(nextLimit(limit, limit * size) * Math.min(grown, 4 * size)).toBeLessThan(largestAnswer);
  }
});

test("a page that was too large is asked for in smaller ones, down to one; an empty one says nothing against many", () => {
  expect([nextLimit(150, undefined), nextLimit(37, undefined), nextLimit(2, undefined), nextLimit(1, undefined)]).toEqual([37, 9, 1, 1]);
  expect(nextLimit(150, 0)).toBe(500);
});
