// The operator process: reads flags, constructs adapters, starts the operator, handles signals. Logic is in pkg/operator.
import { createHash } from "node:crypto";
import { hostname } from "node:os";
import process from "node:process";
import pino from "pino";
import { SvrError } from "../../pkg/base/errors.ts";
import { openAccess } from "../../pkg/kube/access.ts";
import { openKubeClient } from "../../pkg/kube/client.ts";
import { createEventSink } from "../../pkg/kube/eventsink.ts";
import { electLeader } from "../../pkg/kube/lease.ts";
import { createTurns } from "../../pkg/kube/pause.ts";
import { createOpenQueue } from "../../pkg/kube/queue.ts";
import { createWatcher } from "../../pkg/kube/watcher.ts";
import { listenHealth } from "../../pkg/operator/health.ts";
import { startOperator } from "../../pkg/operator/operator.ts";
import { createRouterSigner } from "../../pkg/security/routersigner.ts";
import { programVersion } from "../version.ts";
import { openSite } from "./site.ts";
import { readFlags } from "./flags.ts";

const version = programVersion();
const flags = readFlags(process.argv.slice(2), { version, hostname: hostname() });
const log = pino({ level: flags.logLevel, base: { operator: flags.identity }, serializers: { error: pino.stdSerializers.err } });
const clock = { monotonicMs: () => performance.now(), unixMs: () => Date.now() };
const sha256 = (text: string): string => createHash("sha256").update(text).digest("hex");
const turn = createTurns(() => clock.monotonicMs());
const times = { nowMs: () => clock.monotonicMs(), unixMs: () => clock.unixMs(), random: () => Math.random() };

function every(ms: number, work: () => void): { stop(): void } {
  const timer = setInterval(work, ms);
  return { stop: () => { clearInterval(timer); } };
}

function after(ms: number, work: () => void): { stop(): void } {
  const timer = setTimeout(work, ms);
  return { stop: () => { clearTimeout(timer); } };
}

async function main(): Promise<void> {
  const stopping = new AbortController();
  const signalled = new Promise<string>((resolve) => { for (const signal of ["SIGTERM", "SIGINT"]) process.once(signal, resolve); });
  void signalled.then((signal) => { stopping.abort(new SvrError("SVR_INTERRUPTED", { object: "operator", attempted: `ended by ${signal}`, fix: "start it again" })); });
  let isWarm = false;
  const health = flags.healthPort === 0 ? undefined : await listenHealth(flags.healthPort, () => isWarm);
  const access = openAccess({ pod: process.env["KUBERNETES_SERVICE_HOST"] !== undefined && flags.kubeconfig === undefined, ...(flags.kubeconfig !== undefined && { kubeconfig: flags.kubeconfig }), ...(flags.context !== undefined && { context: flags.context }) });
  const leaseMs = 5_000; // between the last moment at which a leader writes and the first of the next one
  const [kube, leases] = [openKubeClient({ access, writeMs: leaseMs }), openKubeClient({ access, deadlineMs: leaseMs })];
  const events = createEventSink({ kube, controller: "opensvr.io/operator", instance: flags.identity, ...times, digest: (text) => sha256(text).slice(0, 16), failed: (error) => { log.warn({ error }, "an event could not be written"); } });
  const operator = await startOperator({
    kube, clock, log, sha256, version, every, turn, namespace: flags.namespace, makesDefault: flags.defaultClass, ...(flags.signRouters && { signer: createRouterSigner() }),
    classes: { namespace: flags.routerNamespace, image: flags.routerImage, role: flags.routerRole, sha256 },
    watcher: createWatcher({ access, ...times, restarted: (resource, cause) => { log.info({ resource, cause }, "watch begun again"); }, failed: (resource, error) => { log.error({ resource, error }, "a fault of this program; report it"); } }),
    openQueue: createOpenQueue({ nowMs: times.nowMs, after, turn }),
    elect: () => electLeader({ kube: leases, namespace: flags.namespace, name: flags.leaseName, identity: flags.identity, ...times, failed: (error) => { log.warn({ error }, "the lease could not be asked for"); } }),
    events,
  }, stopping.signal);
  const site = flags.signRouters && flags.sitePort !== 0 ? await openSite({ kube, events, clock, log, every, namespace: flags.namespace, port: flags.sitePort }, { known: () => operator.authority(), after }) : undefined;
  isWarm = true;
  log.info({ version }, "operator started");
  log.info({ signal: await signalled }, "stopping");
  await site?.close();
  await operator.stop();
  await health?.close();
  kube.close();
}

main().catch((error: unknown) => {
  const why = error instanceof SvrError ? error.message : "the operator ended by a fault";
  log.error({ error }, why);
  process.stderr.write(`operator ${flags.identity}: ${why}\n`); // for whoever started it by hand
  process.exitCode = 1;
});
