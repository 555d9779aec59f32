// TCP options and the MSS rule of protocol 10.4. Called by the rewriter for SYN segments and by the router for limits.
// Changes the MSS option only; the checksum is the caller's.
import type { IpFamily } from "../base/address.ts";
import { readU16, writeU16 } from "../base/bytes.ts";
import * as wire from "./constants.ts";

/** findOption gives the offset of a TCP option of a kind in [from, to), -1 when there is none or the options are broken before it. */
export function findOption(data: Uint8Array, range: { from: number; to: number }, kind: number): number {
  const { from, to } = range;
  for (let at = from; at < to;) {
    const found = data[at]!;
    if (found === wire.TCP_OPTION_END) return -1;
    if (found === wire.TCP_OPTION_NOP) {
      at++;
      continue;
    }
    const length = at + 1 < to ? data[at + 1]! : 0;
    if (length < 2 || at + length > to) return -1;
    if (found === kind) return at;
    at += length;
  }
  return -1;
}

/** readMss gives the MSS option of the TCP header at l4, 0 when there is none. */
export function readMss(data: Uint8Array, l4: number): number {
  const at = findMss(data, l4);
  return at < 0 ? 0 : readU16(data, at + 2);
}

/** clampMss lowers the MSS option of the TCP header at l4 to `mss`, never below 536, never up; true when it changed. */
export function clampMss(data: Uint8Array, l4: number, mss: number): boolean {
  const at = findMss(data, l4);
  const limit = Math.max(mss, wire.MSS_FLOOR);
  if (at < 0 || readU16(data, at + 2) <= limit) return false;
  writeU16(data, at + 2, limit);
  return true;
}

function findMss(data: Uint8Array, l4: number): number {
  const at = findOption(data, { from: l4 + wire.TCP_HEADER, to: l4 + (data[l4 + 12]! >>> 4) * 4 }, wire.TCP_OPTION_MSS);
  return at >= 0 && data[at + 1] === wire.TCP_OPTION_MSS_BYTES ? at : -1;
}

/** MssQuestion: `pathMtu` is the least over all paths allowed to the session, `family` that of the outer header, `overhead` the sum of protocol 10.4. */
export interface MssQuestion { pathMtu: number; family: IpFamily; overhead: number }

/** mssFor is the largest MSS that needs no fragmentation (protocol 10.4), at least 536. */
export function mssFor({ pathMtu, family, overhead }: MssQuestion): number {
  const ip = family === 4 ? wire.IPV4_HEADER : wire.IPV6_HEADER;
  return Math.max(wire.MSS_FLOOR, pathMtu - ip - wire.TCP_HEADER - overhead);
}
