// Memory of one turn: zeroed, disjoint, used again after clear, never smaller than asked.
import { createSlab } from "./slab.ts";

test("pieces are zeroed and disjoint, and come back zeroed after clear", () => {
  const slab = createSlab(100);
  const [a, b] = [slab.take(40), slab.take(60)];
  a.fill(1);
  expect([...b].every((byte) => byte === 0)).toBe(true);
  slab.clear();
  const again = slab.take(100);
  expect(again.buffer).toBe(a.buffer);
  expect([...again].every((byte) => byte === 0)).toBe(true);
});

test("what does not fit gets memory of its own", () => {
  const slab = createSlab(100);
  const inside = slab.take(90);
  const outside = slab.take(11);
  expect([outside.length, outside.buffer === inside.buffer]).toEqual([11, false]);
  expect(slab.take(10).buffer).toBe(inside.buffer);
});
