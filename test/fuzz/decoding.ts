// What the parser fuzz and the corpus ask of one input: is it read the same whatever lies around it, and does what was accepted
// come back when it is written. Pure.
import { encodeMetadata } from "../../pkg/svr/encode.ts";
import { parseHeader, parsePayload } from "../../pkg/svr/decode.ts";
import type { Metadata } from "../../pkg/svr/metadata.ts";

/** MARGIN is how many bytes stand on each side of an input. */
export const MARGIN = 64;

/** between gives the input between two margins of one byte value. */
export function between(data: Uint8Array, fill: number): Uint8Array {
  const around = new Uint8Array(data.length + 2 * MARGIN).fill(fill);
  around.set(data, MARGIN);
  return around;
}

/** decode reads [at, end) of the data; offsets in the answer count from `at`. */
export function decode(data: Uint8Array, at: number, end: number): { outcome: string; metadata?: Metadata; seen: unknown } {
  const header = parseHeader(data, at, end);
  if (!header.ok) return { outcome: header.error, seen: header.error };
  const { headerLength, payloadLength, body, suite } = header.value;
  const all = parsePayload(data, header.value, payloadLength);
  if (!all.ok) return { outcome: all.error, seen: all.error };
  if (body > end) throw new Error(`the body begins at ${body}, behind the end at ${end}`);
  return { outcome: "value", metadata: all.value, seen: [headerLength, payloadLength, body - at, suite, all.value] };
}

/** plain writes a value so that equal values are equal texts. */
export function plain(value: unknown): string {
  return JSON.stringify(value, (_key, part: unknown) => (typeof part === "bigint" ? `${part}` : part instanceof Uint8Array ? [...part] : part));
}

/** As a sender orders it: TLVs of unknown types stand by type. */
function ordered(metadata: Metadata | undefined): unknown {
  return metadata?.unknownPayload === undefined ? metadata : { ...metadata, unknownPayload: metadata.unknownPayload.toSorted((a, b) => a.type - b.type) };
}

/** readAlone gives the outcome of an input, absent when bytes outside of it change it. */
export function readAlone(data: Uint8Array): string | undefined {
  const first = decode(between(data, 0), MARGIN, MARGIN + data.length);
  const second = decode(between(data, 0xff), MARGIN, MARGIN + data.length);
  return plain(first.seen) === plain(second.seen) ? first.outcome : undefined;
}

/** writeAndRead tells whether accepted metadata is the same after it was written; absent when it was not accepted, or cannot be written in clear. */
export function writeAndRead(data: Uint8Array): boolean | undefined {
  const { metadata } = decode(data, 0, data.length);
  const made = metadata === undefined || metadata.iv !== undefined ? undefined : encodeMetadata(metadata);
  if (made?.ok !== true) return undefined;
  const again = decode(made.value.bytes, 0, made.value.bytes.length);
  return plain(ordered(again.metadata)) === plain(ordered(metadata));
}
