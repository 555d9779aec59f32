// The router's main thread: configuration in, data plane programmed, shards told, records out, admin API. Constructed by
// cmd/router with its adapters. Established packets need none of it; a fault here ends the process, not the forwarding.
import { SvrError } from "../base/errors.ts";
import type { RouterConfig } from "../plan/config.ts";
import type { AuditLog } from "../ports/audit.ts";
import type { Clock, RandomSource } from "../ports/clock.ts";
import type { CompiledSource, KeySource } from "../ports/config.ts";
import type { WriteCapture } from "../ports/capture.ts";
import type { Datapath } from "../ports/datapath.ts";
import type { Log } from "../ports/log.ts";
import type { PeeringPort } from "../ports/peering.ts";
import type { ProtectKeys } from "../ports/protect.ts";
import type { RecordSink } from "../ports/records.ts";
import type { SealEngine } from "../svr/seal.ts";
import { listenAdmin } from "./admin.ts";
import { adminRoutes } from "./adminroutes.ts";
import { adoptedPairs } from "./adopt.ts";
import { createAlarms } from "./alarms.ts";
import type { Alarms } from "./alarms.ts";
import { createAuditDenials } from "./auditdenials.ts";
import { createCaptures } from "./captures.ts";
import type { Captures } from "./captures.ts";
import { createClockWatch } from "./clockstep.ts";
import { openCounterBound } from "./counterbound.ts";
import type { ShardConfig } from "./build.ts";
import { createCensus } from "./census.ts";
import type { Census } from "./census.ts";
import type { RouterFacts } from "./clusterreport.ts";
import { createCounters } from "./counters.ts";
import type { Counters } from "./counters.ts";
import { factsOf } from "./facts.ts";
import { createFill } from "./fill.ts";
import type { Fill } from "./fill.ts";
import { controlRoutes } from "./controlroutes.ts";
import { createIntake } from "./intake.ts";
import type { Applied, Intake } from "./intake.ts";
import { createJudging } from "./judging.ts";
import type { Judging } from "./judging.ts";
import type { Keying, KeyingTools } from "./keying.ts";
import { openKeying } from "./openkeying.ts";
import { lockState } from "./lock.ts";
import type { ShardHost } from "./messages.ts";
import { plainName } from "./names.ts";
import { createPace } from "./pace.ts";
import { createPathMtus, withPathMtus } from "./pathmtus.ts";
import type { PathMtus } from "./pathmtus.ts";
import { splitPeering } from "./peeringinbox.ts";
import { datapathConfig } from "./program.ts";
import { createQuestions } from "./questions.ts";
import type { Questions } from "./questions.ts";
import type { ProtectHost, Protectors } from "./protectors.ts";
import { createRecordPump } from "./pump.ts";
import type { Denial } from "./recordwriter.ts";
import { startProtectors } from "./startprotectors.ts";
import type { RecordPump } from "./pump.ts";
import { createSettling } from "./settle.ts";
import type { Settling } from "./settle.ts";
import type { PeerKeyPair } from "./tables.ts";
import { createTrafficAlarms } from "./trafficalarms.ts";

/** RouterOptions are the adapters and settings of one router. */
export interface RouterOptions {
  name: string;
  stateDir: string;
  /** process id and a test whether another process of that id runs a router, for the lock of the state directory */
  pid: number;
  isAlive(pid: number): boolean;
  boot: string;
  version: string;
  /** where the configuration comes from, for the audit log: a directory or an API server */
  origin: string;
  source: CompiledSource;
  keys: KeySource;
  /** owned by the router from here on */
  sink: RecordSink;
  clock: Clock;
  log: Log;
  /** opens the audit log; called once, under the lock of the state directory */
  openAudit(): Promise<AuditLog>;
  /** opens the data plane with the limits of the first configuration */
  openDatapath(config: RouterConfig): Datapath;
  /** starts the shards; counterSecond is the first second whose metadata counters nobody used (protocol 8.1) */
  startShards(config: RouterConfig, counterSecond: number): ShardHost[];
  /** starts the protect workers, after the data plane is open and before the shards; undefined where the machine cannot protect */
  startProtectors?: () => { engine: string; keys: ProtectKeys; hosts: readonly ProtectHost[]; close(): void } | undefined;
  derive(router: string, peer: string, psk: { key: Uint8Array; generation: number }): PeerKeyPair;
  every(ms: number, work: () => void): { stop(): void };
  /** names captures that nobody named */
  random: RandomSource;
  writeCapture: WriteCapture;
  /** hears peers on UDP 1280, owned by the router from here on; and what signs messages there */
  peering: { port: PeeringPort; engine: SealEngine };
  /** what peers by certificate need; absent: they get no keys */
  keying?: KeyingTools;
  /** is told what this router knows of itself, every second */
  report?(facts: RouterFacts): void;
  /** ends a start that waits for its first configuration */
  ending?: AbortSignal;
}

