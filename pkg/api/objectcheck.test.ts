// Findings on single objects: field, message and fix of each kind of mistake.
import { checkObject, checkServed } from "./objectcheck.ts";
import { apiVersion } from "./names.ts";

type Spec = Record<string, unknown>;

/** First findings as `field: message; fix`. */
function findings(value: unknown): string[] {
  const result = checkObject(value);
  return result.ok ? [] : result.findings.map((one) => `${one.code} ${one.field ?? "-"}: ${one.message}; ${one.fix}`);
}

const service = (spec: Spec, metadata: Spec = { name: "web", namespace: "shop" }): unknown => ({ apiVersion, kind: "Service", metadata, spec: { addresses: ["10.0.0.1"], ...spec } });
const router = (part: Spec): unknown => ({ apiVersion, kind: "Router", metadata: { name: "one" }, spec: { interfaces: [{ name: "w", type: "WAN" }], ...part } });
const tenant = (name: string, members: unknown[] = []): unknown => ({ apiVersion, kind: "Tenant", metadata: { name }, spec: { members } });
const route = (spec: Spec): unknown => ({ apiVersion, kind: "ServiceRoute", metadata: { name: "r" }, spec: { serviceRef: { name: "web" }, routers: ["one"], ...spec } });
const longName = `${"a".repeat(60)}.`.repeat(4).slice(0, 240);

