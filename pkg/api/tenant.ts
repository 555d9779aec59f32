// Kind Tenant: who may talk. Cluster scope; the name is dotted, child first (behaviour 2.1). Fields only, no compile logic.
import { z } from "zod";
import { clusterKind } from "./envelope.ts";
import { countField, labelsField, listField } from "./fields.ts";
import { namespaceField, routerNameField, tenantNameField, wordField } from "./names.ts";
import { prefixField, vlanField } from "./network.ts";
import { ruled } from "./rules.ts";

const memberField = ruled(ruled(ruled(z.strictObject({
  router: routerNameField.optional().meta({ description: "Router that the member is at. Default: every router that has the interface or neighbourhood.", examples: ["branch"] }),
  interface: wordField("Interface of the router, by the router's own name. Give this or neighbourhood.", "lan0").optional(),
  neighbourhood: wordField("Neighbourhood of interfaces; used where no interface member fits. Give this or interface.", "campus").optional(),
  vlan: vlanField.optional().meta({ description: "VLAN id on the interface. Default: untagged packets.", examples: [100] }),
  prefixes: listField(prefixField("Source prefix.", "10.1.0.0/16"), { description: "Source prefixes. Default: every source.", example: ["10.1.0.0/16"], max: 128, unique: true }).default([]),
}), {
  holds: (member) => (member.interface === undefined) !== (member.neighbourhood === undefined), cel: "has(self.interface) != has(self.neighbourhood)",
  error: "needs either interface or neighbourhood", code: "required", fix: "name the interface that the tenant's hosts are behind",
}), {
  holds: (member) => member.vlan === undefined || member.interface !== undefined, cel: "!has(self.vlan) || has(self.interface)",
  error: "vlan needs interface", path: "vlan", fix: "name the interface that carries the VLAN",
}), {
  holds: (member) => member.interface !== undefined || member.prefixes.length > 0, cel: "has(self.interface) || (has(self.prefixes) && size(self.prefixes) > 0)",
  error: "neighbourhood needs prefixes", path: "prefixes", code: "required", fix: "list the source prefixes of the tenant",
}).meta({ description: "Where the hosts of the tenant are: packets that enter there belong to it." });

const budgetsField = z.strictObject({
  sessions: countField({ description: "Most live sessions of the tenant and its children on one router; more are refused with reason limit. Default: unlimited.", example: 10_000, min: 1, max: 50_000_000 }).optional(),
  firstPacketsPerSecond: countField({ description: "First packets a second of the tenant on one router; the rest is dropped with reason limit. Default: the limit of the router.", example: 5_000, min: 1, max: 10_000_000 }).optional(),
}).meta({ description: "What the tenant may use at most." });

const grantsField = z.strictObject({
  names: listField(namespaceField.meta({ description: "Name of a namespace.", examples: ["shop"] }), { description: "Namespaces by name. Default: none.", example: ["shop"], max: 256, unique: true }).default([]),
  matchLabels: labelsField("Namespaces that have all of these labels. Default: none.", { team: "web" }).optional(),
}).meta({ description: "Namespaces of a cluster whose Services may give the tenant access, by name or by labels; a tenant without is granted to none. Files have no owners of namespaces: no effect there." });

/** tenantSchema is kind Tenant. */
export const tenantSchema = clusterKind("Tenant", tenantNameField, z.strictObject({
  members: listField(memberField, { description: "Where the hosts of the tenant are. Default: nowhere; peers may still assert it.", max: 512 }).default([]),
  budgets: budgetsField.prefault({}),
  serviceNamespaces: grantsField.optional(),
}).prefault({}).meta({ description: "Who may talk. A dotted name is a child of the tenant after the first dot, which must exist." }));

/** Tenant is who may talk to services. */
export type Tenant = z.output<typeof tenantSchema>;
