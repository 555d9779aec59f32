// What a router says of its configuration in the status of its head: what is in force, and why something newer is not. Level-based: the
// latest state is written until the head shows it. Called by clustersource.ts.
import { apiGroup } from "../api/names.ts";
import { servedVersion } from "../api/served.ts";
import { SvrError } from "../base/errors.ts";
import type { Clock } from "../ports/clock.ts";
import type { KubeObject, KubePort } from "../ports/kube.ts";
import type { Log } from "../ports/log.ts";
import { routerConfigs } from "./clusterhead.ts";
import { createLatest } from "./latest.ts";
import type { After } from "./latest.ts";

/** HeadStatus is the status of a head. */
export interface HeadStatus {
  acked?: { hash: string; time: string };
  error?: { hash: string; time: string; code: string; message: string };
}

/** Acks are written in the background. */
export interface Acks {
  /** this is in force; since when stays, and what was wrong with it is not said again unless it still is */
  acked(hash: string, fault?: SvrError): void;
  failed(hash: string, error: unknown): void;
  /** what was wrong is so no more: said with what is said next */
  well(): void;
  /** the head as the API server has it now: what differs is written again */
  compare(head: KubeObject | undefined): void;
  stop(): Promise<void>;
}

const LONGEST_MESSAGE = 1_024;

/** createAcks makes acks that have nothing to say. */
export function createAcks(options: { name: string; kube: Pick<KubePort, "apply">; clock: Clock; log: Log; after: After; random: () => number }): Acks {
  const { name, kube, clock } = options;
  let status: HeadStatus = {};
  const now = (): string => new Date(clock.unixMs()).toISOString();
  const latest = createLatest<HeadStatus>({ ...options, what: `the status of RouterConfig ${name}`, write: (value) => apply(value) });
  const apply = async (value: HeadStatus): Promise<void> => {
    try {
      await kube.apply(routerConfigs, { apiVersion: `${apiGroup}/${servedVersion}`, kind: "RouterConfig", metadata: { name }, status: value }, { manager: "opensvr-router", force: true, status: true });
    } catch (error) {
      if (!(error instanceof SvrError) || error.code !== "SVR_NOT_FOUND") throw error; // a head that is gone hears nothing; a new one is compared
    }
  };
  const put = (next: HeadStatus): void => {
    status = next;
    latest.put(status);
  };
  const errorOf = (hash: string, error: unknown, before: HeadStatus["error"]): NonNullable<HeadStatus["error"]> => {
    const code = error instanceof SvrError ? error.code : "SVR_INTERNAL";
    const message = (error instanceof Error ? error.message : String(error)).slice(0, LONGEST_MESSAGE);
    return before?.hash === hash && before.message === message ? before : { hash, time: now(), code, message };
  };
  return {
    acked(hash, fault) {
      const { error: before, acked } = status;
      const isOther = before !== undefined && before.hash !== hash; // something newer was refused, which is more
      const error = isOther ? before : fault === undefined ? undefined : errorOf(hash, fault, before);
      put({ acked: acked?.hash === hash ? acked : { hash, time: now() }, ...(error !== undefined && { error }) });
    },
    well() {
      const { acked } = status;
      status = acked === undefined ? {} : { acked };
    },
    failed(hash, error) {
      const next = errorOf(hash, error, status.error);
      if (next !== status.error) put({ ...status, error: next });
    },
    compare(head) {
      if (head === undefined || (status.acked === undefined && status.error === undefined)) return;
      if (isSame(head["status"] as HeadStatus | undefined, status)) return;
      latest.put(status);
      latest.hurry(); // the API server was heard from just now
    },
    stop: () => latest.stop(),
  };
}

function isSame(one: HeadStatus | undefined, other: HeadStatus): boolean {
  const words = (status: HeadStatus | undefined): string => JSON.stringify([status?.acked?.hash, status?.acked?.time, status?.error?.hash, status?.error?.time, status?.error?.message]);
  return words(one) === words(other);
}