const rows: [desc: string, value: unknown, finding: string][] = [
  ["no object", 7, `document -: the document is not an object; write apiVersion: ${apiVersion}, kind, metadata and spec`],
  ["no version", {}, `required apiVersion: apiVersion is missing; write apiVersion: ${apiVersion}`],
  ["foreign version", { apiVersion: "v1" }, `document apiVersion: apiVersion "v1" is not ours; write apiVersion: ${apiVersion}`],
  ["no kind", { apiVersion }, "required kind: kind is missing; known kinds: Tenant, Service, ServiceRoute, ServicePolicy, SecurityPolicy, Router"],
  ["mistyped kind", { apiVersion, kind: "Tennant" }, 'document kind: kind "Tennant" does not exist; did you mean Tenant?'],
  ["strange kind", { apiVersion, kind: 5 }, "document kind: kind 5 does not exist; known kinds: Tenant, Service, ServiceRoute, ServicePolicy, SecurityPolicy, Router"],
  ["RouterClass", { apiVersion, kind: "RouterClass" }, 'unsupported kind: kind "RouterClass" has a meaning in a cluster only; remove it, and write a Router for each router'],
  ["RouterConfig", { apiVersion, kind: "RouterConfig" }, 'unsupported kind: kind "RouterConfig" has a meaning in a cluster only; remove it; it is compiled from the other objects'],
  ["missing metadata", { apiVersion, kind: "Tenant" }, "required metadata: is required; it needs name"],
  ["mistyped field", service({ adresses: [] }), 'unknown-field spec.adresses: there is no field "adresses" here; did you mean "addresses"?'],
  ["strange field", service({ access: [{ tenant: "acme", zebra: 1 }] }), 'unknown-field spec.access[0].zebra: there is no field "zebra" here; known fields: tenant, permission'],
  ["namespace of a kind that has none", { apiVersion, kind: "Tenant", metadata: { name: "a", namespace: "b" }, spec: {} }, 'unknown-field metadata.namespace: there is no field "namespace" here; objects of this kind have no namespace: remove it'],
  ["strange metadata", { apiVersion, kind: "Tenant", metadata: { name: "a", zebra: 1 }, spec: {} }, 'unknown-field metadata.zebra: there is no field "zebra" here; known fields: name, labels, annotations'],
  ["very long field", service({ ["x".repeat(99)]: 1 }), `unknown-field spec.${"x".repeat(99)}: there is no field "${"x".repeat(59)}..." here; known fields: addresses, transports, access, scope, enabled, servicePolicyRef, securityPolicyRef, trafficClass, enforcement, idleTimeout, sourceNat, tests`],
  ["missing field", service({ access: [{}] }), 'required spec.access[0].tenant: is required; write for example "engineering.acme"'],
  ["wrong type", service({ enabled: "yes" }), 'type spec.enabled: "yes" is not true or false; write for example true'],
  ["list for text", service({ scope: [] }), "value spec.scope: the list is not one of Private, Public; write Private or Public"],
  ["object for list", service({ access: {} }), "type spec.access: the object is not a list; see the description of the field"],
  ["mistyped choice", service({ scope: "public" }), 'value spec.scope: "public" is not one of Private, Public; did you mean Public?'],
  ["fraction", router({ shards: 1.5 }), "type spec.shards: 1.5 is not a whole number; write for example 2"],
  ["too small", router({ limits: { sessions: 0 } }), "range spec.limits.sessions: 0 is less than 1; write for example 1000000"],
  ["too big", router({ shards: 65 }), "range spec.shards: 65 is greater than 64; write for example 2"],
  ["too few", router({ interfaces: [] }), "range spec.interfaces: the list has fewer than 1 elements; list at least 1"],
  ["too long", router({ interfaces: [{ name: "w", type: "WAN", device: "0123456789abcdef" }] }), 'range spec.interfaces[0].device: "0123456789abcdef" has more than 15 characters; write for example "eth0"'],
  ["bad duration", service({ idleTimeout: "5 min" }), 'value spec.idleTimeout: "5 min" is not a duration: a whole number and ms, s, m or h; write for example "300s"'],
  ["duration outside", router({ quarantine: "29s" }), 'range spec.quarantine: "29s" is not between 30s and 600s; write for example "30s"'],
  ["bad protocol", service({ transports: [{ protocol: "tcp" }] }), 'value spec.transports[0].protocol: "tcp" is not a protocol: TCP, UDP, ICMP, GRE, ESP, SCTP or a number 1-255; write for example "TCP"'],
  ["bad ports", service({ transports: [{ protocol: "TCP", ports: ["80-79"] }] }), 'value spec.transports[0].ports[0]: "80-79" is not a port or a range of ports in 1-65535; write for example "8000-8010"'],
  ["ports above", service({ transports: [{ protocol: "TCP", ports: [70_000] }] }), 'range spec.transports[0].ports[0]: 70000 is greater than 65535; write for example "8000-8010"'],
  ["ports without ports", service({ transports: [{ protocol: "ICMP", ports: [8] }] }), "value spec.transports[0].ports: has ports, but the protocol has none; remove ports, or use TCP, UDP or SCTP"],
  ["a name for an address", service({ addresses: ["www.example.org"] }), 'unsupported spec.addresses[0]: names are not supported in this version: "www.example.org"; write the addresses that the name stands for'],
  ["no prefix", service({ addresses: ["10.0.0.0/33"] }), 'value spec.addresses[0]: "10.0.0.0/33" is not an IPv4 or IPv6 prefix; write ADDRESS/LENGTH, for example "10.1.0.0/16" or "2001:db8::/32"'],
  ["bits after the prefix", service({ addresses: ["10.0.0.5/24"] }), 'value spec.addresses[0]: has bits set after the prefix length; write "10.0.0.0/24" for the network, or the address alone for one host'],
  ["same address twice", service({ addresses: ["10.0.0.1", "10.0.0.1"] }), 'duplicate spec.addresses[1]: "10.0.0.1" is already in the list; give each element its own, or remove one'],
  ["same key twice", service({ access: [{ tenant: "acme" }, { tenant: "acme", permission: "Deny" }] }), 'duplicate spec.access[1].tenant: "acme" is already in the list; give each element its own, or remove one'],
  ["wire name too long", service({}, { name: longName, namespace: "namespace-of-shops" }), `range metadata.name: "${"a".repeat(59)}..." has more than 189 characters; write for example "web"`],
  ["nine levels", tenant("a.b.c.d.e.f.g.h.i"), 'value metadata.name: "a.b.c.d.e.f.g.h.i" is not a tenant name: at most 8 labels of lower-case letters, digits and -, child first, separated by dots; write for example "engineering.acme"'],
  ["member without place", tenant("acme", [{}]), "required spec.members[0]: needs either interface or neighbourhood; name the interface that the tenant's hosts are behind"],
  ["member VLAN without interface", tenant("acme", [{ neighbourhood: "n", vlan: 5, prefixes: ["10.0.0.0/8"] }]), "value spec.members[0].vlan: vlan needs interface; name the interface that carries the VLAN"],
  ["neighbourhood without prefixes", tenant("acme", [{ neighbourhood: "n" }]), "required spec.members[0].prefixes: neighbourhood needs prefixes; list the source prefixes of the tenant"],
  ["route without its block", route({ type: "Local" }), 'required spec.local: is required with type Local; add the block "local"'],
  ["route with another block", route({ type: "Peer", peer: { peer: "two" }, local: { interface: "w" } }), "value spec.local: does not belong to this type; remove it, or write type: Local"],
  ["interface address without length", router({ interfaces: [{ name: "w", type: "WAN", addresses: ["192.0.2.1"] }] }), 'value spec.interfaces[0].addresses[0]: "192.0.2.1" is not an address with a prefix length; write for example "192.0.2.1/24"'],
  ["waypoint ports too low", router({ interfaces: [{ name: "w", type: "WAN", waypoints: [{ address: "192.0.2.1", ports: "1000-2000" }] }] }), 'value spec.interfaces[0].waypoints[0].ports: "1000-2000" is not a range of ports in 1025-65535; write for example "20000-29999"'],
  ["clamp", router({ mssClamp: "off" }), 'value spec.mssClamp: "off" is not Automatic, None or 536-8960; write for example "Automatic"'],
  ["vector cost without use", { apiVersion, kind: "ServicePolicy", metadata: { name: "p" }, spec: { vectors: [{ name: "lte", cost: 5 }] } }, "value spec.vectors[0].cost: goes with use: Cost, and only with it; write use: Cost with a cost, or leave cost out"],
  ["metadata that is foreign", { apiVersion, kind: "Tenant", metadata: { name: "a", labels: { x: 1 } } }, 'type metadata.labels.x: 1 is not text; see the description of the field'],
];

test.each(rows)("%s", (_desc, value, finding) => expect(findings(value)).toContain(finding));

test("several mistakes in one object are all found", () => {
  expect(findings(service({ adresses: [], scope: "public", enabled: 1 }))).toHaveLength(3);
});

test("the number of findings is bounded", () => {
  const many = Object.fromEntries(Array.from({ length: 100 }, (_, index) => [`field${index}`, 1]));
  expect(findings(service(many))).toHaveLength(50);
});

test("objects that only a cluster has are checked with fixes too", () => {
  const routerClass = (spec: object): unknown => ({ apiVersion, kind: "RouterClass", metadata: { name: "edge" }, spec });
  expect(checkServed("RouterClass", routerClass({}))).toEqual([]);
  expect(checkServed("RouterClass", routerClass({ resources: { memory: "1GB" } }))).toEqual([{
    severity: "error", code: "value", field: "spec.resources.memory", message: '"1GB" is not an amount of memory such as 512Mi or 2Gi', fix: 'write for example "2Gi"',
  }]);
});
