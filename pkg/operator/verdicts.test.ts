// What conditions say: one line a case, in the order in which the checks stand.
import type { Problem } from "../api/problem.ts";
import { verdictsOf } from "./verdicts.ts";
import type { Facts } from "./verdicts.ts";

const all = { done: 3, all: 3, waiting: [] };
const none = { done: 0, all: 0, waiting: [] };
const problem = (code: Problem["code"], message: string, severity: Problem["severity"] = "error"): Problem => ({ severity, code, message, fix: "correct it", object: "Service d/a", field: "spec.x" });
const facts = (more: Partial<Facts> = {}): Facts => ({ kind: "Service", problems: [], isInForce: true, progress: all, ...more });

interface Row { desc: string; facts: Facts; accepted: string; resolved: string; programmed: string; ready: string; message: RegExp }

test.each<Row>([
  { desc: "all is well", facts: facts(), accepted: "True Accepted", resolved: "True ResolvedRefs", programmed: "True Programmed", ready: "True Ready", message: /^on 3 of 3 routers$/ },
  { desc: "a warning changes nothing", facts: facts({ problems: [problem("value", "is odd", "warning")] }), accepted: "True Accepted", resolved: "True ResolvedRefs", programmed: "True Programmed", ready: "True Ready", message: /^on 3/ },
  { desc: "an error, and nothing in force", facts: facts({ problems: [problem("value", "is bad")], isInForce: false, progress: none }), accepted: "False Invalid", resolved: "True ResolvedRefs", programmed: "False NotUsed", ready: "False Invalid", message: /^spec\.x: is bad; correct it$/ },
  { desc: "an error, and the version before in force", facts: facts({ problems: [problem("value", "is bad"), problem("kept", "the last good version stays in force", "warning")] }), accepted: "False LastGoodInForce", resolved: "True ResolvedRefs", programmed: "True Programmed", ready: "False LastGoodInForce", message: /is bad.*stays in force/ },
  { desc: "left out beside another", facts: facts({ problems: [problem("kept", "is left out", "warning")], isInForce: false, progress: none }), accepted: "False LeftOut", resolved: "True ResolvedRefs", programmed: "False NotUsed", ready: "False LeftOut", message: /left out/ },
  { desc: "a reference to nothing", facts: facts({ problems: [problem("reference", "there is no Tenant")] }), accepted: "True Accepted", resolved: "False RefNotFound", programmed: "True Programmed", ready: "False RefNotFound", message: /no Tenant/ },
  { desc: "a reference to nothing of which files only warn", facts: facts({ problems: [problem("reference", "there is no Router", "warning")] }), accepted: "True Accepted", resolved: "False RefNotFound", programmed: "True Programmed", ready: "False RefNotFound", message: /no Router/ },
  { desc: "no route leads there", facts: facts({ problems: [{ ...problem("reference", "no ServiceRoute leads here", "warning"), field: "metadata.name" }], progress: none }), accepted: "True Accepted", resolved: "True ResolvedRefs", programmed: "False NotUsed", ready: "False NotUsed", message: /ServiceRoute/ },
  { desc: "a tenant that does not grant", facts: facts({ problems: [problem("grant", "does not grant")] }), accepted: "True Accepted", resolved: "False NotGranted", programmed: "True Programmed", ready: "False NotGranted", message: /grant/ },
  { desc: "a policy that nobody uses is nothing to program", facts: facts({ kind: "ServicePolicy", progress: none }), accepted: "True Accepted", resolved: "True ResolvedRefs", programmed: "True NothingToProgram", ready: "True Ready", message: /no router needs it/ },
  { desc: "routers are waited for, the first few named", facts: facts({ progress: { done: 1, all: 6, waiting: ["a", "b", "c"] } }), accepted: "True Accepted", resolved: "True ResolvedRefs", programmed: "False Pending", ready: "False Pending", message: /^on 1 of 6 routers; waiting for a, b, c and 2 more$/ },
  { desc: "a router refuses", facts: facts({ progress: { done: 2, all: 3, waiting: ["b"] }, refusal: { router: "b", message: "full" } }), accepted: "True Accepted", resolved: "True ResolvedRefs", programmed: "False RouterRefused", ready: "False RouterRefused", message: /b: full/ },
  { desc: "a router that is silent", facts: facts({ kind: "Router", progress: { done: 1, all: 1, waiting: [] }, silentSeconds: 120 }), accepted: "True Accepted", resolved: "True ResolvedRefs", programmed: "Unknown NoAnswer", ready: "Unknown NoAnswer", message: /120 s/ },
])("$desc", ({ facts: given, accepted, resolved, programmed, ready, message }) => {
  const verdicts = verdictsOf(given);
  expect(verdicts.map(({ status, reason }) => `${status} ${reason}`)).toEqual([accepted, resolved, programmed, ready]);
  expect(verdicts.at(-1)?.message).toMatch(message);
});

test("of many errors the first three are told, and how many there are more", () => {
  const problems = Array.from({ length: 9 }, (_, index) => problem("value", `bad ${index}`));
  expect(verdictsOf(facts({ problems }))[0]?.message).toBe("spec.x: bad 0; correct it. spec.x: bad 1; correct it. spec.x: bad 2; correct it. and 6 more");
});
