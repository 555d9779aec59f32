// The session table of one thread: batches of operations, look-ups and copies over mapped memory, through pkg/native.
// Called by shard.ts (operations) and open.ts (scans, repair). Keeps buffers, never a session.
import type { DatapathGauges, FlowKey, OpResult, SessionOp, SessionRef } from "../ports/datapath.ts";
import { Life } from "../svr/session.ts";
import type { Session, SideIndex } from "../svr/session.ts";
import type { Handle, Native } from "../native/binding.ts";
import { BUCKET_ENTRIES, gaugesLayout, keyLayout, offsetOf, slotLayout } from "./layouts.ts";
import { OP_RESULT_SIZE, OP_SIZE, readOpResult, writeOp } from "./ops.ts";
import { createBytes, readSession, readU64, writeAddress } from "./sessioncodec.ts";
import type { Bytes } from "./sessioncodec.ts";

/** Table is one thread's hold on the sessions. */
export interface Table {
  readonly handle: Handle;
  apply(ops: readonly SessionOp[]): OpResult[];
  find(key: FlowKey): { index: number; side: SideIndex; state: Session } | undefined;
  findUuid(uuid: Uint8Array): { index: number; state: Session } | undefined;
  /** A session that ended, until another one takes its slot. */
  ended(ref: SessionRef): Session | undefined;
  /** The shard of a packet with this key that no session holds. */
  shardOf(key: FlowKey): number;
  /** Copies of slots from `cursor` on whose life is in `lives` (bit per life), those that are picked of at most `max`; `next` is absent at the end. */
  scan(lives: number, cursor: number, max: number, picks?: Picks): { sessions: { index: number; state: Session }[]; next?: number };
  gauges(limits: { sessions: number; buckets: number }): DatapathGauges;
  /** How many sessions are live and half open. */
  load(): Pick<DatapathGauges, "live" | "halfOpen">;
  /** Sources that are counted one by one, from places spread over all that there are. */
  sources(): { used: number; limit: number };
  /** Records lost since this was last asked, by this process or an earlier one. */
  takeLost(): number;
  /** What an earlier process left half done is put right; before any shard runs. */
  repair(): Repair;
  close(): void;
}

/** Picks tells by its bytes whether a session is worth being read. */
export type Picks = (bytes: Bytes, at: number, index: number) => boolean;

/** Repair counts what was put right: claims freed, stale entries removed, keys added, keys without room. */
export interface Repair { claims: number; entries: number; indexed: number; unindexed: number }

const OPS_PER_CALL = 256;
const SCAN_PER_CALL = 256;
const SOURCE_LOOKS = 4096; // of some 262,144 places: right to about 1 %
const SCAN_END = 0xffffffff;
const SLOT_SIZE = slotLayout.size, SLOT_INDEX = offsetOf(slotLayout, "index"), SLOT_SIDE = offsetOf(slotLayout, "side");
const SLOT_SESSION = offsetOf(slotLayout, "session");
const KEYS_PER_SESSION = 3;

const key = (name: string): number => offsetOf(keyLayout, name);
const K_SOURCE = key("source"), K_DESTINATION = key("destination"), K_SOURCE_PORT = key("source_port_be");
const K_DESTINATION_PORT = key("destination_port_be"), K_IFNUM = key("ifnum"), K_VLAN = key("vlan"), K_PROTO = key("proto"), K_FAMILY = key("family");

function writeKey(view: DataView, from: FlowKey): void {
  writeAddress(view, K_SOURCE, from.source);
  writeAddress(view, K_DESTINATION, from.destination);
  view.setUint16(K_SOURCE_PORT, from.sourcePort);
  view.setUint16(K_DESTINATION_PORT, from.destinationPort);
  view.setUint16(K_IFNUM, from.ifnum, true);
  view.setUint16(K_VLAN, from.vlan, true);
  view.setUint8(K_PROTO, from.proto);
  view.setUint8(K_FAMILY, from.source.family);
}

function check(status: number, what: string): number {
  if (status < 0) throw new Error(`${what} refused its arguments (${status})`);
  return status;
}

/** createApply makes the operation call of one handle. */
function createApply(native: Native, handle: Handle): Table["apply"] {
  const ops = createBytes(OPS_PER_CALL * OP_SIZE), results = createBytes(OPS_PER_CALL * OP_RESULT_SIZE);
  return (all) => {
    const out: OpResult[] = [];
    for (let first = 0; first < all.length; first += OPS_PER_CALL) {
      const count = Math.min(OPS_PER_CALL, all.length - first);
      for (let i = 0; i < count; i++) writeOp(ops, i * OP_SIZE, all[first + i] as SessionOp);
      check(native.tableApply(handle, ops.array, count * OP_SIZE, results.array, results.array.length), "apply");
      for (let i = 0; i < count; i++) {
        const result = readOpResult(results, i * OP_RESULT_SIZE);
        if (result === undefined) throw new Error(`operation ${all[first + i]?.kind ?? ""} is malformed`);
        out.push(result);
      }
    }
    return out;
  };
}

