// The model's maps as plain values: slots, flow keys, interfaces, next hops, addresses, rates, counters. Made by model.ts;
// model-forward.ts, model-sweep.ts and model-apply.ts work on it. Holds no rule about packets.
import type { IpAddress } from "../base/address.ts";
import { addressKey, sameAddress } from "../base/address.ts";
import { equalBytes, toHex } from "../base/bytes.ts";
import { containsAddress } from "../base/prefix.ts";
import type { CopiedPacket, DatapathConfig, DatapathRefusal, FlowKey, InterfaceEntry, MemberEntry, NexthopEntry, SessionRef } from "../ports/datapath.ts";
import { Life, passes } from "../svr/session.ts";
import type { Session, SessionSide, SideIndex } from "../svr/session.ts";

/** FlowEntry is what a flow key points at. */
export interface FlowEntry { index: number; side: SideIndex }

/** LocalAddress is one of our addresses, or on shared interfaces that of a known peer. */
export interface LocalAddress { waypoint: boolean; peer: boolean }

/** Refusals is what is kept of refused packets: those to be told, how many are not, by reason; when a tuple was told, looks of a second. */
export interface Refusals { waiting: DatapathRefusal[]; untold: Map<string, number>; told: Map<string, number>; looks: Map<string, { second: number; count: number }> }

/** InterfaceCount is what one interface has carried. */
export interface InterfaceCount { rxPackets: bigint; rxBytes: bigint; txPackets: bigint; txBytes: bigint }

/** Model is the whole state of the model; owned by modelDatapath, changed in place. */
export interface Model {
  slots: (Session | undefined)[];
  /** no slot below it is free, as far as is known */
  lowestFree: number;
  flows: Map<string, FlowEntry>;
  uuids: Map<string, number>;
  liveLimit: number;
  shards: number;
  mssClamp: boolean;
  interfaces: Map<number, InterfaceEntry>;
  nexthops: Map<number, NexthopEntry>;
  locals: Map<number | string, LocalAddress>;
  config: DatapathConfig;
  /** whether a socket of the host is open for a packet to a waypoint address */
  hasSocket: (proto: number, address: IpAddress, port: number) => boolean;
  /** monotonic nanoseconds up to which a token bucket is paid */
  tokens: Map<string, number>;
  /** sessions that began on a route in its last second */
  started: Map<number, { second: number; count: number }>;
  /** packets that rules denied, by ifnum and place */
  denied: Map<number, Map<number, number>>;
  /** how many more packets of a slot's session are wanted at each point, and those that were copied */
  wanted: Map<number, number[]>;
  copies: CopiedPacket[];
  /** bytes of the ring in which copies wait */
  copyRingBytes: number;
  /** copies that found no room, by slot */
  lostCopies: Map<number, number>;
  drops: Map<string, bigint>;
  refusals: Refusals;
  counts: Map<number, InterfaceCount>;
  sweeps: bigint;
  /** the last identification that a packet got which may be cut on its way */
  ipId: number;
  /** records that found the ring full, and those of them that were declared */
  recordsLost: number;
  recordsTaken: number;
}

const NO_CONFIG: DatapathConfig = {
  interfaces: [], nexthops: [], peers: [], locals: [], members: [], rates: [], remoteRate: { perSecond: 0, burst: 0 },
  timers: {
    quarantineMs: 30_000, guardMs: 2_000, synSentMs: 10_000, synRcvdMs: 10_000, halfClosedIdleMs: 300_000, closingMs: 10_000, resetMs: 5_000, interimMs: 300_000, inactivityMs: 5_000,
  },
  waypointPorts: { first: 16384, last: 65534 },
};

/** createModel makes an empty model: `sessionLimit` slots, at most `liveLimit` of them live. */
export function createModel(options: { sessionLimit: number; liveLimit: number; shards: number; hasSocket?: Model["hasSocket"] }): Model {
  return {
    slots: new Array<Session | undefined>(options.sessionLimit).fill(undefined), lowestFree: 0, flows: new Map(), uuids: new Map(), liveLimit: options.liveLimit,
    shards: options.shards, mssClamp: true, interfaces: new Map(), nexthops: new Map(), locals: new Map(), config: NO_CONFIG,
    hasSocket: options.hasSocket ?? (() => false), tokens: new Map(), started: new Map(), denied: new Map(), wanted: new Map(), copies: [], copyRingBytes: 1 << 21, lostCopies: new Map(), drops: new Map(),
    refusals: { waiting: [], untold: new Map(), told: new Map(), looks: new Map() }, counts: new Map(), sweeps: 0n, ipId: 0, recordsLost: 0, recordsTaken: 0,
  };
}

