// The data plane in memory, with an injected clock: the ports of pkg/ports/datapath.ts over plain maps. For tests of the router
// (two of them can talk in one unit test) and as the reference of the differential fuzz. Never used by a running router.
import type {
  Datapath, DatapathConfig, DatapathGauges, DatapathRecord, FlowKey, Frame, OpResult, Punt, SessionOp, ShardPort,
  SessionRef, Sift, SiftVerdict,
} from "../ports/datapath.ts";
import { addressKey } from "../base/address.ts";
import { toHex } from "../base/bytes.ts";
import { Flag, Life, passes } from "../svr/session.ts";
import type { Session, SideIndex } from "../svr/session.ts";
import { FILL_ROWS, PUNT_ROW } from "./fillrows.ts";
import { applyOp } from "./model-apply.ts";
import { forward, forwardOpened } from "./model-forward.ts";
import type { Judged } from "./model-forward.ts";
import { isPlainIn } from "./model-protect.ts";
import type { ProtectedPacket } from "./model-protect.ts";
import { copyLeaving } from "./model-copy.ts";
import { wireBytes } from "./model-parse.ts";
import type { PacketIn } from "./model-parse.ts";
import { tellRefusal } from "./model-refusal.ts";
import { countDrop, countOf, createModel, flowKeyText, isKnown, localOf, otherSide, programModel } from "./model-state.ts";
import { siftModel } from "./model-sift.ts";
import type { Model } from "./model-state.ts";
import { usageOf } from "./model-usage.ts";
import { sweep } from "./model-sweep.ts";
import { lookModel } from "./model-verify.ts";
import { dropped } from "./model-verdict.ts";
import { NAME_NUMBERS } from "./names.ts";
import type { Verdict } from "./model-verdict.ts";

/** ModelOptions: the clock is the only required one; sizes are small by default. */
export interface ModelOptions {
  nowMs: () => number;
  sessionLimit?: number;
  liveLimit?: number;
  shards?: number;
  /** packets that wait for one shard; more are dropped, reason `ring-full` */
  ringLimit?: number;
  /** packets that wait for the protect worker; more are dropped, reason `protect-full` */
  protectLimit?: number;
  /** records that wait for user space; more wait in their slots */
  recordLimit?: number;
  /** bytes of the ring in which copies of captured packets wait; 2 MiB, as the kernel's */
  copyRingBytes?: number;
  mssClamp?: boolean;
  hasSocket?: Model["hasSocket"];
  /** called for every packet that leaves, after it was added to `sent` */
  onSent?: (frame: SentFrame) => void;
}

/** SentFrame is a packet that left, by which interface and VLAN. */
export interface SentFrame extends Frame { ifnum: number; vlan: number }

/** ModelDatapath is the port plus what only tests do: bring packets, let time pass, read what left. */
export interface ModelDatapath extends Datapath {
  shard(number: number): ShardPort;
  /** judges one packet, from its IP header on; gsoSize 0 is one wire packet */
  receive(ifnum: number, vlan: number, data: Uint8Array, options?: { gsoSize?: number; etherType?: number }): Verdict;
  /** packets that wait for the protect worker, oldest first; whoever plays it takes them out */
  readonly protected: ProtectedPacket[];
  /** brings a packet back that the worker opened */
  opened(packet: { index: number; side: SideIndex; data: Uint8Array; gsoSize?: number }): Verdict;
  /** sends a packet that the worker sealed; index and side are those of its record */
  sealed(packet: { index: number; side: SideIndex; data: Uint8Array; gsoSize?: number }): boolean;
  /** everything that left, oldest first; tests may empty it */
  readonly sent: SentFrame[];
  /** everything that was handed to the kernel, oldest first */
  readonly kernel: Uint8Array[];
  /** two walks of the sweeper at the clock's time: what the first one ends, the second one tells */
  tick(): void;
  /** one walk */
  walk(): void;
  /** the tables themselves, for the fuzz and for assertions */
  readonly model: Model;
}

const NAME_BYTES = 255, RING_LIMIT = 4096;

/** What the factory and its parts share. */
interface World { model: Model; options: ModelOptions; rings: Punt[][]; records: DatapathRecord[]; sealing: ProtectedPacket[]; sent: SentFrame[]; kernel: Uint8Array[]; names: Map<number, string> }

