// Breaks the pinned tables of a running router by hand, one slot or one place of the flow index at a time, and puts back what stood
// there: for tests that what finds damage finds it. Opens the maps of the router under test in this process.
import { parseUuid } from "../../pkg/base/ids.ts";
import { toHex } from "../../pkg/base/bytes.ts";
import { bucketLayout, gaugesLayout, offsetOf, sessionLayout, sideLayout } from "../../pkg/datapath/layouts.ts";
import { openMap } from "../../pkg/datapath/maps.ts";
import type { BpfMap } from "../../pkg/datapath/maps.ts";
import { createPins } from "../../pkg/datapath/pins.ts";
import { openNative } from "../../pkg/native/binding.ts";

/** Damage opens the tables of one router; each break gives what puts things back. */
export interface Damage {
  /** slot of a session */
  slotOf(sessionId: string): number;
  /** writes a 32-bit word of a slot: `life` is the whole life word */
  slot(index: number, field: "flags" | "life" | "since_ms" | "idle_ms", change: (word: number) => number): () => void;
  /** when the last packets arrived, of both directions, in monotonic ms */
  seen(index: number, ms: number): () => void;
  /** the uuid of another slot */
  uuidOf(index: number, other: number): () => void;
  /** the ports toward the peer */
  pair(index: number, pair: { local: number; remote: number }): () => void;
  /** first entry of the index that names this slot with that side becomes another value */
  entry(slot: number, side: 0 | 1, value: number): () => void;
  /** the entry of that slot and side stands once more in its bucket */
  twice(slot: number, side: 0 | 1): () => void;
  /** an empty place of the index gets this entry */
  addEntry(value: number): () => void;
  /** a gauge becomes another number */
  gauge(name: string, change: (value: number) => number): () => void;
  close(): void;
}

const ENTRIES = offsetOf(bucketLayout, "entry"), TAGS = offsetOf(bucketLayout, "tag"), PLACES = 8;
const REVERSE_PORTS = offsetOf(sessionLayout, "side") + sideLayout.size + offsetOf(sideLayout, "remote_port_be"); // remote, then local

function keyOf(index: number): Uint8Array {
  return new Uint8Array(Uint32Array.of(index).buffer);
}

function edit(map: BpfMap, index: number, at: number, change: (word: number) => number): () => void {
  const write = (word: (value: number) => number): number => {
    const value = map.lookup(keyOf(index))!.slice();
    const view = new DataView(value.buffer);
    const before = view.getUint32(at, true);
    view.setUint32(at, word(before) >>> 0, true);
    map.update([{ key: keyOf(index), value }]);
    return before;
  };
  const before = write(change);
  return () => void write(() => before);
}

/** Changes several words of one slot; undone as one. */
function editAll(map: BpfMap, index: number, words: readonly (readonly [at: number, word: number])[]): () => void {
  const undo = words.map(([at, word]) => edit(map, index, at, () => word));
  return () => { for (const one of undo.reverse()) one(); };
}

function findEntry(buckets: BpfMap, wanted: number): { bucket: number; at: number } {
  for (let bucket = 0; bucket < buckets.entries; bucket++) {
    const value = buckets.lookup(keyOf(bucket))!;
    const view = new DataView(value.buffer, value.byteOffset);
    for (let place = 0; place < PLACES; place++) if (view.getUint32(ENTRIES + 4 * place, true) === wanted) return { bucket, at: ENTRIES + 4 * place };
  }
  throw new Error(`the flow index has no entry ${wanted}`);
}

/** openDamage opens the maps pinned in a folder. */
export function openDamage(pinDir: string): Damage {
  const native = openNative();
  const pins = createPins(pinDir);
  const [sessions, buckets, gauges] = ["sessions", "buckets", "gauges"].map((name) => openMap(native, pins.map(name))) as [BpfMap, BpfMap, BpfMap];
  const uuidAt = offsetOf(sessionLayout, "uuid");
  return {
    slotOf(sessionId) {
      const wanted = toHex(parseUuid(sessionId)!);
      for (let index = 0; index < sessions.entries; index++) if (toHex(sessions.lookup(keyOf(index))!.subarray(uuidAt, uuidAt + 16)) === wanted) return index;
      throw new Error(`no slot holds ${sessionId}`);
    },
    slot: (index, field, change) => edit(sessions, index, offsetOf(sessionLayout, field), change),
    entry(slot, side, value) {
      const { bucket, at } = findEntry(buckets, ((slot + 1) << 1) | side);
      return edit(buckets, bucket, at, () => value);
    },
    seen: (index, ms) => editAll(sessions, index, [0, 4].map((more) => [offsetOf(sessionLayout, "seen_ms") + more, ms >>> 0] as const)),
    uuidOf: (index, other) => {
      const view = new DataView(sessions.lookup(keyOf(other))!.slice().buffer);
      return editAll(sessions, index, [0, 4, 8, 12].map((more) => [uuidAt + more, view.getUint32(uuidAt + more, true)] as const));
    },
    pair: (index, { local, remote }) => edit(sessions, index, REVERSE_PORTS, () => new DataView(Uint8Array.of(remote >> 8, remote, local >> 8, local).buffer).getUint32(0, true)),
    twice(slot, side) {
      const { bucket, at } = findEntry(buckets, ((slot + 1) << 1) | side);
      const value = buckets.lookup(keyOf(bucket))!.slice(), view = new DataView(value.buffer);
      const free = Array.from({ length: PLACES }, (_, place) => place).find((place) => view.getUint32(ENTRIES + 4 * place, true) === 0);
      if (free === undefined) throw new Error(`bucket ${bucket} is full`);
      return editAll(buckets, bucket, [[TAGS + 4 * free, view.getUint32(at - ENTRIES + TAGS, true)], [ENTRIES + 4 * free, view.getUint32(at, true)]]);
    },
    addEntry(value) {
      const { bucket, at } = findEntry(buckets, 0);
      return edit(buckets, bucket, at, () => value);
    },
    gauge: (name, change) => edit(gauges, 0, offsetOf(gaugesLayout, name), change),
    close: () => { for (const map of [sessions, buckets, gauges]) map.close(); },
  };
}