/** programModel puts a configuration in force; sessions stay. */
export function programModel(model: Model, config: DatapathConfig): void {
  model.config = config;
  model.interfaces = new Map(config.interfaces.map((entry) => [entry.ifnum, entry]));
  model.nexthops = new Map(config.nexthops.map((entry) => [entry.index, entry]));
  model.locals = new Map(config.peers.map((address) => [addressKey(address), { waypoint: false, peer: true }]));
  for (const { address, waypoint } of config.locals) model.locals.set(addressKey(address), { waypoint, peer: false });
}

/** flowKeyText is a flow key as a map key; equal for packets that would hit the same flow. */
export function flowKeyText(key: FlowKey): string {
  const ends = `${addressKey(key.source)}:${key.sourcePort}>${addressKey(key.destination)}:${key.destinationPort}`;
  return `${key.ifnum}/${key.vlan}/${key.proto}/${key.source.family}/${ends}`;
}

/** sideKey is the key under which packets arrive on a side. */
export function sideKey(side: SessionSide): FlowKey {
  return {
    source: side.remote, destination: side.local, sourcePort: side.remotePort, destinationPort: side.localPort, ifnum: side.ifnum, vlan: side.vlan,
    proto: side.proto,
  };
}

/** otherSide is the side a packet leaves on. */
export function otherSide(side: SideIndex): SideIndex {
  return side === 0 ? 1 : 0;
}

/** findFlow gives the session of a key whose packets pass; a session in quarantine is a miss. */
export function findFlow(model: Model, key: FlowKey): { index: number; side: SideIndex; session: Session } | undefined {
  const entry = model.flows.get(flowKeyText(key));
  const session = entry && model.slots[entry.index];
  if (entry === undefined || session === undefined || !passes(session)) return undefined;
  return { ...entry, session };
}

/** isKnown tells whether a session may still be referred to: live, or ended a moment ago. */
export function isKnown(session: Session): boolean {
  return session.life === Life.live || session.life === Life.guard;
}

/** sessionOf resolves a reference; absent when the slot is free, resting or re-used. */
export function sessionOf(model: Model, ref: SessionRef): Session | undefined {
  const session = model.slots[ref.index];
  return session !== undefined && isKnown(session) && equalBytes(session.uuid, ref.uuid) ? session : undefined;
}

/** freeSlot gives the lowest free slot, -1 when all are taken. */
export function freeSlot(model: Model): number {
  const near = model.slots.indexOf(undefined, model.lowestFree);
  model.lowestFree = near < 0 ? 0 : near;
  return near < 0 ? model.slots.indexOf(undefined) : near;
}

/** emptySlot makes a slot free again. */
export function emptySlot(model: Model, index: number): void {
  model.slots[index] = undefined;
  model.lowestFree = Math.min(model.lowestFree, index);
}

/** removeFlow deletes the key of one side, if it still is this session's. */
export function removeFlow(model: Model, index: number, side: SideIndex): void {
  const session = model.slots[index];
  if (session === undefined) return;
  const text = flowKeyText(sideKey(session.side[side]));
  const entry = model.flows.get(text);
  if (entry?.index === index && entry.side === side) model.flows.delete(text);
  const name = toHex(session.uuid);
  if (side === 0 && model.uuids.get(name) === index) model.uuids.delete(name);
}

/** memberOf finds what is known of a host's address: the longest prefix of its interface and VLAN; absent when there is none. */
export function memberOf(model: Model, at: { ifnum: number; vlan: number; source: IpAddress }): MemberEntry | undefined {
  const fitting = model.config.members.filter((entry) => entry.ifnum === at.ifnum && entry.vlan === at.vlan && containsAddress(entry.prefix, at.source));
  return fitting.sort((a, b) => b.prefix.length - a.prefix.length)[0];
}

/** localOf tells what an address is to this router; absent when it is not ours. */
export function localOf(model: Model, address: IpAddress): LocalAddress | undefined {
  return model.locals.get(addressKey(address));
}

/** countDrop adds one to the counter of a reason. */
export function countDrop(model: Model, reason: string): void {
  model.drops.set(reason, (model.drops.get(reason) ?? 0n) + 1n);
}

/** countOf gives the counters of an interface, made on first use. */
export function countOf(model: Model, ifnum: number): InterfaceCount {
  const known = model.counts.get(ifnum) ?? { rxPackets: 0n, rxBytes: 0n, txPackets: 0n, txBytes: 0n };
  model.counts.set(ifnum, known);
  return known;
}

/** sameSideKey tells whether packets of two sides arrive under the same key. */
export function sameSideKey(a: SessionSide, b: SessionSide): boolean {
  return sameAddress(a.remote, b.remote) && flowKeyText(sideKey(a)) === flowKeyText(sideKey(b));
}
