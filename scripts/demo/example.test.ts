// The example of the documentation compiles for every router, grants and denies what its comments say, and its copy has keys
// that only the owner may read.
import { randomBytes } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseDocuments } from "../../pkg/api/document.ts";
import { formatProblem } from "../../pkg/api/problem.ts";
import { decodeKey } from "../../pkg/files/keys.ts";
import { compile } from "../../pkg/plan/compile.ts";
import { createKeys, exampleFiles, exampleFolder, pairs, routerNames, writeExample } from "./example.ts";

const compiled = () => compile(parseDocuments(exampleFiles().map((path) => ({ path, text: readFileSync(join(exampleFolder, path), "utf8") }))));

test("the example compiles for its three routers without a problem", () => {
  const { routers, problems } = compiled();
  expect(problems.map(formatProblem)).toEqual([]);
  expect([...routers.keys()].sort()).toEqual([...routerNames].sort());
});

test("two tenants have the same addresses behind interfaces of their own", () => {
  const branch = compiled().routers.get("branch");
  const lans = branch?.interfaces.filter((one) => one.name.startsWith("lan-")) ?? [];
  expect(lans.map((one) => one.name)).toEqual(["lan-eng", "lan-fin"]);
  expect(JSON.stringify(lans[0]?.networks.map((one) => one.addresses))).toBe(JSON.stringify(lans[1]?.networks.map((one) => one.addresses)));
});

test("without keys the copy is for routers that know each other by certificate", () => {
  const folder = mkdtempSync(join(tmpdir(), "demo-example-"));
  try {
    writeExample(folder, undefined);
    const { routers, problems } = compile(parseDocuments(exampleFiles().map((path) => ({ path, text: readFileSync(join(folder, path), "utf8") }))));
    expect(problems.map(formatProblem)).toEqual([]);
    expect([...routers.values()].flatMap(({ peers }) => peers.map(({ authentication, psk }) => [authentication, psk]))).toEqual(Array.from({ length: 4 }, () => ["certificate", undefined]));
    expect(readdirSync(join(folder, "keys"))).toEqual([]);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("the copy has a key for each pair of neighbours, for its owner only", () => {
  const folder = mkdtempSync(join(tmpdir(), "demo-example-"));
  try {
    const keys = createKeys((count) => new Uint8Array(randomBytes(count)));
    writeExample(folder, keys);
    for (const { link } of pairs) {
      const path = join(folder, "keys", `${link}.psk`);
      expect(decodeKey(readFileSync(path))).toEqual(keys[link]);
      expect(keys[link]).toHaveLength(32);
      expect(statSync(path).mode & 0o777).toBe(0o600);
    }
    expect(keys["branch-transit"]).not.toEqual(keys["transit-cloud"]);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