/** modelDatapath makes an empty data plane in memory. */
export function modelDatapath(options: ModelOptions): ModelDatapath {
  const shards = options.shards ?? 1;
  const sessionLimit = options.sessionLimit ?? 1024;
  const { hasSocket } = options;
  const model = createModel({ sessionLimit, liveLimit: options.liveLimit ?? sessionLimit, shards, ...(hasSocket && { hasSocket }) });
  model.mssClamp = options.mssClamp ?? true;
  model.copyRingBytes = options.copyRingBytes ?? model.copyRingBytes;
  const world: World = { model, options, rings: Array.from({ length: shards }, () => []), records: [], sealing: [], sent: [], kernel: [], names: new Map() };
  return {
    ...datapathPort(world), model, protected: world.sealing, opened: (packet) => opened(world, packet), sealed: (packet) => sealed(world, packet), sent: world.sent, kernel: world.kernel, shard: (number) => shardPort(world, number), receive: (...args) => receive(world, args),
    walk: () => { walk(world); }, tick: () => { walk(world); walk(world); },
  };
}

function walk({ model, options, records }: World): void {
  records.push(...sweep(model, options.nowMs(), (options.recordLimit ?? Number.POSITIVE_INFINITY) - records.length));
}

function datapathPort(world: World): Datapath {
  const { model, records } = world;
  return {
    program: (config: DatapathConfig) => programModel(model, config),
    send: (frames) => frames.filter((frame) => send(world, frame)).length,
    nameId: (name) => nameId(world, name),
    nameOf: (id) => world.names.get(id),
    names: () => ({ used: world.names.size, limit: NAME_NUMBERS }),
    records: (max) => records.splice(0, max),
    refusals: (max) => model.refusals.waiting.splice(0, max),
    untold: () => Object.fromEntries(model.refusals.untold),
    sessions: (cursor, max) => page(model, { cursor, max, wanted: isKnown }),
    sift: (judge) => siftOf(world, judge),
    count: (cursor, max, told) => {
      const { sessions, next } = page(model, { cursor, max, wanted: ({ life }) => life === Life.live });
      for (const { state } of sessions) told(state.tenant, state.service, state.route, state.role);
      return next;
    },
    resting: (cursor, max) => page(model, { cursor, max, wanted: (session) => session.life === Life.quarantine }),
    findUuid: (uuid) => findUuid(model, uuid),
    gauges: () => gauges(model),
    fill: () => fillOf(world),
    verify: () => lookModel(model),
    find: (key) => find(model, key),
    shardOf: (key) => shardOf(model, { parsed: key }),
    copies: (max) => model.copies.splice(0, max),
    lostCopies: (index) => model.lostCopies.get(index) ?? 0,
    forgetCopies: (index) => {
      const lost = model.lostCopies.get(index) ?? 0;
      model.wanted.delete(index);
      model.lostCopies.delete(index);
      return lost;
    },
    usage: (id) => usageOf(model, (session) => session.tenant === id || session.route === id),
    takeRecordsLost: () => {
      const lost = model.recordsLost - model.recordsTaken;
      model.recordsTaken = model.recordsLost;
      return lost;
    },
    counters: () => ({ drops: Object.fromEntries(model.drops), interfaces: Object.fromEntries(structuredClone([...model.counts])) }),
    denied: (ifnum) => new Map(model.denied.get(ifnum)),
    adopted: () => false,
    close: () => undefined,
    destroy: () => {
      model.slots.fill(undefined);
      model.flows.clear();
      model.uuids.clear();
    },
  };
}

function shardPort(world: World, number: number): ShardPort {
  const { model, options, rings } = world;
  return {
    drain: (max) => rings[number]?.splice(0, max) ?? [],
    apply: (ops: readonly SessionOp[]): OpResult[] => ops.map((op) => applyOp(model, op, options.nowMs())),
    send: (frames) => frames.filter((frame) => send(world, frame)).length,
    find: (key) => find(model, key),
    shardOf: (key) => shardOf(model, { parsed: key }),
    findUuid: (uuid) => findUuid(model, uuid),
    ended: ({ index, uuid }) => {
      const session = model.slots[index];
      return session === undefined || session.life === Life.live || toHex(session.uuid) !== toHex(uuid) ? undefined : structuredClone(session);
    },
    wantCopies: (index, packets) => {
      model.wanted.set(index, new Array<number>(4).fill(packets)); // what was lost of it stays counted
      return true;
    },
    unixNs: () => BigInt(options.nowMs()) * 1_000_000n,
    load: () => usageOf(model, () => true),
    usage: (id) => usageOf(model, (session) => session.tenant === id || session.route === id),
    nameId: (name) => nameId(world, name),
    nameOf: (id) => world.names.get(id),
    close: () => undefined,
  };
}

function receive(world: World, [ifnum, vlan, data, more = {}]: Parameters<ModelDatapath["receive"]>): Verdict {
  const { model, options } = world;
  const packet: PacketIn = { ifnum, vlan, data, gsoSize: more.gsoSize ?? 0, ...(more.etherType !== undefined && { etherType: more.etherType }) };
  const judged = forward(model, packet, options.nowMs());
  countReceived(model, packet, judged);
  return finish(world, packet, judged);
}

