// The rings between kernel and user space: punt rings, one a shard, and rings of protected packets, one a protect worker, made and
// put in place by the main thread; the rings of records
// and of refusals, read by it. Pinned, so that what came while no process ran is there at the next start. Called by open.ts.
import { existsSync } from "node:fs";
import { SvrError } from "../base/errors.ts";
import { openHandle } from "../native/binding.ts";
import type { Native } from "../native/binding.ts";
import type { DatapathRecord, DatapathRefusal } from "../ports/datapath.ts";
import { errno, errnoText } from "./errno.ts";
import { keyOf } from "./entries.ts";
import { offsetOf, recordLayout, refusalLayout } from "./layouts.ts";
import { openMap } from "./maps.ts";
import { unpin } from "./pins.ts";
import type { Pins } from "./pins.ts";
import { readRefusal } from "./refusals.ts";
import { createBytes, readSession, readU64 } from "./sessioncodec.ts";
import type { Bytes } from "./sessioncodec.ts";

/** PUNT_RING_BYTES is the size of one punt ring: some 7,000 small first packets. */
const PUNT_RING_BYTES = 1 << 21;

/** PROTECT_RING_BYTES is the size of one ring of protected packets: 120 super-packets of 64 KiB, 4,000 of full size. */
const PROTECT_RING_BYTES = 1 << 23;

/** MAX_SHARDS is SVR_SHARDS, MAX_PROTECTORS SVR_PROTECTORS. */
export const MAX_SHARDS = 64, MAX_PROTECTORS = 64;

const TYPES = [undefined, "start", "interim", "end", "release"] as const; // enum svr_record_type
const RECORDS_PER_CALL = 256;
const R_TIME = offsetOf(recordLayout, "time_ms"), R_TYPE = offsetOf(recordLayout, "type"), R_INDEX = offsetOf(recordLayout, "index");
const R_SESSION = offsetOf(recordLayout, "session"), RECORD_SIZE = recordLayout.size;

function refuse(pin: string, status: number): SvrError {
  return new SvrError("SVR_BPF_LAYOUT", { object: pin, attempted: `the ring ${pin} cannot be used (${errnoText(status)})`, fix: `remove the pin: "rm ${pin}", and start again` });
}

/** RingCounts says how many rings there are: of first packets, one a shard, and of protected sessions, one a protect worker. */
export interface RingCounts { shards: number; protectors?: number | undefined }

/** A ring, and where it stands in the map `rings`: those of protect workers behind all shards. */
interface Place { slot: number; pin: string; bytes: number }

function placesOf(pins: Pins, first: { shards: number; protectors: number }, { shards, protectors = 0 }: RingCounts): Place[] {
  const count = (from: number, to: number): number[] => Array.from({ length: Math.max(0, to - from) }, (_, i) => from + i);
  return [
    ...count(first.shards, shards).map((shard) => ({ slot: shard, pin: pins.ring(shard), bytes: PUNT_RING_BYTES })),
    ...count(first.protectors, protectors).map((worker) => ({ slot: MAX_SHARDS + worker, pin: pins.protect(worker), bytes: PROTECT_RING_BYTES })),
  ];
}

/** A pinned ring of the right size is kept, with what waits in it; else a new one takes its place. */
function placeRing(native: Native, rings: bigint, { slot, pin, bytes }: Place): void {
  const kept = existsSync(pin) && sizeOf(native, pin) === bytes ? native.mapPutRing(rings, slot, pin) : errno.ENOENT;
  if (kept === 0) return;
  unpin(pin);
  const status = native.mapAddRing(rings, slot, bytes, pin);
  if (status < 0) throw refuse(pin, status);
}

function sizeOf(native: Native, pin: string): number {
  const map = openMap(native, pin);
  map.close();
  return map.entries;
}

/** placeRings puts so many rings in place. */
export function placeRings(native: Native, pins: Pins, counts: RingCounts): void {
  const rings = openMap(native, pins.map("rings"));
  try {
    for (const place of placesOf(pins, { shards: 0, protectors: 0 }, counts)) placeRing(native, rings.handle, place);
  } finally {
    rings.close();
  }
}

/** dropRings removes the rings of shards and workers that are no more, after the programs stopped using them. */
export function dropRings(native: Native, pins: Pins, { shards, protectors = 0 }: RingCounts): void {
  const rings = openMap(native, pins.map("rings"));
  for (const { slot, pin } of placesOf(pins, { shards, protectors }, { shards: MAX_SHARDS, protectors: MAX_PROTECTORS })) {
    if (!existsSync(pin)) continue;
    rings.delete([keyOf(slot)]);
    unpin(pin);
  }
  rings.close();
}

/** Reader takes what one ring holds, oldest first. */
export interface Reader<T> {
  take(max: number): T[];
  close(): void;
}

/** What a ring holds: bytes of one record, and how it is read; absent for what this program does not know. */
interface RingOf<T> { pin: string; each: number; read(buffer: Bytes, at: number): T | undefined }

function openReader<T>(native: Native, of: RingOf<T>): Reader<T> {
  const ring = openHandle((out) => native.ringOpen(of.pin, -1, out));
  if (typeof ring === "number") throw refuse(of.pin, ring);
  const buffer = createBytes(RECORDS_PER_CALL * of.each);
  const call = new Int32Array(4); // struct svr_ring_call
  const some = (max: number): number => {
    call[0] = Math.min(max, RECORDS_PER_CALL);
    const count = native.ringRecords(ring, call, of.each, buffer.array, buffer.array.length);
    if (count < 0) throw refuse(of.pin, count);
    return count;
  };
  return {
    take: (max) => {
      const all: T[] = [];
      for (let left = max, count = -1; left > 0 && count !== 0; left -= count) {
        count = some(left);
        for (let i = 0; i < count; i++) {
          const one = of.read(buffer, i * of.each);
          if (one !== undefined) all.push(one);
        }
      }
      return all;
    },
    close: () => { native.ringClose(ring); },
  };
}

/** openRecords opens the ring of records of the sweeper; throws SVR_BPF_LAYOUT. */
export function openRecords(native: Native, pins: Pins): Reader<DatapathRecord> {
  return openReader(native, { pin: pins.map("records"), each: RECORD_SIZE, read: readRecord });
}

function readRecord(buffer: Bytes, at: number): DatapathRecord | undefined {
  const type = TYPES[buffer.view.getUint32(at + R_TYPE, true)];
  if (type === undefined) return undefined;
  return { type, timeMs: readU64(buffer.view, at + R_TIME), index: buffer.view.getUint32(at + R_INDEX, true), session: readSession(buffer, at + R_SESSION) };
}

/** openRefusals opens the ring of refused packets; throws SVR_BPF_LAYOUT. */
export function openRefusals(native: Native, pins: Pins): Reader<DatapathRefusal> {
  return openReader(native, { pin: pins.map("refusals"), each: refusalLayout.size, read: readRefusal });
}
