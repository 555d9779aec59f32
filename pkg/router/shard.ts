// One shard: the loop from punted packets to packets sent. One turn = drain, parse, open metadata (one call for all),
// decide each, apply (one call), sign (one call), send (one call). Runs in a worker of its own; owns its ring, its ports,
// its replay lists; everything that lives longer than a turn is in the data plane's maps.
import type { Clock, RandomSource } from "../ports/clock.ts";
import type { Punt, ShardPort } from "../ports/datapath.ts";
import type { OriginKeys } from "../ports/origin.ts";
import { readU32 } from "../base/bytes.ts";
import { parsePacket } from "../svr/packet.ts";
import { WINDOW_MAX } from "../svr/constants.ts";
import { epochAt } from "../svr/epoch.ts";
import { ExtIds } from "../svr/fragment.ts";
import { passes } from "../svr/session.ts";
import type { Session } from "../svr/session.ts";
import { ReplayWindow, replayBytes } from "../svr/replay.ts";
import type { SealEngine } from "../svr/seal.ts";
import { flowKey } from "./arrivalkey.ts";
import { newBatch, settle } from "./batch.ts";
import { buildTables } from "./build.ts";
import type { ShardConfig } from "./build.ts";
import { Capturing } from "./capturing.ts";
import { decide } from "./decide.ts";
import { createDenialGate } from "./denials.ts";
import { endByDecision, retime, tellEnded } from "./ending.ts";
import { createEnableGate, createErrorGate, createKeyGate, createSessionErrorGate, createSkewGate } from "./gate.ts";
import type { Held } from "./held.ts";
import type { FromShard, ShardAnswer, ShardCounters, ShardQuestion, ToShard } from "./messages.ts";
import { createOriginSigner } from "./origin.ts";
import type { OriginSigner } from "./origin.ts";
import { renewKeys } from "./lostkeys.ts";
import { raise } from "./raising.ts";
import { openArrivals } from "./opening.ts";
import { createFirstPayloads } from "./firstpayloads.ts";
import { createPayloadKeys } from "./payloadkeys.ts";
import type { Protection, ProtectTools } from "./protection.ts";
import { markMoved } from "./moved.ts";
import { createShardPorts } from "./ports.ts";
import type { ShardPorts } from "./ports.ts";
import { createHanding } from "./handing.ts";
import type { HandedPunt, Handing } from "./handing.ts";
import { createFragmentJoiner } from "./reassemble.ts";
import type { FragmentJoiner } from "./reassemble.ts";
import { createSealSource, framesOf, signOutputs } from "./sealing.ts";
import type { SealSource } from "./sealing.ts";
import { createKeysUsed } from "./keysused.ts";
import type { Tables } from "./tables.ts";
import { createSlab } from "./slab.ts";
import { traceFirst } from "./trace.ts";
import { createTally } from "./tally.ts";
import type { EnableGate, ErrorGate, FindSession, SkewGate, Turn } from "./turn.ts";

/** ShardOptions wires a shard; the caller owns port and engine and closes them. */
export interface ShardOptions {
  number: number;
  count: number;
  port: ShardPort;
  engine: SealEngine;
  clock: Clock;
  random: RandomSource;
  /** signs what the ingress claims, and verifies what others do (protocol 7.6) */
  originKeys: OriginKeys;
  /** first second whose metadata counters nobody used (protocol 8.1) */
  counterSecond: number;
  /** shared by all shards of the router; its size, by default replayMemoryBytes, bounds the sessions that peers create in 2 s */
  replayMemory: ArrayBufferLike;
  /** absent: no session may be protected */
  protect?: ProtectTools | undefined;
}

/** REPLAY_SLOTS bounds the sessions that peers may create in one epoch of 2 s. */
const REPLAY_SLOTS = 131_072;

const REPLAY_LOOKS = 1024; // once a second

/** replayMemoryBytes is the size of the replay memory that the shards of a router share. */
export const replayMemoryBytes = replayBytes(WINDOW_MAX, REPLAY_SLOTS);

