// A shard's port without a kernel, for benches: the codecs of pkg/datapath and the session table of the C library over plain
// memory, a ring that the bench fills, frames that it takes. What the kernel would do (deliver, send) is left out.
import { createDrain, createSend } from "../../pkg/datapath/shardport.ts";
import { offsetOf, puntLayout, ringEntryLayout } from "../../pkg/datapath/layouts.ts";
import { createBytes, SESSION_SIZE, writeSession } from "../../pkg/datapath/sessioncodec.ts";
import { openNative } from "../../pkg/native/binding.ts";
import type { Native } from "../../pkg/native/binding.ts";
import type { Punt, ShardPort } from "../../pkg/ports/datapath.ts";
import { createMemoryTable } from "../ports/memtable.ts";

/** MemoryPort is a ShardPort with its two ends in reach. */
export interface MemoryPort extends ShardPort {
  /** Puts packets into the ring; the next drains hand them out. */
  deliver(punts: readonly Punt[]): void;
  /** Packets sent since the last call, each a copy. */
  sent(): Uint8Array[];
}

const RING_BYTES = 1 << 20;
const ALIGNMENT = 8;
const punt = (name: string): number => offsetOf(ringEntryLayout, "punt") + offsetOf(puntLayout, name);
const E_SIZE = offsetOf(ringEntryLayout, "size"), E_HAS_SESSION = offsetOf(ringEntryLayout, "has_session"), ENTRY_SIZE = ringEntryLayout.size;
const P_LENGTH = punt("length"), P_ENTRY = punt("entry"), P_CAUSE = punt("cause"), P_IFNUM = punt("ifnum"), P_VLAN = punt("vlan"), P_LOCAL = punt("local_flags"), P_TIME = punt("time_ns");
const WAYPOINT = 1; // SVR_LOCAL_WAYPOINT

/** A ring as svr_ring_drain would pack it. */
function createRing() {
  const bytes = createBytes(RING_BYTES);
  let used = 0, count = 0;
  return {
    put(one: Punt): void {
      const packet = used + ENTRY_SIZE + (one.session === undefined ? 0 : SESSION_SIZE);
      const size = Math.ceil((packet + one.data.length - used) / ALIGNMENT) * ALIGNMENT;
      if (used + size > RING_BYTES) throw new Error("the bench delivers more than its ring holds");
      bytes.array.fill(0, used, packet);
      bytes.view.setUint32(used + E_SIZE, size, true);
      bytes.view.setUint32(used + E_HAS_SESSION, one.session === undefined ? 0 : 1, true);
      bytes.view.setBigUint64(used + P_TIME, BigInt(one.arrivedMs ?? 0) * 1_000_000n, true);
      bytes.view.setUint32(used + P_LENGTH, one.data.length, true);
      bytes.view.setUint32(used + P_ENTRY, one.session === undefined ? 0 : ((one.session.index + 1) << 1) | one.session.side, true);
      bytes.view.setUint16(used + P_CAUSE, one.cause, true);
      bytes.view.setUint16(used + P_IFNUM, one.ifnum, true);
      bytes.view.setUint16(used + P_VLAN, one.vlan, true);
      bytes.view.setUint16(used + P_LOCAL, one.toWaypoint ? WAYPOINT : 0, true);
      if (one.session !== undefined) writeSession(bytes, used + ENTRY_SIZE, one.session.state);
      bytes.array.set(one.data, packet);
      used += size;
      count++;
    },
    /** All that is there, as one copy: what the C library does too. */
    drain(into: Uint8Array): number {
      const drained = count;
      into.set(bytes.array.subarray(0, used));
      used = count = 0;
      return drained;
    },
  };
}

function createNames(): Pick<ShardPort, "nameId" | "nameOf"> {
  const names: string[] = [""];
  const ids = new Map<string, number>();
  return {
    nameId(name) {
      const id = ids.get(name) ?? names.push(name) - 1;
      ids.set(name, id);
      return id;
    },
    nameOf: (id) => names[id],
  };
}

/** createMemoryPort makes a port with room for so many sessions. */
export function createMemoryPort(sessions: number): MemoryPort {
  const table = createMemoryTable(sessions);
  const ring = createRing();
  let frames: Uint8Array[] = [];
  const native: Native = {
    ...openNative(),
    ringDrain: (_ring, _table, _call, buffer) => ring.drain(buffer),
    sendFrames: (_send, words, size, data) => {
      for (let at = 0; at < size / 4; at += 3) frames.push(data.slice(words[at + 1], words[at + 1]! + words[at + 2]!));
      return size / 12;
    },
  };
  return {
    ...createNames(), drain: createDrain(native, 0n, table.handle), send: createSend(native, 0n),
    apply: (ops) => table.apply(ops), find: (key) => table.find(key), findUuid: (uuid) => table.findUuid(uuid), ended: (ref) => table.ended(ref), shardOf: (key) => table.shardOf(key), load: () => table.load(), usage: () => ({ live: 0, halfOpen: 0 }), wantCopies: () => false, unixNs: () => 0n, close: () => table.close(),
    deliver: (punts) => punts.forEach((one) => ring.put(one)),
    sent() {
      const taken = frames;
      frames = [];
      return taken;
    },
  };
}
