// Routers in one process: the real decisions of pkg/router over the model of the data plane, joined by links that tests can
// cut, bend and listen to. No kernel, no timers: time is a number, and `run` goes on until nothing moves any more.
import { createHash, randomFillSync } from "node:crypto";
import type { KeyObject } from "node:crypto";
import { modelDatapath } from "../../pkg/datapath/model.ts";
import type { ModelDatapath, SentFrame } from "../../pkg/datapath/model.ts";
import { pskKeys } from "../../pkg/svr/keys.ts";
import type { PeerKeys } from "../../pkg/svr/keys.ts";
import { WINDOW_MAX } from "../../pkg/svr/constants.ts";
import { replayBytes } from "../../pkg/svr/replay.ts";
import type { RouterConfig } from "../../pkg/plan/config.ts";
import { adoptedPairs, pairOf } from "../../pkg/router/adopt.ts";
import { datapathConfig } from "../../pkg/router/program.ts";
import { numberNames } from "../../pkg/router/names.ts";
import { Shard } from "../../pkg/router/shard.ts";
import type { ShardCounters, FromShard } from "../../pkg/router/messages.ts";
import { Life } from "../../pkg/svr/session.ts";
import type { Session } from "../../pkg/svr/session.ts";
import { createNodeEngine } from "../../pkg/security/node-engine.ts";
import { createOriginKeys } from "../../pkg/security/origin.ts";
import { nodeHkdf } from "../../pkg/security/hkdf.ts";
import { chainConfig, ifnumOf } from "./config.ts";
import type { Chain, Side } from "./config.ts";

/** Wire is a packet on a link between routers `left` and `left + 1`. */
export interface Wire {
  link: number;
  /** true: from the left router to the right one */
  forward: boolean;
  data: Uint8Array;
}

/** Delivered is a packet that reached the hosts of an end. */
export interface Delivered {
  end: Side;
  vlan: number;
  data: Uint8Array;
}

/** LabRouter is one router with its parts in reach. */
export interface LabRouter {
  name: string;
  config: RouterConfig;
  datapath: ModelDatapath;
  shards: Shard[];
  /** live and guarded sessions */
  sessions(): Session[];
  live(): Session[];
  reports(): FromShard[];
  drops(): Record<string, number>;
  counters(): ShardCounters[];
}

/** Flight is a packet on its way to a router. */
export interface Flight {
  index: number;
  ifnum: number;
  vlan: number;
  data: Uint8Array;
  gsoSize: number;
}

/** LabOptions are those of each router's configuration, and of the model. */
export interface LabOptions extends Omit<Chain, "names" | "index"> {
  sessionLimit?: number;
  /** makes UUIDs and spans repeatable, for tests that print their seed */
  seed?: number;
  /** compiled configurations by router name; interface 1 leads to the left, 2 to the right */
  compiled?: ReadonlyMap<string, RouterConfig>;
  /** Ed25519 private keys by router name: they sign what they assert */
  originKeys?: ReadonlyMap<string, KeyObject>;
}

const MAX_TURNS = 20_000;
const REPLAY_SLOTS = 1024;
const START_MS = 1_000_000;
const START_UNIX_S = 1_767_225_600;

/** createLab makes a chain of the named routers; `each` changes the options of one. */
export function createLab(names: string[], options: LabOptions, each: (index: number) => Partial<Chain> = () => ({})): Lab {
  return new Lab(names, options, each);
}

/** Lab is a chain of routers with a host network at each end. */
export class Lab {
  readonly routers: LabRouter[];
  /** packets that left toward the hosts at the left and right end, oldest first */
  readonly left: Uint8Array[] = [];
  readonly right: Uint8Array[] = [];
  readonly delivered: Delivered[] = [];
  /** everything that crossed a link */
  readonly wires: Wire[] = [];
  /** packets that have not arrived yet, oldest first */
  readonly flights: Flight[] = [];
  /** decides what happens to a packet on a link: change it, return undefined to lose it */
  onWire: (wire: Wire) => Uint8Array | undefined = (wire) => wire.data;
  readonly #names: string[];
  readonly #options: LabOptions;
  readonly #each: (index: number) => Partial<Chain>;
  #nowMs = START_MS;
  #boots = 0;
  #seed: number | undefined;

