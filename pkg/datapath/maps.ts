// One pinned map as entries of bytes: whole dumps, batches of updates and deletes. Called by program.ts (configuration),
// names.ts, counters.ts and adopt.ts; sessions and buckets are memory, see table.ts.
import { SvrError } from "../base/errors.ts";
import { openHandle } from "../native/binding.ts";
import type { Handle, Native } from "../native/binding.ts";
import { errno, errnoText } from "./errno.ts";

/** MapEntry is a key and its value, in the kernel's layout. */
export interface MapEntry { key: Uint8Array; value: Uint8Array }

/** BpfMap is an open pinned map; owned by one thread. */
export interface BpfMap {
  readonly handle: Handle;
  readonly keySize: number;
  /** bytes of one value as read: of all CPUs in a per-CPU map */
  readonly valueSize: number;
  readonly entries: number;
  readonly cpus: number;
  dump(): MapEntry[];
  /** absent when there is no such key */
  lookup(key: Uint8Array): Uint8Array | undefined;
  /** entries of a hash, bytes that wait in a ring */
  used(): number;
  update(entries: readonly MapEntry[]): void;
  /** true when the key was new and is there now, false when somebody else has it, absent when the map is full */
  claim(entry: MapEntry): boolean | undefined;
  delete(keys: readonly Uint8Array[]): void;
  close(): void;
}

const NOEXIST = 1; // BPF_NOEXIST

function refuse(pin: string, what: string, status: number): SvrError {
  return new SvrError("SVR_BPF_LAYOUT", {
    object: pin, attempted: `the pinned map ${pin} refused ${what} (${errnoText(status)})`,
    fix: "make less of what it holds if it is full; else start again after its pins are removed, which ends established sessions",
  });
}

/** openMap opens a pin; throws SVR_BPF_LAYOUT when it cannot be opened as a map. */
export function openMap(native: Native, pin: string): BpfMap {
  const sizes = new Uint32Array(6); // struct svr_map_sizes
  const handle = openHandle((out) => native.mapOpen(pin, sizes, sizes.byteLength, out));
  if (typeof handle === "number") throw refuse(pin, "to be opened", handle);
  const [, keySize = 0, , entries = 0, stride = 0, cpus = 0] = sizes;
  return wrapMap(native, handle, { pin, keySize, entries, stride, cpus });
}

function pack(entries: readonly MapEntry[], step: number): Uint8Array {
  const all = new Uint8Array(entries.length * step);
  entries.forEach(({ key, value }, i) => {
    all.set(key, i * step);
    all.set(value, i * step + key.length);
  });
  return all;
}

function wrapMap(native: Native, handle: Handle, of: { pin: string; keySize: number; entries: number; stride: number; cpus: number }): BpfMap {
  const step = of.keySize + of.stride;
  const check = (status: number, what: string): number => {
    if (status < 0) throw refuse(of.pin, what, status);
    return status;
  };
  return {
    handle, keySize: of.keySize, valueSize: of.stride, entries: of.entries, cpus: of.cpus,
    dump: () => {
      const all = new Uint8Array((of.entries + 1) * step);
      const count = check(native.mapDump(handle, all, all.length), "to be read");
      return Array.from({ length: count }, (_, i) => ({ key: all.subarray(i * step, i * step + of.keySize), value: all.subarray(i * step + of.keySize, (i + 1) * step) }));
    },
    lookup: (key) => {
      const value = new Uint8Array(of.stride);
      const status = native.mapLookup(handle, key, key.length, value, value.length);
      if (status === errno.ENOENT) return undefined;
      check(status, "to be read");
      return value;
    },
    used: () => check(native.mapUsed(handle), "to be counted"),
    update: (entries) => {
      if (entries.length === 0) return;
      const all = pack(entries, step);
      check(native.mapUpdate(handle, all, all.length, 0), `${entries.length} entries`);
    },
    claim: (entry) => {
      const all = pack([entry], step);
      const status = native.mapUpdate(handle, all, all.length, NOEXIST);
      if (status === errno.EEXIST) return false;
      if (status === errno.E2BIG || status === errno.ENOMEM) return undefined;
      check(status, "an entry");
      return true;
    },
    delete: (keys) => {
      if (keys.length === 0) return;
      const all = new Uint8Array(keys.length * of.keySize);
      keys.forEach((key, i) => { all.set(key, i * of.keySize); });
      check(native.mapDelete(handle, all, all.length), "to forget entries");
    },
    close: () => { native.mapClose(handle); },
  };
}
