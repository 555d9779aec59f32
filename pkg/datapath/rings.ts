// The rings between kernel and user space: punt rings, one a shard, made and put in place by the main thread; the ring of records,
// read by it. Pinned, so that what came while no process ran is there at the next start. Called by open.ts.
import { existsSync } from "node:fs";
import { SvrError } from "../base/errors.ts";
import { openHandle } from "../native/binding.ts";
import type { Native } from "../native/binding.ts";
import type { DatapathRecord } from "../ports/datapath.ts";
import { errno, errnoText } from "./errno.ts";
import { keyOf } from "./entries.ts";
import { offsetOf, recordLayout } from "./layouts.ts";
import { openMap } from "./maps.ts";
import { unpin } from "./pins.ts";
import type { Pins } from "./pins.ts";
import { createBytes, readSession, readU64 } from "./sessioncodec.ts";

/** PUNT_RING_BYTES is the size of one punt ring: some 7,000 small first packets. */
export const PUNT_RING_BYTES = 1 << 21;

/** MAX_SHARDS is SVR_SHARDS. */
export const MAX_SHARDS = 64;

const TYPES = [undefined, "start", "interim", "end", "release"] as const; // enum svr_record_type
const RECORDS_PER_CALL = 256;
const R_TIME = offsetOf(recordLayout, "time_ms"), R_TYPE = offsetOf(recordLayout, "type"), R_INDEX = offsetOf(recordLayout, "index");
const R_SESSION = offsetOf(recordLayout, "session"), RECORD_SIZE = recordLayout.size;

function refuse(pin: string, status: number): SvrError {
  return new SvrError("SVR_BPF_LAYOUT", { object: pin, attempted: `the ring ${pin} cannot be used (${errnoText(status)})`, fix: `remove the pin: "rm ${pin}", and start again` });
}

/** A pinned ring of the right size is kept, with what waits in it; else a new one takes its place. */
function placeRing(native: Native, rings: bigint, at: { pins: Pins; shard: number }): void {
  const pin = at.pins.ring(at.shard);
  const kept = existsSync(pin) && sizeOf(native, pin) === PUNT_RING_BYTES ? native.mapPutRing(rings, at.shard, pin) : errno.ENOENT;
  if (kept === 0) return;
  unpin(pin);
  const status = native.mapAddRing(rings, at.shard, PUNT_RING_BYTES, pin);
  if (status < 0) throw refuse(pin, status);
}

function sizeOf(native: Native, pin: string): number {
  const map = openMap(native, pin);
  map.close();
  return map.entries;
}

/** placeRings puts rings for shards 0 .. shards - 1 in place. */
export function placeRings(native: Native, pins: Pins, shards: number): void {
  const rings = openMap(native, pins.map("rings"));
  try {
    for (let shard = 0; shard < shards; shard++) placeRing(native, rings.handle, { pins, shard });
  } finally {
    rings.close();
  }
}

/** dropRings removes the rings of shards that are no more, after the programs stopped using them. */
export function dropRings(native: Native, pins: Pins, shards: number): void {
  const rings = openMap(native, pins.map("rings"));
  for (let shard = shards; shard < MAX_SHARDS; shard++) {
    if (!existsSync(pins.ring(shard))) continue;
    rings.delete([keyOf(shard)]);
    unpin(pins.ring(shard));
  }
  rings.close();
}

/** RecordReader takes records of the sweeper, oldest first. */
export interface RecordReader {
  take(max: number): DatapathRecord[];
  close(): void;
}

/** openRecords opens the ring of records; throws SVR_BPF_LAYOUT. */
export function openRecords(native: Native, pins: Pins): RecordReader {
  const ring = openHandle((out) => native.ringOpen(pins.map("records"), -1, out));
  if (typeof ring === "number") throw refuse(pins.map("records"), ring);
  const buffer = createBytes(RECORDS_PER_CALL * RECORD_SIZE);
  const call = new Int32Array(4); // struct svr_ring_call
  const read = (at: number, to: DatapathRecord[]): void => {
    const type = TYPES[buffer.view.getUint32(at + R_TYPE, true)];
    if (type === undefined) return;
    to.push({ type, timeMs: readU64(buffer.view, at + R_TIME), index: buffer.view.getUint32(at + R_INDEX, true), session: readSession(buffer, at + R_SESSION) });
  };
  const some = (max: number, to: DatapathRecord[]): number => {
    call[0] = Math.min(max, RECORDS_PER_CALL);
    const count = native.ringRecords(ring, call, buffer.array, buffer.array.length);
    if (count < 0) throw refuse(pins.map("records"), count);
    for (let i = 0; i < count; i++) read(i * RECORD_SIZE, to);
    return count;
  };
  return {
    take: (max) => {
      const all: DatapathRecord[] = [];
      for (let got = some(max, all); got > 0 && all.length < max;) got = some(max - all.length, all);
      return all;
    },
    close: () => { native.ringClose(ring); },
  };
}
