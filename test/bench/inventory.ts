// A large inventory, the same each time it is made: Routers in a circle with four peers each; Services, each in use at ten Routers around
// the one that has its hosts; tenants with members and children; policies; one Service of 25 around the addresses of others. For the
// benches of the compiler (compile.ts) and of the operator (apply.ts).
import { objectId } from "../../pkg/api/kinds.ts";
import type { ParsedObject } from "../../pkg/api/document.ts";
import { apiVersion } from "../../pkg/api/names.ts";
import { checkObject } from "../../pkg/api/objectcheck.ts";

/** Size is how many objects of each kind there are. */
export interface Size { services: number; tenants: number; routers: number }

const NAMESPACES = 50, TENANTS_OF_SERVICE = 3, GROUP = 16; // Services with neighbouring addresses have neighbouring hosts

function objectOf(kind: string, metadata: object, spec: object): ParsedObject {
  const checked = checkObject({ apiVersion, kind, metadata, spec });
  if (!checked.ok) throw new Error(`not right: ${JSON.stringify(checked.findings)}`);
  return { id: objectId(checked.object), object: checked.object };
}

const each = <T>(count: number, make: (index: number) => T): T[] => Array.from({ length: count }, (_, index) => make(index));
const nameOf = (index: number): { name: string; namespace: string } => ({ name: `s${index}`, namespace: `ns${index % NAMESPACES}` });
const routerName = (index: number, { routers }: Size): string => `r${(index + routers) % routers}`;

/** tenantName names a Tenant; each tenth one is a child. */
export const tenantName = (index: number, { tenants }: Size): string => (index % tenants % 10 === 9 ? `t${index % tenants}.t${index % tenants - 1}` : `t${index % tenants}`);
const hubOf = (index: number, { services, routers }: Size): number => Math.floor((Math.floor(index / GROUP) * GROUP * routers) / services);

/** inventoryOf makes all objects. */
export function inventoryOf(size: Size): ParsedObject[] {
  return [
    ...each(size.tenants, (index) => tenantOf(index, size)), ...each(NAMESPACES, (index) => policyOf(index)), ...each(size.services, (index) => serviceOf(index, size)),
    ...each(size.services, (index) => routesOf(index, size)).flat(), ...each(size.routers, (index) => routerOf(index, size)),
  ];
}

/** granted are labels of the namespaces whose Services may name the tenants. */
export const granted = { "bench.opensvr.io/tenants": "all" } as const;

/** spacesOf names the namespaces of the Services. */
export function spacesOf(): string[] {
  return each(NAMESPACES, (index) => `ns${index}`);
}

/** hostsOf names the Routers at which a Service is in use. */
export function hostsOf(index: number, size: Size): Set<string> {
  return new Set(routesOf(index, size).flatMap(({ object }) => (object.kind === "ServiceRoute" ? object.spec.routers : [])));
}

/** tenantOf makes a Tenant with hosts at two Routers; each tenth one is a child. */
export function tenantOf(index: number, size: Size, more: object[] = []): ParsedObject {
  const net = (place: number): string => `172.${16 + (place >> 12)}.${(place >> 4) & 255}.${(place & 15) << 4}/28`;
  const members = [0, 1].map((place) => ({ router: routerName(index * 7 + place, size), interface: "lan0", prefixes: [net(index * 2 + place)] }));
  return objectOf("Tenant", { name: index < size.tenants ? tenantName(index, size) : `t${index}` }, { members: [...members, ...more], serviceNamespaces: { matchLabels: granted } });
}

/** policyOf makes the ServicePolicy of a namespace, which every second Service there has. */
export function policyOf(index: number, more: object = {}): ParsedObject {
  return objectOf("ServicePolicy", { name: "ordered", namespace: `ns${index}` }, { vectors: [{ name: "mpls" }, { name: "internet" }], ...more });
}

/** serviceOf makes a Service. */
export function serviceOf(index: number, size: Size, more: object[] = []): ParsedObject {
  const [a, b] = [index >> 8, index & 255];
  const access = each(TENANTS_OF_SERVICE, (place) => ({ tenant: tenantName(index * TENANTS_OF_SERVICE + place, size), ...(place === 2 && index % 7 === 0 && { permission: "Deny" }) }));
  return objectOf("Service", nameOf(index), {
    addresses: index % 25 === 24 ? [`10.${a}.${b & 240}.0/20`] : [`10.${a}.${b}.0/24`, `fd00:${a.toString(16)}:${b.toString(16)}::/64`],
    transports: [{ protocol: "TCP", ports: [443, "8000-8010"] }, { protocol: "UDP", ports: [443] }], access: [...access, ...more],
    ...(index % 2 === 0 && { servicePolicyRef: { name: "ordered" } }),
  });
}

/** routesOf makes the five ServiceRoutes of a Service: its hosts, four Routers beside them, and five beyond. */
export function routesOf(index: number, size: Size, cost = 1): ParsedObject[] {
  const hub = hubOf(index, size);
  const { name, namespace } = nameOf(index);
  const ways: [peer: number | undefined, routers: number[]][] = [[undefined, [0]], [0, [-2, -1, 1, 2]], [2, [3, 4]], [-2, [-3, -4]], [4, [5]]];
  return ways.map(([peer, routers], place) => objectOf("ServiceRoute", { name: `${name}-${place}`, namespace }, {
    serviceRef: { name }, routers: routers.map((offset) => routerName(hub + offset, size)), vector: "mpls", cost,
    ...(peer === undefined ? { type: "Local", local: { interface: "lan0" } } : { type: "Peer", peer: { peer: routerName(hub + peer, size) } }),
  }));
}

const addressOf = (index: number, { routers }: Size): string => `198.18.${((index + routers) % routers) >> 8}.${(index + routers) % routers & 255}`;

/** routerOf makes a Router with four peers. */
export function routerOf(index: number, size: Size, mtu = 1500): ParsedObject {
  return objectOf("Router", { name: routerName(index, size) }, {
    interfaces: [
      { name: "lan0", type: "LAN", addresses: ["10.255.0.1/24", "fd01::1/64"], gateways: ["10.255.0.254", "fd01::fe"], mtu },
      { name: "wan0", type: "WAN", addresses: [`${addressOf(index, size)}/15`], waypoints: [{ address: addressOf(index, size) }] },
    ],
    peers: [-2, -1, 1, 2].map((offset) => ({
      name: routerName(index + offset, size), psk: { file: "key" }, allowedTenants: each(10, (place) => tenantName(place, size)),
      paths: [{ name: "a", interface: "wan0", remoteAddress: addressOf(index + offset, size), vector: "mpls" }],
    })),
  });
}
