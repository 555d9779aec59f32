// Writes metadata (protocol 3.2): base header, header TLVs, payload TLVs, each section ascending, with room for what the
// sealing engine adds (IV, padding, GCM tag). In two steps, so that it is written straight into the packet it travels in:
// buffers are the costly part. Called for each packet that carries metadata; encrypts and signs nothing.
import { writeU16, writeU32 } from "../base/bytes.ts";
import { fail, ok, type Result } from "../base/result.ts";
import * as wire from "./constants.ts";
import type { Metadata, UnknownTlv } from "./metadata.ts";
import { isRightLength, rowsFor, type TlvRow } from "./tlv.ts";

/** Suite of metadata encryption: 0 clear, 1 CBC, 2 GCM (protocol 8.1). */
export type Suite = 0 | 1 | 2;

/** MetadataPlan is metadata measured; offsets count from its first byte. */
export interface MetadataPlan {
  metadata: Metadata;
  /** all bytes on the wire: headerLength + cipherLength */
  length: number;
  /** base header and header TLVs; the payload section starts here */
  headerLength: number;
  /** bytes of payload TLVs */
  plainLength: number;
  /** bytes of the section on the wire: with CBC padding or room for the GCM tag */
  cipherLength: number;
  /** offset of the IV (value of TLV 0x8000), 0 when clear */
  iv: number;
  suite: Suite;
  /** what is written, in order; `rows` and `sizes` run in parallel */
  rows: TlvRow[];
  sizes: number[];
  unknown: readonly UnknownTlv[];
}

/** EncodedMetadata is metadata written into bytes of its own. */
export interface EncodedMetadata extends MetadataPlan { bytes: Uint8Array }

const NONE: readonly UnknownTlv[] = [];

/** encodeMetadata writes `m` into new bytes: planMetadata and writeMetadata in one, where speed does not matter. */
export function encodeMetadata(m: Metadata, suite: Suite = wire.SUITE_CLEAR): Result<EncodedMetadata, "limit"> {
  const plan = planMetadata(m, suite);
  if (!plan.ok) return plan;
  const bytes = new Uint8Array(plan.value.length);
  writeMetadata(plan.value, bytes, 0);
  return ok({ ...plan.value, bytes });
}

/** planMetadata measures `m`; `limit` when it exceeds 1,100 bytes before TLV 1 or a value does not fit its TLV. A payload section without TLVs is never encrypted. */
export function planMetadata(m: Metadata, suite: Suite = wire.SUITE_CLEAR): Result<MetadataPlan, "limit"> {
  const { rows, sizes, header, payload } = measure(m);
  const unknown = m.unknownPayload === undefined ? NONE : [...m.unknownPayload].sort((a, b) => a.type - b.type);
  const plainLength = payload + unknown.reduce((sum, tlv) => sum + wire.TLV_OVERHEAD + tlv.value.length, 0);
  const used = plainLength === 0 ? wire.SUITE_CLEAR : suite;
  const ivRoom = used === wire.SUITE_CLEAR ? 0 : wire.TLV_OVERHEAD + ivBytes(used);
  const headerLength = wire.BASE_HEADER + header + ivRoom;
  const cipherLength = sectionLength(plainLength, used);
  const length = headerLength + cipherLength;
  const counted = length - (m.fragment === undefined ? 0 : wire.FRAGMENT_TLV_BYTES);
  if (!(counted <= wire.METADATA_MAX)) return fail("limit"); // also when a size is not a number: a value that does not fit
  const iv = used === wire.SUITE_CLEAR ? 0 : wire.BASE_HEADER + ivOffset(rows, sizes);
  return ok({ metadata: m, length, headerLength, plainLength, cipherLength, iv, suite: used, rows, sizes, unknown });
}

/** writeMetadata writes what was planned at `at`; the IV and the GCM tag stay zero, CBC padding (PKCS#7) is written, so that engines only run whole blocks. */
export function writeMetadata(plan: MetadataPlan, data: Uint8Array, at: number): void {
  writeBaseHeader(data, at, plan);
  const end = writeTlvs(plan, data, at);
  if (plan.suite !== wire.SUITE_CBC) return;
  data.fill(plan.cipherLength - plan.plainLength, end, end + plan.cipherLength - plan.plainLength);
}

/** ivBytes is the length of TLV 0x8000 for a suite. */
export function ivBytes(suite: Suite): number {
  return suite === wire.SUITE_CBC ? wire.CBC_IV : suite === wire.SUITE_GCM ? wire.GCM_IV : 0;
}