/** createScan makes the range reader of one handle. A session may be listed that ends while it is copied. */
function createScan(native: Native, handle: Handle): Table["scan"] {
  const slots = createBytes(SCAN_PER_CALL * SLOT_SIZE);
  const call = new Uint32Array(3); // struct svr_scan
  return (lives, cursor, max, picks = () => true) => {
    const sessions: { index: number; state: Session }[] = [];
    let at = cursor, left = max;
    while (at !== SCAN_END && left > 0) {
      call[0] = at;
      call[1] = lives;
      const room = Math.min(SCAN_PER_CALL, left);
      const count = check(native.tableScan(handle, call, slots.array, room * SLOT_SIZE), "scan");
      for (let i = 0; i < count; i++) {
        const index = slots.view.getUint32(i * SLOT_SIZE + SLOT_INDEX, true), session = i * SLOT_SIZE + SLOT_SESSION;
        if (picks(slots, session, index)) sessions.push({ index, state: readSession(slots, session) });
      }
      left -= count;
      at = call[2] ?? SCAN_END;
    }
    return at === SCAN_END ? { sessions } : { sessions, next: at };
  };
}

function createFind(native: Native, handle: Handle): Pick<Table, "find" | "findUuid" | "shardOf"> {
  const slot = createBytes(SLOT_SIZE), wanted = createBytes(keyLayout.size);
  return {
    find: (flow) => {
      writeKey(wanted.view, flow);
      if (check(native.tableFind(handle, wanted.array, slot.array, SLOT_SIZE), "find") === 0) return undefined;
      const side = slot.view.getUint32(SLOT_SIDE, true) === 1 ? 1 : 0;
      return { index: slot.view.getUint32(SLOT_INDEX, true), side, state: readSession(slot, SLOT_SESSION) };
    },
    shardOf: (flow) => {
      writeKey(wanted.view, flow);
      return check(native.tableShard(handle, wanted.array), "shard");
    },
    findUuid: (uuid) => {
      if (uuid.length !== 16 || check(native.tableFindUuid(handle, uuid, slot.array, SLOT_SIZE), "find") === 0) return undefined;
      return { index: slot.view.getUint32(SLOT_INDEX, true), state: readSession(slot, SLOT_SESSION) };
    },
  };
}

const OVER = (1 << Life.free) | (1 << Life.guard) | (1 << Life.quarantine); // a slot that came free keeps its bytes

function createEnded(native: Native, handle: Handle): Table["ended"] {
  const slot = createBytes(SLOT_SIZE), call = new Uint32Array(3); // struct svr_scan
  return ({ index, uuid }) => {
    call[0] = index;
    call[1] = OVER;
    if (check(native.tableScan(handle, call, slot.array, SLOT_SIZE), "scan") === 0 || slot.view.getUint32(SLOT_INDEX, true) !== index) return undefined;
    const state = readSession(slot, SLOT_SESSION);
    return state.uuid.every((byte, i) => byte === uuid[i]) ? state : undefined;
  };
}

/** readGauges adds what follows from sizes: entries in use are counted from sessions, three keys each, one while resting. */
function readGauges(native: Native, handle: Handle, limits: { sessions: number; buckets: number }): DatapathGauges {
  const { view, array } = createBytes(gaugesLayout.size);
  check(native.tableGauges(handle, array, array.length), "gauges");
  const u32 = (name: string): number => view.getUint32(offsetOf(gaugesLayout, name), true);
  const slotsUsed = u32("slots_used"), quarantined = u32("quarantined");
  return {
    slotsUsed, live: u32("live"), halfOpen: u32("half_open"), highWater: u32("high_water"), quarantined,
    recordsLost: readU64(view, offsetOf(gaugesLayout, "records_lost")), sweeps: readU64(view, offsetOf(gaugesLayout, "sweeps")),
    sessionLimit: limits.sessions, flowEntries: (slotsUsed - quarantined) * KEYS_PER_SESSION + quarantined, flowLimit: limits.buckets * BUCKET_ENTRIES,
  };
}

/** createLoad reads two of the gauges, often. */
function createLoad(native: Native, handle: Handle): Table["load"] {
  const { view, array } = createBytes(gaugesLayout.size);
  const live = offsetOf(gaugesLayout, "live"), halfOpen = offsetOf(gaugesLayout, "half_open");
  return () => {
    check(native.tableGauges(handle, array, array.length), "gauges");
    return { live: view.getUint32(live, true), halfOpen: view.getUint32(halfOpen, true) };
  };
}

function readSources(native: Native, handle: Handle): ReturnType<Table["sources"]> {
  const call = Uint32Array.of(SOURCE_LOOKS, 0, 0); // struct svr_sources
  check(native.tableSources(handle, call), "sources");
  const [looks = 1, used = 0, places = 0] = call;
  return { used: Math.round(used / looks * places), limit: places };
}

function repair(native: Native, handle: Handle): Repair {
  const out = new Uint32Array(4); // struct svr_repair
  check(native.tableRepair(handle, out, out.byteLength), "repair");
  const [claims = 0, entries = 0, indexed = 0, unindexed = 0] = out;
  return { claims, entries, indexed, unindexed };
}

/** createTable wraps an open handle of the library. */
export function createTable(native: Native, handle: Handle): Table {
  return {
    handle, apply: createApply(native, handle), ...createFind(native, handle), scan: createScan(native, handle), ended: createEnded(native, handle),
    load: createLoad(native, handle), gauges: (limits) => readGauges(native, handle, limits), repair: () => repair(native, handle),
    sources: () => readSources(native, handle),
    takeLost: () => Number(native.tableTakeLost(handle)),
    close: () => { native.tableClose(handle); },
  };
}
