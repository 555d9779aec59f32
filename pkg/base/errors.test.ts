// Faults and expected failures: stable codes, messages a reader can act on.
import { errorCodes } from "./codes.ts";
import { SvrError } from "./errors.ts";
import { fail, ok } from "./result.ts";

describe("errors", () => {
  test("a fault says code, attempt and fix, and keeps its cause", () => {
    const cause = new Error("EPERM");
    const error = new SvrError("SVR_NOT_ROOT", { object: "router east", attempted: "cannot load programs", fix: "run as root", cause });
    expect([error.message, error.name, error.code, error.object, error.fix, error.cause]).toEqual(
      ["SVR_NOT_ROOT: cannot load programs; run as root", "SvrError", "SVR_NOT_ROOT", "router east", "run as root", cause]);
  });

  test("a fault without cause has none", () => {
    expect("cause" in new SvrError("SVR_USAGE", { object: "svrctl", attempted: "unknown command", fix: "see --help" })).toBe(false);
  });

  test("codes are upper case, start with SVR_ and have a meaning", () => {
    for (const [code, meaning] of Object.entries(errorCodes)) expect([/^SVR_[A-Z0-9_]+$/.test(code), meaning.length > 10]).toEqual([true, true]);
  });

  test("results carry a value or a reason", () => {
    expect([ok(1), fail("limit")]).toEqual([{ ok: true, value: 1 }, { ok: false, error: "limit" }]);
  });
});
