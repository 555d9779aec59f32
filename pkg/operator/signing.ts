// Certificates of routers (signer opensvr.io/router): each CertificateSigningRequest is approved and signed when who asked is known to be the
// Router that it names, and denied with a reason otherwise. Only the leader decides. Called by operator.ts.
import { routerSigner } from "../api/names.ts";
import { SvrError } from "../base/errors.ts";
import type { Clock } from "../ports/clock.ts";
import type { EventSink, KubeEvent, KubeObject, KubeStore, Outcome } from "../ports/kube.ts";
import type { Log } from "../ports/log.ts";
import type { AuthorityKeys, RouterSigner } from "../ports/signer.ts";
import { requestsMost } from "./askers.ts";
import type { Askers } from "./askers.ts";
import { requesterOf } from "./requester.ts";
import type { RequesterParts, RequestSpec, Unknown } from "./requester.ts";
import { signingRequests } from "./resources.ts";

/** SigningParts is what deciding and signing needs. */
export interface SigningParts extends RequesterParts {
  /** those of our signer */
  requests: KubeStore;
  askers: Pick<Askers, "isBeyond">;
  signer: RouterSigner;
  /** undefined: routers do not know it yet, so that nobody would believe what it signs */
  authority: () => Promise<AuthorityKeys | undefined>;
  events: EventSink;
  clock: Clock;
  /** each decision is an entry: who asked, for which router, what became of it */
  log: Log;
  leads: () => boolean;
}

interface RequestCondition { type: string; reason?: string; message?: string }
type Decision = "Approved" | "Denied" | "Failed";

const LIFE_MS = 30 * 86_400_000; // and no longer, whatever is asked for
const EARLY_MS = 10_000, EARLY_AGAIN_MS = 500; // a request may be seen here before the DaemonSet whose pod asks, or its Router
const UNKNOWN_AGAIN_MS = 1_000; // until routers are told of the authority
const SHORTEST_MS = 600_000; // what the API server takes as the shortest
const usagesMay: ReadonlySet<string> = new Set(["digital signature", "client auth", "server auth"]);

/** reconcileRequest decides one request; what was decided stays. */
export async function reconcileRequest(parts: SigningParts, name: string): Promise<Outcome> {
  const object = parts.requests.get(name);
  const { conditions = [], certificate } = (object?.["status"] ?? {}) as { conditions?: readonly RequestCondition[]; certificate?: string };
  const is = (type: Decision): boolean => conditions.some((one) => one.type === type);
  if (object === undefined || certificate !== undefined || is("Denied") || is("Failed") || !parts.leads()) return { done: true };
  const spec = object["spec"] as RequestSpec;
  const judged = await judge(parts, object, spec);
  if ("problem" in judged && judged.isEarly && ageOf(object, parts.clock) < EARLY_MS) return { after: EARLY_AGAIN_MS };
  if ("problem" in judged) await refuse(parts, object, { decision: is("Approved") ? "Failed" : "Denied", message: judged.problem, router: judged.router });
  else return grant(parts, object, { router: judged.router, isApproved: is("Approved") });
  return { done: true };
}

async function judge(parts: SigningParts, object: KubeObject, spec: RequestSpec): Promise<{ router: string } | (Unknown & { router?: string })> {
  if (spec.signerName !== routerSigner) return { problem: `signer "${spec.signerName}" is not ours; name ${routerSigner}`, isEarly: false };
  if (parts.askers.isBeyond(object)) return { problem: `this pod has asked ${requestsMost} times in an hour; see in its log why, it may ask again later`, isEarly: false };
  const other = spec.usages?.find((usage) => !usagesMay.has(usage));
  if (other !== undefined) return { problem: `usage "${other}" is not for routers; ask for digital signature, client auth and server auth only`, isEarly: false };
  const requester = await requesterOf(parts, spec);
  if (!requester.ok) return requester.error;
  const problem = await parts.signer.judge(requestOf(spec), requester.value);
  return problem === undefined ? { router: requester.value } : { problem: `the request is not good for Router ${requester.value} (${problem}); make it with an Ed25519 or P-256 key and the one name urn:svr:router:${requester.value}`, isEarly: false, router: requester.value };
}

