// Leader election by a Lease: who holds it writes. A holder that cannot renew stops before anybody else may begin; how long is
// measured on our own monotonic clock, never by the times that others wrote. Constructed by cmd/operator.
import { SvrError } from "../base/errors.ts";
import type { KubeObject, KubePort, KubeResource, Leadership } from "../ports/kube.ts";
import { rest } from "./pause.ts";

/** LeaseTimes in milliseconds: how long a lease holds, until when a holder must have renewed, how often it tries. */
export interface LeaseTimes { holdMs: number; renewMs: number; tryMs: number }

/** usualLeaseTimes are those of Kubernetes' own components. */
export const usualLeaseTimes: LeaseTimes = { holdMs: 15_000, renewMs: 10_000, tryMs: 2_000 };

/** LeasePort writes a Lease as a whole, with the version it was read at: of two writers one fails. */
export interface LeasePort {
  get(resource: KubeResource, at: { name: string; namespace: string }): Promise<KubeObject | undefined>;
  create: KubePort["create"];
  replace(resource: KubeResource, object: KubeObject): Promise<KubeObject>;
}

/** LeaseOptions of one candidate. */
export interface LeaseOptions {
  kube: LeasePort;
  namespace: string;
  name: string;
  /** who this is; unique among candidates */
  identity: string;
  nowMs: () => number;
  unixMs: () => number;
  random: () => number;
  times?: LeaseTimes;
  /** told when a try fails; the next one follows */
  failed?: (error: SvrError) => void;
}

const SOON_MS = 10; // after the lease of another has run out

const leases: KubeResource = { group: "coordination.k8s.io", version: "v1", plural: "leases", kind: "Lease", namespaced: true };

interface LeaseSpec { holderIdentity?: string; leaseDurationSeconds?: number; acquireTime?: string; renewTime?: string; leaseTransitions?: number }

/** electLeader takes part in the election until it is released. */
export function electLeader(options: LeaseOptions): Leadership {
  const { nowMs, random, times = usualLeaseTimes } = options;
  const ending = new AbortController();
  const listeners = new Set<(leads: boolean) => void>();
  /** until when we may write; -Infinity when we do not hold it */
  let until = -Infinity;
  let told = false;
  const leads = (): boolean => nowMs() < until;
  const tell = (): void => {
    if (leads() === told) return;
    told = leads();
    for (const listener of [...listeners]) listener(told);
  };
  let alarm: NodeJS.Timeout | undefined;
  const seen: Seen = { mark: "", sinceMs: -Infinity, freeMs: -Infinity };
  const turn = async (): Promise<void> => {
    const started = nowMs();
    try {
      until = await hold(options, seen, times) ? started + times.renewMs : -Infinity;
      clearTimeout(alarm);
      if (leads()) alarm = setTimeout(tell, until - nowMs() + 1); // also while the next try hangs
    } catch (error) {
      options.failed?.(error as SvrError);
    }
    tell();
  };
  const run = async (): Promise<void> => {
    while (!ending.signal.aborted) {
      await turn();
      const [period, left] = [times.tryMs * (0.9 + random() / 5), seen.freeMs - nowMs()];
      await rest(!leads() && left > 0 ? Math.min(period, left + SOON_MS) : period, ending.signal);
    }
  };
  const running = run();
  return {
    leads,
    watch(listener) {
      listeners.add(listener);
      return { stop: () => void listeners.delete(listener) };
    },
    async release() {
      const held = leads();
      ending.abort();
      await running;
      clearTimeout(alarm);
      until = -Infinity;
      tell();
      if (held) await giveBack(options);
    },
  };
}

/** What the Lease said last, since when, and when it runs out if nobody renews it; on our own clock. */
interface Seen { mark: string; sinceMs: number; freeMs: number }

/** Takes or renews the lease; false when another holds it. */
async function hold(options: LeaseOptions, seen: Seen, times: LeaseTimes): Promise<boolean> {
  const { kube, namespace, name, identity, nowMs, unixMs } = options;
  const now = new Date(unixMs()).toISOString().replace("Z", "000Z"); // microseconds, as the API server writes them
  const lease = await kube.get(leases, { namespace, name });
  const mine = { holderIdentity: identity, leaseDurationSeconds: Math.ceil(times.holdMs / 1000), renewTime: now };
  const base = { apiVersion: "coordination.k8s.io/v1", kind: "Lease", metadata: { name, namespace } };
  if (lease === undefined) return won(kube.create(leases, { ...base, spec: { ...mine, acquireTime: now, leaseTransitions: 0 } }));
  const spec = (lease["spec"] ?? {}) as LeaseSpec;
  const mark = `${spec.holderIdentity ?? ""} ${lease.metadata.resourceVersion ?? ""}`;
  if (mark !== seen.mark) Object.assign(seen, { mark, sinceMs: nowMs() });
  const isMine = spec.holderIdentity === identity;
  const holdMs = Math.max(times.holdMs, (spec.leaseDurationSeconds ?? 0) * 1000);
  seen.freeMs = seen.sinceMs + holdMs;
  if (!isMine && spec.holderIdentity !== undefined && spec.holderIdentity !== "" && nowMs() < seen.freeMs) return false;
  const next: LeaseSpec = { ...mine, acquireTime: isMine ? spec.acquireTime ?? now : now, leaseTransitions: (spec.leaseTransitions ?? 0) + (isMine ? 0 : 1) };
  return won(kube.replace(leases, { ...base, metadata: lease.metadata, spec: next }));
}

/** A conflict means that another was faster. */
async function won(write: Promise<KubeObject>): Promise<boolean> {
  try {
    await write;
    return true;
  } catch (error) {
    if (error instanceof SvrError && error.code === "SVR_KUBE_CONFLICT") return false;
    throw error;
  }
}

/** The next one need not wait until the lease has run out; if this fails, it waits. */
async function giveBack({ kube, namespace, name, identity, failed }: LeaseOptions): Promise<void> {
  try {
    const lease = await kube.get(leases, { namespace, name });
    const spec = (lease?.["spec"] ?? {}) as LeaseSpec;
    if (lease === undefined || spec.holderIdentity !== identity) return;
    await kube.replace(leases, { apiVersion: lease.apiVersion, kind: lease.kind, metadata: lease.metadata, spec: { ...spec, holderIdentity: "", leaseDurationSeconds: 1 } });
  } catch (error) {
    failed?.(error as SvrError);
  }
}
