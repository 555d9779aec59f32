// Objects as large as their schemas and the API server let them be, and one item above. Made for tests that give them to the operator.
const apiVersion = "opensvr.io/v1alpha1";

interface Vast { apiVersion: string; kind: string; metadata: { name: string; namespace?: string }; spec: Record<string, unknown> }

const many = <T>(count: number, make: (index: number) => T): T[] => Array.from({ length: count }, (_, index) => make(index));
const hex = (value: number): string => value.toString(16).padStart(4, "f");

/** vastTenant has as many members as a Tenant may, with so many prefixes each: about 1 MB with 46. */
export function vastTenant(router: string, interfaceName: string, size: { members?: number; prefixes?: number } = {}): Vast {
  const { members = 512, prefixes = 46 } = size;
  const member = (index: number): object => ({ router, interface: interfaceName, prefixes: many(prefixes, (place) => `2001:db8:${hex(index)}:${hex(place)}:1111:2222:3333:0/112`) });
  return { apiVersion, kind: "Tenant", metadata: { name: "vast" }, spec: { members: many(members, member) } };
}

/** vastService names as many tenants as a Service may, with names as long as they may be; none of them is there. */
export function vastService(namespace: string, size: { tenants?: number } = {}): Vast {
  const label = (text: string, length: number): string => text.padEnd(length, "x");
  const tenant = (index: number): string => [label(`t${index}`, 63), label("a", 63), label("b", 63), label("c", 61)].join(".");
  const access = many(size.tenants ?? 1_024, (index) => ({ tenant: tenant(index), permission: index % 2 === 0 ? "Allow" : "Deny" }));
  return { apiVersion, kind: "Service", metadata: { name: "vast", namespace }, spec: { addresses: ["10.73.0.1"], transports: many(64, (index) => ({ protocol: 140 + index })), access } };
}
