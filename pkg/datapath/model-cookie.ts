// Whether a packet starts with the metadata cookie. Called by model-forward.ts and model-miss.ts. Pure.
import { readI32 } from "../base/bytes.ts";
import { COOKIE_HIGH, COOKIE_LOW, PROTO_TCP, PROTO_UDP } from "../svr/constants.ts";
import type { ParsedPacket } from "./model-parse.ts";

const COOKIE_BYTES = 8;

/** COOKIE_TRUST is SVR_COOKIE_TRUST: bytes of a host's TCP session whose every segment is looked at. */
export const COOKIE_TRUST = 1 << 20;

/**
 * carriesCookie tells whether a wire packet of a TCP or UDP packet starts with the cookie (protocol 3.2, 3.4): any, or the first or
 * the last of them. bpf/svr_cookie.h says where which is enough.
 */
export function carriesCookie(data: Uint8Array, parsed: ParsedPacket, which: "all" | "ends"): boolean {
  if (parsed.proto !== PROTO_TCP && parsed.proto !== PROTO_UDP) return false;
  const step = which === "all" ? 1 : Math.max(1, parsed.segments - 1);
  for (let segment = 0; segment < parsed.segments; segment += step) {
    const start = parsed.payloadAt + segment * parsed.gsoSize;
    const fits = start + COOKIE_BYTES <= parsed.length;
    if (fits && readI32(data, start) === COOKIE_HIGH && readI32(data, start + 4) === COOKIE_LOW) return true;
  }
  return false;
}
