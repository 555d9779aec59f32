// Where this router's configuration comes from, by its flags. Called by main.ts once; constructs adapters only.
import { join } from "node:path";
import { routerSigner } from "../../pkg/api/names.ts";
import { createCompiledFile } from "../../pkg/files/compiledfile.ts";
import { createDirectorySource, watchFolder } from "../../pkg/files/directory.ts";
import { createKeySource } from "../../pkg/files/keys.ts";
import { createLastGoodFile } from "../../pkg/files/lastgoodfile.ts";
import { openAccess } from "../../pkg/kube/access.ts";
import { openKubeClient } from "../../pkg/kube/client.ts";
import { createCertificateRequests } from "../../pkg/kube/csr.ts";
import { createWatcher } from "../../pkg/kube/watcher.ts";
import { compileKeeping } from "../../pkg/plan/compile.ts";
import type { CompiledSource, KeySource } from "../../pkg/ports/config.ts";
import type { CertificateRequests } from "../../pkg/ports/identity.ts";
import type { Log } from "../../pkg/ports/log.ts";
import { routerConfigs } from "../../pkg/router/clusterhead.ts";
import { createClusterReport } from "../../pkg/router/clusterreport.ts";
import type { RouterFacts } from "../../pkg/router/clusterreport.ts";
import { createClusterSource } from "../../pkg/router/clustersource.ts";
import { compilingSource } from "../../pkg/router/compiling.ts";
import { systemClock as clock } from "./clock.ts";
import type { Flags } from "./flags.ts";

/** Configuration is the source of the configuration and of the keys that it names, who hears of facts, and in a cluster who is asked for certificates; close after the router. */
export interface Configuration { source: CompiledSource; keys: KeySource; report?: (facts: RouterFacts) => void; requests?: CertificateRequests; close(): Promise<void> }

/** pkg/datapath attaches at TC ingress only. */
const TIER = "TC";

/** openConfiguration opens what the flags name; nothing is asked yet. */
export function openConfiguration(flags: Flags, of: { version: string; boot: string; log: Log }): Configuration {
  const { from, name, stateDir, keyDir } = flags;
  const keys = createKeySource(keyDir);
  if ("kube" in from) return { keys, ...openCluster(flags, from, of) };
  const source = compilingSource({ name, compiler: compileKeeping, source: createDirectorySource(from.configDir), lastGood: createLastGoodFile(join(stateDir, "last-good.json")), clock, log: of.log });
  return { source, keys, close: () => Promise.resolve() };
}

function openCluster({ name, stateDir, keyDir }: Flags, from: { kubeconfig?: string; context?: string }, { version, boot, log }: { version: string; boot: string; log: Log }): Omit<Configuration, "keys"> {
  const access = openAccess({ ...from, ...(from.kubeconfig === undefined && { pod: true }) });
  const kube = openKubeClient({ access, perSecond: 10, burst: 100 });
  const random = (): number => Math.random();
  const watcher = createWatcher({
    access, unixMs: () => clock.unixMs(), random,
    restarted: (resource, cause) => {
      if (cause === "denied") log.warn({ resource, cause }, "the API server refuses to be followed; give this account the rights of a router, docs/reference/rbac.md");
      else log.info({ resource, cause }, "following the API server again");
    },
    failed: (resource, error) => { log.error({ resource, error }, "a fault of this program; report it"); },
  });
  const common = { name, kube, clock, log, random, after };
  const source = createClusterSource({
    ...common, version, store: watcher.follow(routerConfigs, { fieldSelector: `metadata.name=${name}` }), disk: createCompiledFile(join(stateDir, "compiled.json")), watchKeys: (changed) => watchFolder(keyDir, changed),
  });
  const report = createClusterReport({ ...common, fixed: { version, tier: TIER, boot } });
  return {
    source, report: (facts) => { report.tell(facts); },
    requests: createCertificateRequests({
      kube, access, signerName: routerSigner, random, failed: (error) => { log.error({ error }, "a fault of this program; report it"); },
      restarted: (cause) => { if (cause === "denied") log.warn({ cause }, "the API server refuses to show requests for certificates; is identity.enabled set in the chart?"); },
    }),
    async close() {
      await Promise.all([source.stop(), report.stop()]);
      await watcher.stop();
      kube.close();
    },
  };
}

/** after calls once. */
export function after(ms: number, work: () => void): { stop(): void } {
  const timer = setTimeout(work, ms);
  return { stop: () => { clearTimeout(timer); } };
}
