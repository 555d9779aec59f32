// Whether a packet starts with the metadata cookie. Called by model-forward.ts and model-miss.ts. Pure.
import { readI32 } from "../base/bytes.ts";
import { COOKIE_HIGH, COOKIE_LOW, PROTO_TCP, PROTO_UDP } from "../svr/constants.ts";
import type { ParsedPacket } from "./model-parse.ts";

const COOKIE_BYTES = 8;

/** carriesCookie tells whether any wire packet of a TCP or UDP packet starts with the cookie (protocol 3.2, 3.4). */
export function carriesCookie(data: Uint8Array, parsed: ParsedPacket): boolean {
  if (parsed.proto !== PROTO_TCP && parsed.proto !== PROTO_UDP) return false;
  for (let segment = 0; segment < parsed.segments; segment++) {
    const start = parsed.payloadAt + segment * parsed.gsoSize;
    const fits = start + COOKIE_BYTES <= parsed.length;
    if (fits && readI32(data, start) === COOKIE_HIGH && readI32(data, start + 4) === COOKIE_LOW) return true;
  }
  return false;
}
