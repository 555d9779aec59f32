// The router's main thread: configuration in, data plane programmed, shards told, records out, admin API. Constructed by
// cmd/router with its adapters. Established packets need none of it; a fault here ends the process, not the forwarding.
import type { Server } from "node:http";
import type { RouterConfig } from "../plan/config.ts";
import type { Clock } from "../ports/clock.ts";
import type { ConfigSource, KeySource } from "../ports/config.ts";
import type { Datapath } from "../ports/datapath.ts";
import type { Log } from "../ports/log.ts";
import type { RecordSink } from "../ports/records.ts";
import { listenAdmin } from "./admin.ts";
import { adminRoutes } from "./adminroutes.ts";
import { adoptedPairs } from "./adopt.ts";
import { createCounters } from "./counters.ts";
import { createIntake } from "./intake.ts";
import type { Applied, Compiler } from "./intake.ts";
import { sessionsToEnd } from "./live.ts";
import type { FromShard, ShardHost } from "./messages.ts";
import { datapathConfig } from "./program.ts";
import { createRecordPump } from "./pump.ts";
import type { RecordPump } from "./pump.ts";
import type { PeerKeyPair } from "./tables.ts";

/** RouterOptions are the adapters and settings of one router. */
export interface RouterOptions {
  name: string;
  stateDir: string;
  boot: string;
  version: string;
  source: ConfigSource;
  compiler: Compiler;
  keys: KeySource;
  sink: RecordSink;
  clock: Clock;
  log: Log;
  /** opens the data plane with the limits of the first configuration */
  openDatapath(config: RouterConfig): Datapath;
  /** starts the shards; the count is config.shards, or one per processor */
  startShards(config: RouterConfig): ShardHost[];
  derive(router: string, peer: string, psk: { key: Uint8Array; generation: number }): PeerKeyPair;
  every(ms: number, work: () => void): { stop(): void };
}

const PUMP_MS = 50;

/** RunningRouter is a started router; stop leaves the pinned maps forwarding. */
export interface RunningRouter {
  stop(): Promise<void>;
  /** rejects when a shard ends by a fault */
  failed: Promise<never>;
}

/** startRouter brings a router up; it resolves when packets are handled, and rejects with a SvrError that says what is missing. */
export async function startRouter(options: RouterOptions): Promise<RunningRouter> {
  const intake = createIntake(options);
  const first = await intake.first();
  const datapath = options.openDatapath(first.config);
  const counters = createCounters();
  const shards = options.startShards(first.config);
  const pump = createRecordPump(options, datapath, (uses) => shards.forEach((shard) => shard.post({ kind: "release", uses })));
  for (const shard of shards) shard.onMessage((message) => hear(message, shard));
  const hear = (message: FromShard, shard: ShardHost): void => {
    if (message.kind === "counters") counters.take(shard, message.counters);
    else pump.denials(message.denials);
  };
  const adopted = adoptedPairs(datapath);
  for (const shard of shards) shard.post({ kind: "adopt", uses: adopted });
  const apply = (applied: Applied): void => applyConfig({ options, datapath, shards, intake, pump }, applied);
  apply(first);
  const watch = options.source.watch(() => void intake.again().then((next) => next !== undefined && apply(next)));
  const pumping = options.every(PUMP_MS, () => {
    pump.run();
    const { live } = datapath.gauges();
    for (const shard of shards) shard.post({ kind: "live", live });
  });
  const admin = await listenAdmin(`${options.stateDir}/admin.sock`, adminRoutes({ options, datapath, intake, counters, pump, startedMs: options.clock.monotonicMs() }));
  options.log.info({ router: options.name, adopted: datapath.adopted(), shards: shards.length }, "router started");
  return {
    stop: () => stopRouter({ watch, pumping, shards, admin, pump, datapath, options }),
    failed: Promise.race(shards.map((shard) => shard.closed.then(() => new Promise<never>(() => undefined)))),
  };
}

interface Parts {
  options: RouterOptions;
  datapath: Datapath;
  shards: ShardHost[];
  intake: { current(): Applied };
  pump: RecordPump;
}

/** Numbers first, then the data plane, then the shards; then the sessions that policy does not allow any more. */
function applyConfig(parts: Parts, applied: Applied): void {
  const { options, datapath, shards, pump } = parts;
  const ids = applied.number((name) => datapath.nameId(name));
  datapath.program(datapathConfig(applied.config, ids));
  const posted = { config: applied.config, ids, keys: applied.keys };
  pump.follow(applied.config);
  for (const shard of shards) shard.post({ kind: "config", posted });
  const ending = sessionsToEnd(datapath, posted);
  if (ending.length > 0) for (const shard of shards.slice(0, 1)) shard.post({ kind: "end", refs: ending.map((one) => one.ref), reason: ending[0]?.reason ?? 0 });
  options.log.info({ hash: applied.hash, problems: applied.problems.length, ended: ending.length }, "configuration applied");
  for (const problem of applied.problems) options.log.warn({ problem }, "configuration problem");
}

async function stopRouter(parts: {
  watch: { stop(): void }; pumping: { stop(): void }; shards: ShardHost[]; admin: Server; pump: RecordPump; datapath: Datapath; options: RouterOptions;
}): Promise<void> {
  parts.watch.stop();
  parts.pumping.stop();
  for (const shard of parts.shards) shard.post({ kind: "stop" });
  await Promise.all(parts.shards.map((shard) => shard.closed));
  parts.admin.closeAllConnections();
  await new Promise((resolve) => parts.admin.close(resolve));
  parts.pump.run();
  await parts.pump.flush();
  await parts.options.sink.close();
  parts.datapath.close();
  parts.options.log.info({ router: parts.options.name }, "router stopped; established sessions keep forwarding");
}
