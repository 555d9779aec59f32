// Kind ServiceRoute: where a service is reached from a router (behaviour 6.1). Namespaced, beside its Service. Fields only.
import { z } from "zod";
import { namespacedKind } from "./envelope.ts";
import { choiceField, countField, listField } from "./fields.ts";
import { nameField, referenceField, routerNameField, wordField } from "./names.ts";
import { addressField, vlanField } from "./network.ts";
import { ruled } from "./rules.ts";
import type { Rule } from "./rules.ts";

const outField = {
  interface: wordField("Interface to leave by, by the router's own name.", "lan0"),
  vlan: vlanField.optional().meta({ description: "VLAN id. Default: untagged.", examples: [100] }),
  gateway: addressField("Next hop. Default: the destination itself when it is on link, else the gateway of the interface.", "10.1.0.254").optional(),
};

const localField = z.strictObject(outField).meta({ description: "The service is behind an interface of the router." });

const peerField = z.strictObject({
  peer: routerNameField.meta({ description: "Peer of the router that leads to the service.", examples: ["transit"] }),
}).meta({ description: "The service is behind another router." });

const hostField = z.strictObject({
  ...outField,
  targets: listField(addressField("Address that answers for the service.", "10.9.0.10"), { description: "Destination NAT: the destination address becomes one of these; the port stays.", example: ["10.9.0.10"], min: 1, max: 64, unique: true }),
}).meta({ description: "The service is answered by hosts with other addresses." });

const blocks = { Local: "local", Peer: "peer", Host: "host" } as const;
type Blocks = Partial<Record<(typeof blocks)[keyof typeof blocks], unknown>> & { type: string };

/** Each type has the block of its name, and no other. */
const blockRules = Object.entries(blocks).flatMap(([type, block]): Rule<Blocks>[] => [
  { holds: (spec) => spec.type !== type || spec[block] !== undefined, cel: `self.type != '${type}' || has(self.${block})`, error: `is required with type ${type}`, path: block, code: "required", fix: `add the block "${block}"` },
  { holds: (spec) => spec.type === type || spec[block] === undefined, cel: `self.type == '${type}' || !has(self.${block})`, error: `does not belong to this type`, path: block, fix: `remove it, or write type: ${type}` },
]);

const serviceRouteSpec = blockRules.reduce((schema, rule) => ruled(schema, rule), z.strictObject({
  serviceRef: referenceField("Service", "Service that is reached, in the same namespace."),
  routers: listField(routerNameField, { description: "Routers that have this route.", example: ["branch"], min: 1, max: 1_024, unique: true }),
  type: choiceField(["Local", "Peer", "Host"], { description: "Kind of route; the block of the same name follows." }),
  local: localField.optional(),
  peer: peerField.optional(),
  host: hostField.optional(),
  cost: countField({ description: "Cost without a policy that lists vectors; the lowest wins. Default: 1.", example: 10, min: 1, max: 999_999 }).default(1),
  vector: wordField("Vector for the path preference of a ServicePolicy; a vector of the peer path goes first.", "mpls").optional(),
  maxSessions: countField({ description: "Most live sessions on this route and router; then the next route of the service is used, or they are refused with reason limit. Default: unlimited.", example: 10_000, min: 1, max: 50_000_000 }).optional(),
  sessionRate: countField({ description: "Most new sessions a second on this route and router; then as with maxSessions. Default: unlimited.", example: 1_000, min: 1, max: 10_000_000 }).optional(),
})).meta({ description: "Where a service is reached from routers. A service is part of the configuration of routers that a route of it names, and of those where its addresses overlap a service that is routed there; elsewhere its packets find no service (no-service)." });

/** serviceRouteSchema is kind ServiceRoute. */
export const serviceRouteSchema = namespacedKind("ServiceRoute", nameField, serviceRouteSpec);

/** ServiceRoute is where a service is reached. */
export type ServiceRoute = z.output<typeof serviceRouteSchema>;
