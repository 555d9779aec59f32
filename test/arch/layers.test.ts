// Imports go down the layer map, and each part of that rule is seen to fail on a sample.
import { checkLayers, checkPorts } from "./layers.ts";
import { loadRepository, source } from "./source.ts";

describe("layers", () => {
  const repository = loadRepository();

  test("imports go down only", () => { expect(checkLayers(repository)).toEqual([]); });
  test("pkg/ports holds types only", () => { expect(checkPorts(repository)).toEqual([]); });

  test.each([
    { desc: "upward", path: "pkg/base/a.ts", text: 'import { x } from "../svr/x.ts";', why: "downward" },
    { desc: "upward in a test", path: "pkg/base/a.test.ts", text: 'import { x } from "../svr/x.ts";', why: "downward" },
    { desc: "type only, upward", path: "pkg/svr/a.ts", text: 'import type { X } from "../ports/x.ts";', why: "downward" },
    { desc: "neighbour", path: "pkg/svr/a.ts", text: 'export { x } from "../bfd/x.ts";', why: "of one layer" },
    { desc: "adapter to adapter", path: "pkg/netio/a.ts", text: 'await import("../datapath/x.ts");', why: "of one layer" },
    { desc: "application to adapter", path: "pkg/router/a.ts", text: 'import { x } from "../datapath/x.ts";', why: "pkg/ports" },
    { desc: "worker of another folder", path: "pkg/router/a.ts", text: 'new URL("../netio/worker.ts", import.meta.url);', why: "pkg/ports" },
    { desc: "application to application", path: "pkg/cli/a.ts", text: 'type X = import("../router/x.ts").X;', why: "of one layer" },
    { desc: "native by telemetry", path: "pkg/telemetry/a.ts", text: 'import { x } from "../native/x.ts";', why: "pkg/native" },
    { desc: "product to cmd", path: "pkg/cli/a.ts", text: 'import { x } from "../../cmd/svrctl/main.ts";', why: "cmd/" },
    { desc: "scripts to cmd", path: "scripts/a.ts", text: 'import { x } from "../cmd/svrctl/main.ts";', why: "cmd/" },
    { desc: "product to test", path: "pkg/cli/a.ts", text: 'import { x } from "../../test/support/x.ts";', why: "test/" },
    { desc: "product to scripts", path: "pkg/cli/a.ts", text: 'import { x } from "../../scripts/x.ts";', why: "scripts/" },
    { desc: "product to deploy", path: "pkg/cli/a.ts", text: 'import { x } from "../../deploy/topologies/x.ts";', why: "deploy/" },
    { desc: "deploy beyond the kinds", path: "deploy/constructs/a.ts", text: 'import { x } from "../../pkg/plan/x.ts";', why: "pkg/api only" },
    { desc: "unknown folder", path: "pkg/other/a.ts", text: 'import { x } from "../base/x.ts";', why: "layer map" },
    { desc: "package out of place", path: "pkg/datapath/a.ts", text: 'import koffi from "koffi";', why: "pkg/native only" },
    { desc: "development package in a product", path: "pkg/svr/a.ts", text: 'import fc from "fast-check";', why: "tests and scripts" },
  ])("refused: $desc", ({ path, text, why }) => {
    expect(checkLayers([source(path, text)])).toEqual([expect.stringContaining(why)]);
  });

  test.each([
    { desc: "downward", path: "pkg/router/a.ts", text: 'import { x } from "../plan/x.ts"; import type { Y } from "../ports/y.ts";' },
    { desc: "native by datapath", path: "pkg/datapath/a.ts", text: 'import { x } from "../native/x.ts";' },
    { desc: "wiring", path: "cmd/router/main.ts", text: 'import { x } from "../../pkg/datapath/x.ts";' },
    { desc: "test support in a test beside the code", path: "pkg/plan/a.test.ts", text: 'import { x } from "../../test/support/x.ts"; import fc from "fast-check";' },
  ])("allowed: $desc", ({ path, text }) => {
    expect(checkLayers([source(path, text)])).toEqual([]);
  });

  test.each([
    { desc: "a value", text: "export const x = 1;", why: "types only" },
    { desc: "a value import", text: 'import { x } from "../base/x.ts";', why: "types only" },
    { desc: "a function", text: "export function f(): void {}", why: "types only" },
  ])("refused in pkg/ports: $desc", ({ text, why }) => {
    expect(checkPorts([source("pkg/ports/a.ts", text)])).toEqual([expect.stringContaining(why)]);
  });
});