/** The largest power of two that a memory has room for. */
function replaySlots(memory: ArrayBufferLike): number {
  return 2 ** Math.floor(Math.log2(memory.byteLength / replayBytes(WINDOW_MAX, 1)));
}

const MAX_BATCH = 256;
const MAX_ROUNDS = 32; // a refused install leads to the next one: pairs, and one source NAT address after the other

/** Shard is driven by its owner: messages in, turns, messages out. Every call is synchronous. */
export class Shard {
  readonly #options: ShardOptions;
  readonly #ports: ShardPorts;
  readonly #seals: SealSource;
  readonly #origin: OriginSigner;
  readonly #protection: Protection;
  readonly #keyGate = createKeyGate();
  readonly #denials = createDenialGate();
  readonly #enableGate: EnableGate;
  readonly #skewGate: SkewGate;
  readonly #capturing: Capturing;
  readonly #tally = createTally();
  readonly #slab = createSlab();
  readonly #errorGate: ErrorGate;
  readonly #sessionErrors = createSessionErrorGate();
  readonly #fragments: FragmentJoiner;
  readonly #handing: Handing;
  readonly #ids: ExtIds;
  readonly #replay: ReplayWindow;
  #tables: Tables | undefined;
  readonly #answers: FromShard[] = [];
  #punts = 0;
  #fault: string | undefined;
  readonly #tooBig = new Set<number>();
  readonly #keysUsed = createKeysUsed();
  #stopped = false;

  constructor(options: ShardOptions) {
    const slice = { number: options.number, count: options.count };
    this.#options = options;
    this.#capturing = new Capturing(options.port, slice);
    this.#ports = createShardPorts(slice, seedOf(options.random));
    this.#enableGate = createEnableGate(options.count);
    this.#skewGate = createSkewGate(options.count);
    this.#errorGate = createErrorGate(options.count);
    this.#fragments = createFragmentJoiner(options.count);
    this.#handing = createHanding(slice, options.port);
    this.#ids = new ExtIds(seedOf(options.random), slice);
    this.#replay = new ReplayWindow({ window: WINDOW_MAX, slots: replaySlots(options.replayMemory), memory: options.replayMemory });
    this.#origin = createOriginSigner(options.originKeys);
    this.#protection = { tools: options.protect, kept: createPayloadKeys(), firsts: createFirstPayloads(), mayAsk: (session, nowMs) => this.#keyGate.permits(session, nowMs) };
    this.#seals = createSealSource({ shard: options.number, counterSecond: options.counterSecond });
  }

  get stopped(): boolean {
    return this.#stopped;
  }

  /** whether there is a configuration to decide by */
  get isConfigured(): boolean {
    return this.#tables !== undefined;
  }

  /** tell takes a message of the app. */
  tell(message: ToShard): void {
    switch (message.kind) {
      case "config": return this.#configure(message.posted);
      case "keys": return this.#tables?.rekey(message.keys);
      case "adopt": return this.#ports.adopt(message.uses);
      case "release": return this.#ports.release(message.uses);
      case "retime": return this.#act((turn) => { retime(turn, message.sessions); });
      case "ended": return this.#act((turn) => { tellEnded(turn, message.ended); });
      case "end": return this.#act((turn) => endByDecision(turn, message.refs, message.reason));
      case "question": return void this.#answers.push({ kind: "answer", number: message.number, answer: this.#answer(message.question) });
      case "renewKeys": return this.#act((turn) => { renewKeys(turn, message.refs); });
      case "raise": return this.#act((turn) => { raise(turn, message.refs); });
      case "moved": return this.#act((turn) => markMoved(turn, message.refs));
      case "capture": return this.#act((turn) => { this.#capturing.start(turn, message.spec, message.refs); });
      case "captureFull": return this.#capturing.full(message.id);
      case "captureOver": return this.#capturing.over(message.id);
      case "piece": return this.#handing.came(message.punt) ? undefined : this.#tally.count("ring-full");
      case "stop": this.#stopped = true; return;
    }
  }