const PUMP_MS = 50;
const FEW_RECORDS = 1024; // a run while sessions are to be ended: their records can wait
const ALARM_MS = 1_000;
const MTU_MS = 250; // steps of path MTU discovery
const RESERVE_MS = 3_600_000;
const CENSUS_MS = 5_000;
const KEEP_MS = 10_000; // between tries to write what a disk refused

/** RunningRouter is a started router; stop leaves the pinned maps forwarding. */
export interface RunningRouter {
  stop(): Promise<void>;
  /** rejects when a shard ends by a fault */
  failed: Promise<never>;
}

/** startRouter brings a router up; it resolves when packets are handled, and rejects with a SvrError that says what is missing. */
export async function startRouter(options: RouterOptions): Promise<RunningRouter> {
  const undo = new AsyncDisposableStack(); // each part is stopped in the reverse order of its start
  try {
    const { failed } = await start(options, undo);
    return { failed, stop: () => undo.disposeAsync() };
  } catch (error) {
    await undo.disposeAsync();
    throw error;
  }
}

interface Parts {
  options: RouterOptions;
  audit: AuditLog;
  datapath: Datapath;
  shards: ShardHost[];
  intake: Intake;
  pump: RecordPump;
  census: Census;
  counters: Counters;
  questions: Questions;
  captures: Captures;
  /** every shard's thread is up */
  started: Promise<unknown>;
  mtus: PathMtus;
  keying: Keying;
  alarms: Alarms;
  judging: Judging;
  protectors?: Protectors;
  settling: Settling;
  /** what is in force but for path MTUs */
  posted?: ShardConfig;
  /** a path MTU is not in force yet */
  isStale: boolean;
}

/** In an object, because a promise of a promise is one promise. */
async function start(options: RouterOptions, undo: AsyncDisposableStack): Promise<Pick<RunningRouter, "failed">> {
  const { clock, log } = options;
  undo.defer(() => options.sink.close());
  const lock = lockState(options.stateDir, options.pid, (pid) => options.isAlive(pid));
  undo.defer(() => lock.release());
  const audit = await options.openAudit();
  undo.defer(() => audit.close());
  const intake = createIntake(options);
  const first = await intake.first(options.ending ?? new AbortController().signal);
  const datapath = options.openDatapath(first.config);
  undo.defer(() => datapath.close());
  undo.defer(() => { options.peering.port.close(); });
  const { signed, exchange } = splitPeering(options.peering.port);
  const mtus = createPathMtus({ ...options, ...options.peering, port: signed, datapath, changed: () => { parts.isStale = true; }, keyUsed: (keyId) => { parts.keying.used([keyId]); } });
  const keying = openKeying(options, { port: exchange, datapath, audit, parts: () => parts, refusedChanged: () => { refuseAgain(parts); } });
  undo.defer(() => { keying.stop(); });
  const pause = (ms: number): Promise<void> => new Promise((resolve) => void once(options, ms, () => { resolve(); }));
  const pace = createPace({ nowMs: () => clock.monotonicMs(), wait: pause });
  const census = createCensus({ datapath, pace, clock });
  const denials = createAuditDenials({ audit, every: (ms, work) => options.every(ms, work) });
  undo.defer(() => { denials.stop(); });
  const protecting = startProtectors(options, datapath, { undo, shards: () => parts.shards });
  const running = startShards({ options, datapath: protecting.datapath, first, denied: (some) => { census.denied(some); denials.take(some); }, tooBig: (path) => { mtus.tooBig(path); }, keysUsed: (keyIds) => { keying.used(keyIds); } }, undo);
  const judging = createJudging({ datapath, ...running, nowMs: () => clock.monotonicMs(), log });
  const parts: Parts = { options, audit, datapath, intake, mtus, keying, alarms: createAlarms(log, audit), judging, census, isStale: false, settling: createSettling({ ...running, intake, log }), ...running, ...(protecting.all && { protectors: protecting.all }) };
  undo.defer(endingWith(parts));
  applyFirst(parts, first);
  if (datapath.adopted()) protecting.all?.adopt();
  const failed = Promise.race([...parts.shards, ...protecting.hosts].map((shard) => shard.closed.then(() => new Promise<never>(() => undefined))));
  await Promise.race([parts.started, failed]); // before anybody is told that the router is up
  undo.defer(() => { parts.settling.stop(); });
  void parts.settling.follow(intake.current());
  const fill = createFill({ ...parts, config: () => intake.current().config, log });
  const admin = await listenAdmin(`${options.stateDir}/admin.sock`, adminRoutes({ ...parts, fill, startedMs: clock.monotonicMs(), pause, pace }), (error) => { log.error({ error }, "the admin API could not answer"); });
  undo.defer(() => admin.close());
  const control = await listenAdmin(`${options.stateDir}/control.sock`, controlRoutes({ ...parts, pace, random: options.random, write: options.writeCapture }), (error) => { log.error({ error }, "the control API could not answer"); });
  undo.defer(() => control.close());
  workRegularly(parts, fill, undo);
  countRegularly(parts, undo);
  followSource(parts, undo);
  log.info({ adopted: datapath.adopted(), shards: parts.shards.length, configuration: first.hash }, "router started");
  return { failed };
}

