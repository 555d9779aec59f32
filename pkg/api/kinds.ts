// The table of kinds: schema and scope of each. Called by the parser, the compiler and generators.
import { z } from "zod";
import { routerSchema } from "./router.ts";
import type { Router } from "./router.ts";
import { securityPolicySchema } from "./securitypolicy.ts";
import type { SecurityPolicy } from "./securitypolicy.ts";
import { serviceSchema } from "./service.ts";
import type { Service } from "./service.ts";
import { servicePolicySchema } from "./servicepolicy.ts";
import type { ServicePolicy } from "./servicepolicy.ts";
import { serviceRouteSchema } from "./serviceroute.ts";
import type { ServiceRoute } from "./serviceroute.ts";
import { tenantSchema } from "./tenant.ts";
import type { Tenant } from "./tenant.ts";

/** kinds maps each kind to its schema and scope. */
export const kinds = {
  Tenant: { schema: tenantSchema, namespaced: false },
  Service: { schema: serviceSchema, namespaced: true },
  ServiceRoute: { schema: serviceRouteSchema, namespaced: true },
  ServicePolicy: { schema: servicePolicySchema, namespaced: true },
  SecurityPolicy: { schema: securityPolicySchema, namespaced: true },
  Router: { schema: routerSchema, namespaced: false },
} as const;

/** Kind names a kind of object. */
export type Kind = keyof typeof kinds;

/** ApiObject is an object of any kind, with defaults filled in. */
export type ApiObject = Tenant | Service | ServiceRoute | ServicePolicy | SecurityPolicy | Router;

/** kindNames lists the kinds in the order of the table. */
export const kindNames = Object.keys(kinds) as Kind[];

/** isKind tells whether a word is a kind. */
export function isKind(word: string): word is Kind {
  return Object.hasOwn(kinds, word);
}

/** objectId names an object: `Kind namespace/name`, or `Kind name` without namespace. */
export function objectId(object: ApiObject): string {
  const { metadata } = object;
  return "namespace" in metadata ? `${object.kind} ${metadata.namespace}/${metadata.name}` : `${object.kind} ${metadata.name}`;
}

/** jsonSchemaOf gives the JSON Schema of a kind as people write it (defaults may be left out). */
export function jsonSchemaOf(kind: Kind): z.core.JSONSchema.BaseSchema {
  return z.toJSONSchema(kinds[kind].schema, { io: "input" });
}
