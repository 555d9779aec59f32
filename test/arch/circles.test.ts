// No circle of imports, and a circle is seen in samples.
import { checkCircles } from "./circles.ts";
import { loadRepository, source } from "./source.ts";

test("no file imports itself by a detour", () => { expect(checkCircles(loadRepository())).toEqual([]); });

test.each([
  { desc: "two files", texts: ['import { b } from "./b.ts";', 'export { a } from "./a.ts";'], circles: ["pkg/x/a.ts > pkg/x/b.ts > pkg/x/a.ts"] },
  { desc: "three files, found once", texts: ['import { b } from "./b.ts";', 'import { c } from "./c.ts";', 'import { a } from "./a.ts"; import { b } from "./b.ts";'], circles: ["pkg/x/a.ts > pkg/x/b.ts > pkg/x/c.ts > pkg/x/a.ts", "pkg/x/b.ts > pkg/x/c.ts > pkg/x/b.ts"] },
  { desc: "a type is no import", texts: ['import type { B } from "./b.ts";', 'import { a } from "./a.ts";'], circles: [] },
  { desc: "two ways to one file", texts: ['import { b } from "./b.ts"; import { c } from "./c.ts";', 'import { c } from "./c.ts";', 'import x from "node:fs";'], circles: [] },
])("$desc", ({ texts, circles }) => {
  const names = ["a", "b", "c"];
  expect(checkCircles(texts.map((text, index) => source(`pkg/x/${names[index] ?? ""}.ts`, text)))).toEqual(circles);
});
