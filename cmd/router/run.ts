// The router process: reads flags, constructs adapters, starts the app, handles signals. Logic is in pkg/router. Called by main.ts, and by the
// router of tests, which looks at the keys that were exchanged.
import { randomBytes, randomFillSync } from "node:crypto";
import { availableParallelism } from "node:os";
import pino from "pino";
import { SvrError } from "../../pkg/base/errors.ts";
import { writePcapng } from "../../pkg/capture/pcapng.ts";
import { openDatapath } from "../../pkg/datapath/open.ts";
import type { EbpfDatapath } from "../../pkg/datapath/open.ts";
import { slotsFor } from "../../pkg/datapath/settings.ts";
import { createRecordFile } from "../../pkg/files/recordfile.ts";
import { openPeeringSockets } from "../../pkg/netio/peeringsockets.ts";
import type { RouterConfig } from "../../pkg/plan/config.ts";
import { startRouter } from "../../pkg/router/app.ts";
import type { KeyingTools } from "../../pkg/router/keying.ts";
import { listenProbes } from "../../pkg/router/probes.ts";
import { replayMemoryBytes } from "../../pkg/router/shard.ts";
import { startWorker } from "../../pkg/router/workers.ts";
import { createNodeEngine } from "../../pkg/security/node-engine.ts";
import { derivePairKeys } from "../../pkg/security/peerkeys.ts";
import { createRandomSource } from "../../pkg/security/random.ts";
import { programVersion } from "../version.ts";
import { isRouter } from "./alive.ts";
import { auditOf } from "./auditlog.ts";
import { every, systemClock } from "./clock.ts";
import { openConfiguration } from "./configuration.ts";
import { readFlags } from "./flags.ts";
import type { Flags } from "./flags.ts";
import { openKeyingTools } from "./keying.ts";
import { keepTurnsYoung } from "./heap.ts";
import { prepareProcess } from "./prepare.ts";
import { createProtecting } from "./protecting.ts";
import type { ShardData } from "./shard.ts";

const shardsOf = (config: RouterConfig): number => config.shards || availableParallelism();

/** A signal came while the router waited for its first configuration. */
class Ended extends Error {}

/** RunHooks are what tests see more than others; main.ts gives none, and no flag does. */
export type RunHooks = Pick<KeyingTools, "exchanged">;

/** runRouter runs the router that the arguments (without program and script) name, until a signal or a fault ends it. */
export async function runRouter(args: readonly string[], hooks: RunHooks = {}): Promise<void> {
  keepTurnsYoung();
  const flags = readFlags(args, programVersion());
  const log = pino({ level: flags.logLevel, base: { router: flags.name }, serializers: { error: pino.stdSerializers.err } });
  try {
    await run({ flags, log, hooks });
  } catch (error) {
    if (error instanceof Ended) return log.info({ signal: error.message }, "stopped before there was a configuration");
    const why = error instanceof SvrError ? error.message : "the router ended by a fault";
    log.error({ error }, why);
    process.stderr.write(`router ${flags.name}: ${why}\n`); // for whoever started it by hand
    process.exitCode = 1;
  }
}

async function run({ flags, log, hooks }: { flags: Flags; log: pino.Logger; hooks: RunHooks }): Promise<void> {
  prepareProcess(flags, log); // before any key is read
  let datapath: EbpfDatapath;
  const protecting = createProtecting(availableParallelism(), { log, fips: flags.fips });
  const boot = randomBytes(8).toString("hex"), version = programVersion();
  const ending = new AbortController();
  const signalled = new Promise<string>((resolve) => { for (const signal of ["SIGTERM", "SIGINT"]) process.once(signal, resolve); });
  void signalled.then((signal) => { ending.abort(new Ended(signal)); });
  await using undo = new AsyncDisposableStack();
  const configuration = openConfiguration(flags, { version, boot, log });
  undo.defer(() => configuration.close());
  const probes = flags.healthPort === 0 ? undefined : await listenProbes(flags.healthPort);
  undo.defer(() => probes?.close());
  const keying = undo.adopt(openKeyingTools(flags, { every, log, requests: configuration.requests }), (tools) => tools.close());
  const replayMemory = new SharedArrayBuffer(replayMemoryBytes);
  const router = await startRouter({
    name: flags.name, stateDir: flags.stateDir, pid: process.pid, isAlive: isRouter, boot, version, ending: ending.signal,
    ...configuration, ...auditOf(flags, log), sink: createRecordFile({ path: flags.records }), clock: systemClock, log, derive: derivePairKeys,
    openDatapath: (config) => (datapath = openDatapath({
      name: flags.name, pinDir: flags.pinDir, sessions: slotsFor(config.limits.sessions), liveLimit: config.limits.sessions, shards: shardsOf(config),
      protectors: protecting.count, random: (count) => randomFillSync(new Uint8Array(count)),
    })),
    startProtectors: () => protecting.start(datapath),
    startShards: (config, counterSecond) => Array.from({ length: shardsOf(config) }, (_, number) => {
      const data: ShardData = { number, count: shardsOf(config), spec: datapath.shardSpec(number), counterSecond, replayMemory, stateDir: flags.stateDir, fips: flags.fips, ...protecting.shared() };
      return startWorker({ entry: new URL("./shard.ts", import.meta.url), number, data, wake: () => { datapath.wake(number); } });
    }),
    random: createRandomSource(), writeCapture: writePcapng, peering: { port: openPeeringSockets(), engine: createNodeEngine() }, keying: { ...keying.tools, ...hooks }, every,
  });
  undo.defer(() => router.stop());
  probes?.ready(true);
  log.info({ signal: await Promise.race([signalled, router.failed]) }, "stopping");
}
