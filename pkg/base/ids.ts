// Session identifiers: RFC 9562 version 4 UUIDs of 16 bytes, made from random bytes that the caller brings, and their
// text forms. The 32-digit form is also the OpenTelemetry trace id. Pure: holds no random source.
import { fromHex, toHex } from "./bytes.ts";

/** uuidFrom makes 16 random bytes, which are the caller's, a version 4 UUID (RFC 9562 5.4) and returns them. */
export function uuidFrom(random: Uint8Array): Uint8Array {
  random[6] = (random[6]! & 0x0f) | 0x40;
  random[8] = (random[8]! & 0x3f) | 0x80;
  return random;
}

/** uuidHex gives 32 lower-case digits: the form of records, logs and trace ids. */
export function uuidHex(uuid: Uint8Array): string {
  return toHex(uuid);
}

/** formatUuid gives the form with hyphens of RFC 9562. */
export function formatUuid(uuid: Uint8Array): string {
  const hex = toHex(uuid);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

/** parseUuid reads either text form; undefined when it is neither. */
export function parseUuid(text: string): Uint8Array | undefined {
  if (!/^([0-9a-f]{32}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})$/i.test(text)) return undefined;
  return fromHex(text.replaceAll("-", ""));
}

/** isZeroBytes tells whether all bytes are zero, the one UUID that is never valid. */
export function isZeroBytes(data: Uint8Array): boolean {
  for (let at = 0; at < data.length; at++) if (data[at] !== 0) return false;
  return true;
}
