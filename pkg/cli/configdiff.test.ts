// `svrctl config diff`: two directories, and a directory against what a router runs.
import { parseThree, threeFiles } from "../../test/support/config/three.ts";
import { runCli, self, socketOf, statusBody } from "../../test/support/cli.ts";
import type { CannedRouters } from "../../test/support/cli.ts";
import { outputSchemas } from "./outputs.ts";

const before = Object.fromEntries(threeFiles().map(({ path, text }) => [path, text]));
const services = Object.keys(before).find((path) => path.endsWith("services.yaml")) as string;
const edited = (change: (text: string) => string): Record<string, string> => ({ ...before, [services]: change(before[services] as string) });
const after = edited((text) => text.replace("name: web", "name: shop-window"));
const folders = { old: before, same: { ...before }, new: after, bad: edited((text) => `${text}\n---\nkind: [`) };

const view = { sessions: 7, cut: 2, moved: 1, left: 4, reasons: { policy: 2 }, named: [
  { sessionId: "5d0c2a7e9b1f4c3d8e6f7a8b9c0d1e2f", effect: "cut", reason: "policy", tenant: "engineering.acme", service: "shop/web" },
  { sessionId: "6d0c2a7e9b1f4c3d8e6f7a8b9c0d1e2f", effect: "moved", tenant: "acme", service: "shop/web" },
] };
const running = (preview: object = view): CannedRouters => ({
  [socketOf("branch")]: { [self]: statusBody("branch"), [`${self}/objects`]: { body: parseThree().objects.map(({ object }) => object) }, [`${self}/preview?limit=20`]: { body: preview } },
});

test("two directories: objects and fields that differ, and the routers that notice", async () => {
  const { exit, out, err } = await runCli("config diff old new", { folders, sockets: running() });
  expect([exit, err]).toEqual([0, ""]);
  expect(out).toContain("removed  Service shop/web");
  expect(out).toContain("added    Service shop/shop-window");
  expect(out).toContain("routers with another configuration: branch, cloud, transit");
  expect(out).not.toContain("live sessions");
});

test("two equal directories: nothing, and no router is asked", async () => {
  expect(await runCli("config diff old same", { folders, sockets: running() })).toMatchObject({ exit: 0, asked: [], out: "no object differs\n\nrouters with another configuration: none\n" });
});

test("one directory against what a router runs: its live sessions by effect; exit 3 because some are cut", async () => {
  const { exit, out, err, asked } = await runCli("config diff new", { folders, sockets: running() });
  expect([exit, err, asked.at(-1)]).toEqual([3, "", `${socketOf("branch")} ${self}/preview?limit=20`]);
  expect(out).toContain("removed  Service shop/web");
  expect(out).toContain("router branch: 7 live sessions: 2 cut (policy 2), 1 moved, 4 left\n");
  expect(out).toContain("cut     policy  5d0c2a7e9b1f4c3d8e6f7a8b9c0d1e2f  engineering.acme  shop/web");
  expect(out).toContain("and 1 more; see --limit");
});

test("an edit that cuts nobody ends with 0", async () => {
  const harmless = { sessions: 7, cut: 0, moved: 0, left: 7, reasons: {}, named: [] };
  expect(await runCli("config diff same --router branch", { folders, sockets: running(harmless) })).toMatchObject({ exit: 0, out: "no object differs\n\nrouter branch: 7 live sessions: 0 cut, 0 moved, 7 left\n" });
});

test("machine output has the published shape", async () => {
  for (const words of ["config diff old new --router branch -o json", "config diff new -o json"]) {
    const { out } = await runCli(words, { folders, sockets: running() });
    expect(outputSchemas["config diff"].parse(JSON.parse(out))).toMatchObject({ routers: [{ router: "branch", sessions: view }] });
  }
});

test.each([
  ["a document that cannot be read", "config diff bad", 1, "SVR_CONFIG_INVALID: cannot tell what the edit does"], ["three directories", "config diff old new same", 2, "SVR_USAGE"],
  ["no such router", "config diff new --router gone", 6, "SVR_ADMIN_UNREACHABLE"], ["a limit that is none", "config diff new --limit 5000", 2, "0-1000"],
])("%s", async (_desc, words, exit, text) => {
  const outcome = await runCli(words, { folders, sockets: running() });
  expect([outcome.exit, outcome.out]).toEqual([exit, ""]);
  expect(outcome.err).toContain(text);
});
