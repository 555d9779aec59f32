// A shard's hold on the data plane, in the shard's own thread: its punt ring, its handle on the session table, its socket for
// sending. Opened from plain data that the main thread made (open.ts). One foreign call a batch; no call is asynchronous.
import { SvrError } from "../base/errors.ts";
import { openHandle, openNative } from "../native/binding.ts";
import type { Handle, Native } from "../native/binding.ts";
import type { Frame, Punt, ShardPort } from "../ports/datapath.ts";
import { createWant } from "./copies.ts";
import { errno, errnoText } from "./errno.ts";
import { openMap } from "./maps.ts";
import { createNameTable } from "./names.ts";
import { createPins } from "./pins.ts";
import { readPunts } from "./punts.ts";
import { createBytes } from "./sessioncodec.ts";
import { createTable } from "./table.ts";
import { readUsage } from "./usage.ts";

/** ShardSpec is what a thread needs to open its port; plain data. `injectMac` is a secret of this boot. */
export interface ShardSpec {
  number: number;
  pinDir: string;
  suffix: string;
  injectMac: Uint8Array;
  /** eventfd of this process that ends a wait of drain */
  wakeFd: number;
}

const DRAIN_BYTES = 1 << 20;
const SEND_BYTES = 1 << 20;
const FRAMES_PER_CALL = 1024;
const FRAME_WORDS = 3; // struct svr_send_frame
const LONGEST = 65_535;

function must(handle: Handle | number, by: { number: string; pinDir: string }, what: string): Handle {
  if (typeof handle !== "number") return handle;
  const denied = handle === errno.EPERM || handle === errno.EACCES;
  throw new SvrError(denied ? "SVR_NOT_ROOT" : "SVR_BPF_LAYOUT", {
    object: by.pinDir, attempted: `${by.number} cannot open ${what} (${errnoText(handle)})`,
    fix: denied ? "run it as root, or with the capabilities NET_ADMIN, NET_RAW, BPF and PERFMON" : "start the router again; it makes what is missing",
  });
}

/** createDrain reads the ring into one buffer; a drain ends the life of the views of the one before. */
export function createDrain(native: Native, ring: Handle, table: Handle): ShardPort["drain"] {
  const buffer = createBytes(DRAIN_BYTES);
  const call = new Int32Array(4); // struct svr_ring_call
  return (max, timeoutMs): Punt[] => {
    call[0] = max;
    call[1] = timeoutMs;
    const count = native.ringDrain(ring, table, call, buffer.array, buffer.array.length);
    if (count < 0) throw new Error(`the punt ring cannot be read (${errnoText(count)})`);
    return readPunts(buffer, count);
  };
}

/** createSend packs frames behind each other; a frame longer than an IP packet can be is a mistake of the caller. */
export function createSend(native: Native, send: Handle): ShardPort["send"] {
  const data = new Uint8Array(SEND_BYTES);
  const words = new Uint32Array(FRAMES_PER_CALL * FRAME_WORDS);
  const pack = (frames: readonly Frame[], first: number): { count: number; used: number } => {
    let count = 0, used = 0;
    for (let frame = frames[first]; frame !== undefined && count < FRAMES_PER_CALL; frame = frames[first + count]) {
      if (frame.data.length > LONGEST) throw new Error(`a frame of ${frame.data.length} bytes is no IP packet`);
      if (used + frame.data.length > data.length) break;
      data.set(frame.data, used);
      const at = count * FRAME_WORDS;
      words[at] = frame.nexthop;
      words[at + 1] = used;
      words[at + 2] = frame.data.length;
      used += frame.data.length;
      count++;
    }
    return { count, used };
  };
  return (frames) => {
    let done = 0;
    while (done < frames.length) {
      const { count, used } = pack(frames, done);
      const taken = native.sendFrames(send, words, count * FRAME_WORDS * 4, data, used);
      if (taken === errno.EINVAL) throw new Error("a frame is no IP packet, or its next hop has no number");
      done += Math.max(0, taken);
      if (taken < count) break;
    }
    return done;
  };
}

/** openSender opens the socket through which a thread sends; throws SvrError. Close it in the same thread. */
export function openSender(native: Native, by: { number: string; pinDir: string; injectMac: Uint8Array }): { send: ShardPort["send"]; close(): void } {
  const handle = must(openHandle((out) => native.sendOpen(by.injectMac, by.injectMac.length, out)), by, "its socket on lo");
  return { send: createSend(native, handle), close: () => { native.sendClose(handle); } };
}

/** openShardPort opens the port of a shard in the calling thread; throws SvrError. Close it in the same thread. */
export function openShardPort(spec: ShardSpec, native: Native = openNative()): ShardPort {
  const closers: (() => void)[] = [];
  const close = (): void => { for (const one of closers.splice(0)) one(); };
  const pins = createPins(spec.pinDir);
  const by = { ...spec, number: `shard ${spec.number}` };
  try {
    const handle = must(openHandle((out) => native.tableOpen(spec.pinDir, spec.suffix, out)), by, "the session table");
    const table = createTable(native, handle);
    closers.unshift(() => { table.close(); });
    const ring = must(openHandle((out) => native.ringOpen(pins.ring(spec.number), spec.wakeFd, out)), by, "its punt ring");
    closers.unshift(() => { native.ringClose(ring); });
    const sender = openSender(native, by);
    closers.unshift(() => { sender.close(); });
    const names = openMap(native, pins.map("names"));
    closers.unshift(() => { names.close(); });
    const captured = openMap(native, pins.map("captured"));
    closers.unshift(() => { captured.close(); });
    const usage = openMap(native, pins.map("usage"));
    closers.unshift(() => { usage.close(); });
    return {
      ...createNameTable(names), usage: (id) => readUsage(usage, id), wantCopies: createWant(captured), unixNs: () => BigInt(native.unixNs()), drain: createDrain(native, ring, handle), send: sender.send,
      apply: (ops) => table.apply(ops), find: (key) => table.find(key), findUuid: (uuid) => table.findUuid(uuid), ended: (ref) => table.ended(ref), shardOf: (key) => table.shardOf(key), load: () => table.load(), close,
    };
  } catch (error) {
    close();
    throw error;
  }
}
