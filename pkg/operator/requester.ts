// Who asked for a certificate, by what the API server wrote down about it: a pod of a RouterClass that lives, and the Router that it is.
// Everything else has no name here. Called by signing.ts.
import { classLabel, routerName } from "./daemonset.ts";
import { fail, ok } from "../base/result.ts";
import type { Result } from "../base/result.ts";
import type { KubeObject, KubePort, KubeStore } from "../ports/kube.ts";
import { pods } from "./resources.ts";

/** RequesterParts is where the requester is looked for. */
export interface RequesterParts {
  kube: KubePort;
  routers: KubeStore;
  daemonSets: KubeStore;
  /** of the router pods */
  routerNamespace: string;
  sha256: (text: string) => string;
}

/** RequestSpec is what the API server has of a CertificateSigningRequest. */
export interface RequestSpec { request: string; signerName: string; username?: string; extra?: Readonly<Record<string, readonly string[]>>; usages?: readonly string[]; expirationSeconds?: number }

const words = { pod: "authentication.kubernetes.io/pod-name", uid: "authentication.kubernetes.io/pod-uid", node: "authentication.kubernetes.io/node-name" };

/** Unknown is why nobody is known; early: what was not seen here yet may be on its way, so that it is looked at again. */
export interface Unknown { problem: string; isEarly: boolean }

const never = (problem: string): Result<never, Unknown> => fail({ problem, isEarly: false });
const early = (problem: string): Result<never, Unknown> => fail({ problem, isEarly: true });

/** requesterOf gives the name of the Router that asked, or why nobody is known by what was written down. */
export async function requesterOf(parts: RequesterParts, { username = "", extra = {} }: RequestSpec): Promise<Result<string, Unknown>> {
  const account = `system:serviceaccount:${parts.routerNamespace}:opensvr-router-`;
  if (!username.startsWith(account)) return never(`"${username}" is no account of a RouterClass; ask from a router pod, whose account is opensvr-router-CLASS in namespace ${parts.routerNamespace}`);
  const className = username.slice(account.length);
  const [pod = "", uid = "", node = ""] = [words.pod, words.uid, words.node].map((word) => (extra[word]?.length === 1 ? extra[word][0] : ""));
  if (pod === "" || uid === "" || node === "") return never("the token is not bound to a pod on a node; ask with the token that the kubelet gives the router pod");
  const found = await parts.kube.get(pods, { namespace: parts.routerNamespace, name: pod });
  const problem = podProblem(found, { uid, node, account: `opensvr-router-${className}` });
  if (problem !== undefined) return never(`pod ${pod}: ${problem}`);
  const owner = ownerProblem(found, parts.daemonSets.get(`${parts.routerNamespace}/opensvr-router-${className}`), className);
  if (owner !== undefined) return fail({ problem: `pod ${pod}: ${owner.problem}`, isEarly: owner.isEarly });
  const name = routerName(className, node, parts.sha256);
  const { nodeName } = (parts.routers.get(name)?.["spec"] ?? {}) as { nodeName?: string };
  return nodeName === node ? ok(name) : early(`there is no Router ${name} on node ${node}; let RouterClass ${className} select the node`);
}

interface PodSpec { nodeName?: string; serviceAccountName?: string }

function podProblem(pod: KubeObject | undefined, { uid, node, account }: { uid: string; node: string; account: string }): string | undefined {
  if (pod?.metadata.uid !== uid) return "it is gone; ask from the pod that is there now";
  const { phase = "" } = (pod["status"] ?? {}) as { phase?: string };
  if (pod.metadata.deletionTimestamp !== undefined || phase === "Succeeded" || phase === "Failed") return "it has ended; ask from the pod that is there now";
  const { nodeName, serviceAccountName } = (pod["spec"] ?? {}) as PodSpec;
  if (nodeName !== node) return `it is on node ${nodeName ?? "none"} and its token says ${node}; ask from the pod itself`;
  return serviceAccountName === account ? undefined : `its account is ${serviceAccountName ?? "none"}; ask from the pod itself`;
}

/** A DaemonSet of the right name may not have been seen here yet, or not since it was made again; a pod of anybody else's never becomes ours. */
function ownerProblem(pod: KubeObject | undefined, daemonSet: KubeObject | undefined, className: string): Unknown | undefined {
  const owner = pod?.metadata.ownerReferences?.find(({ controller }) => controller === true);
  const isOurs = daemonSet?.metadata.uid !== undefined && daemonSet.metadata.labels?.[classLabel] === className && owner?.kind === "DaemonSet" && owner.uid === daemonSet.metadata.uid;
  const isEarly = owner?.kind === "DaemonSet" && owner.name === `opensvr-router-${className}` && owner.uid !== daemonSet?.metadata.uid;
  return isOurs ? undefined : { problem: `it does not belong to the DaemonSet of RouterClass ${className}; only pods that this DaemonSet made have certificates`, isEarly };
}
