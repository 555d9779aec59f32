// Copies of packets of captured sessions: how many the programs are told to make (map `captured`), and the ring in which they come.
// Shards ask for them (shardport.ts), the main thread takes them (open.ts). Both end with the process: what an earlier one wanted
// is forgotten at start, and the programs then clear the flags of its sessions one by one.
import { SvrError } from "../base/errors.ts";
import { openHandle } from "../native/binding.ts";
import type { Native } from "../native/binding.ts";
import type { CapturePoint, CopiedPacket, Datapath, ShardPort } from "../ports/datapath.ts";
import { errnoText } from "./errno.ts";
import { keyOf } from "./entries.ts";
import { capturedLayout, copyLayout, offsetOf } from "./layouts.ts";
import { openMap } from "./maps.ts";
import type { BpfMap } from "./maps.ts";
import type { Pins } from "./pins.ts";
import { createBytes } from "./sessioncodec.ts";
import type { Bytes } from "./sessioncodec.ts";

const POINTS = 4, BUFFER_BYTES = 1 << 20, COPIES_PER_CALL = 1024;
const at = (name: string): number => offsetOf(copyLayout, name);
const C_TIME = at("time_ns"), C_LENGTH = at("length"), C_CAPTURED = at("captured"), C_IFNUM = at("ifnum"), C_VLAN = at("vlan"), C_POINT = at("point"), C_GSO = at("gso_size");
const C_UUID = at("uuid"), COPY_SIZE = copyLayout.size;

/** createWant makes the call that asks for copies; the caller owns the open map `captured`. */
export function createWant(captured: BpfMap): ShardPort["wantCopies"] {
  return (index, packets) => {
    const value = new Uint32Array(captured.valueSize / 4).fill(packets, 0, POINTS);
    const entry = { key: keyOf(index), value: new Uint8Array(value.buffer) };
    const claimed = captured.claim(entry);
    if (claimed === false) {
      value.set([lostOf(captured.lookup(entry.key))], POINTS); // counted already, of another capture
      captured.update([entry]);
    }
    return claimed !== undefined;
  };
}

/** Copies is the main thread's end of the ring. */
export interface Copies extends Pick<Datapath, "lostCopies" | "forgetCopies"> {
  take(max: number): CopiedPacket[];
  close(): void;
}

/** openCopies forgets what an earlier process wanted; throws SVR_BPF_LAYOUT. */
export function openCopies(native: Native, pins: Pins): Copies {
  const pin = pins.map("copies");
  const refuse = (status: number): SvrError => new SvrError("SVR_BPF_LAYOUT", { object: pin, attempted: `the ring ${pin} cannot be used (${errnoText(status)})`, fix: `remove the pin: "rm ${pin}", and start again` });
  const captured = openMap(native, pins.map("captured"));
  captured.delete(captured.dump().map(({ key }) => key));
  const ring = openHandle((out) => native.ringOpen(pin, -1, out));
  if (typeof ring === "number") throw refuse(ring);
  const buffer = createBytes(BUFFER_BYTES);
  const call = new Int32Array(4); // struct svr_ring_call
  return {
    take: (max) => {
      call[0] = Math.min(max, COPIES_PER_CALL);
      const count = native.ringCopies(ring, call, buffer.array, buffer.array.length);
      if (count < 0) throw refuse(count);
      return readCopies(buffer, count);
    },
    lostCopies: (index) => lostOf(captured.lookup(keyOf(index))),
    forgetCopies: (index) => {
      const value = captured.lookup(keyOf(index));
      if (value !== undefined) captured.delete([keyOf(index)]);
      return lostOf(value);
    },
    close: () => {
      native.ringClose(ring);
      captured.close();
    },
  };
}

function lostOf(value: Uint8Array | undefined): number {
  return value === undefined ? 0 : new DataView(value.buffer, value.byteOffset).getUint32(offsetOf(capturedLayout, "lost"), true);
}

function readCopies(buffer: Bytes, count: number): CopiedPacket[] {
  const { view, array } = buffer;
  const copies: CopiedPacket[] = [];
  for (let from = 0; copies.length < count;) {
    const data = from + COPY_SIZE, end = data + view.getUint32(from + C_CAPTURED, true);
    const number = (offset: number): number => view.getUint16(from + offset, true);
    copies.push({
      uuid: array.slice(from + C_UUID, from + C_UUID + 16), point: (number(C_POINT) & 3) as CapturePoint, timeNs: view.getBigUint64(from + C_TIME, true),
      ifnum: number(C_IFNUM), vlan: number(C_VLAN), gsoSize: number(C_GSO), length: view.getUint32(from + C_LENGTH, true), data: array.slice(data, end),
    });
    from = (end + 7) & ~7;
  }
  return copies;
}
