// Takes payload keys out of captured packets: the value of TLV 46 in a payload section that is not encrypted (behaviour 9.3; protocol 8.2
// has it inside encrypted metadata only, so this is for packets of who breaks that). Pure and total, on packets that are cut short too.
import { readU16 } from "../base/bytes.ts";
import { BASE_HEADER, HEADER_LENGTH_MAX, IPV4_HEADER, IPV6_HEADER, PROTO_TCP, PROTO_UDP, TLV_METADATA_IV, TLV_OVERHEAD, UDP_HEADER } from "./constants.ts";
import { startsWithCookie } from "./decode.ts";

const TLV_PAYLOAD_KEY = 46, MOST_TLVS = 300;

/** Where the L4 payload begins; 0 when it cannot be told. */
function payloadOf(data: Uint8Array): number {
  if (data.length < IPV6_HEADER) return 0;
  const isFour = data[0]! >>> 4 === 4;
  const l4 = isFour ? Math.max((data[0]! & 15) * 4, IPV4_HEADER) : IPV6_HEADER;
  const proto = data[isFour ? 9 : 6];
  if (proto === PROTO_UDP) return l4 + UDP_HEADER;
  return proto === PROTO_TCP && data.length > l4 + 12 ? l4 + (data[l4 + 12]! >>> 4) * 4 : 0;
}

/** Calls for each TLV that begins in [at, end), until `visit` says it is enough. */
function walk(data: Uint8Array, at: number, end: number, visit: (type: number, value: number, valueEnd: number) => boolean): void {
  let from = at;
  for (let count = 0; count < MOST_TLVS && from + TLV_OVERHEAD <= end; count++) {
    const value = from + TLV_OVERHEAD, valueEnd = value + readU16(data, from + 2);
    if (visit(readU16(data, from), value, Math.min(valueEnd, end))) return;
    from = valueEnd;
  }
}

/** Metadata that begins at `at`: is its payload section clear? */
function isClear(data: Uint8Array, at: number, payload: number): boolean {
  let clear = true;
  walk(data, at + BASE_HEADER, payload, (type) => {
    clear = type !== TLV_METADATA_IV;
    return !clear;
  });
  return clear;
}

/** scrubKeys writes zeros over payload keys in a packet, from its IP header on; in place. `segment` is its gsoSize. */
export function scrubKeys(data: Uint8Array, segment: number): void {
  const first = payloadOf(data);
  for (let at = first; at > 0 && at + BASE_HEADER <= data.length; at += segment > 0 ? segment : data.length) {
    if (!startsWithCookie(data, at, data.length)) continue;
    const payload = Math.min(at + (readU16(data, at + 8) & HEADER_LENGTH_MAX), data.length);
    if (!isClear(data, at, payload)) continue;
    walk(data, payload, Math.min(payload + readU16(data, at + 10), data.length), (type, value, end) => {
      if (type === TLV_PAYLOAD_KEY) data.fill(0, value, end);
      return false;
    });
  }
}
