// What an origin signature covers (protocol 7.6), and when it still holds. Pure; whose key it is, is for the router to know.
import { writeU16, writeU32 } from "../base/bytes.ts";
import { TLV_OVERHEAD } from "./constants.ts";
import type { Metadata } from "./metadata.ts";
import { rowsFor, type MetadataKey } from "./tlv.ts";

/** ORIGIN_AGE_S is how far the time of a signature may be from now when the session begins. */
export const ORIGIN_AGE_S = 300;

const LABEL = new TextEncoder().encode("svr1 origin");
const TIME = 4;
const signed: readonly MetadataKey[] = ["forwardContext", "uuid", "tenant", "service", "sourceRouter"]; // ascending: 2 or 3, 6, 7, 10, 14

/** originText is what is signed: label, time of issue, then each signed TLV as on the wire. */
export function originText(seconds: number, tlvs: Metadata): Uint8Array {
  const parts = signed.flatMap((key) => partsOf(tlvs, key));
  const text = new Uint8Array(parts.reduce((sum, part) => sum + TLV_OVERHEAD + part.size, LABEL.length + TIME));
  text.set(LABEL);
  writeU32(text, LABEL.length, seconds);
  let at = LABEL.length + TIME;
  for (const { row, value, size } of parts) {
    writeU16(text, at, row.type);
    writeU16(text, at + 2, size);
    row.codec.write(value, text, at + TLV_OVERHEAD);
    at += TLV_OVERHEAD + size;
  }
  return text;
}

/** keepsOrigin tells whether a router says all signed TLVs as it heard them; else it removes the signature. */
export function keepsOrigin(heard: Metadata, said: Metadata): boolean {
  const [before, after] = [originText(0, heard), originText(0, said)];
  return before.length === after.length && before.every((byte, at) => byte === after[at]);
}

/** isFresh tells whether a signature is of about now; clocks of routers may differ. */
export function isFresh(seconds: number, nowUnixMs: number): boolean {
  return Math.abs(nowUnixMs / 1000 - seconds) <= ORIGIN_AGE_S;
}

/** The line of the family that the value has; none for what is absent. */
function partsOf(tlvs: Metadata, key: MetadataKey): { row: ReturnType<typeof rowsFor>[number]; value: never; size: number }[] {
  const value = tlvs[key] as never;
  if (value === undefined) return [];
  return rowsFor(key).map((row) => ({ row, value, size: row.codec.size(value) })).filter(({ size }) => size >= 0);
}
