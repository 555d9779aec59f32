// Our kinds as resources: plurals and scopes as they are served, names of objects in both directions, and what is compiled of one.
import { idOf, keyOf, namespaces, ourResources, resourceOf, specOnly, splitId } from "./resources.ts";

const web = { apiVersion: "opensvr.io/v1alpha1", kind: "Service", metadata: { name: "web", namespace: "shop", uid: "1" }, spec: { a: 1 }, status: { b: 2 } };
const tenant = { apiVersion: "opensvr.io/v1alpha1", kind: "Tenant", metadata: { name: "acme" } };

test("each kind is a resource of our group, and only some have a namespace", () => {
  expect(resourceOf("ServicePolicy")).toEqual({ group: "opensvr.io", version: "v1alpha1", plural: "servicepolicies", kind: "ServicePolicy", namespaced: true });
  expect(ourResources.filter(({ namespaced }) => !namespaced).map(({ kind }) => kind)).toEqual(["Tenant", "Router", "RouterClass", "RouterConfig"]);
  expect([ourResources.length, namespaces.group]).toEqual([8, ""]);
});

test("an object is named with its namespace, and the name is taken apart again", () => {
  expect([keyOf(web), idOf(web), keyOf(tenant), idOf(tenant)]).toEqual(["shop/web", "Service shop/web", "acme", "Tenant acme"]);
  expect([splitId("Service shop/web"), splitId("Tenant acme"), splitId("Node n1"), splitId("")]).toEqual([{ kind: "Service", key: "shop/web" }, { kind: "Tenant", key: "acme" }, undefined, undefined]);
});

test("name and spec are compiled, nothing else", () => {
  expect([specOnly(web), specOnly(tenant)]).toEqual([
    { apiVersion: web.apiVersion, kind: "Service", metadata: { name: "web", namespace: "shop" }, spec: { a: 1 } },
    { apiVersion: web.apiVersion, kind: "Tenant", metadata: { name: "acme" } },
  ]);
});
