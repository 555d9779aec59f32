// The protect engine over the native library: keys of peers and sessions as its structs, workers on rings. The store is opened by the
// main thread; its handle travels to other threads as plain data. Keys are wiped from every buffer that they passed through.
import { SvrError } from "../base/errors.ts";
import { openHandle, openNative } from "../native/binding.ts";
import type { Handle, Native } from "../native/binding.ts";
import type { ProtectCounts, ProtectKeys, ProtectPeer, ProtectRunner, ProtectSession } from "../ports/protect.ts";
import { reasonOf } from "../svr/reasons.ts";
import type { DropReason } from "../svr/reasons.ts";

const PEER_BYTES = 164, PEER_HEAD = 20, SECRET_BYTES = 36; // struct svr_protect_peer, svr_protect_secret
const SESSION_BYTES = 108, S_UUID = 4, S_PROTECT = 20, S_PEERS = 22, S_SUITE = 26, S_INDEX = 27, S_KEYS = 28, S_SALTS = 92; // struct svr_protect_session
const RECEIVES = 3;
const MODES = { disabled: 0, regular: 1, "time-based": 2 } as const; // enum svr_protect_mode
const REASONS = 128, COUNTS_BYTES = 32 + 8 * REASONS + 4 * 68, C_DROPS = 32, C_MISSING = C_DROPS + 8 * REASONS, C_SKEW = C_MISSING + 4 * 65; // struct svr_protect_counts
const CALL_WORDS = 4; // struct svr_protect_call

function check(status: number, what: string): number {
  if (status < 0) throw new Error(`the protect engine refuses ${what} (${status})`);
  return status;
}

/** A buffer for one call that leaves nothing behind. */
function withSecret(bytes: number, use: (array: Uint8Array, view: DataView) => void): void {
  const array = new Uint8Array(bytes);
  try {
    use(array, new DataView(array.buffer));
  } finally {
    array.fill(0);
  }
}

function writePeer(native: Native, vault: Handle, peer: ProtectPeer): void {
  if (peer.receive.length > RECEIVES) throw new Error(`a peer has at most ${RECEIVES} keys that are accepted`);
  withSecret(PEER_BYTES, (array, view) => {
    [peer.peer, MODES[peer.mode], peer.window, peer.send === undefined ? 0 : 1, peer.receive.length].forEach((word, i) => { view.setUint32(4 * i, word, true); });
    [peer.send, ...peer.receive].forEach((keys, i) => {
      if (keys === undefined) return;
      view.setUint32(PEER_HEAD + i * SECRET_BYTES, keys.keyId);
      array.set(keys.hmac, PEER_HEAD + i * SECRET_BYTES + 4);
    });
    check(native.protectPeer(vault, array, array.length), `keys of peer ${peer.peer}`);
  });
}

function writeSession(native: Native, vault: Handle, { ref, protect, peers, body }: ProtectSession): void {
  withSecret(SESSION_BYTES, (array, view) => {
    view.setUint32(0, ref.index, true);
    array.set(ref.uuid, S_UUID);
    view.setUint16(S_PROTECT, protect, true);
    view.setUint16(S_PEERS, peers[0], true);
    view.setUint16(S_PEERS + 2, peers[1], true);
    view.setUint8(S_SUITE, body?.suite ?? 0);
    view.setUint8(S_INDEX, body?.keyIndex ?? 0);
    if (body !== undefined) {
      [body.forward, body.reverse].forEach(({ key, salt }, i) => {
        array.set(key, S_KEYS + 32 * i);
        array.set(salt, S_SALTS + 8 * i);
      });
    }
    check(native.protectSession(vault, array, array.length), `session ${ref.index}`);
  });
}

/** protectKeys is the store behind a handle, for any thread of the process that opened it. */
export function protectKeys(handle: Handle, native: Native = openNative()): ProtectKeys {
  return {
    peer: (peer) => { writePeer(native, handle, peer); }, session: (session) => { writeSession(native, handle, session); },
    end: ({ index, uuid }) => check(native.protectEnd(handle, index, uuid), `the end of session ${index}`) > 0,
  };
}