/** What is done again and again beside the packets. */
function workRegularly(parts: Parts, fill: Fill, undo: AsyncDisposableStack): void {
  const { options, intake, options: { clock, log } } = parts;
  const traffic = createTrafficAlarms(options.name, parts);
  const looking = options.every(ALARM_MS, () => {
    void fill.tables();
    parts.alarms.follow([...parts.keying.alarms(), ...traffic(clock.monotonicMs())]);
    options.report?.(factsOf(parts));
  });
  undo.defer(() => looking.stop());
  const keeping = options.every(KEEP_MS, () => void intake.retry());
  undo.defer(async () => {
    keeping.stop();
    await intake.retry();
  });
  const stepOf = createClockWatch(clock);
  const pumping = options.every(PUMP_MS, () => {
    const by = stepOf();
    if (by !== undefined) log.warn({ event: "clock.step", by }, "the clock was set: metadata of peers with another time is refused");
    parts.pump.run(parts.judging.isBusy() ? FEW_RECORDS : undefined);
    parts.judging.step();
  });
  undo.defer(() => pumping.stop());
  const measuring = options.every(MTU_MS, () => { measure(parts); });
  undo.defer(() => measuring.stop());
}

/** Sessions are counted for a report only. */
function countRegularly({ options, census }: Parts, undo: AsyncDisposableStack): void {
  if (options.report === undefined) return;
  const counting = options.every(CENSUS_MS, () => { census.take().catch((error: unknown) => { options.log.error({ error }, "sessions could not be counted"); }); });
  undo.defer(() => {
    counting.stop();
    census.stop();
  });
}

function followSource(parts: Parts, undo: AsyncDisposableStack): void {
  let reloading = Promise.resolve(); // one after the other, so that the last change is what stays
  let isDue = false; // changes that come during one reload are one reload
  const watch = parts.options.source.watch(() => {
    if (isDue) return;
    isDue = true;
    reloading = reloading.then(() => {
      isDue = false;
      return reload(parts);
    });
  });
  undo.defer(async () => {
    watch.stop();
    await reloading;
  });
}

function startShards(of: { options: RouterOptions; datapath: Datapath; first: Applied; denied(denials: readonly Denial[]): void; tooBig(path: string): void; keysUsed(keyIds: number[]): void }, undo: AsyncDisposableStack): Pick<Parts, "shards" | "pump" | "counters" | "questions" | "captures" | "started"> {
  const { options, datapath, first } = of;
  const seconds = (): number => Math.floor(options.clock.unixMs() / 1000);
  const bound = openCounterBound(options.stateDir, seconds());
  const reserving = options.every(RESERVE_MS, () => {
    try {
      bound.extend(seconds());
    } catch (error) { // what is reserved lasts for years of packets
      options.log.error({ error }, "metadata counters could not be reserved on disk; it is tried again");
    }
  });
  undo.defer(() => reserving.stop());
  const shards = options.startShards(first.config, bound.startSecond);
  const counters = createCounters();
  const questions = createQuestions(shards, (ms, work) => once(options, ms, work));
  const pump = createRecordPump({ ...options, denied: (denials) => { of.denied(denials); } }, datapath, (uses) => { for (const shard of shards) shard.post({ kind: "release", uses }); });
  const captures = createCaptures({ datapath, shards, nowMs: () => options.clock.unixMs(), every: (ms, work) => options.every(ms, work) });
  const uses = adoptedPairs(datapath);
  const started = shards.map(() => Promise.withResolvers<void>());
  for (const [number, shard] of shards.entries()) {
    shard.onMessage((message) => {
      switch (message.kind) {
        case "started":
          options.log.info({ shard: number, engine: message.engine }, "shard started");
          return started[number]?.resolve();
        case "fault": return options.log.error({ shard: number, stack: message.stack }, "a packet was dropped by a fault of the router");
        case "counters": return counters.take(shard, message.counters);
        case "denials": return pump.denials(message.denials);
        case "keysUsed": return of.keysUsed(message.keyIds);
        case "tooBig": return message.paths.forEach((path) => { of.tooBig(plainName(datapath.nameOf(path) ?? "")); });
        case "capturing": case "copies": return captures.take(message);
        case "piece": return shards[message.shard]?.post({ kind: "piece", punt: message.punt });
        case "answer": return questions.take(message.number, message.answer);
      }
    });
    shard.post({ kind: "adopt", uses });
  }
  return { shards, pump, counters, questions, captures, started: Promise.all(started.map((one) => one.promise)) };
}

