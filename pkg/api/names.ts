// Names of objects and references to them. Called by the kinds; pure.
import { z } from "zod";
import { metaOf, patternField } from "./fields.ts";

/** apiGroup is the API group of every kind here. */
export const apiGroup = "opensvr.io";

/** apiVersion is the group and version that documents carry. */
export const apiVersion = `${apiGroup}/v1alpha1`;

/** routerSigner is who signs certificates of routers, as requests name it. */
export const routerSigner = `${apiGroup}/router`;

/** longestWireName is the most bytes of a tenant, service or router name in metadata (protocol 4). */
export const longestWireName = 253;

/** deepestTenant is the most levels of a tenant name (behaviour 2.1). */
export const deepestTenant = 8;

const label = "[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?";
const dottedPattern = new RegExp(`^${label}(\\.${label})*$`);
const labelPattern = new RegExp(`^${label}$`);
const tenantPattern = new RegExp(`^${label}(\\.${label}){0,${deepestTenant - 1}}$`);
const tenantOrGlobalPattern = new RegExp(`^(<global>|${label}(\\.${label}){0,${deepestTenant - 1}})$`);
const wordPattern = /^[a-zA-Z0-9]([-_.a-zA-Z0-9]{0,61}[a-zA-Z0-9])?$/;
const dottedRule = "a name of lower-case letters, digits and - in labels separated by dots";
const tenantRule = `a tenant name: at most ${deepestTenant} labels of lower-case letters, digits and -, child first, separated by dots`;

/** nameField is the name of a namespaced object or of a policy. */
export const nameField = patternField({ description: "Name of the object.", example: "web", max: 253, pattern: dottedPattern, what: dottedRule });

/** namespaceField is the namespace of an object. */
export const namespaceField = patternField({
  description: "Namespace of the object. Default: default.", example: "shop", max: 63, pattern: labelPattern,
  what: "a namespace: lower-case letters, digits and -",
});

/** routerNameField is the name of a router (protocol 1). */
export const routerNameField = patternField({ description: "Name of a router.", example: "branch-7", max: 63, pattern: dottedPattern, what: dottedRule });

/** tenantNameField is a tenant name, child first. */
export const tenantNameField = patternField({ description: "Name of a tenant, child first.", example: "engineering.acme", max: longestWireName, pattern: tenantPattern, what: tenantRule });

/** tenantOrGlobalField is a tenant name, or `<global>` for traffic without a tenant. */
export const tenantOrGlobalField = patternField({
  description: "Name of a tenant; it covers its children. <global> is traffic without a tenant.", example: "acme", max: longestWireName,
  pattern: tenantOrGlobalPattern, what: `${tenantRule}, or <global>`,
});

/** wordField is a short name inside an object: an interface, a path, a vector. */
export function wordField(description: string, example: string): z.ZodString {
  return patternField({ description, example, max: 63, pattern: wordPattern, what: "a short name of letters, digits, -, _ and ." });
}

/** referenceField points to an object of one kind in the same namespace. */
export function referenceField<const K extends string>(kind: K, description: string): z.ZodObject<{
  group: z.ZodDefault<z.ZodLiteral<typeof apiGroup>>; kind: z.ZodDefault<z.ZodLiteral<K>>; name: z.ZodString;
}, z.core.$strict> {
  return z.strictObject({
    group: z.literal(apiGroup).default(apiGroup).meta(metaOf({ description: `API group of the object. Default: ${apiGroup}.`, example: apiGroup })),
    kind: z.literal(kind).default(kind as z.core.util.NoUndefined<K>).meta(metaOf({ description: `Kind of the object. Default: ${kind}.`, example: kind })),
    name: nameField,
  }).meta({ description });
}

/** parentOf gives the parent of a tenant name, or undefined at the top. */
export function parentOf(tenant: string): string | undefined {
  const dot = tenant.indexOf(".");
  return dot < 0 ? undefined : tenant.slice(dot + 1);
}
