// The authority of the cluster: Secret `opensvr-authority` beside the operator, type kubernetes.io/tls. Made once when there is none and never
// overwritten, so that one of the owner's own, of cert-manager for instance, is used as it is. Called by signing.ts and trust.ts.
import { SvrError } from "../base/errors.ts";
import type { KubeObject, KubePort } from "../ports/kube.ts";
import type { AuthorityKeys, RouterSigner } from "../ports/signer.ts";
import { secrets } from "./resources.ts";

/** authorityName is the name of the Secret. */
export const authorityName = "opensvr-authority";

/** AuthorityParts is what reading and making the authority needs. */
export interface AuthorityParts { kube: KubePort; namespace: string; signer: RouterSigner; nowMs: () => number }

/** authorityKeys gives the authority; called by the leader only, because it makes one where there is none. */
export async function authorityKeys(parts: AuthorityParts): Promise<AuthorityKeys> {
  const at = { namespace: parts.namespace, name: authorityName };
  return keysIn(await parts.kube.get(secrets, at) ?? await make(parts, at) ?? await parts.kube.get(secrets, at), at);
}

interface Place { namespace: string; name: string }

function keysIn(found: KubeObject | undefined, at: Place): AuthorityKeys {
  const { "tls.crt": certificate, "tls.key": key } = (found?.["data"] ?? {}) as Record<string, string | undefined>;
  if (certificate === undefined || key === undefined) {
    throw new SvrError("SVR_AUTHORITY", { object: `secret ${at.namespace}/${at.name}`, attempted: "the authority has no tls.crt or no tls.key", fix: "put both there, or delete the Secret: the operator makes another, and routers are told of it before it signs" });
  }
  return { certificate: textIn(certificate), key: textIn(key) };
}

/** Undefined: another one was faster. */
async function make({ kube, signer, nowMs }: AuthorityParts, at: Place): Promise<KubeObject | undefined> {
  const { certificate, key } = await signer.create(nowMs());
  const data = { "tls.crt": inBase64(certificate), "tls.key": inBase64(key) };
  const metadata = { ...at, labels: { "app.kubernetes.io/name": "opensvr", "app.kubernetes.io/managed-by": "opensvr-operator" } };
  try {
    return await kube.create(secrets, { apiVersion: "v1", kind: "Secret", type: "kubernetes.io/tls", metadata, data });
  } catch (error) {
    if (error instanceof SvrError && error.code === "SVR_KUBE_CONFLICT") return undefined;
    throw error;
  }
}

function inBase64(text: string): string {
  return Buffer.from(text, "utf8").toString("base64");
}

function textIn(base64: string): string {
  return Buffer.from(base64, "base64").toString("utf8");
}
