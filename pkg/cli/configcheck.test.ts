// `svrctl config validate`: good, warned and broken directories; places, fixes, counts and exit codes.
import { parse } from "yaml";
import type { CheckData } from "./configcheck.ts";
import { runCli } from "../../test/support/cli.ts";
import { threeFiles } from "../../test/support/config/three.ts";

const good = Object.fromEntries(threeFiles().map(({ path, text }) => [`three/${path}`, text]));
const routers = `apiVersion: opensvr.io/v1alpha1
kind: Router
metadata: { name: one }
spec:
  interfaces:
    - { name: lan0, type: LAN, adresses: [10.0.0.1/24] }
---
apiVersion: opensvr.io/v1alpha1
kind: Router
metadata: { name: two }
spec:
  interfaces:
    - { name: lan0, type: LAN, addresses: [10.0.0.1/24] }
`;
const strayMember = `apiVersion: opensvr.io/v1alpha1
kind: Tenant
metadata: { name: acme }
spec:
  members:
    - { router: twoo, interface: lan0 }
`;

test("the example of three routers is good", async () => {
  expect(await runCli("config validate three", { files: good })).toMatchObject({
    exit: 0, err: "",
    out: `ROUTER   INTERFACES  PEERS  PATHS  TENANTS  SERVICES  ROUTES
branch            3      1      2        3         4       8
cloud             2      1      2        3         4       4
transit           2      2      4        3         4       8

24 objects, 3 routers: 0 errors, 0 warnings
`,
  });
});

test("a broken object is shown with place and fix, the others are compiled", async () => {
  const { exit, out, err } = await runCli("config validate conf", { files: { "conf/routers.yaml": routers } });
  expect(exit).toBe(1);
  expect(out).toContain('conf/routers.yaml:6:32: error: Router one spec.interfaces[0].adresses: ');
  expect(out).toContain('did you mean "addresses"?');
  expect(out).toContain("ROUTER  INTERFACES  PEERS  PATHS  TENANTS  SERVICES  ROUTES\ntwo              1      0      0        0         0       0\n\n1 object, 1 router: 1 error, 0 warnings\n");
  expect(err).toBe("SVR_CONFIG_INVALID: cannot use all of conf: 1 error; correct what is listed; the rest of the configuration is good\n");
});

test("json and yaml hold the same, alone on the standard output", async () => {
  const [json, yaml] = [await runCli("config validate conf -o json", { files: { "a.yaml": routers } }), await runCli("config validate conf -o yaml", { files: { "a.yaml": routers } })];
  expect([json.exit, yaml.exit]).toEqual([1, 1]);
  const data = JSON.parse(json.out) as CheckData;
  expect(parse(yaml.out)).toEqual(data);
  expect(data).toMatchObject({
    directory: "conf", objects: 1, errors: 1, warnings: 0, routers: [{ name: "two", interfaces: 1 }],
    problems: [{ severity: "error", code: "unknown-field", file: "a.yaml", line: 6, column: 32, object: "Router one", field: "spec.interfaces[0].adresses", fix: expect.any(String) as string, message: expect.any(String) as string }],
  });
});

test("warnings alone are no failure", async () => {
  const loop = { ...good, "three/loop.yaml": `apiVersion: opensvr.io/v1alpha1
kind: ServiceRoute
metadata: { name: web-back, namespace: shop }
spec: { serviceRef: { name: web }, routers: [cloud], type: Peer, peer: { peer: transit }, cost: 1 }
` };
  const { exit, out, err } = await runCli("config validate three", { files: loop });
  expect(out).toContain(" warning: ");
  expect(out).toMatch(/25 objects, 3 routers: 0 errors, [1-9]\d* warnings?\n$/);
  expect({ exit, err }).toEqual({ exit: 0, err: "" });
});

test("a name that refers to nothing is told with the nearest one", async () => {
  const { exit, out } = await runCli("config validate conf", { files: { "r.yaml": routers.split("---\n")[1] ?? "", "t.yaml": strayMember } });
  expect(exit).toBe(0);
  expect(out).toContain('t.yaml:6:9: warning: Tenant acme spec.members[0].router: there is no Router "twoo"; did you mean "two"?');
});

test("a colour repeats the severity, only on a terminal", async () => {
  const world = { files: { "r.yaml": routers } };
  expect((await runCli("config validate conf", { ...world, colour: true })).out).toMatch(/^\u001b\[31mr\.yaml:6:32: error: /);
  expect((await runCli("config validate conf --no-color", { ...world, colour: true })).out).toMatch(/^r\.yaml:6:32: error: /);
});

test("text of a file cannot steer the terminal", async () => {
  const { out } = await runCli("config validate conf", { files: { "r.yaml": `apiVersion: opensvr.io/v1alpha1\nkind: Tenant\nmetadata: { name: a, "\\e[2J": 1 }\n` } });
  expect(out).toContain("\\u{1b}[2J");
  expect(out).not.toContain("\u001b");
});

test("a directory without a router is told", async () => {
  const { exit, err } = await runCli("config validate conf", { files: { "t.yaml": "apiVersion: opensvr.io/v1alpha1\nkind: Tenant\nmetadata: { name: acme }\n" } });
  expect({ exit, err }).toEqual({ exit: 0, err: "note: no router is compiled: there is no valid Router object\n" });
});

test.each([
  ["ENOENT", 4, "SVR_NOT_FOUND: cannot read the configuration in conf: there is no such directory (ENOENT); name a directory that exists\n"],
  ["ENOTDIR", 4, "it is no directory (ENOTDIR); name the directory that the files are in"],
  ["EACCES", 5, "SVR_NOT_PERMITTED: cannot read the configuration in conf: you may not read it (EACCES)"],
  ["EIO", 1, "SVR_CONFIG_INVALID: cannot read the configuration in conf: "],
])("a directory that fails with %s", async (code, exit, words) => {
  const outcome = await runCli("config validate conf", { folderTrouble: code });
  expect(outcome).toMatchObject({ exit, out: "" });
  expect(outcome.err).toContain(words);
});

test("a directory without objects is not found", async () => {
  expect(await runCli("config validate conf", { files: {} })).toMatchObject({ exit: 4, out: "" });
  expect(await runCli("config validate conf", { files: { "a.yaml": "# nothing\n" } })).toMatchObject({ exit: 4, out: "" });
});