/** What svr_inject makes of a packet that a worker opened: as if it had just arrived, but it was counted and copied when it came. */
function opened(world: World, { index, side, data, gsoSize = 0 }: Parameters<ModelDatapath["opened"]>[0]): Verdict {
  const judged = forwardOpened(world.model, { index, side, data, gsoSize }, world.options.nowMs());
  const { ifnum, vlan } = judged.flow?.session.side[side] ?? { ifnum: 0, vlan: 0 };
  return finish(world, { ifnum, vlan, data, gsoSize, isOpened: true }, judged);
}

function sealed(world: World, { index, side, data, gsoSize = 0 }: Parameters<ModelDatapath["sealed"]>[0]): boolean {
  const { model, options } = world;
  const session = model.slots[index];
  if (session === undefined || !passes(session)) {
    countDrop(model, "no-flow");
    return false;
  }
  const to = session.side[otherSide(side)], nexthop = model.nexthops.get(to.nexthop);
  if (nexthop === undefined) countDrop(model, "no-nexthop");
  else copyLeaving(model, { nowMs: options.nowMs(), data, nexthop }, { segments: gsoSize > 0 ? 2 : 1, gsoSize }, { index, side, session });
  return leave(world, { nexthop: to.nexthop, data: data.slice() }, 1);
}

function finish(world: World, packet: PacketIn & { isOpened?: true }, judged: Judged): Verdict {
  const { model, options } = world;
  const verdict = judged.verdict.kind === "punt" ? enqueue(world, packet, judged) : judged.verdict.kind === "protect" ? handOver(world, judged) : judged.verdict;
  if (verdict.kind === "drop") {
    countDrop(model, verdict.reason);
    tellRefusal(model, packet, { judged, reason: verdict.reason, nowMs: options.nowMs() });
  }
  if (verdict.kind === "out") leave(world, { nexthop: verdict.nexthop, data: verdict.data }, judged.parsed.segments);
  return verdict;
}

/** Into the ring of the session's protect worker. */
function handOver({ sealing, options }: World, { verdict, flow, parsed }: Judged): Verdict {
  if (verdict.kind !== "protect" || flow === undefined || sealing.length >= (options.protectLimit ?? RING_LIMIT)) return dropped("protect-full");
  const { cause, nexthop, data } = verdict;
  const isCopied = (flow.session.flags & Flag.capture) !== 0;
  sealing.push({ cause, index: flow.index, side: flow.side, gsoSize: parsed.gsoSize, nexthop, data, ...(isCopied && { isCopied }), ...(isPlainIn(flow.session, flow.side) && { isPlain: true as const }) });
  return verdict;
}

function countReceived(model: Model, packet: PacketIn, { parsed }: Judged): void {
  if (!model.interfaces.has(packet.ifnum) || parsed.shape === "foreign") return;
  const count = countOf(model, packet.ifnum);
  count.rxPackets += BigInt(parsed.segments);
  count.rxBytes += BigInt(parsed.shape === "bad" ? packet.data.length : wireBytes(parsed));
}

/** Into the ring of the shard that owns the packet; a full ring drops it. */
function enqueue(world: World, packet: PacketIn & { isOpened?: true }, judged: Judged): Verdict {
  const { model, rings, options } = world;
  const { parsed, flow, verdict } = judged;
  const ring = rings[flow?.session.shard ?? shardOf(model, judged)];
  if (verdict.kind !== "punt" || ring === undefined || ring.length >= (options.ringLimit ?? RING_LIMIT)) return dropped("ring-full");
  const punt: Punt = {
    cause: verdict.cause, ifnum: packet.ifnum, vlan: packet.vlan, gsoSize: parsed.gsoSize, arrivedMs: options.nowMs(),
    toWaypoint: localOf(model, parsed.destination)?.waypoint === true, data: packet.data.slice(0, parsed.length),
  };
  if (flow !== undefined && (flow.session.flags & Flag.capture) !== 0) punt.isCopied = true;
  if (packet.isOpened === true) punt.isOpened = true;
  ring.push(flow === undefined ? punt : { ...punt, session: { index: flow.index, side: flow.side, state: structuredClone(flow.session) } });
  return verdict;
}

/** The same shard for both directions of a flow; any symmetric function will do. */
function shardOf(model: Model, { parsed }: { parsed: Omit<FlowKey, "ifnum" | "vlan"> }): number {
  const ends = [`${addressKey(parsed.source)}:${parsed.sourcePort}`, `${addressKey(parsed.destination)}:${parsed.destinationPort}`].sort();
  const sum = [...ends.join()].reduce((hash, letter) => Math.imul(hash ^ letter.charCodeAt(0), 0x01000193), parsed.proto); // FNV-1a
  return ((sum ^ (sum >>> 15)) >>> 0) % model.shards;
}

