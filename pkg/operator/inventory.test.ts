// Changes of the stores become one edit: specs only, refused objects with their problems, namespaces when their labels changed.
import { kindNames } from "../api/kinds.ts";
import { MemoryKube } from "../../test/support/kube/memory.ts";
import { createPlanner } from "../plan/planner.ts";
import type { KubeObject } from "../ports/kube.ts";
import { createBook } from "./book.ts";
import { createInventory } from "./inventory.ts";
import type { Inventory } from "./inventory.ts";
import { plan } from "./planning.ts";
import { namespaces, planned } from "../api/resources.ts";

const tenants = planned.Tenant, services = planned.Service;
const tenant = (name: string, spec: object = {}): KubeObject => ({ apiVersion: "opensvr.io/v1alpha1", kind: "Tenant", metadata: { name }, spec });
const namespace = (name: string, labels: Record<string, string> = {}): KubeObject => ({ apiVersion: "v1", kind: "Namespace", metadata: { name, labels } });

function world(): { kube: MemoryKube; inventory: Inventory; told: () => number } {
  const kube = new MemoryKube();
  let told = 0;
  const stores = new Map(kindNames.map((kind) => [kind, kube.follow(planned[kind])]));
  const inventory = createInventory({ stores, namespaces: kube.follow(namespaces), changed: () => { told += 1; } });
  return { kube, inventory, told: () => told };
}

test("what is there at the start is the first edit, then nothing is to take", async () => {
  const { kube } = world();
  await kube.create(tenants, tenant("acme"));
  const stores = new Map(kindNames.map((kind) => [kind, kube.follow(planned[kind])]));
  const inventory = createInventory({ stores, namespaces: kube.follow(namespaces), changed: () => undefined });
  expect(inventory.take()).toMatchObject({ put: [{ id: "Tenant acme", object: { spec: { members: [] } } }], remove: [], refused: [], changed: ["Tenant acme"], namespaces: new Map() });
  expect(inventory.take()).toBeUndefined();
  expect([inventory.generationOf("Tenant acme"), [...inventory.ids()]]).toEqual([1, ["Tenant acme"]]);
});

test("statuses and labels of an object are nothing to compile; its spec, a new one of the same name and its removal are", async () => {
  const { kube, inventory, told } = world();
  inventory.take();
  await kube.create(tenants, tenant("acme"));
  inventory.take();
  const before = told();
  await kube.status(tenants, { name: "acme" }, { members: 3 });
  expect([told() - before, inventory.take()]).toEqual([0, undefined]);
  await kube.apply(tenants, tenant("acme", { budgets: { sessions: 5 } }), { manager: "opensvr-operator" });
  expect(inventory.take()).toMatchObject({ put: [{ id: "Tenant acme", object: { metadata: { name: "acme" }, spec: { budgets: { sessions: 5 } } } }] });
  await kube.remove(tenants, { name: "acme" });
  expect(inventory.take()).toMatchObject({ put: [], remove: ["Tenant acme"], changed: ["Tenant acme"] });
  expect([inventory.generationOf("Tenant acme"), inventory.object("Tenant acme")]).toEqual([0, undefined]);
});

test("an object that its schema refuses is told with its field, and is neither put nor removed", async () => {
  const { kube, inventory } = world();
  await kube.create(services, { apiVersion: "opensvr.io/v1alpha1", kind: "Service", metadata: { name: "web", namespace: "shop" }, spec: { addresses: ["10.0.0.300"] } });
  expect(inventory.take()).toMatchObject({ put: [], remove: [], refused: [{ object: "Service shop/web", field: "spec.addresses[0]", severity: "error" }] });
});

test("namespaces are told when one comes, goes or has other labels", async () => {
  const { kube, inventory } = world();
  inventory.take();
  await kube.create(namespaces, namespace("shop", { team: "web" }));
  expect(inventory.take()?.namespaces).toEqual(new Map([["shop", { team: "web" }]]));
  await kube.apply(namespaces, { ...namespace("shop", { team: "web" }), spec: { finalizers: ["kubernetes"] } }, { manager: "opensvr-operator" });
  expect(inventory.take()).toBeUndefined();
  await kube.apply(namespaces, namespace("shop", { team: "api" }), { manager: "opensvr-operator" });
  expect(inventory.take()?.namespaces).toEqual(new Map([["shop", { team: "api" }]]));
  await kube.remove(namespaces, { name: "shop" });
  expect(inventory.take()?.namespaces).toEqual(new Map());
});

test("an edit at which the compiler fails is not lost: it is taken again, with what came meanwhile", async () => {
  const { kube, inventory } = world();
  await kube.create(tenants, tenant("acme"));
  await kube.create(namespaces, namespace("shop"));
  const mistake = new Error("a mistake");
  const concerned: string[] = [];
  const planner = createPlanner();
  const parts = { inventory, book: createBook(), log: { info: () => undefined, warn: () => undefined, error: () => undefined }, nowMs: () => 0, concerned: (_routers: unknown, objects: Iterable<string>) => { concerned.push(...objects); } };
  expect(() => plan({ ...parts, planner: { ...planner, update: () => { throw mistake; } } })).toThrow(mistake);
  await kube.create(tenants, tenant("late"));
  expect([plan({ ...parts, planner }), concerned.sort(), planner.inForce("Tenant acme")?.id]).toEqual([{ done: true }, ["Tenant acme", "Tenant late"], "Tenant acme"]);
  expect(inventory.take()).toBeUndefined();
  inventory.giveBack({ put: [], remove: [], changed: [], namespaces: new Map() });
  expect(inventory.take()?.namespaces).toEqual(new Map([["shop", {}]]));
});

test("after stop nothing is heard", async () => {
  const { kube, inventory, told } = world();
  inventory.stop();
  await kube.create(tenants, tenant("late"));
  expect([told(), inventory.object("Tenant late")?.metadata.name, inventory.object("Odd thing")]).toEqual([0, "late", undefined]);
});
