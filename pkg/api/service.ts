// Kind Service: what may be talked to and by whom (behaviour 2.2, 2.3). Namespaced; on the wire `namespace/name`. Fields only.
import { z } from "zod";
import { namespacedKind } from "./envelope.ts";
import { choiceField, keyedField, listField, switchField } from "./fields.ts";
import { durationField } from "./duration.ts";
import { longestWireName, nameField, referenceField, routerNameField, tenantNameField, tenantOrGlobalField } from "./names.ts";
import { addressField, hasPorts, portsField, portsNeedProtocol, prefixField, protocolField } from "./network.ts";
import { ruled } from "./rules.ts";

/** mostPermissions bounds the access list of one service. */
export const mostPermissions = 1_024;

/** With the longest namespace and a slash it is the longest name on the wire. */
const longestServiceName = longestWireName - 64;
const serviceNameField = nameField.max(longestServiceName).meta({ description: "Name of the Service; with namespace/ before it the name on the wire.", examples: ["web"] });

const transportField = ruled(z.strictObject({
  protocol: protocolField,
  ports: listField(portsField, { description: "Destination ports. Default: every port.", example: [443, "8000-8010"], max: 64, unique: true }).default([]),
}), {
  holds: (transport) => transport.ports.length === 0 || hasPorts(transport.protocol), cel: portsNeedProtocol,
  error: "has ports, but the protocol has none", path: "ports", fix: "remove ports, or use TCP, UDP or SCTP",
}).meta({ description: "A protocol with its destination ports." });

const accessField = z.strictObject({
  tenant: tenantNameField.meta({ description: "Tenant; what it is granted holds for its children too.", examples: ["engineering.acme"] }),
  permission: choiceField(["Allow", "Deny"], { description: "Allow or Deny. A deny ends the lookup. Default: Allow." }).default("Allow"),
}).meta({ description: "A permission for one tenant." });

const testField = z.strictObject({
  tenant: tenantOrGlobalField,
  protocol: protocolField.default("TCP").meta({ description: "IP protocol by name or number. Default: TCP.", examples: ["UDP"] }),
  to: addressField("Destination address.", "10.1.0.10"),
  port: z.int().min(0).max(65_535).default(0).meta({ description: "Destination port. Default: 0.", examples: [443] }),
  router: routerNameField.optional().meta({ description: "Router to ask. Default: every router.", examples: ["branch"] }),
  expect: choiceField(["Allow", "Deny"], { description: "What the answer must be. Default: Allow." }).default("Allow"),
}).meta({ description: "A connection and what must become of it." });

const serviceSpec = z.strictObject({
  addresses: listField(prefixField("Destination prefix, or a single address."), { description: "Destinations that are this service.", example: ["10.1.0.0/24"], min: 1, max: 256, unique: true }),
  transports: keyedField(transportField, { description: "Protocols of the service. Default: every protocol.", max: 64, key: "protocol" }).default([]),
  access: keyedField(accessField, { description: "Who may open sessions. Default: nobody.", max: mostPermissions, key: "tenant" }).default([]),
  scope: choiceField(["Private", "Public"], { description: "Public also admits traffic without a tenant. Default: Private." }).default("Private"),
  enabled: switchField({ description: "A disabled service is not selected at all. Default: true." }).default(true),
  servicePolicyRef: referenceField("ServicePolicy", "Policy for paths and balancing. Default: lowest cost.").optional(),
  securityPolicyRef: referenceField("SecurityPolicy", "Policy for authentication and encryption. Default: metadata signed, payload clear.").optional(),
  trafficClass: choiceField(["High", "Medium", "Low", "BestEffort"], { description: "Class of the sessions. Default: BestEffort.", example: "High" }).default("BestEffort"),
  enforcement: choiceField(["Reset", "Block", "Allow", "Strict"], { description: "What becomes of TCP that does not start with a SYN. Default: Reset." }).default("Reset"),
  idleTimeout: durationField({ description: "Time without packets after which a session ends. Default: by traffic, 1900s for TCP, 180s for UDP, 10s for ICMP.", example: "300s", min: "1s", max: "24h" }).optional(),
  sourceNat: choiceField(["None", "Interface", "Pool"], { description: "Interface: the last router sends from its own interface address. Pool: from an address of its pools. Default: None." }).default("None"),
  tests: listField(testField, { description: "Connections that must be allowed or denied; checked when the configuration is compiled.", max: 64 }).default([]),
}).meta({ description: "What may be talked to, and by whom. Nobody may without access." });

/** serviceSchema is kind Service. */
export const serviceSchema = namespacedKind("Service", serviceNameField, serviceSpec);

/** Service is what may be talked to. */
export type Service = z.output<typeof serviceSchema>;