function ageOf({ metadata: { creationTimestamp = "" } }: KubeObject, clock: Clock): number {
  return Math.abs(clock.unixMs() - Date.parse(creationTimestamp)); // where clocks differ by hours a request is old
}

function requestOf({ request }: RequestSpec): string {
  return Buffer.from(request, "base64").toString("utf8");
}

async function grant(parts: SigningParts, object: KubeObject, { router, isApproved }: { router: string; isApproved: boolean }): Promise<Outcome> {
  const { kube, signer, clock, leads } = parts;
  const spec = object["spec"] as RequestSpec;
  const lifeMs = Math.min(LIFE_MS, Math.max(SHORTEST_MS, (spec.expirationSeconds ?? Infinity) * 1_000));
  const signed = await told(parts, object, async () => {
    const authority = await parts.authority();
    return authority === undefined ? undefined : signer.sign(authority, { request: requestOf(spec), router, lifeMs, nowMs: clock.unixMs() });
  });
  if (signed === undefined) return { after: UNKNOWN_AGAIN_MS };
  if (!leads()) return { done: true };
  if (!isApproved) await decide(parts, object, { decision: "Approved", message: `a pod of Router ${router} asked` });
  if (!leads()) return { done: true };
  await kube.apply(signingRequests, bare(object, { certificate: Buffer.from(signed.certificate, "utf8").toString("base64") }), { manager: "opensvr-operator-status", subresource: "status", force: true });
  tellRouter(parts, router, { type: "Normal", reason: "CertificateIssued", note: `request ${object.metadata.name} is signed: a certificate for ${Math.round(lifeMs / 60_000)} minutes` });
  parts.log.info({ audit: "certificate signed", ...whoAsked(object), router, serial: signed.serial, minutes: Math.round(lifeMs / 60_000) }, "a router has a certificate");
  return { done: true };
}

/** Who asked is what the API server wrote down, not what the request says. */
function whoAsked(object: KubeObject): { request: string; by: string } {
  return { request: object.metadata.name, by: (object["spec"] as RequestSpec).username ?? "" };
}

/** What became of a request is news of the Router that it is of, where that is known. */
function tellRouter({ events, routers }: SigningParts, router: string, told: Pick<KubeEvent, "type" | "reason" | "note">): void {
  const regarding = routers.get(router);
  if (regarding !== undefined) events.emit({ regarding, action: "Sign", ...told });
}

/** An authority that cannot sign is somebody's to mend: the request waits, and says so. */
async function told<T>({ events }: SigningParts, regarding: KubeObject, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof SvrError && error.code === "SVR_AUTHORITY") events.emit({ regarding, type: "Warning", reason: "AuthorityUnusable", action: "Sign", note: error.message });
    throw error;
  }
}

async function refuse(parts: SigningParts, object: KubeObject, { router, ...told }: { decision: Decision; message: string; router: string | undefined }): Promise<void> {
  await decide(parts, object, told);
  parts.log.warn({ audit: "certificate denied", ...whoAsked(object), ...(router !== undefined && { router }), detail: told.message }, "who asked for the certificate of a router got none");
  parts.events.emit({ regarding: object, type: "Warning", reason: "CertificateDenied", action: "Sign", note: told.message });
  if (router !== undefined) tellRouter(parts, router, { type: "Warning", reason: "CertificateDenied", note: `request ${object.metadata.name}: ${told.message}` });
}

async function decide({ kube, leads }: SigningParts, object: KubeObject, { decision, message }: { decision: Decision; message: string }): Promise<void> {
  if (!leads()) return;
  const reason = decision === "Approved" ? "RouterKnown" : "RouterNotKnown";
  await kube.apply(signingRequests, bare(object, { conditions: [{ type: decision, status: "True", reason, message }] }), { manager: "opensvr-operator", subresource: decision === "Failed" ? "status" : "approval", force: true });
}

/** The uid keeps an object from being made again under the name of one that is gone. */
function bare({ apiVersion, kind, metadata: { name, uid } }: KubeObject, status: object): KubeObject {
  return { apiVersion, kind, metadata: { name, ...(uid !== undefined && { uid }) }, status };
}