function once(options: RouterOptions, ms: number, work: () => void): { stop(): void } {
  const timer = options.every(ms, () => {
    timer.stop();
    work();
  });
  return timer;
}

/** A configuration that cannot be put in force leaves the one before, and says so; the data plane may have taken half of it. */
async function reload(parts: Parts): Promise<void> {
  const { intake, options: { log } } = parts;
  const next = await intake.again();
  if (next === undefined) return;
  try {
    applyConfig(parts, next);
    void parts.settling.follow(next); // the next change need not wait for it
  } catch (error) {
    log.error({ error }, "configuration could not be programmed; the last good one stays in force");
    parts.audit.write({ kind: "policy", action: "refused", object: `configuration ${next.hash}`, detail: { code: error instanceof SvrError ? error.code : "SVR_INTERNAL" } });
    const before = intake.refused(error);
    if (before !== undefined) applyAgain(parts, before);
  }
}

/** A start goes back to what was in force when the router ran last, where the source has that. */
function applyFirst(parts: Parts, first: Applied): void {
  try {
    applyConfig(parts, first);
  } catch (error) {
    const before = parts.intake.refused(error);
    if (before === undefined) throw error;
    parts.options.log.error({ error }, "configuration could not be programmed; the router starts with the last good one");
    applyConfig(parts, before);
  }
}

function applyAgain(parts: Parts, before: Applied): void {
  try {
    applyConfig(parts, before);
  } catch (error) {
    parts.options.log.error({ error }, "the last good configuration could not be programmed again; sessions go on as the data plane has it");
  }
}

/** Numbers first, then the data plane, then the shards; then the sessions that policy does not allow any more. */
function applyConfig(parts: Parts, applied: Applied): void {
  const { options, datapath, pump } = parts;
  const ids = applied.number((name) => datapath.nameId(name));
  const before = parts.posted;
  parts.keying.follow({ config: applied.config, ids }, applied.keys);
  const posted = { config: applied.config, ids, keys: parts.keying.keys(), refused: parts.keying.refused() };
  parts.posted = posted;
  parts.mtus.follow(posted);
  parts.protectors?.follow(posted);
  putInForce(parts, posted);
  pump.follow(applied.config);
  const ended = parts.judging.follow(posted, before);
  options.log.info({ hash: applied.hash, problems: applied.problems.length, ended }, "configuration applied");
  parts.audit.write({ kind: "policy", action: "in-force", object: `configuration ${applied.hash}`, detail: { from: options.origin, problems: applied.problems.length, ended: ended ?? 0 } });
  for (const problem of applied.problems) options.log.warn({ problem }, "configuration problem");
}

/** The configuration with the path MTUs as they are known. */
function putInForce(parts: Parts, posted: ShardConfig): void {
  const { datapath, shards, mtus } = parts;
  parts.isStale = false;
  const config = withPathMtus(posted.config, mtus);
  datapath.program(datapathConfig(config, posted.ids));
  for (const shard of shards) shard.post({ kind: "config", posted: { ...posted, config } });
}

/** Peers that are believed no more are as if not there: their sessions end, like those of a peer that left the configuration. */
function refuseAgain(parts: Parts): void {
  const { posted: before, keying, mtus, judging, options: { log } } = parts;
  if (before === undefined) return;
  const posted = { ...before, keys: keying.keys(), refused: keying.refused() };
  parts.posted = posted;
  mtus.follow(posted);
  putInForce(parts, posted);
  const ended = judging.follow(posted, before);
  log.warn({ refused: posted.refused, ended }, "the list of peers that are believed no more changed");
}

function measure(parts: Parts): void {
  try {
    parts.keying.tick();
    parts.mtus.tick();
    if (parts.isStale && parts.posted !== undefined) putInForce(parts, parts.posted);
  } catch (error) {
    parts.options.log.error({ error }, "a path MTU could not be put in force; the one before stays");
  }
}

/** Shards first: what they still had to say is in the records then. */
function endingWith({ options, shards, pump }: Parts): () => Promise<void> {
  return async () => {
    for (const shard of shards) shard.post({ kind: "stop" });
    await Promise.allSettled(shards.map((shard) => shard.closed));
    pump.run();
    await pump.flush();
    options.log.info({}, "router stopped; established sessions keep forwarding");
  };
}
