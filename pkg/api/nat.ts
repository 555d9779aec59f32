// NAT of a Router: pools of source addresses, and static 1:1 prefixes (behaviour 5). Fields only; compiled by pkg/plan/natrules.ts.
import { z } from "zod";
import { keyedField, listField } from "./fields.ts";
import { tenantOrGlobalField, wordField } from "./names.ts";
import { prefixField, vlanField } from "./network.ts";

const tenantsField = listField(tenantOrGlobalField, { description: "Tenants that it is for, with their children. Default: every tenant.", example: ["acme"], max: 256, unique: true }).default([]);

const poolField = z.strictObject({
  name: wordField("Name of the pool.", "internet"),
  addresses: listField(prefixField("Prefix of source addresses, or a single address.", "198.51.100.0/28"), { description: "Addresses that sessions leave with. One source always gets the same one.", example: ["198.51.100.0/28"], min: 1, max: 64, unique: true }),
  tenants: tenantsField,
}).meta({ description: "A pool of source addresses for services with sourceNat: Pool." });

const staticField = z.strictObject({
  inside: prefixField("Prefix of the hosts as they are.", "10.1.0.0/28"),
  outside: prefixField("Prefix that they are seen as, of the same length; the host part is kept.", "203.0.113.0/28"),
  interface: wordField("Interface to the outside, by the router's own name.", "wan0"),
  vlan: vlanField.optional().meta({ description: "VLAN id. Default: untagged.", examples: [100] }),
  tenants: tenantsField,
}).meta({ description: "Static 1:1 NAT: what leaves by the interface from inside gets its outside address; what is sent to an outside address goes inside." });

/** natField is the NAT of a router. */
export const natField = z.strictObject({
  pools: keyedField(poolField, { description: "Pools; the first one whose tenants fit is used. Default: none.", max: 64, key: "name" }).default([]),
  static: listField(staticField, { description: "Static 1:1 prefixes. Default: none.", max: 256 }).default([]),
}).meta({ description: "Address translation toward hosts." });
