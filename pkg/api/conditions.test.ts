// Conditions keep the time of their last transition, and Ready sums up the others.
import { datedConditions, readyVerdict } from "./conditions.ts";
import type { Condition, Verdict } from "./conditions.ts";

const yes: Verdict = { type: "Accepted", status: "True", reason: "Accepted", message: "" };
const no: Verdict = { type: "Programmed", status: "False", reason: "Pending", message: "on 1 of 2 routers" };
const unknown: Verdict = { type: "Programmed", status: "Unknown", reason: "NoAnswer", message: "not heard of" };

test("a condition keeps its time while its status stays, whatever its message says", () => {
  const before: Condition[] = [
    { ...yes, message: "older words", observedGeneration: 1, lastTransitionTime: "2026-01-01T00:00:00Z" },
    { ...no, status: "True", observedGeneration: 1, lastTransitionTime: "2026-01-01T00:00:00Z" },
  ];
  expect(datedConditions([yes, no], 2, { before, now: "2026-01-02T00:00:00Z" })).toEqual([
    { ...yes, observedGeneration: 2, lastTransitionTime: "2026-01-01T00:00:00Z" }, { ...no, observedGeneration: 2, lastTransitionTime: "2026-01-02T00:00:00Z" },
  ]);
  expect(datedConditions([{ ...yes, message: "x".repeat(5_000) }], 2, { before: [{ type: "Accepted", status: "True" }], now: "2026-01-02T00:00:00Z" }))
    .toMatchObject([{ message: "x".repeat(1024), lastTransitionTime: "2026-01-02T00:00:00Z" }]);
});

test("Ready is false before it is unknown, and true with the last message when all are true", () => {
  expect(readyVerdict([yes, unknown, { ...no, type: "ResolvedRefs" }])).toMatchObject({ type: "Ready", status: "False", reason: "Pending" });
  expect(readyVerdict([yes, unknown])).toMatchObject({ status: "Unknown", reason: "NoAnswer", message: "not heard of" });
  expect(readyVerdict([yes, { ...no, status: "True", reason: "Programmed", message: "on 2 of 2 routers" }])).toEqual({ type: "Ready", status: "True", reason: "Ready", message: "on 2 of 2 routers" });
  expect(readyVerdict([])).toMatchObject({ status: "True", message: "" });
});
