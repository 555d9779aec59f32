// Random configurations for property tests: objects as their kinds accept them, out of small sets, so that they meet, collide
// and refer to what does not exist. Imported by tests only.
import fc from "fast-check";
import type { ParsedObject } from "../../../pkg/api/document.ts";
import { objectId } from "../../../pkg/api/kinds.ts";
import { apiVersion } from "../../../pkg/api/names.ts";
import { checkObject } from "../../../pkg/api/objectcheck.ts";
import { globalTenant } from "../../../pkg/plan/config.ts";
import type { WhyQuestion } from "../../../pkg/plan/explain.ts";
import { addressOf } from "./sample.ts";

/** parsedOf makes an object of a kind, which must be right, as if it came from no file. */
export function parsedOf(kind: string, metadata: object, spec?: object): ParsedObject {
  const checked = checkObject({ apiVersion, kind, metadata, ...(spec === undefined ? {} : { spec }) });
  if (!checked.ok) throw new Error(`not right: ${JSON.stringify(checked.findings)}`);
  return { id: objectId(checked.object), object: checked.object };
}

const tenantNames = ["acme", "hr.acme", "dev.acme", "web.dev.acme", "zeta", "orphan.gone"];
const serviceNames = ["web", "db", "any"];
const prefixes = ["0.0.0.0/0", "10.0.0.0/8", "10.2.0.0/24", "10.2.0.7/32", "::/0", "fd00:2::/64", "fd00:2::7/128"];
const subset = <T>(values: readonly T[], maxLength: number, minLength = 0): fc.Arbitrary<T[]> => fc.uniqueArray(fc.constantFrom(...values), { minLength, maxLength });
const sometimes = <T>(value: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> => fc.option(value, { nil: undefined, freq: 1 });

const rarely = <T>(value: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> => fc.oneof({ weight: 5, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary: value });

/** without leaves out what is undefined: absent fields are absent in files. */
function without(record: Record<string, unknown>): object {
  return Object.fromEntries(Object.entries(record).filter(([, value]) => value !== undefined));
}

const member = fc.oneof(
  fc.record({ router: sometimes(fc.constantFrom("one", "two", "gone")), interface: fc.constantFrom("lan0", "lan1", "wan0"), vlan: sometimes(fc.constantFrom(7, 8)), prefixes: subset(["10.1.0.0/24", "10.1.0.0/25", "fd00:1::/64"], 2) }),
  fc.record({ router: sometimes(fc.constant("one")), neighbourhood: fc.constantFrom("campus", "none"), prefixes: subset(["10.1.0.0/24", "10.0.0.0/8"], 2, 1) }),
).map(without);
const tenant = fc.tuple(fc.constantFrom(...tenantNames), fc.array(member, { maxLength: 3 })).map(([name, members]) => parsedOf("Tenant", { name }, { members }));

const transports = fc.oneof(fc.constant([]), fc.uniqueArray(fc.record({ protocol: fc.constantFrom("TCP", "UDP", "ICMP", 47), ports: subset([80, 443, "400-500", "1-1024"], 2) }), { maxLength: 3, selector: (one) => one.protocol })
  .map((list) => list.map((one) => (one.protocol === "TCP" || one.protocol === "UDP" ? one : { protocol: one.protocol }))));
const access = fc.uniqueArray(fc.record({ tenant: fc.constantFrom(...tenantNames), permission: fc.constantFrom("Allow", "Allow", "Deny") }), { minLength: 1, maxLength: 3, selector: (one) => one.tenant });
const service = fc.record({
  name: fc.constantFrom(...serviceNames), addresses: subset(prefixes, 3, 1), transports, access, scope: fc.constantFrom("Private", "Private", "Public"), enabled: fc.constantFrom(true, true, true, false),
  sourceNat: fc.constantFrom("None", "Interface", "Pool"), servicePolicyRef: rarely(fc.constantFrom("ordered", "gone").map((name) => ({ name }))), securityPolicyRef: rarely(fc.constantFrom("plain", "strong", "strong", "tagged", "trusting").map((name) => ({ name }))),
}).map(({ name, ...spec }) => parsedOf("Service", { name, namespace: "shop" }, without(spec)));

const way = fc.oneof(
  fc.record({ type: fc.constant("Peer"), peer: fc.record({ peer: fc.constantFrom("one", "two", "two", "one", "gone") }) }),
  fc.record({ type: fc.constant("Local"), local: fc.record({ interface: fc.constantFrom("lan0", "lan1", "gone"), vlan: sometimes(fc.constant(7)), gateway: sometimes(fc.constantFrom("10.1.0.254", "fe80::1", "fe80::1", "192.0.2.77")) }).map(without) }),
  fc.record({ type: fc.constant("Host"), host: fc.record({ interface: fc.constantFrom("lan0", "lan1"), targets: subset(["10.1.0.9", "fd00:1::9", "10.77.0.1"], 2, 1) }) }),
);
const route = fc.tuple(fc.constantFrom("r1", "r2", "r3", "r4", "r5", "r6"), fc.constantFrom(...serviceNames), fc.constantFrom(["one", "two"], ["one"], ["two"], ["two", "gone"]), way, fc.constantFrom(1, 5), sometimes(fc.constantFrom("mpls", "internet")))
  .map(([name, target, routers, block, cost, vector]) => parsedOf("ServiceRoute", { name, namespace: "shop" }, without({ serviceRef: { name: target }, routers, cost, vector, ...block })));

const policies = [
  parsedOf("ServicePolicy", { name: "ordered", namespace: "shop" }, { vectors: [{ name: "mpls" }, { name: "internet" }, { name: "lte", use: "Never" }] }),
  parsedOf("SecurityPolicy", { name: "plain", namespace: "shop" }),
  parsedOf("SecurityPolicy", { name: "strong", namespace: "shop" }, { payloadEncryption: "GCM" }),
  parsedOf("SecurityPolicy", { name: "tagged", namespace: "shop" }, { hmacScope: "EveryPacket" }),
  parsedOf("SecurityPolicy", { name: "trusting", namespace: "shop" }, { payloadEncryption: "CBC", adaptive: false, clearPaths: true }),
];

/** What decides whether a peer can hold encrypted payloads. */
const protection = { metadataEncryption: rarely(fc.record({ enabled: fc.boolean(), suite: fc.constantFrom("CBC", "GCM") })), hmac: rarely(fc.constantFrom("Disabled", "Regular").map((mode) => ({ mode }))) };

/** A router of the pair; `end` is its last byte on the link between them. */
function router(name: string, other: string, end: number): fc.Arbitrary<ParsedObject> {
  const peerEnd = 3 - end;
  const path = fc.uniqueArray(fc.record({
    name: fc.constantFrom("v4", "v6", "x"), interface: fc.constantFrom("wan0", "wan0", "lan0"), vector: sometimes(fc.constantFrom("mpls", "lte")),
    remoteAddress: fc.constantFrom(`192.0.2.${peerEnd}`, `2001:db8::${peerEnd}`, "203.0.113.9"), payloadEncryption: rarely(fc.constantFrom("None", "CBC")),
  }), { minLength: 1, maxLength: 3, selector: (one) => one.name }).map((list) => list.map(without));
  const lan1 = fc.constantFrom(["10.1.0.1/24"], ["fd00:1::1/64"], []);
  const nat = fc.record({
    pools: fc.uniqueArray(fc.record({ name: fc.constantFrom("p", "q"), addresses: subset(["198.51.100.0/30", "2001:db8:5::/64"], 2, 1), tenants: subset(tenantNames, 2) }), { maxLength: 2, selector: (one) => one.name }),
    static: fc.array(fc.record({ inside: fc.constantFrom("10.2.0.0/24", "10.1.0.64/26"), outside: fc.constantFrom("11.0.0.0/24", "11.0.0.0/26", "fd00:9::/64"), interface: fc.constantFrom("lan0", "lan1", "wan0") }), { maxLength: 2 }),
  });
  return fc.record({ path, nat, lan1, allowed: subset([...tenantNames, globalTenant], 3), psk: fc.oneof({ weight: 9, arbitrary: fc.constant({ file: "k" }) }, { weight: 1, arbitrary: fc.constant(undefined) }), ...protection }).map((part) => parsedOf("Router", { name }, {
    interfaces: [
      { name: "lan0", type: "LAN", neighbourhood: "campus", addresses: ["10.1.0.1/24", "fd00:1::1/64"], gateways: ["10.1.0.254"], vlans: [{ id: 7, addresses: ["10.1.0.1/24"] }] },
      { name: "lan1", type: "Shared", addresses: part.lan1 },
      { name: "wan0", type: "WAN", addresses: [`192.0.2.${end}/24`, `2001:db8::${end}/64`], waypoints: [{ address: `192.0.2.${end}` }, { address: `2001:db8::${end}` }] },
    ],
    nat: part.nat,
    peers: [without({ name: other, paths: part.path, psk: part.psk, allowedTenants: part.allowed, metadataEncryption: part.metadataEncryption, hmac: part.hmac })],
  }));
}

/** randomObjects gives tenants, services, routes and policies around two routers, `one` and `two`. */
export const randomObjects: fc.Arbitrary<ParsedObject[]> = fc.tuple(
  fc.uniqueArray(tenant, { minLength: 3, maxLength: 6, selector: (one) => one.id }), fc.uniqueArray(service, { minLength: 2, maxLength: 3, selector: (one) => one.id }),
  fc.uniqueArray(route, { minLength: 3, maxLength: 6, selector: (one) => one.id }), router("one", "two", 1), router("two", "one", 2),
).map(([tenants, services, routes, one, two]) => [...tenants, ...services, ...routes, ...policies, one, two]);

/** randomQuestions gives connections that such configurations have something to say about. */
export const randomQuestions: fc.Arbitrary<WhyQuestion[]> = fc.array(fc.record({
  tenant: fc.constantFrom(...tenantNames, globalTenant, "new.dev.acme", "stranger"),
  proto: fc.constantFrom(6, 17, 1, 58, 47),
  port: fc.constantFrom(0, 80, 443, 450, 501, 1024, 1025),
  destination: fc.constantFrom("10.2.0.7", "10.2.0.8", "10.1.0.9", "11.0.0.1", "fd00:2::7", "fd00:1::9", "2001:db8:9::1").map(addressOf),
}), { minLength: 1, maxLength: 12 });
