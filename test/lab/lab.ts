// Routers in one process: the real decisions of pkg/router over the model of the data plane, joined by links that tests can
// cut, bend and listen to. No kernel, no timers: time is a number, and `run` goes on until nothing moves any more.
import { createHash, randomFillSync } from "node:crypto";
import { modelDatapath } from "../../pkg/datapath/model.ts";
import type { ModelDatapath, SentFrame } from "../../pkg/datapath/model.ts";
import { pskKeys } from "../../pkg/svr/keys.ts";
import type { PeerKeys } from "../../pkg/svr/keys.ts";
import type { RouterConfig } from "../../pkg/plan/config.ts";
import { datapathConfig } from "../../pkg/router/program.ts";
import { numberNames } from "../../pkg/router/names.ts";
import { Shard, replayMemoryBytes } from "../../pkg/router/shard.ts";
import type { FromShard } from "../../pkg/router/messages.ts";
import type { Session } from "../../pkg/svr/session.ts";
import { createNodeEngine } from "../../pkg/security/node-engine.ts";
import { nodeHkdf } from "../../pkg/security/hkdf.ts";
import { chainConfig } from "./config.ts";
import type { Chain } from "./config.ts";

/** Wire is a packet on a link between routers `left` and `left + 1`. */
export interface Wire {
  link: number;
  /** true: from the left router to the right one */
  forward: boolean;
  data: Uint8Array;
}

/** LabRouter is one router with its parts in reach. */
export interface LabRouter {
  name: string;
  config: RouterConfig;
  datapath: ModelDatapath;
  shard: Shard;
  sessions(): Session[];
  reports(): FromShard[];
  drops(): Record<string, number>;
}

/** Lab is a chain of routers with a host network at each end. */
export interface Lab {
  routers: LabRouter[];
  /** packets that left toward the hosts at the left and right end, oldest first */
  left: Uint8Array[];
  right: Uint8Array[];
  /** everything that crossed a link */
  wires: Wire[];
  /** decides what happens to a packet on a link: change it, return undefined to lose it */
  onWire: (wire: Wire) => Uint8Array | undefined;
  fromLeft(data: Uint8Array, gsoSize?: number): void;
  fromRight(data: Uint8Array, gsoSize?: number): void;
  /** until nothing moves; bounded */
  run(): void;
  /** time passes, the sweepers walk once a second */
  wait(ms: number): void;
  now(): number;
  restart(index: number): void;
  /** hands a packet to a router as if it came over a link */
  inject(index: number, ifnum: number, data: Uint8Array): void;
}

const MAX_TURNS = 1000;
const START_MS = 1_000_000;
const START_UNIX_S = 1_767_225_600;

/** createLab makes a chain of the named routers; options are those of each router's configuration. */
export function createLab(names: string[], options: Omit<Chain, "names" | "index">, each: (index: number) => Partial<Chain> = () => ({})): Lab {
  let nowMs = START_MS;
  const pending: { index: number; ifnum: number; data: Uint8Array; gsoSize: number }[] = [];
  const lab: Lab = {
    routers: [], left: [], right: [], wires: [], onWire: (wire) => wire.data,
    fromLeft: (data, gsoSize = 0) => void pending.push({ index: 0, ifnum: 1, data, gsoSize }),
    fromRight: (data, gsoSize = 0) => void pending.push({ index: names.length - 1, ifnum: 2, data, gsoSize }),
    inject: (index, ifnum, data) => void pending.push({ index, ifnum, data, gsoSize: 0 }),
    run() {
      for (let turn = 0; turn < MAX_TURNS; turn++) if (!step()) return;
      throw new Error("the lab does not come to rest");
    },
    wait(ms) {
      for (const end = nowMs + ms; nowMs < end;) {
        nowMs = Math.min(end, nowMs + 1000);
        for (const router of lab.routers) sweepRouter(router);
      }
    },
    now: () => nowMs,
    restart: (index) => void (lab.routers[index] = makeRouter(index)),
  };
  const step = (): boolean => {
    const packet = pending.shift();
    if (packet !== undefined) lab.routers[packet.index]?.datapath.receive(packet.ifnum, 0, packet.data, { gsoSize: packet.gsoSize });
    const turned = lab.routers.map((router) => router.shard.turn(0));
    return packet !== undefined || turned.some((count) => count > 0) || pending.length > 0;
  };
  const carry = (index: number, frame: SentFrame): void => {
    const forward = frame.ifnum === 2;
    const next = index + (forward ? 1 : -1);
    if (next < 0) lab.left.push(frame.data);
    else if (next >= names.length) lab.right.push(frame.data);
    else {
      const wire = { link: forward ? index : next, forward, data: frame.data };
      lab.wires.push(wire);
      const data = lab.onWire(wire);
      if (data !== undefined) pending.push({ index: next, ifnum: forward ? 1 : 2, data, gsoSize: 0 });
    }
  };
  const makeRouter = (index: number): LabRouter => {
    const config = chainConfig({ ...options, ...each(index), names, index });
    const datapath = modelDatapath({ nowMs: () => nowMs, onSent: (frame) => carry(index, frame) });
    const shard = new Shard({
      number: 0, count: 1, port: datapath.shard(0), engine: createNodeEngine(), counterSecond: START_UNIX_S, replayMemory: new ArrayBuffer(replayMemoryBytes),
      clock: { monotonicMs: () => nowMs, unixMs: () => START_UNIX_S * 1000 + (nowMs - START_MS) }, random: { bytes: (count) => randomFillSync(new Uint8Array(count)) },
    });
    configure({ config, datapath, shard });
    return { name: config.name, config, datapath, shard, sessions: () => datapath.sessions(0, 4096).sessions.map((one) => one.state), reports: () => shard.report(), drops: () => dropsOf(datapath, shard) };
  };
  lab.routers = names.map((_name, index) => makeRouter(index));
  return lab;
}

/** configure programs a router's data plane and tells its shard, as the app does. */
export function configure(router: { config: RouterConfig; datapath: ModelDatapath; shard: Shard }): void {
  const { config, datapath, shard } = router;
  const { ids } = numberNames(config, (name) => datapath.nameId(name));
  datapath.program(datapathConfig(config, ids));
  const keys = Object.fromEntries(config.peers.map((peer) => [peer.name, { send: keysOf(config.name, peer.name), receive: keysOf(peer.name, config.name) }]));
  shard.tell({ kind: "config", posted: { config, ids, keys } });
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
  const uses = router.datapath.records(4096).filter((record) => record.type === "release")
    .map(({ session }) => ({ path: session.side[1].path, local: session.side[1].localPort, remote: session.side[1].remotePort }));
  router.shard.tell({ kind: "release", uses });
  router.shard.tell({ kind: "live", live: router.datapath.gauges().live });
}

function dropsOf(datapath: ModelDatapath, shard: Shard): Record<string, number> {
  const report = shard.report().find((message) => message.kind === "counters");
  const shardDrops = report?.kind === "counters" ? report.counters.drops : {};
  const total: Record<string, number> = { ...shardDrops };
  for (const [reason, count] of Object.entries(datapath.counters().drops)) total[reason] = (total[reason] ?? 0) + Number(count);
  return total;
}