function sectionLength(plainLength: number, suite: Suite): number {
  if (suite === wire.SUITE_CLEAR) return plainLength;
  return suite === wire.SUITE_GCM ? plainLength + wire.GCM_TAG : plainLength + wire.CBC_BLOCK - (plainLength % wire.CBC_BLOCK);
}

/** Measured are the TLVs to write, in order, and the bytes of each section: not a number when a value does not fit its TLV. */
interface Measured { rows: TlvRow[]; sizes: number[]; header: number; payload: number }

/** Asks the metadata for what it has, not for each line of the table whether it has that: a few of forty are there. TLV 0x8000 is ours to make. */
function measure(m: Metadata): Measured {
  const measured: Measured = { rows: [], sizes: [], header: 0, payload: 0 };
  for (const key in m) {
    const value = m[key as keyof Metadata];
    if (value === undefined) continue;
    for (const row of rowsFor(key)) add(measured, row, row.type === wire.TLV_METADATA_IV ? -1 : row.codec.size(value as never));
  }
  return measured;
}

/** A negative size: nothing of this line is written, as of a value of the other family, which has a line of its own. */
function add(to: Measured, row: TlvRow, size: number): void {
  if (size < 0) return;
  const bytes = isRightLength(row, size) ? wire.TLV_OVERHEAD + size : Number.NaN;
  if (row.section === "header") to.header += bytes;
  else to.payload += bytes;
  const { rows, sizes } = to;
  let at = rows.push(row) - 1;
  sizes.push(size);
  for (; at > 0 && rows[at - 1]!.order > row.order; at--) {
    rows[at] = rows[at - 1]!;
    sizes[at] = sizes[at - 1]!;
  }
  rows[at] = row;
  sizes[at] = size;
}

/** Where the value of TLV 0x8000 stands behind the header TLVs with lower types. */
function ivOffset(rows: readonly TlvRow[], sizes: readonly number[]): number {
  let offset = wire.TLV_OVERHEAD;
  for (let index = 0; index < rows.length && comesBeforeIv(rows[index]!); index++) offset += wire.TLV_OVERHEAD + sizes[index]!;
  return offset;
}

function comesBeforeIv(row: TlvRow): boolean {
  return row.section === "header" && row.type < wire.TLV_METADATA_IV;
}

function writeBaseHeader(data: Uint8Array, at: number, plan: MetadataPlan): void {
  writeU32(data, at, wire.COOKIE_HIGH);
  writeU32(data, at + 4, wire.COOKIE_LOW);
  writeU16(data, at + 8, (wire.METADATA_VERSION << 12) | plan.headerLength);
  writeU16(data, at + 10, plan.cipherLength);
}

function writeTlvs(plan: MetadataPlan, data: Uint8Array, start: number): number {
  const { rows, sizes, unknown, metadata } = plan;
  let at = start + wire.BASE_HEADER;
  let next = 0;
  let ivDue = plan.iv !== 0;
  for (let index = 0; index < rows.length; index++) {
    const row = rows[index]!;
    if (ivDue && !comesBeforeIv(row)) {
      at = startIv(plan, data, start);
      ivDue = false;
    }
    for (; row.section === "payload" && next < unknown.length && unknown[next]!.type < row.type; next++) at = writeUnknown(unknown[next]!, data, at);
    at = startTlv(data, at, row.type, sizes[index]!);
    row.codec.write(metadata[row.key] as never, data, at);
    at += sizes[index]!;
  }
  if (ivDue) at = startIv(plan, data, start);
  for (; next < unknown.length; next++) at = writeUnknown(unknown[next]!, data, at);
  return at;
}

function startIv(plan: MetadataPlan, data: Uint8Array, start: number): number {
  const length = ivBytes(plan.suite);
  return startTlv(data, start + plan.iv - wire.TLV_OVERHEAD, wire.TLV_METADATA_IV, length) + length;
}

function writeUnknown(tlv: UnknownTlv, data: Uint8Array, at: number): number {
  const value = startTlv(data, at, tlv.type, tlv.value.length);
  data.set(tlv.value, value);
  return value + tlv.value.length;
}

function startTlv(data: Uint8Array, at: number, type: number, length: number): number {
  writeU16(data, at, type);
  writeU16(data, at + 2, length);
  return at + wire.TLV_OVERHEAD;
}
