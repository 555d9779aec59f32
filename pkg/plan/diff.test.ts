// Objects and fields that an edit changes.
import fc from "fast-check";
import { parsedOf, randomObjects } from "../../test/support/config/random.ts";
import { compile } from "./compile.ts";
import { changedRouters, diffObjects, mostFields } from "./diff.ts";

const tenant = (name: string, members: object[] = []) => parsedOf("Tenant", { name }, { members });
const service = (change: object = {}) => parsedOf("Service", { name: "web", namespace: "shop" }, { addresses: ["10.2.0.0/24"], access: [{ tenant: "acme" }], ...change });

test("added, removed and changed objects, by name, with the fields that differ", () => {
  const before = [tenant("acme"), tenant("gone"), service()];
  const after = [service({ access: [{ tenant: "acme", permission: "Deny" }, { tenant: "new" }], idleTimeout: "60s" }), tenant("new"), tenant("acme")];
  expect(diffObjects(before, after)).toEqual([
    { object: "Service shop/web", change: "changed", fields: [
      { field: "spec.access[0].permission", before: "Allow", after: "Deny" }, { field: "spec.access[1]", after: { tenant: "new", permission: "Allow" } }, { field: "spec.idleTimeout", after: "60s" },
    ] },
    { object: "Tenant gone", change: "removed", fields: [] }, { object: "Tenant new", change: "added", fields: [] },
  ]);
});

test("a default that is written out is no change", () => {
  expect(diffObjects([service()], [service({ enabled: true, scope: "Private" })])).toEqual([]);
});

test("many fields are bounded", () => {
  const members = (count: number): object[] => Array.from({ length: count }, (_, n) => ({ interface: "lan0", vlan: n + 1 }));
  expect(diffObjects([tenant("acme", members(1))], [tenant("acme", members(200))])[0]?.fields).toHaveLength(mostFields);
});

test("only equal objects have no difference, and a router changes only with an object", () => {
  fc.assert(fc.property(randomObjects, randomObjects, (before, after) => {
    expect(diffObjects(before, before)).toEqual([]);
    const [changes, back] = [diffObjects(before, after), diffObjects(after, before)];
    expect(back.map((one) => one.object)).toEqual(changes.map((one) => one.object));
    const routers = changedRouters(compile({ objects: before }).routers, compile({ objects: after }).routers);
    if (changes.length === 0) expect(routers).toEqual([]);
    expect(changedRouters(compile({ objects: before }).routers, compile({ objects: before }).routers)).toEqual([]);
  }), { numRuns: 60 });
});
