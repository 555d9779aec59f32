// The operator of a cluster as the API server shows it: its Lease and whether that is renewed, its Deployment, its version. Called by
// status.ts, check.ts and versions.ts. What decides is whether the Lease changes, not what clocks say: ours may be wrong.
import type { KubeObject } from "../ports/kube.ts";
import { ok } from "../base/result.ts";
import type { Result } from "../base/result.ts";
import type { Asked } from "./cluster.ts";
import type { Context } from "./context.ts";
import type { Failure } from "./failure.ts";
import { countOf, isRecord } from "./objectstate.ts";
import { deployments, leases } from "./resources.ts";

/** leaseName is the Lease of the operators; the chart and cmd/operator name it so. */
export const leaseName = "opensvr-operator";

/** LeaseView is who leads. */
export interface LeaseView {
  namespace: string;
  /** empty: nobody */
  holder: string;
  /** RFC 3339 */
  renewed: string;
  /** it is renewed: within its own time by our clock, or it changed while we looked */
  fresh: boolean;
}

/** DeploymentView is how many operators are ready. */
export interface DeploymentView { namespace: string; name: string; ready: number; wanted: number; version?: string }

const operatorLabels = "app.kubernetes.io/part-of=opensvr,app.kubernetes.io/component=operator";
const usualSeconds = 15;
const looks = 10;
const lookMs = 500;
const aheadMs = 5_000;

/** readLease finds the Lease and whether it is renewed; undefined: no operator has ever led. */
export async function readLease(context: Context, asked: Asked, namespace: string | undefined): Promise<Result<LeaseView | undefined, Failure>> {
  const found = await asked.ask("the leases", (kube) => kube.list(leases, { fieldSelector: `metadata.name=${leaseName}`, ...(namespace !== undefined && { namespace }) }));
  if (!found.ok) return { ok: false, error: { ...found.error, next: namespace === undefined ? `${found.error.next}; with --operator-namespace only that namespace is read` : found.error.next } };
  const lease = found.value.find((one) => one.metadata.name === leaseName);
  if (lease === undefined) return ok(undefined);
  const { holder, renewed, seconds } = specOf(lease);
  const place = lease.metadata.namespace ?? "";
  const age = context.around.clock.unixMs() - Date.parse(renewed);
  const isFresh = holder !== "" && age >= -aheadMs && age <= seconds * 1_000;
  const fresh = isFresh || (holder !== "" && await changes(context, asked, lease));
  return ok({ namespace: place, holder, renewed, fresh });
}

/** A holder renews every 2 s. By our clock the lease has run out: then it is looked at for as long as two renewals take. */
async function changes(context: Context, asked: Asked, lease: KubeObject): Promise<boolean> {
  const { name, namespace } = lease.metadata;
  for (let look = 0; look < looks; look += 1) {
    await context.around.pause(lookMs);
    const now = await asked.ask("the lease", (kube) => kube.get(leases, { name, ...(namespace !== undefined && { namespace }) }));
    if (!now.ok || now.value === undefined) return false;
    if (specOf(now.value).renewed !== specOf(lease).renewed) return true;
  }
  return false;
}

/** readDeployments finds the Deployments of operators; none: they run outside of the cluster, or were not installed by the chart. */
export async function readDeployments(asked: Asked, namespace: string | undefined): Promise<Result<DeploymentView[], Failure>> {
  const found = await asked.ask("the deployments", (kube) => kube.list(deployments, { labelSelector: operatorLabels, ...(namespace !== undefined && { namespace }) }));
  return found.ok ? ok(found.value.map(deploymentOf)) : found;
}

function deploymentOf(object: KubeObject): DeploymentView {
  const wanted = isRecord(object["spec"]) ? object["spec"]["replicas"] : undefined;
  const version = object.metadata.labels?.["app.kubernetes.io/version"];
  return { namespace: object.metadata.namespace ?? "", name: object.metadata.name, ready: countOf(object, "readyReplicas") ?? 0, wanted: typeof wanted === "number" ? wanted : 1, ...(version !== undefined && { version }) };
}

function specOf(lease: KubeObject): { holder: string; renewed: string; seconds: number } {
  const spec = isRecord(lease["spec"]) ? lease["spec"] : {};
  const { holderIdentity, renewTime, leaseDurationSeconds } = spec;
  return {
    holder: typeof holderIdentity === "string" ? holderIdentity : "", renewed: typeof renewTime === "string" ? renewTime : "",
    seconds: typeof leaseDurationSeconds === "number" ? leaseDurationSeconds : usualSeconds,
  };
}
