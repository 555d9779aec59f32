// The bounded queue against a plain array.
import fc from "fast-check";
import { BoundedQueue } from "./queue.ts";

describe("bounded queue", () => {
  test("behaves as an array that refuses what does not fit", () => {
    fc.assert(fc.property(fc.integer({ min: 1, max: 5 }), fc.array(fc.boolean(), { maxLength: 60 }), (capacity, pushes) => {
      const queue = new BoundedQueue<number>(capacity);
      const model: number[] = [];
      let refused = 0;
      pushes.forEach((push, index) => {
        if (!push) {
          expect(queue.shift()).toBe(model.shift());
        } else if (queue.push(index)) {
          model.push(index);
        } else {
          expect(model.length).toBe(capacity);
          refused++;
        }
        expect([queue.size, queue.dropped]).toEqual([model.length, refused]);
      });
    }));
  });

  test.each([0, -1, 1.5, Number.NaN])("capacity %p is a fault", (capacity) => {
    expect(() => new BoundedQueue(capacity)).toThrow(RangeError);
  });
});
