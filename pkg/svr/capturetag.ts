// The value of TLV 0x8005 (protocol 4): which capture a session belongs to, and how many of its packets are wanted. Written by the
// router where a capture was begun, read by every router behind it. Pure and total: a tag that somebody else made is just a name.
import { toHex } from "../base/bytes.ts";

/** CaptureTag is a capture as routers tell each other of it; `packets` at each point of a router. */
export interface CaptureTag { id: string; packets: number }

/** CAPTURE_PACKETS and CAPTURE_SESSIONS are how much is captured where nothing else is said (behaviour 13.5). */
export const CAPTURE_PACKETS = 100, CAPTURE_SESSIONS = 20;

/** CAPTURE_PACKETS_MOST and CAPTURE_SESSIONS_MOST bound what may be asked for. */
export const CAPTURE_PACKETS_MOST = 10_000, CAPTURE_SESSIONS_MOST = 200;

const OURS = /^([a-z0-9-]{1,40})\/([0-9]{1,5})$/;

/** isCaptureId tells a name that a capture may have. */
export function isCaptureId(text: string): boolean {
  return /^[a-z0-9-]{1,40}$/.test(text);
}

/** writeCaptureTag gives at most 46 bytes. */
export function writeCaptureTag({ id, packets }: CaptureTag): Uint8Array {
  return new TextEncoder().encode(`${id}/${packets}`);
}

/** readCaptureTag reads what writeCaptureTag wrote; any other bytes are the name of a capture, in hexadecimal digits, with the usual number of packets. */
export function readCaptureTag(bytes: Uint8Array): CaptureTag {
  const [, id, packets] = OURS.exec(String.fromCharCode(...bytes)) ?? [];
  if (id === undefined) return { id: `x-${toHex(bytes.subarray(0, 19))}`, packets: CAPTURE_PACKETS };
  return { id, packets: Math.min(Math.max(Number(packets), 1), CAPTURE_PACKETS_MOST) };
}
