// Statuses of the kinds: what the operator and the routers write beside conditions, in the form that printer columns show. A column
// is one value, so n/m and lists are text. Called by served.ts for the CRDs; files ignore statuses.
import { z } from "zod";
import type { ServedKind } from "./served.ts";

const text = (description: string, max = 256): z.ZodOptional<z.ZodString> => z.string().max(max).meta({ description }).optional();
const count = (description: string): z.ZodOptional<z.ZodInt> => z.int().min(0).max(2_147_483_647).meta({ description }).optional();
const programmed = text("Routers that have programmed the object, of those that use it.", 32);

const conditionStatus = z.strictObject({
  type: z.string().min(1).max(316).meta({ description: "Accepted: the object can be used. ResolvedRefs: what it names exists. Programmed: its routers have it. Certified: the Router has a certificate where it needs one. PostQuantumReady: peers of routers with services of the SecurityPolicy exchange keys as it asks. Ready: all of these." }),
  status: z.enum(["True", "False", "Unknown"]).meta({ description: "True, False or Unknown." }),
  reason: z.string().min(1).max(1024).meta({ description: "Why the status is so, in one word for programs." }),
  message: z.string().max(32_768).meta({ description: "What is wrong and what to do about it, or how far it is." }),
  observedGeneration: z.int().min(0).max(Number.MAX_SAFE_INTEGER).meta({ description: "Generation of the object that this is about." }).optional(),
  lastTransitionTime: z.string().max(35).meta({ description: "Since when the status is so, RFC 3339." }),
}).meta({ description: "A condition." });

const common = {
  observedGeneration: z.int().min(0).max(Number.MAX_SAFE_INTEGER).meta({ description: "Generation of the object that the conditions are about." }).optional(),
  conditions: z.array(conditionStatus).max(8).meta({ description: "What is so of the object: each type once, Ready sums up the others.", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["type"] }).optional(),
};

const acknowledged = z.strictObject({
  hash: text("Hash of the head.", 64), time: text("When it was in force, RFC 3339.", 35),
}).meta({ description: "What the router has in force." }).optional();

const refused = z.strictObject({
  hash: text("Hash of the head.", 64), time: text("When, RFC 3339.", 35), code: text("Code of the error.", 64), message: text("What is wrong and how to fix it.", 1_024),
}).meta({ description: "Why the router does not have its configuration in force." }).optional();

/** mostBusy bounds the lists of a router's report; mostPeers is the bound of Router.spec.peers. */
const mostBusy = 200, mostPeers = 1_024;
const nameOf = (of: string): z.ZodString => z.string().min(1).max(253).meta({ description: `Name of the ${of}.` });
const sessions = count("Live sessions on this router.");
const here = { sessions, entered: count("Of these the sessions that entered the routers here: from a host, not from a peer. Sums over routers count these, so that a session counts once. Default: none.") };

/** What a router reports of one kind, most sessions first; one owner writes all of it, so the lists are atomic. */
const busy = {
  services: z.array(z.strictObject({
    name: nameOf("Service, as namespace/name"), ...here, denied: count("Flows to it that were refused since the start of the router, as its records have them: one of a flow in 10 s."),
    lastDenial: text("Time, by the clock of the router, and reason of the last one.", 64),
  }).meta({ description: "A service." })).max(mostBusy).meta({ description: "The busiest services, at most 200: those with most sessions, 50 places of them for those that were denied last." }).optional(),
  routes: z.array(z.strictObject({ name: nameOf("ServiceRoute, as namespace/name"), sessions }).meta({ description: "A route." })).max(mostBusy).meta({ description: "The busiest ServiceRoutes, at most 200." }).optional(),
  tenants: z.array(z.strictObject({ name: nameOf("Tenant"), ...here }).meta({ description: "A tenant." })).max(mostBusy).meta({ description: "The busiest tenants, at most 200; children count by themselves." }).optional(),
  silentPeers: z.array(nameOf("peer")).max(mostPeers).meta({ description: "Peers that are not up." }).optional(),
};

const peers = z.strictObject({ up: count("Peers that are up: that answered a signed probe of path MTU discovery on some path (asked every 600 s by default, every 30 s while nobody answers); where that is off, that have a usable key. There is no BFD in this version."), all: count("Peers.") }).meta({ description: "Peers of the router." }).optional();

/** alarmsMost bounds the alarms of a report. */
const alarmsMost = 16;
const certificate = z.strictObject({
  serial: text("Serial number, lower-case hexadecimal.", 64), authority: text("Who signed it.", 1_024), authorityKey: text("Key id of the authority, lower-case hexadecimal; empty when the certificate does not say.", 128),
  notBefore: text("Its begin, RFC 3339.", 35), notAfter: text("Its end, RFC 3339.", 35), ed25519: text("Its public key for origin signatures, 32 bytes as base64. Default: it has another kind of key.", 44),
}).meta({ description: "Certificate that the router shows its peers. Default: it has none." }).optional();
const alarms = z.array(z.strictObject({
  severity: z.enum(["critical", "major", "minor"]).meta({ description: "How bad it is." }), name: text("Name of the alarm.", 64), object: text("What it is about.", 300), text: text("What is wrong, and what to do.", 1_024),
}).meta({ description: "An alarm." })).max(alarmsMost).meta({ description: "What holds now, the worst first, at most 16." }).optional();

/** statusFields are the fields of each kind's status beside the common ones. */
const statusFields: Readonly<Record<ServedKind, z.core.$ZodLooseShape>> = {
  Tenant: { routers: programmed, members: count("How many members it has."), parent: text("Tenant above it."), sessions: count("Live sessions of it and of its children, each at the router where it entered; above 999 three digits of it. Of tenants that are among the 200 busiest of a router, as of the last minute.") },
  Service: { programmed, tenants: text("Tenants that may open it, the first few."), sessions: count("Live sessions, each at the router where it entered; above 999 three digits of it. Of services that are among the 200 busiest of a router, as of the last minute."), lastDenial: text("Time and reason of the last denial that a router reported.") },
  ServiceRoute: { programmed, up: text("Ways that are up, of all: a way is a path to the peer, a target, or the interface, at each router. It is up when the router has it programmed, is heard of, and its peer, if it leads to one, is up; targets are not probed in this version.", 32), sessions: count("Live sessions on the route, at each router that has it; above 999 three digits of it.") },
  ServicePolicy: { routers: programmed, usedBy: count("Services that name it.") },
  SecurityPolicy: { routers: programmed, usedBy: count("Services that name it.") },
  Router: { programmed, acked: text("Hash that the router has in force, its first digits.", 16), version: text("Version of the router.", 64), tier: text("How established packets are forwarded: TC, eBPF at TC ingress, which is the only way of this version.", 64), sessions: count("Live sessions."), peers, peersUp: text("Peers that are up, of all.", 32), certificate, alarms, ...busy, boot: text("Name of this start of the router; another after each start.", 64), time: text("When the router wrote this, RFC 3339.", 35) },
  RouterClass: { routers: text("Routers that are ready, of those wanted.", 32), version: text("Image of the routers.", 512) },
  RouterConfig: { acked: acknowledged, error: refused },
};

/** statusSchemaOf gives the schema of a kind's status. */
export function statusSchemaOf(kind: ServedKind): z.ZodType {
  const own = kind === "RouterConfig" ? {} : common;
  return z.strictObject({ ...own, ...statusFields[kind] }).meta({ description: "State, written by the operator and by routers." });
}