  constructor(names: string[], options: LabOptions, each: (index: number) => Partial<Chain>) {
    this.#names = names;
    this.#options = options;
    this.#seed = options.seed;
    this.#each = each;
    this.routers = names.map((_name, index) => this.#makeRouter(index));
  }

  fromLeft(data: Uint8Array, gsoSize = 0, vlan = 0): void {
    this.flights.push({ index: 0, ifnum: ifnumOf.left, vlan, data, gsoSize });
  }

  fromRight(data: Uint8Array, gsoSize = 0, vlan = 0): void {
    this.flights.push({ index: this.#names.length - 1, ifnum: ifnumOf.right, vlan, data, gsoSize });
  }

  /** hands a packet to a router as if it came by an interface of it */
  inject(index: number, ifnum: number, data: Uint8Array, gsoSize = 0): void {
    this.flights.push({ index, ifnum, vlan: 0, data, gsoSize });
  }

  /** the packet at a place of the queue arrives; no shard looks at it yet */
  land(place = 0): void {
    const [flight] = this.flights.splice(place, 1);
    if (flight !== undefined) this.routers[flight.index]?.datapath.receive(flight.ifnum, flight.vlan, flight.data, { gsoSize: flight.gsoSize });
  }

  /** one turn of every shard; the number of packets they had */
  think(): number {
    let handled = 0;
    for (const router of this.routers) {
      for (const shard of router.shards) handled += shard.turn(0);
      for (const { shard, punt } of router.shards.flatMap((one) => one.handed())) {
        router.shards[shard]?.tell({ kind: "piece", punt });
        handled++;
      }
    }
    return handled;
  }

  /** until nothing moves; bounded */
  run(): void {
    for (let turn = 0; turn < MAX_TURNS; turn++) {
      const arrives = this.flights.length > 0;
      if (arrives) this.land();
      if (this.think() === 0 && !arrives && this.flights.length === 0) return;
    }
    throw new Error("the lab does not come to rest");
  }

  /** time passes, the sweepers walk once a second */
  wait(ms: number): void {
    for (const end = this.#nowMs + ms; this.#nowMs < end;) {
      this.#nowMs = Math.min(end, this.#nowMs + 1000);
      for (const router of this.routers) sweepRouter(router);
      this.think();
    }
  }

  now(): number {
    return this.#nowMs;
  }

  unixMs(): number {
    return START_UNIX_S * 1000 + (this.#nowMs - START_MS);
  }

  /** the router comes back with empty maps */
  restart(index: number): void {
    this.#boots++;
    this.routers[index] = this.#makeRouter(index);
  }

  /** the process of the router starts anew over the maps of the old one */
  reboot(index: number): void {
    const router = this.routers[index];
    if (router === undefined) return;
    this.#boots++;
    const shards = this.#makeShards(router.config, router.datapath);
    const uses = adoptedPairs(router.datapath);
    for (const shard of shards) shard.tell({ kind: "adopt", uses });
    configure({ ...router, shards });
    this.routers[index] = labRouter(router.config, router.datapath, shards);
  }

  /** puts the configuration of a router, as the test changed it, in force */
  reconfigure(index: number): void {
    const router = this.routers[index];
    if (router !== undefined) configure(router);
  }

  #carry(index: number, frame: SentFrame): void {
    const forward = frame.ifnum === ifnumOf.right;
    const next = index + (forward ? 1 : -1);
    if (next < 0 || next >= this.#names.length) {
      const end = next < 0 ? "left" : "right";
      this[end].push(frame.data);
      this.delivered.push({ end, vlan: frame.vlan, data: frame.data });
      return;
    }
    const wire = { link: forward ? index : next, forward, data: frame.data };
    this.wires.push(wire);
    const data = this.onWire(wire);
    if (data !== undefined) this.flights.push({ index: next, ifnum: forward ? ifnumOf.left : ifnumOf.right, vlan: 0, data, gsoSize: 0 });
  }

  #makeShards(config: RouterConfig, datapath: ModelDatapath): Shard[] {
    const clock = { monotonicMs: () => this.#nowMs, unixMs: () => this.unixMs() };
    const replayMemory = new ArrayBuffer(replayBytes(WINDOW_MAX, REPLAY_SLOTS));
    return Array.from({ length: config.shards }, (_, number) => new Shard({
      number, count: config.shards, port: datapath.shard(number), engine: createNodeEngine(), counterSecond: START_UNIX_S + this.#boots, replayMemory, clock, originKeys: createOriginKeys(() => this.#options.originKeys?.get(config.name)),
      random: { bytes: (count) => this.#randomBytes(count) },
    }));
  }

  #randomBytes(count: number): Uint8Array {
    const bytes = new Uint8Array(count);
    if (this.#seed === undefined) return randomFillSync(bytes);
    for (let at = 0; at < count; at++) {
      this.#seed = (Math.imul(this.#seed, 1664525) + 1013904223) >>> 0;
      bytes[at] = this.#seed >>> 24;
    }
    return bytes;
  }

  #makeRouter(index: number): LabRouter {
    const config = this.#options.compiled?.get(this.#names[index] ?? "") ?? chainConfig({ ...this.#options, ...this.#each(index), names: this.#names, index });
    const datapath = modelDatapath({
      nowMs: () => this.#nowMs, onSent: (frame) => this.#carry(index, frame), shards: config.shards, sessionLimit: this.#options.sessionLimit ?? 1024, ringLimit: 100_000,
    });
    const shards = this.#makeShards(config, datapath);
    configure({ config, datapath, shards });
    return labRouter(config, datapath, shards);
  }
}

function labRouter(config: RouterConfig, datapath: ModelDatapath, shards: Shard[]): LabRouter {
  const sessions = (): Session[] => datapath.sessions(0, 1_000_000).sessions.map((one) => one.state);
  const counters = (): ShardCounters[] => shards.flatMap((shard) => shard.report()).flatMap((message) => (message.kind === "counters" ? [message.counters] : []));
  return {
    name: config.name, config, datapath, shards, sessions, counters,
    live: () => sessions().filter((session) => session.life === Life.live),
    reports: () => shards.flatMap((shard) => shard.report()),
    drops: () => dropsOf(datapath, counters()),
  };
}

/** configure programs a router's data plane and tells its shards, as the app does. */
export function configure(router: { config: RouterConfig; datapath: ModelDatapath; shards: readonly Shard[] }): void {
  const { config, datapath, shards } = router;
  const { ids } = numberNames(config, (name) => datapath.nameId(name));
  datapath.program(datapathConfig(config, ids));
  const keys = Object.fromEntries(config.peers.map((peer) => [peer.name, { send: keysOf(config.name, peer.name), receive: [keysOf(peer.name, config.name)] }]));
  for (const shard of shards) shard.tell({ kind: "config", posted: { config, ids, keys } });
}

/** keysOf derives the keys of one direction; the secret of a pair is made of the two names. */
export function keysOf(sender: string, receiver: string): PeerKeys {
  const psk = createHash("sha256").update([sender, receiver].sort().join("/")).digest();
  const keys = pskKeys(nodeHkdf, psk, { sender, receiver, generation: 1 });
  if (!keys.ok) throw new Error(keys.error);
  return keys.value;
}

function sweepRouter(router: LabRouter): void {
  router.datapath.tick();
  const uses = router.datapath.records(1_000_000).filter((record) => record.type === "release").flatMap(({ session }) => pairOf(session) ?? []);
  for (const shard of router.shards) shard.tell({ kind: "release", uses });
}

function dropsOf(datapath: ModelDatapath, counters: readonly ShardCounters[]): Record<string, number> {
  const total: Record<string, number> = {};
  for (const drops of [...counters.map((one) => one.drops), datapath.counters().drops]) {
    for (const [reason, count] of Object.entries(drops)) total[reason] = (total[reason] ?? 0) + Number(count);
  }
  return total;
}
