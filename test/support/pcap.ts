// Reads pcap files that capture.c wrote: nanosecond times, Ethernet, full length. Called by capture.ts; total on what it
// reads, so that a file cut in the middle gives the frames before the cut.
import { readFileSync } from "node:fs";
import { readU16 } from "../../pkg/base/bytes.ts";

/** Frame is one captured frame; `data` begins with the link addresses. */
export interface Frame { unixNs: bigint; data: Uint8Array }

const MAGIC_NS = 0xa1b23c4d;
const FILE_HEADER = 24, PACKET_HEADER = 16; // bytes
const ETHERNET = 14, TAG = 4, TYPE_AT = 12;
const TYPE_VLAN = 0x8100, TYPE_IPV4 = 0x0800, TYPE_IPV6 = 0x86dd;

/** readPcap gives the frames of a file in order. */
export function readPcap(path: string): Frame[] {
  const data = readFileSync(path);
  if (data.length < FILE_HEADER || data.readUInt32LE(0) !== MAGIC_NS) throw new Error(`${path} is no pcap file with nanoseconds`);
  const frames: Frame[] = [];
  for (let at = FILE_HEADER; at + PACKET_HEADER <= data.length;) {
    const length = data.readUInt32LE(at + 8);
    const start = at + PACKET_HEADER;
    if (start + length > data.length) break;
    frames.push({ unixNs: BigInt(data.readUInt32LE(at)) * 1_000_000_000n + BigInt(data.readUInt32LE(at + 4)), data: new Uint8Array(data.subarray(start, start + length)) });
    at = start + length;
  }
  return frames;
}

/** ipOf gives the IP packet of a frame and its VLAN (0 untagged); undefined for anything else, such as ARP. */
export function ipOf(frame: Frame): { vlan: number; data: Uint8Array } | undefined {
  const { data } = frame;
  const tagged = readU16(data, TYPE_AT) === TYPE_VLAN;
  const start = ETHERNET + (tagged ? TAG : 0);
  const type = readU16(data, start - 2);
  if (type !== TYPE_IPV4 && type !== TYPE_IPV6) return undefined;
  return { vlan: tagged ? readU16(data, ETHERNET) & 0x0fff : 0, data: data.subarray(start) };
}
