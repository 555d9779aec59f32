// Our kinds as resources of an API server, and how their objects are named and reduced to what is compiled. Called by the operator and
// the command line, so that both read the same. Pure.
import { kindNames } from "./kinds.ts";
import type { Kind } from "./kinds.ts";
import { apiGroup } from "./names.ts";
import { namings, served, servedKinds, servedVersion } from "./served.ts";
import type { ServedKind } from "./served.ts";

/** ServedResource is what a request to an API server names; the same as KubeResource of pkg/ports. */
export interface ServedResource {
  readonly group: string;
  readonly version: string;
  readonly plural: string;
  readonly kind: string;
  readonly namespaced: boolean;
}

/** ServedObject is an object as an API server gives it, as far as it matters here. */
export interface ServedObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
  readonly spec?: unknown;
}

/** resourceOf gives the resource of one of our kinds. */
export function resourceOf(kind: ServedKind): ServedResource {
  return { group: apiGroup, version: servedVersion, plural: namings[kind].plural, kind, namespaced: served[kind].namespaced };
}

/** planned are the resources that the compiler reads, by kind. */
export const planned: Readonly<Record<Kind, ServedResource>> = {
  Tenant: resourceOf("Tenant"), Service: resourceOf("Service"), ServiceRoute: resourceOf("ServiceRoute"),
  ServicePolicy: resourceOf("ServicePolicy"), SecurityPolicy: resourceOf("SecurityPolicy"), Router: resourceOf("Router"),
};

/** ourResources lists every resource that a cluster with OpenSVR serves. */
export const ourResources: readonly ServedResource[] = servedKinds.map(resourceOf);
/** routerConfigs is the resource of compiled configurations. */
export const routerConfigs = resourceOf("RouterConfig");
/** routerClasses is the resource of templates of routers. */
export const routerClasses = resourceOf("RouterClass");
/** namespaces is the core resource; their labels are compiled. */
export const namespaces: ServedResource = { group: "", version: "v1", plural: "namespaces", kind: "Namespace", namespaced: false };

/** keyOf gives `namespace/name` or `name` of an object. */
export function keyOf({ metadata }: Pick<ServedObject, "metadata">): string {
  return metadata.namespace === undefined ? metadata.name : `${metadata.namespace}/${metadata.name}`;
}

/** idOf names an object as the compiler does: `Kind namespace/name`. */
export function idOf(object: Pick<ServedObject, "kind" | "metadata">): string {
  return `${object.kind} ${keyOf(object)}`;
}

/** splitId takes a name apart; undefined when it is of no kind that is compiled. */
export function splitId(id: string): { kind: Kind; key: string } | undefined {
  const space = id.indexOf(" ");
  const kind = kindNames.find((one) => one === id.slice(0, space));
  return kind === undefined ? undefined : { kind, key: id.slice(space + 1) };
}

/** specOnly gives name and spec: what else an object carries is not compiled, and its memory is not kept twice. */
export function specOnly({ apiVersion, kind, metadata, spec }: ServedObject): object {
  const { name, namespace } = metadata;
  return { apiVersion, kind, metadata: { name, ...(namespace !== undefined && { namespace }) }, ...(spec !== undefined && { spec }) };
}
