// Paths of the API server for a resource, an object, a list or a watch. Pure; called by client.ts and listwatch.ts.
import type { KubeName, KubeResource, KubeSelection } from "../ports/kube.ts";

/** collectionPath is where objects of a resource are listed and created. */
export function collectionPath({ group, version, plural, namespaced }: KubeResource, namespace?: string): string {
  const root = group === "" ? `/api/${version}` : `/apis/${group}/${version}`;
  return namespaced && namespace !== undefined ? `${root}/namespaces/${encodeURIComponent(namespace)}/${plural}` : `${root}/${plural}`;
}

/** objectPath is where one object is. */
export function objectPath(resource: KubeResource, { name, namespace }: KubeName, subresource?: "status" | "approval"): string {
  return `${collectionPath(resource, namespace)}/${encodeURIComponent(name)}${subresource === undefined ? "" : `/${subresource}`}`;
}

/** queryText writes a query with the selectors of a selection; undefined values are left out. */
export function queryText(selection: KubeSelection, more: Readonly<Record<string, string | number | boolean | undefined>> = {}): string {
  const entries = Object.entries({ labelSelector: selection.labelSelector, fieldSelector: selection.fieldSelector, ...more }).filter(([, value]) => value !== undefined && value !== "");
  const text = new URLSearchParams(entries.map(([key, value]): [string, string] => [key, String(value)])).toString();
  return text === "" ? "" : `?${text}`;
}

/** textOf names an object for people: `services.opensvr.io shop/web`. */
export function textOf({ plural, group }: KubeResource, at: Partial<KubeName> = {}): string {
  const kind = group === "" ? plural : `${plural}.${group}`;
  const name = at.namespace === undefined ? at.name : `${at.namespace}/${at.name ?? ""}`;
  return name === undefined ? kind : `${kind} ${name}`;
}
