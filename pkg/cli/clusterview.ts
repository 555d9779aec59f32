// What a cluster looks like as a whole: its API server, the kinds it serves, the operator, the routers, and every object that is not
// ready. Read once, for `svrctl status` and `svrctl check`. Each part is its own answer: what may not be read hides nothing else.
import { ok } from "../base/result.ts";
import type { Result } from "../base/result.ts";
import { apiGroup } from "../api/names.ts";
import { servedVersion } from "../api/served.ts";
import type { KubeObject } from "../ports/kube.ts";
import type { Asked } from "./cluster.ts";
import type { Context } from "./context.ts";
import type { Failure } from "./failure.ts";
import { isRecord, stateOf } from "./objectstate.ts";
import { readDeployments, readLease } from "./operators.ts";
import type { DeploymentView, LeaseView } from "./operators.ts";
import { idOf, ourResources, planned } from "../api/resources.ts";
import { conditioned } from "./resources.ts";
import { routerItems } from "./routers.ts";
import type { RouterItem } from "./routers.ts";

/** UnreadyObject is an object whose condition Ready is not true. */
export interface UnreadyObject { object: string; ready: "False" | "Unknown"; reason: string; message: string; fix: string }

/** ObjectsView is how many objects there are, and those that are not ready. */
export interface ObjectsView { all: number; ready: number; unready: UnreadyObject[] }

/** ClusterView is the whole. */
export interface ClusterView {
  /** version of the API server */
  version: Result<string, Failure>;
  /** plurals of ours that it serves, and those that are missing */
  kinds: Result<{ served: string[]; missing: string[] }, Failure>;
  lease: Result<LeaseView | undefined, Failure>;
  deployments: Result<DeploymentView[], Failure>;
  routers: Result<RouterItem[], Failure>;
  objects: Result<ObjectsView, Failure>;
  /** what could not be read beside these */
  failures: Failure[];
}

/** viewCluster reads everything; when the API server does not answer at all, only that is told. */
export async function viewCluster(context: Context, asked: Asked, operatorNamespace: string | undefined): Promise<ClusterView> {
  const version = await readVersion(asked);
  if (!version.ok && version.error.code !== "SVR_KUBE_DENIED") return { version, kinds: version, lease: version, deployments: version, routers: version, objects: version, failures: [] };
  const kinds = await readKinds(asked);
  const [lease, deployments] = await Promise.all([readLease(context, asked, operatorNamespace), readDeployments(asked, operatorNamespace)]);
  if (kinds.ok && kinds.value.served.length === 0) return { version, kinds, lease, deployments, routers: ok([]), objects: ok({ all: 0, ready: 0, unready: [] }), failures: [] };
  const lists = await readObjects(context, asked);
  const found = lists.flatMap((one) => (one.ok ? one.value : []));
  const failure = lists.find((one) => !one.ok);
  const routers = lists[conditioned.findIndex(({ kind }) => kind === planned.Router.kind)] ?? ok([]);
  const items = routers.ok ? await routerItems(asked, routers.value) : { items: [], failures: [] };
  return { version, kinds, lease, deployments, routers: routers.ok ? ok(items.items) : routers, objects: failure ?? ok(objectsView(found)), failures: items.failures };
}

/** readVersion asks which version the API server has. */
export async function readVersion(asked: Asked): Promise<Result<string, Failure>> {
  const answer = await asked.ask("the version", (kube) => kube.read("/version"));
  if (!answer.ok) return answer;
  const version = isRecord(answer.value) ? answer.value["gitVersion"] : undefined;
  return ok(typeof version === "string" ? version : "unknown");
}

async function readKinds(asked: Asked): Promise<Result<{ served: string[]; missing: string[] }, Failure>> {
  const answer = await asked.ask("the kinds", (kube) => kube.read(`/apis/${apiGroup}/${servedVersion}`));
  const all = ourResources.map(({ plural }) => plural);
  if (!answer.ok) return answer.error.code === "SVR_NOT_FOUND" ? ok({ served: [], missing: all }) : answer;
  const list = isRecord(answer.value) && Array.isArray(answer.value["resources"]) ? answer.value["resources"] as unknown[] : [];
  const names = new Set(list.flatMap((one) => (isRecord(one) && typeof one["name"] === "string" ? [one["name"]] : [])));
  return ok({ served: all.filter((name) => names.has(name)), missing: all.filter((name) => !names.has(name)) });
}

/** Every namespace, unless -n names one. */
function readObjects({ options }: Context, asked: Asked): Promise<Result<readonly KubeObject[], Failure>[]> {
  return Promise.all(conditioned.map((resource) => {
    const selection = resource.namespaced && options.namespace !== undefined && !options.allNamespaces ? { namespace: options.namespace } : {};
    return asked.ask(`the ${resource.plural}`, (kube) => kube.list(resource, selection));
  }));
}

function objectsView(objects: readonly KubeObject[]): ObjectsView {
  const unready = objects.flatMap((object): UnreadyObject[] => {
    const { ready, reason, message } = stateOf(object);
    return ready === "True" ? [] : [{ object: idOf(object), ready, reason, message, fix: fixOf(object, reason) }];
  });
  return { all: objects.length, ready: objects.length - unready.length, unready };
}

/** The next command for a reason; messages of conditions say what to write where the object itself is wrong. */
function fixOf(object: KubeObject, reason: string): string {
  const { kind, metadata } = object;
  const place = metadata.namespace === undefined ? "" : ` -n ${metadata.namespace}`;
  switch (reason) {
    case "NotSeen": return 'see whether an operator leads: "svrctl check"';
    case "Pending":
    case "RouterRefused": return kind === "Router" ? `"svrctl routers ${metadata.name}"` : 'see which routers wait: "svrctl routers -o wide"';
    case "NoAnswer": return `"svrctl routers ${metadata.name}", and the log of its pod`;
    case "NotUsed": return kind === "Router" ? `"svrctl routers ${metadata.name}"` : "write a ServiceRoute for it";
    case "NotGranted": return "let the tenant grant the namespace: spec.serviceNamespaces of the Tenant";
    default: return `"kubectl edit ${kind.toLowerCase()}s.${apiGroup}${place} ${metadata.name}"`;
  }
}
