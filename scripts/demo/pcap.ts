// Capture files for other readers: the tool of test/support writes times in nanoseconds, here they become microseconds, the
// form that every reader of pcap knows. Called when captures have ended; changes no packet.
import { readFileSync, writeFileSync } from "node:fs";

const FILE_HEADER = 24, RECORD_HEADER = 16; // bytes
const MAGIC_MICRO = 0xa1b2c3d4, MAGIC_NANO = 0xa1b23c4d;

/** publishCapture copies a capture file with times in microseconds and counts packets, and those that are not whole: cut short, or behind the end of the file. */
export function publishCapture(from: string, to: string): { packets: number; truncated: number } {
  const bytes = readFileSync(from);
  if (bytes.length < FILE_HEADER || bytes.readUInt32LE(0) !== MAGIC_NANO) throw new Error(`${from} is no pcap file with nanoseconds`);
  bytes.writeUInt32LE(MAGIC_MICRO, 0);
  const seen = { packets: 0, truncated: 0 };
  for (let at = FILE_HEADER; at < bytes.length; seen.packets++) {
    if (at + RECORD_HEADER > bytes.length) return { ...seen, truncated: seen.truncated + 1 };
    bytes.writeUInt32LE(Math.floor(bytes.readUInt32LE(at + 4) / 1000), at + 4);
    const kept = bytes.readUInt32LE(at + 8);
    at += RECORD_HEADER + kept;
    if (kept < bytes.readUInt32LE(at - kept - 4) || at > bytes.length) seen.truncated++;
  }
  writeFileSync(to, bytes);
  return seen;
}
