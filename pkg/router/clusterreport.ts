// Facts of a router in the status of its Router object: at once when one changes, and every 30 s for the number of sessions and the
// time. Conditions are the operator's. Constructed by cmd/router; called by the app every second.
import { apiGroup } from "../api/names.ts";
import { servedVersion } from "../api/served.ts";
import { SvrError } from "../base/errors.ts";
import type { Clock } from "../ports/clock.ts";
import type { KubePort } from "../ports/kube.ts";
import type { Log } from "../ports/log.ts";
import { routerResource } from "./clusterhead.ts";
import { createLatest } from "./latest.ts";
import type { After } from "./latest.ts";

/** RouterFacts are what a router says of itself. */
export interface RouterFacts { sessions: number; peers: { up: number; all: number } }

/** ClusterReport takes facts; most of them are not written. */
export interface ClusterReport { tell(facts: RouterFacts): void; stop(): void }

/** ReportOptions say who reports; `fixed` does not change while the process lives. */
export interface ReportOptions {
  name: string;
  fixed: { version: string; tier: string; boot: string };
  kube: Pick<KubePort, "apply">;
  clock: Clock;
  log: Log;
  after: After;
  random: () => number;
}

const EVERY_MS = 30_000;

/** createClusterReport makes a report that has said nothing. */
export function createClusterReport(options: ReportOptions): ClusterReport {
  const { name, fixed, kube, clock } = options;
  let said = "", saidMs = -Infinity;
  const latest = createLatest<object>({
    ...options, what: `the status of Router ${name}`,
    async write(status) {
      try {
        await kube.apply(routerResource, { apiVersion: `${apiGroup}/${servedVersion}`, kind: "Router", metadata: { name }, status }, { manager: "opensvr-router", force: true, status: true });
      } catch (error) {
        if (!(error instanceof SvrError) || error.code !== "SVR_NOT_FOUND") throw error; // a Router that is gone is told nothing; the next facts come
      }
    },
  });
  return {
    tell({ sessions, peers }) {
      const words = `${peers.up}/${peers.all}`, now = clock.monotonicMs();
      if (words === said && now - saidMs < EVERY_MS) return;
      [said, saidMs] = [words, now];
      latest.put({ ...fixed, sessions, peers, peersUp: words, time: new Date(clock.unixMs()).toISOString() });
    },
    stop: () => { latest.stop(); },
  };
}
