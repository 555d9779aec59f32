// The example topologies of deploy/ on a real API server: everything is accepted, strictly, and a large inventory too.
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { App, Chart } from "cdk8s";
import { inventory, namespacesOf } from "../../deploy/topologies/inventory.ts";
import { testMs } from "../support/kube/patience.ts";
import { openKube } from "../support/kube/server.ts";
import type { Kube } from "../support/kube/server.ts";

const examples = join(import.meta.dirname, "../../deploy/examples/kube");
const topologies = readdirSync(examples).filter((name) => name.endsWith(".yaml"));

let kube: Kube;
beforeAll(async () => {
  kube = await openKube();
  kube.applyCrds();
}, testMs);
afterAll(async () => { await kube.close(); }, testMs);

test("there are topologies", () => { expect(topologies).toEqual(["cluster.yaml", "onramp.yaml"]); });

test.each(topologies)("%s is accepted as it is", (name) => {
  expect(kube.tryKubectl(["apply", "--server-side", "--validate=strict", "-f", join(examples, name)])).toMatchObject({ status: 0, err: "" });
});

test("what is wrong in a topology would be seen", () => {
  const broken = { apiVersion: "opensvr.io/v1alpha1", kind: "Tenant", metadata: { name: "wrong" }, spec: { member: [] } };
  expect(kube.tryKubectl(["apply", "--server-side", "--validate=strict", "-f", "-"], JSON.stringify(broken))).toMatchObject({ status: 1, err: expect.stringContaining("spec.member") as string });
});

test("an inventory is accepted as it is", () => {
  const counts = { tenants: 20, services: 150, routers: 12, usedAt: 4 };
  const chart = new Chart(new App(), "inventory");
  inventory(chart, counts);
  const namespaces = namespacesOf(counts).map((name) => ({ apiVersion: "v1", kind: "Namespace", metadata: { name, labels: { tenants: "all" } } }));
  const items = [...namespaces, ...chart.toJson() as object[]];
  const ran = kube.tryKubectl(["apply", "--server-side", "--validate=strict", "-o", "name", "-f", "-"], JSON.stringify({ apiVersion: "v1", kind: "List", items }));
  expect(ran).toMatchObject({ status: 0, err: "" });
  expect(ran.out.trim().split("\n")).toHaveLength(items.length);
}, testMs);
