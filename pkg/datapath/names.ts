// Numbers of names (tenants, services, routers, paths, next hops), kept in the pinned map `names` beside the sessions that carry
// them. A name's number follows from its hash and from who was there first; entries are added and never changed, so
// shards and the main thread agree without a lock; nameuse.ts removes some while no shard runs. Called by open.ts and shardport.ts,
// each with its own handle.
import { keyOf } from "./entries.ts";
import type { BpfMap } from "./maps.ts";

/** NameTable numbers names; one thread's view. */
export interface NameTable {
  /** 1 .. 65535; 0 when the table is full or the name has more than 255 bytes */
  nameId(name: string): number;
  nameOf(id: number): string | undefined;
}

/** NAME_NUMBERS is how many names have a number at most. */
export const NAME_NUMBERS = 65_535; // fit the 16-bit fields of a session, 0 stays unused
const TRIES = 4096;

/** FNV-1a. */
function hashOf(bytes: Uint8Array): number {
  let hash = 0x811c9dc5;
  for (const byte of bytes) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
  return hash;
}

function numberAt(first: number, tried: number): number {
  return ((first + tried) % NAME_NUMBERS) + 1;
}

/** numbersBefore gives the numbers that are tried for a name before the one that it has. */
export function numbersBefore(name: string, id: number): number[] {
  const first = hashOf(new TextEncoder().encode(name)), numbers: number[] = [];
  for (let tried = 0; tried < TRIES && numberAt(first, tried) !== id; tried++) numbers.push(numberAt(first, tried));
  return numbers;
}

/** createNameTable numbers names in an open map; whoever opened the map closes it. */
export function createNameTable(map: BpfMap): NameTable {
  const ids = new Map<string, number>();
  const names = new Map<number, string>();
  const decoder = new TextDecoder();
  const nameOf = (id: number): string | undefined => {
    const known = names.get(id);
    if (known !== undefined || id <= 0 || id > NAME_NUMBERS) return known;
    const value = map.lookup(keyOf(id));
    if (value === undefined) return undefined;
    const name = decoder.decode(value.subarray(0, value.indexOf(0)));
    names.set(id, name);
    ids.set(name, id);
    return name;
  };
  /** The number when it holds this name or can be taken; 0 when another name has it; absent when the map is full. */
  const take = (id: number, name: string, bytes: Uint8Array): number | undefined => {
    if (nameOf(id) === undefined) {
      const value = new Uint8Array(map.valueSize);
      value.set(bytes);
      if (map.claim({ key: keyOf(id), value }) === undefined) return undefined;
    }
    return nameOf(id) === name ? id : 0; // another thread may have been faster
  };
  const search = (name: string): number => {
    const bytes = new TextEncoder().encode(name);
    if (bytes.length >= map.valueSize || bytes.includes(0)) return 0;
    const first = hashOf(bytes);
    for (let tried = 0; tried < TRIES; tried++) {
      const id = take(numberAt(first, tried), name, bytes);
      if (id !== 0) return id ?? 0;
    }
    return 0;
  };
  return { nameId: (name) => ids.get(name) ?? search(name), nameOf };
}
