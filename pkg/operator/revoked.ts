// Certificates that count no more, named once for the whole cluster: ConfigMap `opensvr-revoked` beside the operator, each key a serial number,
// its text whatever people want to know of it. Called by trust.ts.
import type { EventSink, KubePort } from "../ports/kube.ts";
import { configMaps } from "./resources.ts";

/** revokedName is the name of the ConfigMap. */
export const revokedName = "opensvr-revoked";

/** RevokedParts is what reading needs. */
export interface RevokedParts { kube: Pick<KubePort, "get">; namespace: string; events: Pick<EventSink, "emit">; leads: () => boolean }

/** readRevoked gives serial numbers in lower-case hexadecimal, in order; what is none is told of, and keeps nothing else from counting. */
export async function readRevoked({ kube, namespace, events, leads }: RevokedParts): Promise<string[]> {
  const found = await kube.get(configMaps, { namespace, name: revokedName });
  const words = Object.keys(found?.["data"] ?? {});
  const wrong = words.filter((word) => !isSerial(word));
  if (found !== undefined && wrong.length > 0 && leads()) events.emit({ regarding: found, type: "Warning", reason: "NotASerialNumber", action: "Revoke", note: `"${wrong[0] ?? ""}" is no serial number; write hexadecimal digits, as svrctl peers -o wide shows them` });
  return [...new Set(words.filter(isSerial).map((word) => word.toLowerCase()))].sort();
}

function isSerial(word: string): boolean {
  return /^[0-9a-fA-F]{1,40}$/.test(word);
}
