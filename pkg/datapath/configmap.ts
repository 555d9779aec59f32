// A map that holds configuration: what is wanted is compared with what is there, and only the difference is written. Two steps,
// so that program.ts can add everything before it takes anything away. Owner: the main thread; nobody else writes these maps.
import { toHex } from "../base/bytes.ts";
import type { BpfMap, MapEntry } from "./maps.ts";

/** ConfigMap writes differences. */
export interface ConfigMap {
  /** adds what is new, replaces what changed */
  put(wanted: readonly MapEntry[]): void;
  /** removes what is not wanted */
  drop(wanted: readonly MapEntry[]): void;
  /** what is there now */
  entries(): MapEntry[];
  /** most entries of the map */
  readonly limit: number;
  close(): void;
}

/** createConfigMap reads an adopted map first; in an array an entry of zeros is an absent one. */
export function createConfigMap(map: BpfMap, kind: "hash" | "array", adopted: boolean): ConfigMap {
  const there = new Map<string, MapEntry>();
  const isThere = (entry: MapEntry): boolean => kind === "hash" || entry.value.some((byte) => byte !== 0);
  if (adopted) for (const entry of map.dump().filter(isThere)) there.set(toHex(entry.key), { key: entry.key.slice(), value: entry.value.slice() });
  return {
    put: (wanted) => {
      const once = new Map(wanted.map((entry) => [toHex(entry.key), entry])); // of two with one key the last counts
      const changed = [...once.values()].filter((entry) => {
        const old = there.get(toHex(entry.key));
        return old === undefined || toHex(old.value) !== toHex(entry.value);
      });
      map.update(changed);
      for (const entry of changed) there.set(toHex(entry.key), entry);
    },
    drop: (wanted) => {
      const keep = new Set(wanted.map((entry) => toHex(entry.key)));
      const gone = [...there].filter(([key]) => !keep.has(key)).map(([, entry]) => entry);
      if (kind === "hash") map.delete(gone.map((entry) => entry.key));
      else map.update(gone.map((entry) => ({ key: entry.key, value: new Uint8Array(map.valueSize) })));
      for (const entry of gone) there.delete(toHex(entry.key));
    },
    limit: map.entries,
    entries: () => [...there.values()],
    close: () => { map.close(); },
  };
}
