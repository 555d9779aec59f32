// Values that remember what they read: made anew only when that changed, not where it came out equal, and forgotten when nobody reads them.
import { createMemo } from "./memo.ts";

/** A sum of numbers by name, its sign, and a text of the sign; counts how often each is made. */
function world() {
  const memo = createMemo();
  const numbers = memo.inputs<number>();
  const made: string[] = [];
  const heard: string[] = [];
  const sum = memo.derived((names) => {
    made.push(`sum ${names}`);
    return names.split("+").reduce((all, name) => all + (numbers.get(name) ?? 0), 0);
  });
  const sign = memo.derived((names) => {
    made.push(`sign ${names}`);
    return { positive: sum.get(names) > 0 };
  });
  const text = memo.derived((names) => `${names} ${sign.get(names).positive ? "+" : "-"}`, { stage: 1, changed: (key, before, after) => heard.push(`${key}: ${before} -> ${after}`) });
  const settled = (): string[] => {
    memo.settle(1);
    return [...made.splice(0), ...heard.splice(0)];
  };
  return { memo, numbers, text, sum, settled };
}

test("what is watched is made when it is settled, and again only when something that it read has changed", () => {
  const { numbers, text, settled } = world();
  numbers.set("a", 1);
  text.watch("a+b");
  expect(settled()).toEqual(["sign a+b", "sum a+b", "a+b: undefined -> a+b +"]);
  numbers.set("c", 5);
  numbers.set("a", 1);
  expect(settled()).toEqual([]);
  numbers.set("b", 2);
  expect(settled()).toEqual(["sum a+b", "sign a+b"]); // the sign is equal: the text is not made anew, and nothing is heard
  numbers.set("a", -9);
  expect(settled()).toEqual(["sum a+b", "sign a+b", "a+b: a+b + -> a+b -"]);
  numbers.touch("a");
  expect(settled()).toEqual(["sum a+b"]);
});

test("what is dropped is told as gone and forgotten, and made anew when it is wanted again", () => {
  const { numbers, text, sum, settled } = world();
  numbers.set("a", 1);
  text.watch("a");
  settled();
  text.drop("a");
  text.drop("a");
  expect(settled()).toEqual(["a: a + -> undefined"]);
  numbers.set("a", 2);
  expect(settled()).toEqual([]);
  expect([sum.get("a"), numbers.get("a")]).toEqual([2, 2]);
  expect(settled()).toEqual(["sum a"]);
  text.watch("a");
  text.watch("a");
  expect(settled()).toEqual(["sign a", "sum a", "a: undefined -> a +"]);
});

test("a value that is watched when it is right already is told at once; one that fails is tried again", () => {
  const memo = createMemo();
  const numbers = memo.inputs<number>();
  const heard: unknown[] = [];
  const half = memo.derived((name) => {
    const number = numbers.get(name) ?? 0;
    if (number % 2 === 1) throw new RangeError(`${number} has no half`);
    return number / 2;
  }, { stage: 2, changed: (...all) => heard.push(all) });
  const quarter = memo.derived((name) => half.get(name) / 2, { stage: 1, changed: () => undefined });
  numbers.set("a", 8);
  quarter.watch("a");
  memo.settle(1);
  half.watch("a");
  expect(heard).toEqual([["a", undefined, 4]]);
  numbers.set("a", 3);
  expect(() => { memo.settle(2); }).toThrow(RangeError);
  numbers.set("a", 4);
  memo.settle(2);
  expect(heard.at(-1)).toEqual(["a", 4, 2]);
});
