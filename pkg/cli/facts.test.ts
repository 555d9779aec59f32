// Labelled lines: aligned, wrapped inside the width, empty ones left out.
import { indentText, narrowerStyle, renderFacts } from "./facts.ts";

test("labels are aligned, facts without value are left out", () => {
  expect(renderFacts([["router", "branch"], ["in", "x"], ["none", undefined], ["empty", ""]], { colour: false })).toBe("router  branch\nin      x\n");
});

test("long values wrap at spaces, and inside words when there are none", () => {
  expect(renderFacts([["a", "one two three four five"]], { colour: false, width: 20 })).toBe("a  one two three\n   four five\n");
  expect(renderFacts([["a", "abcdefghijklmnopqrstuvwxyz"]], { colour: false, width: 20 })).toBe("a  abcdefghijklmnopq\n   rstuvwxyz\n");
});

test("a tone colours the value alone, and control characters are shown", () => {
  expect(renderFacts([["state", { text: "down", tone: "bad" }]], { colour: true })).toBe("state  \u001b[31mdown\u001b[0m\n");
  expect(renderFacts([["state", "a\u001b[2J"]], { colour: true })).toBe("state  a\\u{1b}[2J\n");
});

test("an indent stands before every line and narrows the width", () => {
  expect(indentText("a\n\nb\n", 2)).toBe("  a\n\n  b\n");
  expect([narrowerStyle({ colour: false, width: 80 }, 3), narrowerStyle({ colour: true }, 3)]).toEqual([{ colour: false, width: 77 }, { colour: true }]);
});
