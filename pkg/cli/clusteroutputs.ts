// Schemas of what the commands write that ask a cluster. Part of outputs.ts, which publishes them.
import { z } from "zod";
import { alarmSchema } from "./answers.ts";
import type { ClusterCheckData } from "./check.ts";
import type { RouterItem } from "./routers.ts";
import type { ServiceItem } from "./services.ts";
import type { StatusData } from "./status.ts";
import type { TenantItem } from "./tenants.ts";

const text = (meaning: string): z.ZodString => z.string().meta({ description: meaning });
const maybe = (meaning: string) => z.string().exactOptional().meta({ description: meaning });
const count = (meaning: string): z.ZodNumber => z.number().meta({ description: meaning });
const maybeCount = (meaning: string) => z.number().exactOptional().meta({ description: meaning });
const texts = (meaning: string) => z.array(z.string()).meta({ description: meaning });
const readyState = z.enum(["True", "False", "Unknown"]);

const object = {
  name: text("name"), namespace: maybe("namespace; absent for kinds without"), ready: readyState.meta({ description: "condition Ready; Unknown too while no operator has looked at this generation" }),
  reason: text("reason of it, CamelCase"), message: text("for people, with what to do"), created: text("RFC 3339"),
  conditions: z.array(z.looseObject({ type: text("Accepted, ResolvedRefs, Programmed or Ready; of a Router Certified too"), status: readyState, reason: text("CamelCase"), message: text("for people"), since: text("RFC 3339, when status changed") })),
};

const tenant: z.ZodType<TenantItem> = z.looseObject({
  ...object, parent: maybe("tenant that it is a child of"), members: count("places where its hosts are"), routers: maybe("routers that have programmed it, of those that need it: n/m"),
  sessions: maybeCount("live sessions"), children: texts("of a named tenant").exactOptional(),
  services: z.array(z.looseObject({ service: text("namespace/name"), permission: text("Allow or Deny"), tenant: text("tenant that is named: itself or a parent") })).exactOptional().meta({ description: "of a named tenant" }),
});

const route = z.looseObject({ name: text("ServiceRoute"), ready: text("condition Ready"), type: text("Local, Host, or Peer with its name"), routers: texts("routers that have it"), cost: count("the lowest wins"), reason: text("CamelCase") });
const service: z.ZodType<ServiceItem> = z.looseObject({
  ...object, addresses: texts("destination prefixes"), transports: texts("protocol with ports; none: every protocol"), programmed: maybe("routers that have programmed it, of those that use it: n/m"),
  sessions: maybeCount("live sessions"), lastDenial: maybe("the last refusal"), tenants: texts("tenants that may reach it, each with its children"), policy: maybe("ServicePolicy"),
  routes: z.array(route).exactOptional().meta({ description: "of a named service" }),
});

const router: z.ZodType<RouterItem> = z.looseObject({
  ...object, nodeName: maybe("node; absent for a branch"), peers: maybe("peers that are up, of all: n/m"), tier: maybe("how packets are forwarded"), sessions: maybeCount("live sessions"), version: maybe("of its program"),
  boot: maybe("id of its start"), time: maybe("its last word, RFC 3339"), programmed: z.boolean().exactOptional().meta({ description: "it has what it should; absent when that is not known" }),
  wanted: z.looseObject({ hash: text("of the configuration"), version: text("of the operator that wrote it") }).exactOptional().meta({ description: "what it should have" }),
  acked: z.looseObject({ hash: text("of the configuration"), time: text("RFC 3339") }).exactOptional().meta({ description: "what it has" }), error: maybe("why it does not program what it should"),
  certificate: z.looseObject({ serial: text("lower-case hexadecimal"), authority: text("who signed it"), notAfter: text("RFC 3339") }).exactOptional().meta({ description: "what it shows its peers, as it reported it last" }),
  alarms: z.array(alarmSchema).exactOptional().meta({ description: "what it reported last, at most 16" }),
});

const status: z.ZodType<StatusData> = z.looseObject({
  server: text("address of the API server"), version: maybe("of the API server"), kinds: z.looseObject({ served: texts("plurals"), missing: texts("plurals") }).exactOptional(),
  operator: z.looseObject({ namespace: text("of its Lease"), holder: text("who leads; empty: nobody"), renewed: text("RFC 3339"), fresh: z.boolean().meta({ description: "the Lease is renewed" }), version: maybe("of the operator") }).exactOptional().meta({ description: "absent when none ever led" }),
  routers: z.looseObject({ all: count("routers"), programmed: count("those that have what they should"), waiting: texts("those that have not") }).exactOptional(),
  certificates: z.looseObject({
    needed: count("routers that need a certificate"), good: count("those that have one which is renewed in time"), others: z.array(z.looseObject({ router: text("name"), reason: text("of condition Certified"), message: text("for people") })),
  }).exactOptional().meta({ description: "absent when no router needs one" }),
  alarms: z.array(alarmSchema.extend({ router: text("who reported it") })).exactOptional().meta({ description: "what routers reported last, the worst first" }),
  objects: z.looseObject({
    all: count("objects"), ready: count("those whose condition Ready is true"),
    unready: z.array(z.looseObject({ object: text("Kind namespace/name"), ready: z.enum(["False", "Unknown"]), reason: text("CamelCase"), message: text("for people"), fix: text("the next command") })),
  }).exactOptional(),
  healthy: z.boolean().meta({ description: "everything that could be read is as it should be" }),
});

const check: z.ZodType<ClusterCheckData> = z.looseObject({
  server: text("address of the API server"), passed: count("checks"), failed: count("checks"), unknown: count("checks that could not be made"),
  checks: z.array(z.looseObject({ name: text("never renamed"), result: z.enum(["pass", "fail", "unknown"]), text: text("what was found"), next: maybe("what to do") })),
});

/** clusterOutputs are the shapes by command. */
export const clusterOutputs = {
  status, check, tenants: z.looseObject({ items: z.array(tenant) }), services: z.looseObject({ items: z.array(service) }), routers: z.looseObject({ items: z.array(router) }),
} as const;
