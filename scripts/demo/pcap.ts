// Reads capture files (classic pcap, Ethernet, either byte order and both resolutions) into IP packets. Called by wire.ts;
// starts no capture. A file that is no capture throws; a record that is cut short is counted, never guessed.
import { readFileSync, writeFileSync } from "node:fs";

/** Frame is one captured IP packet. */
export interface Frame {
  /** unix time, seconds */
  at: number;
  /** from the IP header on; Ethernet padding included */
  ip: Uint8Array;
}

/** Capture is what a file holds. */
export interface Capture {
  frames: Frame[];
  /** records that are not IP: ARP and the like */
  others: number;
  /** records whose end was not captured, or a broken tail: must be 0 for a proof */
  truncated: number;
}

const FILE_HEADER = 24, RECORD_HEADER = 16, MACS = 12;
const MAGIC_MICRO = 0xa1b2c3d4, MAGIC_NANO = 0xa1b23c4d, LINK_ETHERNET = 1;
const TYPE_VLAN = 0x8100, TYPE_QINQ = 0x88a8, TYPE_IPV4 = 0x0800, TYPE_IPV6 = 0x86dd;

/** readCapture reads a file whole; captures of the demo are some ten megabytes. */
export function readCapture(path: string): Capture {
  return parseCapture(readFileSync(path), path);
}

/** parseCapture reads the bytes of a capture file; `name` is for messages. */
export function parseCapture(bytes: Uint8Array, name = "capture"): Capture {
  const { view, little, nano } = openBytes(bytes, name);
  const capture: Capture = { frames: [], others: 0, truncated: 0 };
  for (let at = FILE_HEADER; at < bytes.length;) {
    if (at + RECORD_HEADER > bytes.length) return { ...capture, truncated: capture.truncated + 1 };
    const [seconds = 0, fraction = 0, kept = 0, length = 0] = [0, 4, 8, 12].map((offset) => view.getUint32(at + offset, little));
    const data = bytes.subarray(at + RECORD_HEADER, at + RECORD_HEADER + kept);
    if (data.length < kept || kept < length) capture.truncated++;
    const ip = ipOf(data);
    if (ip === undefined) capture.others++;
    else capture.frames.push({ at: seconds + fraction / (nano ? 1e9 : 1e6), ip });
    at += RECORD_HEADER + kept;
  }
  return capture;
}

/** writeMicroseconds copies a capture file with times in microseconds: every reader of pcap knows that form. */
export function writeMicroseconds(from: string, to: string): void {
  const bytes = readFileSync(from);
  const { view, little, nano } = openBytes(bytes, from);
  view.setUint32(0, MAGIC_MICRO, little);
  for (let at = FILE_HEADER; nano && at + RECORD_HEADER <= bytes.length;) {
    view.setUint32(at + 4, Math.floor(view.getUint32(at + 4, little) / 1000), little);
    at += RECORD_HEADER + view.getUint32(at + 8, little);
  }
  writeFileSync(to, bytes);
}

function openBytes(bytes: Uint8Array, name: string): { view: DataView; little: boolean; nano: boolean } {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const little = bytes.length >= FILE_HEADER && [MAGIC_MICRO, MAGIC_NANO].includes(view.getUint32(0, true));
  const magic = bytes.length < FILE_HEADER ? 0 : view.getUint32(0, little);
  if (magic !== MAGIC_MICRO && magic !== MAGIC_NANO) throw new Error(`${name} is not a pcap file`);
  if (view.getUint32(20, little) !== LINK_ETHERNET) throw new Error(`${name} does not hold Ethernet frames`);
  return { view, little, nano: magic === MAGIC_NANO };
}

function ipOf(frame: Uint8Array): Uint8Array | undefined {
  let at = MACS;
  let type = typeAt(frame, at);
  for (let tags = 0; tags < 2 && (type === TYPE_VLAN || type === TYPE_QINQ); tags++) type = typeAt(frame, at += 4);
  return type === TYPE_IPV4 || type === TYPE_IPV6 ? frame.subarray(at + 2) : undefined;
}

function typeAt(frame: Uint8Array, at: number): number {
  return ((frame[at] ?? 0) << 8) | (frame[at + 1] ?? 0);
}