/** openProtect makes the store for so many session slots; throws SVR_NATIVE_LIBRARY where the CPU lacks AES. Close it after all workers. */
export function openProtect(slots: number, native: Native = openNative()): ProtectKeys & { readonly handle: Handle; close(): void } {
  const handle = openHandle((out) => native.protectCreate(slots, out));
  if (typeof handle === "number") {
    throw new SvrError("SVR_NATIVE_LIBRARY", { object: "protect engine", attempted: `no engine for protected sessions (${handle})`, fix: "run on a CPU with AES instructions, and install libipsec-mb1" });
  }
  return { ...protectKeys(handle, native), handle, close: () => { native.protectClose(handle); } };
}

function readCounts(array: Uint8Array): ProtectCounts {
  const view = new DataView(array.buffer);
  const u64 = (at: number): number => Number(view.getBigUint64(at, true));
  const drops: ProtectCounts["drops"] = {};
  for (let number = 0; number < REASONS; number++) {
    const count = u64(C_DROPS + 8 * number);
    if (count > 0) drops[(reasonOf(number)?.name ?? "fault") as DropReason] = count;
  }
  const missing = Array.from({ length: view.getUint32(C_MISSING, true) }, (_, i) => view.getUint32(C_MISSING + 4 + 4 * i, true));
  const peer = view.getUint32(C_SKEW, true), epochs = view.getInt32(C_SKEW + 4, true);
  return { opened: u64(0), sealed: u64(8), openedBytes: u64(16), sealedBytes: u64(24), drops, missing, ...(epochs !== 0 && { skew: { peer, epochs } }) };
}

/** NativeRunner gives frames complete, or with `offload` as the socket gets them, behind a struct virtio_net_hdr. */
export interface NativeRunner extends ProtectRunner { run(record: Uint8Array, unixSeconds: number, offload?: boolean): Uint8Array[] }

/** WorkerOf is where a worker belongs; `pin` is its ring, absent: it only runs what it is given. */
export interface WorkerOf { pin?: string; injectMac: Uint8Array; wakeFd?: number }

/** ringFault is a ring or a socket that cannot be opened. */
export function ringFault(pin: string | undefined, status: number): SvrError {
  return new SvrError("SVR_BPF_LAYOUT", { object: pin ?? "protect worker", attempted: `a protect worker cannot open its ring or its socket on lo (${status})`, fix: "start the router again; it makes what is missing" });
}

const FRAMES_BYTES = 1 << 20;

function runRecord(native: Native, worker: Handle, { record, unixSeconds, offload }: { record: Uint8Array; unixSeconds: number; offload: boolean }): Uint8Array[] {
  const call = new Uint32Array(CALL_WORDS), out = new Uint8Array(FRAMES_BYTES), view = new DataView(out.buffer), frames: Uint8Array[] = [];
  call[0] = unixSeconds;
  call[3] = offload ? 1 : 0;
  check(native.protectRun(worker, call, record, record.length, out, out.length), "a record");
  for (let at = 0; at < (call[2] ?? 0);) {
    const length = view.getUint32(at, true);
    frames.push(out.slice(at + 4, at + 4 + length));
    at += 4 + length;
  }
  return frames;
}

/** openWorkerHandle opens a worker in the calling thread; without `pin`, its ring, it only runs what it is given. */
export function openWorkerHandle(native: Native, vault: Handle, of: WorkerOf): Handle {
  const worker = openHandle((out) => native.protectWorkerOpen(vault, of.pin ?? "", of.injectMac, of.injectMac.length, of.wakeFd ?? -1, out));
  if (typeof worker !== "number") return worker;
  throw ringFault(of.pin, worker);
}

/** openProtectWorker opens a worker in the calling thread. */
export function openProtectWorker(handle: Handle, of: WorkerOf, native: Native = openNative()): NativeRunner {
  const worker = openWorkerHandle(native, handle, of);
  const counts = new Uint8Array(COUNTS_BYTES);
  return {
    turn: (timeoutMs) => check(native.protectTurn(worker, timeoutMs), "a turn"),
    run: (record, unixSeconds, offload = false) => runRecord(native, worker, { record, unixSeconds, offload }),
    counts: () => {
      check(native.protectCounts(worker, counts, counts.length), "its counts");
      return readCounts(counts);
    },
    close: () => { native.protectWorkerClose(worker); },
  };
}
