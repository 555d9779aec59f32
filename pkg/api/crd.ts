// A CustomResourceDefinition for each kind that is served. Called by scripts/generate-crds.ts. Pure.
import { z } from "zod";
import { apiGroup } from "./names.ts";
import { namings, served, servedVersion } from "./served.ts";
import type { ServedKind } from "./served.ts";
import { statusSchemaOf } from "./status.ts";
import { structuralOf } from "./structural.ts";
import type { Node } from "./structural.ts";

/** crdOf gives the definition of a kind as an object. */
export function crdOf(kind: ServedKind): object {
  const { plural, singular, short, columns, selectable } = namings[kind];
  return {
    apiVersion: "apiextensions.k8s.io/v1", kind: "CustomResourceDefinition",
    metadata: { name: `${plural}.${apiGroup}`, labels: { "app.kubernetes.io/name": "opensvr", "app.kubernetes.io/part-of": "opensvr" } },
    spec: {
      group: apiGroup, scope: served[kind].namespaced ? "Namespaced" : "Cluster",
      names: { kind, listKind: `${kind}List`, plural, singular, shortNames: [short], categories: ["opensvr"] },
      versions: [{
        name: servedVersion, served: true, storage: true, subresources: { status: {} }, schema: { openAPIV3Schema: rootOf(kind) },
        additionalPrinterColumns: columns.map(({ name, type, path, wide, description }) => ({ name, type, jsonPath: path, description, ...(wide === true && { priority: 1 }) })),
        ...(selectable !== undefined && { selectableFields: selectable.map((jsonPath) => ({ jsonPath })) }),
      }],
    },
  };
}

function rootOf(kind: ServedKind): Node {
  const schema = z.toJSONSchema(served[kind].schema, { io: "input" }) as unknown as { properties: Record<string, Node>; required?: string[]; [key: string]: unknown };
  const { spec = {}, metadata } = schema.properties;
  const name = (metadata?.["properties"] as Record<string, Node> | undefined)?.["name"] ?? {};
  const status = z.toJSONSchema(statusSchemaOf(kind), { io: "input" }) as unknown as Node;
  return {
    description: spec["description"], type: "object", ...((schema.required ?? []).includes("spec") && { required: ["spec"] }),
    properties: { apiVersion: { type: "string" }, kind: { type: "string" }, metadata: { type: "object" }, spec: { ...structuralOf(spec), description: `What is wanted of the ${kind}; its owner writes it.` }, status: structuralOf(status) },
    "x-kubernetes-validations": [...nameRules(name), ...(schema["x-svr-cel"] ?? []) as object[]],
  };
}

const longestObjectName = 253; // the API server's own limit

/** The API server checks names less strictly than the wire does. */
function nameRules(name: Node): object[] {
  const longest = Number(name["maxLength"]);
  return [
    ...(longest >= longestObjectName ? [] : [{ rule: `size(self.metadata.name) <= ${longest}`, message: `metadata.name is longer than ${longest} characters; shorten it` }]),
    { rule: `self.metadata.name.matches(r'${String(name["pattern"])}')`, message: "metadata.name is not made of labels of lower-case letters, digits and - (at most 63) separated by dots, or has too many labels; choose another" },
  ];
}
