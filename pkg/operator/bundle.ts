// The authorities that all routers believe, where people can read and change them: ConfigMap `opensvr-authorities` beside the operator, a text in PEM
// for each entry, and the key id of the one that signs. Written by the leader. Called by trust.ts.
import type { KubePort } from "../ports/kube.ts";
import { isOurs } from "../plan/rotation.ts";
import type { Bundle } from "../plan/rotation.ts";
import { configMaps } from "./resources.ts";

/** bundleName is the name of the ConfigMap. */
export const bundleName = "opensvr-authorities";

/** BundleParts is where it is. */
export interface BundleParts { kube: Pick<KubePort, "get" | "apply">; namespace: string }

const SIGNS = "signs";

/** readBundle gives an empty one when there is none. */
export async function readBundle({ kube, namespace }: BundleParts): Promise<Bundle> {
  const found = await kube.get(configMaps, { namespace, name: bundleName });
  const { [SIGNS]: signs, ...texts } = (found?.["data"] ?? {}) as Record<string, string>;
  return { entries: new Map(Object.entries(texts)), ...(signs !== undefined && { signs }) };
}

/** writeBundle writes the entries of the operator's; those of others stay theirs. */
export async function writeBundle({ kube, namespace }: BundleParts, { entries, signs }: Bundle): Promise<void> {
  const metadata = { namespace, name: bundleName, labels: { "app.kubernetes.io/name": "opensvr", "app.kubernetes.io/managed-by": "opensvr-operator" } };
  const data = { ...Object.fromEntries([...entries].filter(([name]) => isOurs(name))), ...(signs !== undefined && { [SIGNS]: signs }) };
  await kube.apply(configMaps, { apiVersion: "v1", kind: "ConfigMap", metadata, data }, { manager: "opensvr-operator", force: true });
}
