// The compiler on whole configurations: the three-router example, and what it must never do to neighbours of a bad object.
import { parseThree } from "../../test/support/config/three.ts";
import { formatProblem } from "../api/problem.ts";
import { compile } from "./compile.ts";

test("the three-router example compiles without a problem", () => {
  const { routers, problems } = compile(parseThree());
  expect(problems.map(formatProblem)).toEqual([]);
  expect([...routers.keys()]).toEqual(["branch", "cloud", "transit"]);
});
