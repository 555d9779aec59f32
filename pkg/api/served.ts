// What the API server serves: the kinds of the compiler, and RouterClass and RouterConfig; with plurals, short names and printer
// columns, and the fields that lists are narrowed by. Called by crd.ts and by everything that reads or writes these objects through the API server.
import { kinds } from "./kinds.ts";
import { routerClassSchema } from "./routerclass.ts";
import { routerConfigSchema } from "./routerconfig.ts";

/** served maps each kind to its schema and scope. */
export const served = {
  ...kinds,
  RouterClass: { schema: routerClassSchema, namespaced: false },
  RouterConfig: { schema: routerConfigSchema, namespaced: false },
} as const;

/** ServedKind names a kind that the API server serves. */
export type ServedKind = keyof typeof served;

/** servedKinds lists them. */
export const servedKinds = Object.keys(served) as ServedKind[];

/** servedVersion is the one version that is served and stored. */
export const servedVersion = "v1alpha1";

/** Column is a printer column; wide ones appear with `-o wide`. */
export interface Column { name: string; type: "string" | "integer" | "date"; path: string; wide?: true; description: string }

const condition = (type: string, field: string): string => `.status.conditions[?(@.type=="${type}")].${field}`;
const ready: Column = { name: "Ready", type: "string", path: condition("Ready", "status"), description: "Whether everything is as the object says." };
const reason: Column = { name: "Reason", type: "string", path: condition("Ready", "reason"), description: "Why it is ready or not." };
const age: Column = { name: "Age", type: "date", path: ".metadata.creationTimestamp", description: "Age of the object." };
const sessions: Column = { name: "Sessions", type: "integer", path: ".status.sessions", description: "Live sessions." };
const wide = (column: Column): Column => ({ ...column, wide: true });
const text = (name: string, path: string, description: string): Column => ({ name, type: "string", path, description });

/** Naming is how a kind is called, and what a list of it shows. */
export interface Naming {
  plural: string;
  singular: string;
  short: string;
  columns: readonly Column[];
  /** fields beside name and namespace that a list or a watch may be narrowed by; a field that is absent counts as "" */
  selectable?: readonly string[];
}

/** namings are those of all kinds. */
export const namings: Readonly<Record<ServedKind, Naming>> = {
  Tenant: { plural: "tenants", singular: "tenant", short: "svrt", columns: [ready, reason, { name: "Members", type: "integer", path: ".status.members", description: "How many members it has." }, sessions, wide(text("Parent", ".status.parent", "Tenant above it.")), wide(text("Routers", ".status.routers", "Routers that have it, of those that use it.")), age] },
  Service: { plural: "services", singular: "service", short: "svrs", columns: [ready, reason, text("Programmed", ".status.programmed", "Routers that have it, of those that use it."), sessions, wide(text("Tenants", ".status.tenants", "Tenants that may open it.")), wide(text("Policy", ".spec.servicePolicyRef.name", "Its ServicePolicy.")), wide(text("LastDenial", ".status.lastDenial", "Time and reason of the last denial.")), age] },
  ServiceRoute: { plural: "serviceroutes", singular: "serviceroute", short: "svrr", selectable: [".spec.serviceRef.name"], columns: [ready, text("Service", ".spec.serviceRef.name", "Service that is reached."), text("Type", ".spec.type", "Kind of route."), text("Up", ".status.up", "Ways that are up, of all."), wide({ name: "Cost", type: "integer", path: ".spec.cost", description: "Cost." }), wide(sessions), age] },
  ServicePolicy: { plural: "servicepolicies", singular: "servicepolicy", short: "svrp", columns: [ready, { name: "Used-by", type: "integer", path: ".status.usedBy", description: "Services that name it." }, wide(text("SLA", ".spec.sla.maxLatency", "Most latency.")), age] },
  SecurityPolicy: { plural: "securitypolicies", singular: "securitypolicy", short: "svrsec", columns: [ready, { name: "Used-by", type: "integer", path: ".status.usedBy", description: "Services that name it." }, wide(text("Suite", ".spec.payloadEncryption", "Cipher for payloads.")), wide(text("PostQuantum", condition("PostQuantumReady", "status"), "Whether every peer is ready, where it is asked for.")), age] },
  Router: { plural: "routers", singular: "router", short: "svrro", selectable: [".spec.nodeName"], columns: [ready, text("Peers", ".status.peersUp", "Peers that answer, of all."), text("Tier", ".status.tier", "How packets are forwarded."), sessions, text("Version", ".status.version", "Version of the router."), wide(text("Acked", ".status.acked", "Configuration in force.")), wide(text("CertExpiry", ".status.certificate.notAfter", "End of its certificate.")), wide(text("Node", ".spec.nodeName", "Node of the router.")), wide(reason), age] },
  RouterClass: { plural: "routerclasses", singular: "routerclass", short: "svrrc", columns: [ready, text("Routers", ".status.routers", "Routers that are ready, of those wanted."), text("Version", ".status.version", "Image of the routers."), wide(text("Selector", ".spec.nodeSelector", "Nodes that get a router.")), age] },
  RouterConfig: { plural: "routerconfigs", singular: "routerconfig", short: "svrcfg", selectable: [".spec.type"], columns: [text("Router", ".spec.head.router", "Router that it is for."), { name: "Acked", type: "date", path: ".status.acked.time", description: "Since when it is in force." }, wide(text("Hash", ".spec.head.hash", "Hash of the head.")), wide(text("Error", ".status.error.message", "Why it is not in force.")), age] },
};
