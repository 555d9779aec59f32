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
export const NATIVE_ABI = 9;

/** SIGNATURES lists every function of the library; `data` parameters take typed arrays in place, without a copy. */
const SIGNATURES = {
  abiVersion: "int svr_abi_version()",
  clockNs: "uint64_t svr_abi_clock_ns()",
  unixNs: "uint64_t svr_abi_unix_ns()",
  tableOpen: "int svr_table_open(const char *dir, const char *suffix, void *out)",
  tableCreate: "int svr_table_create(void *settings, uint32_t size, void *out)",
  tableClose: "int svr_table_close(void *table)",
  tableApply: "int svr_table_apply(void *table, void *ops, uint32_t size, void *results, uint32_t results_size)",
  tableFind: "int svr_table_find(void *table, void *key, void *out, uint32_t size)",
  tableShard: "int svr_table_shard(void *table, void *key)",
  tableFindUuid: "int svr_table_find_uuid(void *table, void *uuid, void *out, uint32_t size)",
  tableScan: "int svr_table_scan(void *table, void *scan, void *out, uint32_t size)",
  tableGauges: "int svr_table_gauges(void *table, void *out, uint32_t size)",
  tableRepair: "int svr_table_repair(void *table, void *out, uint32_t size)",
  tableVerify: "int svr_table_verify(void *table, void *timers, void *call, uint32_t call_size, void *faults, uint32_t faults_size, void *uses, uint32_t uses_size)",
  tableSources: "int svr_table_sources(void *table, void *call)",
  tableTakeLost: "int64_t svr_table_take_lost(void *table)",
  ringOpen: "int svr_ring_open(const char *pin, int wake_fd, void *out)",
  ringClose: "int svr_ring_close(void *ring)",
  ringDrain: "int svr_ring_drain(void *ring, void *table, void *call, void *buffer, uint32_t size)",
  ringCopies: "int svr_ring_copies(void *ring, void *call, void *buffer, uint32_t size)",
  ringPunts: "int svr_ring_punts(void *ring, void *call, void *buffer, uint32_t size)",
  ringRecords: "int svr_ring_records(void *ring, void *call, uint32_t each, void *buffer, uint32_t size)",
  wakeOpen: "int svr_ring_wake_open()",
  wake: "int svr_ring_wake(int wake_fd)",
  wakeClose: "int svr_ring_wake_close(int wake_fd)",
  sendOpen: "int svr_send_open(void *inject_mac, uint32_t size, void *out)",
  sendClose: "int svr_send_close(void *send)",
  sendFrames: "int svr_send_frames(void *send, void *frames, uint32_t frames_size, void *data, uint32_t data_size)",
  sendEther: "int svr_send_ether(void *send, void *frames, uint32_t frames_size, void *data, uint32_t data_size)",
  loadOpen: "int svr_load_open(const char *object, void *out)",
  loadClose: "int svr_load_close(void *load)",
  loadLog: "int svr_load_log(void *load, void *out, uint32_t size)",
  loadResize: "int svr_load_resize(void *load, const char *map, uint32_t entries)",
  loadReuse: "int svr_load_reuse(void *load, const char *map, const char *pin, void *out, uint32_t size)",
  loadRun: "int svr_load_run(void *load)",
  loadPin: "int svr_load_pin(void *load, const char *map, const char *pin)",
  loadMaps: "int svr_load_maps(void *load, void *out, uint32_t size)",
  btfDump: "int svr_btf_dump(void *load, void *out, uint32_t size)",
  attachSet: "int svr_attach_set(void *load, const char *program, uint32_t ifindex, const char *pin)",
  attachDevice: "int svr_attach_device(const char *pin)",
  attachCall: "int svr_attach_call(void *load, const char *program)",
  mapOpen: "int svr_map_open(const char *pin, void *sizes, uint32_t size, void *out)",
  mapClose: "int svr_map_close(void *map)",
  mapUpdate: "int svr_map_update(void *map, void *entries, uint32_t size, uint32_t flags)",
  mapDelete: "int svr_map_delete(void *map, void *keys, uint32_t size)",
  mapLookup: "int svr_map_lookup(void *map, void *key, uint32_t key_size, void *value, uint32_t value_size)",
  mapDump: "int svr_map_dump(void *map, void *out, uint32_t size)",
  mapUsed: "int svr_map_used(void *map)",
  mapAddRing: "int svr_map_add_ring(void *rings, uint32_t index, uint32_t bytes, const char *pin)",
  mapPutRing: "int svr_map_put_ring(void *rings, uint32_t index, const char *pin)",
  deviceFind: "int svr_device_find(const char *name, void *out, uint32_t size)",
  deviceVlan: "int svr_device_vlan(const char *name, uint32_t vlan, void *out, uint32_t size)",
  guardMemory: "int svr_guard_memory()",
  probeFeature: "int svr_probe_feature(uint32_t feature)",
  probeMount: "int svr_probe_mount(const char *dir)",
  engineCreate: "int svr_engine_create(uint32_t slots, void *out)",
  engineClose: "int svr_engine_close(void *engine)",
  engineArch: "int svr_engine_arch(void *engine)",
  engineKey: "int svr_engine_key(void *engine, uint32_t slot, void *secret, uint32_t size)",
  sealRun: "int svr_seal_run(void *engine, void *call, void *arena, void *jobs, void *lists)",
  openRun: "int svr_open_run(void *engine, void *call, void *arena, void *jobs, void *lists)",
  protectCreate: "int svr_protect_create(uint32_t slots, void *out)",
  protectClose: "int svr_protect_close(void *vault)",
  protectPeer: "int svr_protect_peer(void *vault, void *peer, uint32_t size)",
  protectSession: "int svr_protect_session(void *vault, void *session, uint32_t size)",
  protectEnd: "int svr_protect_end(void *vault, uint32_t index, void *uuid)",
  protectWorkerOpen: "int svr_protect_worker_open(void *vault, const char *pin, void *inject_mac, uint32_t mac_size, int wake_fd, void *out)",
  protectWorkerClose: "int svr_protect_worker_close(void *worker)",
  protectTurn: "int svr_protect_turn(void *worker, uint32_t timeout_ms)",
  protectRun: "int svr_protect_run(void *worker, void *call, void *record, uint32_t record_size, void *out, uint32_t out_size)",
  protectBody: "int svr_protect_body(void *worker, void *call, void *arena, void *jobs)",
  protectCounts: "int svr_protect_counts(void *worker, void *out, uint32_t size)",
} as const;

