// What all kinds share: apiVersion, kind, metadata, status. Called by the kind files.
import { z } from "zod";
import { apiVersion, namespaceField } from "./names.ts";

/** defaultNamespace is the namespace of an object that names none. */
export const defaultNamespace = "default";

const labelText = z.string().max(253).meta({ description: "Label or annotation key.", examples: ["team"] });

/** Metadata that other programs write (an export of an API server has it) is accepted and not read. */
const foreignMetadata = {
  labels: z.record(labelText, z.string().max(63)).optional().meta({ description: "Labels.", examples: [{ team: "web" }] }),
  annotations: z.record(labelText, z.string().max(262_144)).optional().meta({ description: "Annotations.", examples: [{ note: "lab" }] }),
  uid: z.unknown().optional(), resourceVersion: z.unknown().optional(), generation: z.unknown().optional(), creationTimestamp: z.unknown().optional(),
  deletionTimestamp: z.unknown().optional(), deletionGracePeriodSeconds: z.unknown().optional(), finalizers: z.unknown().optional(),
  ownerReferences: z.unknown().optional(), managedFields: z.unknown().optional(), generateName: z.unknown().optional(), selfLink: z.unknown().optional(),
};

/** conditionField is one condition of a status, in the form that Kubernetes gives them. */
export const conditionField = z.looseObject({
  type: z.string().max(316), status: z.enum(["True", "False", "Unknown"]), reason: z.string().max(1024), message: z.string().max(32_768),
  observedGeneration: z.int().min(0).optional(), lastTransitionTime: z.string().max(35).optional(),
}).meta({ description: "One condition.", examples: [{ type: "Ready", status: "True", reason: "Programmed", message: "on 3 of 3 routers" }] });

/** statusField is written by controllers only; a file source ignores it. */
export const statusField = z.looseObject({
  observedGeneration: z.int().min(0).optional(),
  conditions: z.array(conditionField).max(8).optional().meta({ "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["type"] }),
}).optional().meta({ description: "State, written by controllers; ignored in files." });

const versionField = z.literal(apiVersion).meta({ description: "Group and version.", examples: [apiVersion] });

/** clusterKind makes the schema of a kind without namespace. */
export function clusterKind<const K extends string, N extends z.ZodType, S extends z.ZodType>(kind: K, name: N, spec: S) {
  return z.strictObject({
    apiVersion: versionField, kind: z.literal(kind).meta({ description: "Kind.", examples: [kind] }),
    metadata: z.strictObject({ name, ...foreignMetadata }).meta({ description: "Name and labels." }),
    spec, status: statusField,
  });
}

/** namespacedKind makes the schema of a kind inside a namespace. */
export function namespacedKind<const K extends string, N extends z.ZodType, S extends z.ZodType>(kind: K, name: N, spec: S) {
  return z.strictObject({
    apiVersion: versionField, kind: z.literal(kind).meta({ description: "Kind.", examples: [kind] }),
    metadata: z.strictObject({ name, namespace: namespaceField.default(defaultNamespace), ...foreignMetadata }).meta({ description: "Name, namespace and labels." }),
    spec, status: statusField,
  });
}