function leave(world: World, frame: Frame, segments: number): boolean {
  const nexthop = world.model.nexthops.get(frame.nexthop);
  if (nexthop === undefined) return false;
  const count = countOf(world.model, nexthop.ifnum);
  count.txPackets += BigInt(segments);
  count.txBytes += BigInt(frame.data.length);
  const sent = { ...frame, ifnum: nexthop.ifnum, vlan: nexthop.vlan };
  world.sent.push(sent);
  world.options.onSent?.(sent);
  return true;
}

/** As a frame on loopback: a next hop that is missing is a counted drop, although the kernel took the frame. */
function send(world: World, frame: Frame): boolean {
  if (frame.nexthop === 0) world.kernel.push(frame.data.slice());
  else if (!leave(world, { nexthop: frame.nexthop, data: frame.data.slice() }, 1)) countDrop(world.model, "no-nexthop");
  return true;
}

function nameId(world: World, name: string): number {
  if (new TextEncoder().encode(name).length > NAME_BYTES) return 0;
  const known = [...world.names].find(([, text]) => text === name);
  if (known !== undefined) return known[0];
  const id = world.names.size + 1;
  world.names.set(id, name);
  return id;
}

function find(model: Model, key: FlowKey): { index: number; side: SideIndex; state: Session } | undefined {
  const entry = model.flows.get(flowKeyText(key));
  const session = entry && model.slots[entry.index];
  return entry && session && { index: entry.index, side: entry.side, state: structuredClone(session) };
}

function findUuid(model: Model, uuid: Uint8Array): { index: number; state: Session } | undefined {
  const index = model.uuids.get(toHex(uuid));
  const session = index === undefined ? undefined : model.slots[index];
  return index !== undefined && session ? { index, state: structuredClone(session) } : undefined;
}

/** Ends what a page passes of the kinds that end; the page holds the others that are wanted. */
function siftOf({ model, options }: World, judge: (session: Session) => SiftVerdict): Sift {
  const verdictOf = siftModel(judge);
  return {
    next: (cursor, max) => {
      const found = page(model, { cursor, max, wanted: (session) => session.life === Life.live && verdictOf(session) !== false });
      const [sessions, ended] = [[] as typeof found.sessions, [] as SessionRef[]];
      for (const one of found.sessions) {
        const verdict = verdictOf(one.state), ref = { index: one.index, uuid: one.state.uuid };
        if (typeof verdict === "boolean") sessions.push(one);
        else if (applyOp(model, { kind: "end", ref, reason: verdict.end, now: true }, options.nowMs()).ok) ended.push(ref);
      }
      return { ...found, sessions, ended };
    },
  };
}

function page(model: Model, ask: { cursor: number; max: number; wanted: (session: Session) => boolean }): ReturnType<Datapath["sessions"]> {
  const sessions: { index: number; state: Session }[] = [];
  for (let index = ask.cursor; index < model.slots.length; index++) {
    const session = model.slots[index];
    if (session === undefined || !ask.wanted(session)) continue;
    if (sessions.length === ask.max) return { sessions, next: index };
    sessions.push({ index, state: structuredClone(session) });
  }
  return { sessions };
}

/** What the model bounds besides sessions: packets that wait for a shard; and what it was told, without a bound. */
function fillOf({ model, rings, options }: World): ReturnType<Datapath["fill"]> {
  const told = { nexthops: model.nexthops.size, locals: model.locals.size, filters: [...model.interfaces.values()].filter(({ filter }) => filter !== undefined).length, interfaces: model.interfaces.size };
  const rows = (["nexthops", "locals", "filters", "interfaces"] as const).map((name) => ({ name: FILL_ROWS[name], entries: told[name], limit: 0 }));
  return [...rows, ...rings.map((ring, shard) => ({ name: `${PUNT_ROW} ${shard}`, entries: ring.length, limit: options.ringLimit ?? RING_LIMIT }))];
}

function gauges(model: Model): DatapathGauges {
  const used = model.slots.filter((slot) => slot !== undefined);
  return {
    slotsUsed: used.length, ...usageOf(model, () => true), highWater: model.slots.findLastIndex((slot) => slot !== undefined) + 1,
    quarantined: used.filter((slot) => slot.life === Life.quarantine).length, recordsLost: model.recordsLost, sweeps: Number(model.sweeps),
    sessionLimit: model.slots.length, flowEntries: model.flows.size + model.uuids.size, flowLimit: 3 * model.slots.length,
  };
}
