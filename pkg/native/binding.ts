// The one file that calls C: binds build/native/libopensvr.so through koffi. Used by pkg/datapath, pkg/netio and pkg/security
// only. Holds no state and makes no text of errors: functions return counts or negative errno as in src/svr_native.h.
import { existsSync } from "node:fs";
import { join } from "node:path";
import koffi from "koffi";
import type { LibraryHandle } from "koffi";
import { SvrError } from "../base/errors.ts";

/** Handle is an opaque pointer of the library; used by one thread, given back by the matching close. */
export type Handle = bigint;

/** NATIVE_ABI is the version of src/svr_native.h that the signatures below follow. */
export const NATIVE_ABI = 1;

/** SIGNATURES lists every function of the library; `data` parameters take typed arrays in place, without a copy. */
const SIGNATURES = {
  abiVersion: "int svr_abi_version()",
  clockNs: "uint64_t svr_abi_clock_ns()",
  tableOpen: "int svr_table_open(const char *dir, const char *suffix, void *out)",
  tableCreate: "int svr_table_create(void *settings, uint32_t size, void *out)",
  tableClose: "int svr_table_close(void *table)",
  tableApply: "int svr_table_apply(void *table, void *ops, uint32_t size, void *results, uint32_t results_size)",
  tableFind: "int svr_table_find(void *table, void *key, void *out, uint32_t size)",
  tableFindUuid: "int svr_table_find_uuid(void *table, void *uuid, void *out, uint32_t size)",
  tableScan: "int svr_table_scan(void *table, void *scan, void *out, uint32_t size)",
  tableGauges: "int svr_table_gauges(void *table, void *out, uint32_t size)",
  tableRepair: "int svr_table_repair(void *table, void *out, uint32_t size)",
} as const;

/** Native is the bound library. Sizes are bytes of the array before them. */
export interface Native {
  abiVersion(): number;
  /** CLOCK_MONOTONIC in nanoseconds */
  clockNs(): number | bigint;
  tableOpen(dir: string, suffix: string, out: BigUint64Array): number;
  tableCreate(settings: Uint8Array, size: number, out: BigUint64Array): number;
  tableClose(table: Handle): number;
  tableApply(table: Handle, ops: Uint8Array, size: number, results: Uint8Array, resultsSize: number): number;
  tableFind(table: Handle, key: Uint8Array, out: Uint8Array, size: number): number;
  tableFindUuid(table: Handle, uuid: Uint8Array, out: Uint8Array, size: number): number;
  tableScan(table: Handle, scan: Uint32Array, out: Uint8Array, size: number): number;
  tableGauges(table: Handle, out: Uint8Array, size: number): number;
  tableRepair(table: Handle, out: Uint32Array, size: number): number;
}

function fault(path: string, attempted: string, fix: string, cause?: unknown): SvrError {
  return new SvrError("SVR_NATIVE_LIBRARY", { object: path, attempted, fix, cause });
}

function load(path: string): LibraryHandle {
  if (!existsSync(path)) throw fault(path, `native library ${path} does not exist`, 'build it: "make -C pkg/native"');
  try {
    return koffi.load(path);
  } catch (cause) {
    throw fault(path, `native library ${path} cannot be loaded`, "install libbpf1 and libipsec-mb1 and build it again: \"make -C pkg/native\"", cause);
  }
}

/** libraryPath is where the build puts the library. */
export function libraryPath(): string {
  return join(import.meta.dirname, "../../build/native/libopensvr.so");
}

/** openNative binds the library at `path`; throws SVR_NATIVE_LIBRARY when it is missing or of another version. */
export function openNative(path: string = libraryPath()): Native {
  const library = load(path);
  try {
    const bound = Object.fromEntries(Object.entries(SIGNATURES).map(([name, text]) => [name, library.func(text)])) as unknown as Native;
    const version = bound.abiVersion();
    if (version === NATIVE_ABI) return bound;
    throw fault(path, `native library ${path} has version ${version}, this program needs ${NATIVE_ABI}`, 'build it again: "make -C pkg/native"');
  } catch (cause) {
    if (cause instanceof SvrError) throw cause;
    throw fault(path, `native library ${path} lacks a function`, 'build it again: "make -C pkg/native"', cause);
  }
}

/** openHandle runs an opening call and returns its handle, or the negative errno as a number. */
export function openHandle(call: (out: BigUint64Array) => number): Handle | number {
  const out = new BigUint64Array(1);
  const status = call(out);
  return status < 0 ? status : (out[0] ?? 0n);
}