/** Native is the bound library. Sizes are bytes of the array before them. */
export interface Native {
  abiVersion(): number;
  /** CLOCK_MONOTONIC in nanoseconds */
  clockNs(): number | bigint;
  /** CLOCK_REALTIME in nanoseconds */
  unixNs(): number | bigint;
  tableOpen(dir: string, suffix: string, out: BigUint64Array): number;
  tableCreate(settings: Uint8Array, size: number, out: BigUint64Array): number;
  tableClose(table: Handle): number;
  tableApply(table: Handle, ops: Uint8Array, size: number, results: Uint8Array, resultsSize: number): number;
  tableFind(table: Handle, key: Uint8Array, out: Uint8Array, size: number): number;
  tableShard(table: Handle, key: Uint8Array): number;
  tableFindUuid(table: Handle, uuid: Uint8Array, out: Uint8Array, size: number): number;
  tableScan(table: Handle, scan: Uint32Array, out: Uint8Array, size: number): number;
  tableGauges(table: Handle, out: Uint8Array, size: number): number;
  tableRepair(table: Handle, out: Uint32Array, size: number): number;
  /** timers: struct svr_settings; call: struct svr_verify; fills faults and uses */
  tableVerify(table: Handle, timers: Uint8Array, call: Uint8Array, callSize: number, faults: Uint8Array, faultsSize: number, uses: Uint8Array, usesSize: number): number;
  /** call: struct svr_sources */
  tableSources(table: Handle, call: Uint32Array): number;
  /** records lost since this was last asked, across processes */
  tableTakeLost(table: Handle): number | bigint;
  /** wakeFd -1: nobody ends a wait */
  ringOpen(pin: string, wakeFd: number, out: BigUint64Array): number;
  ringClose(ring: Handle): number;
  /** call is struct svr_ring_call: max, timeout_ms, out used, out malformed */
  ringDrain(ring: Handle, table: Handle, call: Int32Array, buffer: Uint8Array, size: number): number;
  ringCopies(ring: Handle, call: Int32Array, buffer: Uint8Array, size: number): number;
  ringPunts(ring: Handle, call: Int32Array, buffer: Uint8Array, size: number): number;
  /** each: bytes of one record */
  ringRecords(ring: Handle, call: Int32Array, each: number, buffer: Uint8Array, size: number): number;
  wakeOpen(): number;
  wake(wakeFd: number): number;
  wakeClose(wakeFd: number): number;
  sendOpen(injectMac: Uint8Array, size: number, out: BigUint64Array): number;
  sendClose(send: Handle): number;
  sendFrames(send: Handle, frames: Uint32Array, framesSize: number, data: Uint8Array, dataSize: number): number;
  sendEther(send: Handle, frames: Uint32Array, framesSize: number, data: Uint8Array, dataSize: number): number;
  loadOpen(object: string, out: BigUint64Array): number;
  loadClose(load: Handle): number;
  loadLog(load: Handle, out: Uint8Array, size: number): number;
  loadResize(load: Handle, map: string, entries: number): number;
  /** out: two struct svr_load_map, wanted and pinned */
  loadReuse(load: Handle, map: string, pin: string, out: Uint32Array, size: number): number;
  loadRun(load: Handle): number;
  loadPin(load: Handle, map: string, pin: string): number;
  loadMaps(load: Handle, out: Uint8Array, size: number): number;
  btfDump(load: Handle, out: Uint8Array, size: number): number;
  attachSet(load: Handle, program: string, ifindex: number, pin: string): number;
  attachDevice(pin: string): number;
  attachCall(load: Handle, program: string): number;
  /** sizes: struct svr_map_sizes */
  mapOpen(pin: string, sizes: Uint32Array, size: number, out: BigUint64Array): number;
  mapClose(map: Handle): number;
  mapUpdate(map: Handle, entries: Uint8Array, size: number, flags: number): number;
  mapDelete(map: Handle, keys: Uint8Array, size: number): number;
  mapLookup(map: Handle, key: Uint8Array, keySize: number, value: Uint8Array, valueSize: number): number;
  mapDump(map: Handle, out: Uint8Array, size: number): number;
  /** entries of a hash, bytes of a ring */
  mapUsed(map: Handle): number;
  mapAddRing(rings: Handle, index: number, bytes: number, pin: string): number;
  mapPutRing(rings: Handle, index: number, pin: string): number;
  /** out: struct svr_device */
  deviceFind(name: string, out: Uint8Array, size: number): number;
  deviceVlan(name: string, vlan: number, out: Uint8Array, size: number): number;
  guardMemory(): number;
  /** feature: enum svr_feature; 1 there, 0 not */
  probeFeature(feature: number): number;
  probeMount(dir: string): number;
  engineCreate(slots: number, out: BigUint64Array): number;
  engineClose(engine: Handle): number;
  engineArch(engine: Handle): number;
  engineKey(engine: Handle, slot: number, secret: Uint8Array, size: number): number;
  sealRun(engine: Handle, call: Uint32Array, arena: Uint8Array, jobs: Uint32Array, lists: Uint32Array): number;
  openRun(engine: Handle, call: Uint32Array, arena: Uint8Array, jobs: Uint32Array, lists: Uint32Array): number;
  /** the store is shared by threads, a worker belongs to one */
  protectCreate(slots: number, out: BigUint64Array): number;
  protectClose(vault: Handle): number;
  /** peer, session, call, counts: structs of src/protect.h */
  protectPeer(vault: Handle, peer: Uint8Array, size: number): number;
  protectSession(vault: Handle, session: Uint8Array, size: number): number;
  protectEnd(vault: Handle, index: number, uuid: Uint8Array): number;
  protectWorkerOpen(vault: Handle, pin: string, injectMac: Uint8Array, macSize: number, wakeFd: number, out: BigUint64Array): number;
  protectWorkerClose(worker: Handle): number;
  protectTurn(worker: Handle, timeoutMs: number): number;
  protectRun(worker: Handle, call: Uint32Array, record: Uint8Array, recordSize: number, out: Uint8Array, outSize: number): number;
  protectBody(worker: Handle, call: Uint32Array, arena: Uint8Array, jobs: Uint8Array): number;
  protectCounts(worker: Handle, out: Uint8Array, size: number): number;
}

function fault(path: string, attempted: string, fix: string, cause?: unknown): SvrError {
  return new SvrError("SVR_NATIVE_LIBRARY", { object: path, attempted, fix, cause });
}

function load(path: string): LibraryHandle {
  if (!existsSync(path)) throw fault(path, `native library ${path} does not exist`, 'build it: "make -C pkg/native"');
  try {
    return koffi.load(path);
  } catch (cause) {
    throw fault(path, `native library ${path} cannot be loaded`, "install libbpf1 and build it again: \"make -C pkg/native\"", cause);
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
