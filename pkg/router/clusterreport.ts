// Facts of a router in the status of its Router object: at once when peers begin or cease to answer or its certificate is another one; else every
// 30 s or a little less, with its busiest services, the number of sessions and the time; and once in between when there are sessions or
// denials for the first time or other alarms. Conditions are the operator's. Constructed by cmd/router; called by the app every second.
import { apiGroup } from "../api/names.ts";
import { servedVersion } from "../api/served.ts";
import type { AlarmView } from "../api/view.ts";
import { SvrError } from "../base/errors.ts";
import type { Clock } from "../ports/clock.ts";
import type { KubePort } from "../ports/kube.ts";
import type { Log } from "../ports/log.ts";
import type { Busiest } from "./census.ts";
import { routerResource } from "./clusterhead.ts";
import { createLatest } from "./latest.ts";
import type { After } from "./latest.ts";

/** CertificateFacts are the router's certificate: serial number and key id of who signed it in lower-case hexadecimal, times in RFC 3339. */
export interface CertificateFacts { serial: string; authority: string; authorityKey: string; notBefore: string; notAfter: string; /** raw public key, base64 */ ed25519?: string }

/** RouterFacts are what a router says of itself; `silentPeers` are the names of those that are not up; busiest: absent while nothing was counted. */
export interface RouterFacts {
  sessions: number;
  peers: { up: number; all: number };
  silentPeers: readonly string[];
  busiest?: Busiest;
  /** absent: it has none */
  certificate?: CertificateFacts;
  /** the worst of those that hold */
  alarms: readonly AlarmView[];
}

/** ClusterReport takes facts; most of them are not written. */
export interface ClusterReport { tell(facts: RouterFacts): void; stop(): Promise<void> }

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
const JITTER_MS = 5_000; // sooner, so that routers that began together do not write together, and none is taken for silent

/** createClusterReport makes a report that has said nothing. */
export function createClusterReport(options: ReportOptions): ClusterReport {
  const { name, fixed, kube, clock, random } = options;
  let said = "", saidNews = "", dueMs = -Infinity, newsMs = -Infinity;
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
    tell({ sessions, peers, silentPeers, busiest, certificate, alarms }) {
      const words = [`${peers.up}/${peers.all}`, ...silentPeers, certificate?.serial].join(), news = newsOf(busiest, alarms), now = clock.monotonicMs();
      const isNews = news !== saidNews && now >= newsMs;
      if (words === said && now < dueMs && !isNews) return;
      if (isNews && now < dueMs) newsMs = now + EVERY_MS; // else one session that comes and goes would be a write each second
      [said, saidNews, dueMs] = [words, news, now + EVERY_MS - JITTER_MS * random()];
      latest.put({ ...fixed, sessions, peers, peersUp: `${peers.up}/${peers.all}`, silentPeers, ...busiest, ...(certificate && { certificate }), alarms, time: new Date(clock.unixMs()).toISOString() });
    },
    stop: () => latest.stop(),
  };
}

/** What nobody should wait half a minute for. */
function newsOf(busiest: Busiest | undefined, alarms: readonly AlarmView[]): string {
  const { services = [] } = busiest ?? {};
  return `${services.some((one) => one.sessions > 0)} ${services.reduce((sum, one) => sum + (one.denied ?? 0), 0)} ${alarms.map(({ severity, name, object }) => `${severity} ${name} ${object}`).sort().join()}`;
}
