// Bad objects for the whole operator on a real API server, once while it runs and once while nobody does: references to nothing, quarrels,
// objects as large as they may be, a namespace that goes. Each has a condition that says so, routers have what the compiler gives, what was in
// force stays, and the operator remains the process that it was.
import { join } from "node:path";
import type { ParsedObject } from "../../pkg/api/document.ts";
import { conditionOf, itemOf, operatorNamespace } from "../support/kube/operator.ts";
import type { Item } from "../support/kube/operator.ts";
import { slow, testMs } from "../support/kube/patience.ts";
import { headsAreRight, objectsOn } from "../support/kube/programming.ts";
import { openKube } from "../support/kube/server.ts";
import type { Kube } from "../support/kube/server.ts";
import { vastService, vastTenant } from "../support/kube/vast.ts";
import { waitFor } from "../support/wait.ts";
import { startWatched } from "../support/kube/watched.ts";
import type { Watched } from "../support/kube/watched.ts";

const folder = join(import.meta.dirname, "mishaps");
const three = join(import.meta.dirname, "../support/config/three");

let kube: Kube;
let operator: Watched;
let base: ParsedObject[];
let before: Record<string, string>;

beforeAll(async () => {
  kube = await openKube({ controllers: true });
  kube.applyCrds();
  for (const name of [operatorNamespace, "shop", "maze"]) kube.kubectl(["create", "namespace", name]);
  kube.kubectl(["apply", "-f", three]);
  kube.kubectl(["apply", "-f", "-"], "apiVersion: opensvr.io/v1alpha1\nkind: Tenant\nmetadata: { name: mazes }\nspec: { serviceNamespaces: { names: [maze, doomed] } }\n");
  operator = await startWatched(kube);
  base = objectsOn(kube);
  before = await headsAreRight(kube, []);
}, testMs);
afterAll(async () => {
  await operator.stop();
  await kube.close();
}, testMs);

/** The same process since it was started, and well; and with nothing bad left, routers have what they had. */
async function allIsWell(): Promise<void> {
  expect(await operator.health()).toBe("200 ok");
  expect(operator.process.errors).toBe("");
  expect(await headsAreRight(kube, base)).toEqual(before);
}

/** Does something bad while the operator runs, or while nobody does. */
async function meanwhile(when: "up" | "gone", work: () => void | Promise<void>): Promise<void> {
  if (when === "gone") expect(await operator.stop()).toBe("0");
  await work();
  if (when === "gone") operator = await startWatched(kube);
}

type Said = Item & { kind: string; metadata: { annotations?: { says?: string; condition?: string } } };

/** Objects of a file of which the condition that is named is not as it should be. */
function unsaid(file: string, is: (condition: string, says: string) => boolean): string[] {
  const { items } = JSON.parse(kube.kubectl(["get", "-f", join(folder, file), "-o", "json"])) as { items: Said[] };
  return items.flatMap((item) => {
    const { says, condition = "ResolvedRefs" } = item.metadata.annotations ?? {};
    const there = conditionOf(item, condition);
    return says === undefined || is(there, says) ? [] : [`${item.kind} ${item.metadata.name}: ${there === "" ? "nothing" : there}, instead of: ${says}`];
  });
}

const each = ["up", "gone"] as const;

test.each(each)("references to nothing, the operator %s: each object says what is missing and what to do; it is mended by what comes", async (when) => {
  await meanwhile(when, () => { kube.kubectl(["apply", "-f", join(folder, "dangling.yaml")]); });
  const told = (): string[] => unsaid("dangling.yaml", (there, says) => there.startsWith("False RefNotFound: ") && there.includes(says) && there.includes("; "));
  await waitFor("every reference is told", () => told().length === 0, { ...slow, show: () => told().join("\n") });
  await headsAreRight(kube, base);
  await meanwhile(when, () => { kube.kubectl(["apply", "-f", join(folder, "mending.yaml")]); });
  const mended = (): string[] => unsaid("dangling.yaml", (there) => there.startsWith("True"));
  await waitFor("every reference is resolved", () => mended().length === 0, { ...slow, show: () => mended().join("\n") });
  await headsAreRight(kube, base);
  kube.kubectl(["delete", "-f", join(folder, "dangling.yaml"), "-f", join(folder, "mending.yaml"), "--ignore-not-found"]);
  await allIsWell();
}, testMs);

test.each(each)("circles, hosts of another tenant, entries of another service, names taken twice, the operator %s: told, and what is in force stays", async (when) => {
  await meanwhile(when, () => { kube.kubectl(["apply", "-f", join(folder, "quarrels.yaml")]); });
  const told = (): string[] => unsaid("quarrels.yaml", (there, says) => there.includes(says));
  await waitFor("every quarrel is told", () => told().length === 0, { ...slow, show: () => [...told(), ...operator.process.lines.slice(-30)].join("\n") });
  const now = await headsAreRight(kube, base);
  expect(now["cloud"]).not.toBe(before["cloud"]); // zzz-web is beside web there
  for (const [kind, name, namespace] of [["tenants", "engineering.acme"], ["services", "web", "shop"]] as const) {
    expect(conditionOf(itemOf(kube, `${kind}.opensvr.io`, name, namespace), "Accepted")).toMatch(/^True/);
  }
  kube.kubectl(["delete", "-f", join(folder, "quarrels.yaml")]);
  await allIsWell();
}, testMs);

test("one item above what a schema allows is refused by the API server, with the field", () => {
  for (const [object, said] of [[vastTenant("branch", "lan-eng", { members: 513, prefixes: 1 }), /spec\.members.*must have at most 512 items/], [vastService("maze", { tenants: 1_025 }), /spec\.access.*must have at most 1024 items/], [vastTenant("branch", "lan-eng", { prefixes: 129 }), /spec\.members\[0\]\.prefixes|too large/]] as const) {
    const { status, err } = kube.tryKubectl(["create", "-f", "-"], JSON.stringify(object));
    expect([status, err]).toEqual([1, expect.stringMatching(said)]);
  }
});

test.each(each)("a namespace is deleted, and objects come that are as large as they may be, the operator %s: told, programmed, and the namespace goes", async (when) => {
  kube.kubectl(["apply", "-f", join(folder, "doomed.yaml")]);
  await waitFor("the service that will go is programmed", async () => (await headsAreRight(kube, base))["branch"] !== before["branch"], slow);
  const vast = [vastTenant("branch", "lan-eng"), vastService("maze")];
  await meanwhile(when, async () => {
    kube.kubectl(["delete", "namespace", "doomed", "--wait=false"]);
    for (const object of vast) kube.kubectl(["create", "-f", "-"], JSON.stringify(object));
    await waitFor("the namespace is gone", () => itemOf(kube, "namespaces", "doomed") === undefined, slow);
  });
  await waitFor("the Tenant is accepted", () => conditionOf(itemOf(kube, "tenants.opensvr.io", "vast"), "Accepted").startsWith("True"), slow);
  await waitFor("the Service says what is missing", () => /^False RefNotFound: spec.access\[0\].tenant: there is no Tenant "t0x+/.test(conditionOf(itemOf(kube, "services.opensvr.io", "vast", "maze"), "ResolvedRefs")), slow);
  expect(await headsAreRight(kube, base)).not.toEqual(before);
  kube.kubectl(["delete", "tenants.opensvr.io,services.opensvr.io", "vast", "-n", "maze"]);
  await allIsWell();
}, testMs);