  #answer(question: ShardQuestion): ShardAnswer {
    if (question.kind === "settled") return { kind: "settled" }; // messages are taken in order
    if (question.kind === "pairs") {
      const pairs = this.#ports.page(question.path, question.from);
      return { kind: "pairs", ...(pairs === undefined ? {} : { pairs }) };
    }
    const { port, engine } = this.#options;
    if (this.#tables === undefined) return { kind: "trace", traced: { tenant: "", sends: [], reason: "fault" } };
    return { kind: "trace", traced: traceFirst({ turn: this.#newTurn(this.#tables), ports: this.#ports.dry(), port, engine }, question) };
  }

  /** answers gives what the app asked or waits for, once; the loop sends it with the next turn. */
  answers(): FromShard[] {
    return [...this.#answers.splice(0), ...this.#capturing.take()];
  }

  /** handed gives what belongs to other shards, once; the loop sends it after the turn. */
  handed(): ReturnType<Handing["leaving"]> {
    return this.#handing.leaving();
  }

  /** turn handles what came up, waiting at most timeoutMs for it; returns the number of packets. */
  turn(timeoutMs: number): number {
    if (this.#tables === undefined) return 0;
    const handed = [...this.#handing.arrived(), ...this.#protection.firsts.due(this.#options.clock.monotonicMs())];
    const punts = this.#options.port.drain(MAX_BATCH, handed.length > 0 ? 0 : timeoutMs);
    this.#expire();
    if (punts.length + handed.length === 0) return 0;
    this.#punts += punts.length;
    const turn = this.#newTurn(this.#tables);
    const came = handed.length === 0 ? punts : [...handed.map((punt) => recognised(turn, punt)), ...punts];
    for (const arrival of openArrivals(turn, came, this.#options.engine)) this.#attempt(turn, () => decide(turn, arrival));
    this.#finish(turn);
    this.#countDiscarded();
    return came.length;
  }

  /** A packet that cannot be decided is lost, and counted, and told; the thread and the other packets of the turn go on. */
  #attempt(turn: Turn, work: () => void): void {
    try {
      work();
    } catch (error) {
      turn.count("fault");
      this.#fault ??= error instanceof Error ? error.stack ?? error.message : String(error);
    }
  }

  /** What time alone ends: fragments whose packet stays incomplete. Runs with every turn, packets or none. */
  #expire(): void {
    this.#fragments.expire(this.#options.clock.monotonicMs());
    this.#countDiscarded();
  }

  #countDiscarded(): void {
    for (let discarded = this.#fragments.takeDiscarded(); discarded > 0; discarded--) this.#tally.count("reassembly");
  }

  /** report gives what the app should know; denials only once. */
  report(): FromShard[] {
    const denials = this.#denials.take();
    const counters: ShardCounters = {
      ...this.#tally.totals(), punts: this.#punts, pools: this.#ports.counts(), denialsSuppressed: this.#denials.suppressed(), held: this.#held(),
    };
    const fault = this.#fault;
    const paths = [...this.#tooBig];
    this.#tooBig.clear();
    const keyIds = this.#keysUsed.take();
    this.#fault = undefined;
    return [
      { kind: "counters", counters },
      ...(denials.length === 0 ? [] : [{ kind: "denials" as const, denials }]),
      ...(paths.length === 0 ? [] : [{ kind: "tooBig" as const, paths }]),
      ...(keyIds.length === 0 ? [] : [{ kind: "keysUsed" as const, keyIds }]),
      ...(fault === undefined ? [] : [{ kind: "fault" as const, stack: fault }]),
    ];
  }

  /** The memory that all shards share is looked at by one: the epoch that is fuller of this one and the one before. */
  #replayHeld(): Held[] {
    if (this.#options.number !== 0) return [];
    const epoch = epochAt(this.#options.clock.unixMs() / 1000);
    const [now, before] = [this.#replay.taken(epoch, REPLAY_LOOKS), this.#replay.taken(epoch - 1, REPLAY_LOOKS)];
    return [{ name: "first packets seen in 2 s, about", entries: Math.max(now.taken, before.taken), limit: now.slots }];
  }

  /** Everything bounded that outlives a turn. */
  #held(): Held[] {
    const now = this.#options.clock.monotonicMs();
    return [
      ...this.#replayHeld(),
      ...this.#fragments.held(), ...this.#handing.held(), ...this.#denials.held(now), ...this.#origin.held(now), ...this.#protection.kept.held(), ...this.#protection.firsts.held(), ...this.#keyGate.held(now), ...this.#enableGate.held(now), ...this.#skewGate.held(now), ...this.#errorGate.held(now), ...this.#sessionErrors.held(now), ...this.#capturing.held(),
    ];
  }

  #configure(posted: ShardConfig): void {
    this.#tables = buildTables(posted, this.#options.port);
    this.#ports.follow(this.#tables.paths);
  }

  /** A turn without packets, for what the app asks of sessions. */
  #act(work: (turn: Turn) => void): void {
    if (this.#tables === undefined) return;
    const turn = this.#newTurn(this.#tables);
    work(turn);
    this.#finish(turn);
  }

  #newTurn(tables: Tables): Turn {
    const { clock, port, random, number, count } = this.#options;
    const nowMs = clock.monotonicMs();
    return {
      tables, batch: newBatch(count), nowMs, nowUnixMs: clock.unixMs(), shard: number, random, ports: this.#ports, seals: this.#seals, origin: this.#origin, protection: this.#protection,
      enableGate: this.#enableGate, skewGate: this.#skewGate, errorGate: this.#errorGate, sessionErrors: this.#sessionErrors, fragments: this.#fragments, handing: this.#handing, capturing: this.#capturing, ids: this.#ids,
      load: port.load(), sessionsOf: (tenant) => port.usage(tenant).live, replay: this.#replay, find: finder(port), take: (length) => this.#slab.take(length),
      tooBig: (path) => void this.#tooBig.add(path), keyUsed: (key) => { this.#keysUsed.add(key); },
      count: (reason, peer, skew) => this.#tally.count(reason, peer?.name, skew), countHealth: (kind) => this.#tally.countHealth(kind), deny: (denial) => this.#denials.offer(denial, nowMs),
    };
  }

  /** Apply until nothing is left to apply, sign, send. */
  #finish(turn: Turn): void {
    const { port, engine } = this.#options;
    const { batch } = turn;
    const attempt = (work: () => void): void => this.#attempt(turn, work);
    for (let round = 0; round < MAX_ROUNDS && batch.ops.length > 0; round++) settle(batch, port.apply(batch.ops), attempt);
    for (const { draft } of batch.installs) attempt(() => draft.failed({ ok: false, why: "full" })); // rounds ran out
    signOutputs(batch.outputs, engine);
    this.#capturing.sent(batch.outputs);
    if (batch.outputs.length > 0) port.send(framesOf(batch.outputs));
    this.#slab.clear();
  }
}

/** With its session, which the data plane could not know of its IP fragments. */
function recognised(turn: Turn, punt: HandedPunt): Punt {
  const packet = parsePacket(punt.data);
  const session = packet.ok ? turn.find.byArrival({ punt, packet: packet.value }) : undefined;
  return session === undefined ? punt : { ...punt, session };
}

/** Sessions whose packets pass: one in quarantine only keeps others from its ports. */
function finder(port: ShardPort): FindSession {
  const passing = <Found extends { state: Session }>(found: Found | undefined): Found | undefined => (found !== undefined && passes(found.state) ? found : undefined);
  return { byArrival: (arrival) => passing(port.find(flowKey(arrival))), byUuid: (uuid) => passing(port.findUuid(uuid)), ended: (ref) => port.ended(ref) };
}

function seedOf(random: RandomSource): number {
  return readU32(random.bytes(4), 0);
}
