// One-time tokens in Secret opensvr-site-tokens: each change replaces the version that was read, so that of several operators, and of several
// uses at once, one wins. A write whose answer is lost is looked for. Called by enrolling.ts and by the server of the endpoint.
import { pinKey, readRecords, siteTokensName, tokenKey } from "../api/sitetoken.ts";
import type { TokenRecord } from "../api/sitetoken.ts";
import { SvrError } from "../base/errors.ts";
import type { ErrorCode } from "../base/errors.ts";
import type { KubeObject, KubePort } from "../ports/kube.ts";
import { secrets } from "./resources.ts";

/** SiteStore is where tokens are. */
export interface SiteStore { kube: KubePort; namespace: string }

const TRIES = 8; // others that change the Secret meanwhile: uses of other tokens, somebody who makes some
const LOST_TRIES = 2; // each may take as long as a write may; who asks waits
/** With these a write is not done, or is done and nobody said so. */
const againAt: ReadonlySet<ErrorCode> = new Set<ErrorCode>(["SVR_KUBE_CONFLICT", "SVR_KUBE_UNREACHABLE", "SVR_KUBE_BUSY", "SVR_KUBE_ANSWER"]);

/**
 * changeToken reads the record of a token, and writes what `decide` makes of it; undefined: nothing is written. It decides again when another was
 * faster, or when no answer came: `decide` may be shown then what it made before.
 */
export async function changeToken({ kube, namespace }: SiteStore, id: string, decide: (record: TokenRecord | undefined) => TokenRecord | undefined): Promise<void> {
  for (let tries = 1; ; tries += 1) {
    const found = await kube.get(secrets, { namespace, name: siteTokensName });
    const changed = decide(readRecords(textsOf(found)).get(id));
    if (changed === undefined || found === undefined || await replaced(kube, withText(found, tokenKey(id), JSON.stringify(changed)), tries)) return;
  }
}

/** publishPin puts the pin where svrctl finds it, and makes the Secret when there is none. */
export async function publishPin({ kube, namespace }: SiteStore, pin: string): Promise<void> {
  for (let tries = 1; ; tries += 1) {
    const found = await kube.get(secrets, { namespace, name: siteTokensName });
    if (found === undefined) await create(kube, namespace, pin);
    else if (textsOf(found)[pinKey] === pin || await replaced(kube, withText(found, pinKey, pin), tries)) return;
  }
}

async function create(kube: KubePort, namespace: string, pin: string): Promise<void> {
  const metadata = { namespace, name: siteTokensName, labels: { "app.kubernetes.io/name": "opensvr", "app.kubernetes.io/managed-by": "opensvr-operator" } };
  try {
    await kube.create(secrets, { apiVersion: "v1", kind: "Secret", type: "Opaque", metadata, data: { [pinKey]: Buffer.from(pin).toString("base64") } });
  } catch (error) {
    if (!(error instanceof SvrError) || error.code !== "SVR_KUBE_CONFLICT") throw error; // another operator was faster
  }
}

/** False: it was another version by now, or nobody knows; rejects when there were too many tries. */
async function replaced(kube: KubePort, object: KubeObject, tries: number): Promise<boolean> {
  try {
    await kube.replace(secrets, object);
    return true;
  } catch (error) {
    if (error instanceof SvrError && againAt.has(error.code) && tries < (error.code === "SVR_KUBE_CONFLICT" ? TRIES : LOST_TRIES)) return false;
    throw error;
  }
}

/** textsOf are the texts of a Secret by their keys. */
export function textsOf(secret: KubeObject | undefined): Record<string, string> {
  const data = (secret?.["data"] ?? {}) as Record<string, string>;
  return Object.fromEntries(Object.entries(data).map(([key, base64]) => [key, Buffer.from(base64, "base64").toString("utf8")]));
}

function withText(secret: KubeObject, key: string, text: string): KubeObject {
  return { ...secret, data: { ...(secret["data"] ?? {}) as Record<string, string>, [key]: Buffer.from(text).toString("base64") } };
}
