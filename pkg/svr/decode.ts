// Reads metadata (protocol 3.2) in two steps, because the payload section may be encrypted: parseHeader before the tag is
// verified, parsePayload after decryption. Both are total. Called for every packet that starts with the cookie.
import { readI32, readU16 } from "../base/bytes.ts";
import { Cursor } from "../base/cursor.ts";
import { fail, ok, type Result } from "../base/result.ts";
import * as wire from "./constants.ts";
import type { Suite } from "./encode.ts";
import { emptyMetadata, type Metadata, type UnknownTlv } from "./metadata.ts";
import { isRightLength, rowOf, type Section, type TlvRow } from "./tlv.ts";

/** MetadataProblem is why metadata is dropped while it is parsed. */
export type MetadataProblem = "metadata-malformed" | "metadata-unknown-critical";

/** MetadataHeader is where the parts of metadata are, as offsets into the packet, and what its header section says. */
export interface MetadataHeader {
  /** header TLVs; parsePayload adds the payload TLVs to the same object */
  metadata: Metadata;
  /** first byte of the cookie */
  at: number;
  /** base header and header TLVs: the AAD of GCM */
  headerLength: number;
  /** first byte of the payload section, and its length on the wire */
  payload: number;
  payloadLength: number;
  /** first byte of the body */
  body: number;
  /** offset of the IV, 0 when the section is clear */
  iv: number;
  suite: Suite;
  /** unknown and reserved types of the header section; a type may stand only once in a packet */
  unknown: Set<number> | undefined;
}

/** startsWithCookie tells whether [at, end) of an L4 payload begins with metadata. */
export function startsWithCookie(data: Uint8Array, at: number, end: number): boolean {
  return end - at >= 8 && readI32(data, at) === wire.COOKIE_HIGH && readI32(data, at + 4) === wire.COOKIE_LOW;
}

/** isEmptyHeader tells the 12-byte header of protocol 3.4, which only says that the body looks like metadata. */
export function isEmptyHeader(header: MetadataHeader): boolean {
  return header.headerLength === wire.BASE_HEADER && header.payloadLength === 0;
}

/** parseHeader reads base header and header TLVs of metadata at `at` in an L4 payload that ends at `end`. The caller has seen the cookie; the tag, where one is due, is part of [at, end). */
export function parseHeader(data: Uint8Array, at: number, end: number): Result<MetadataHeader, MetadataProblem> {
  if (end - at < wire.BASE_HEADER || !startsWithCookie(data, at, end)) return fail("metadata-malformed");
  const versionLength = readU16(data, at + 8);
  const headerLength = versionLength & wire.HEADER_LENGTH_MAX;
  const payloadLength = readU16(data, at + 10);
  const payload = at + headerLength;
  if (versionLength >>> 12 !== wire.METADATA_VERSION || headerLength < wire.BASE_HEADER || payload + payloadLength > end) return fail("metadata-malformed");
  const header: MetadataHeader = {
    metadata: emptyMetadata(), at, headerLength, payload, payloadLength, body: payload + payloadLength, iv: 0, suite: wire.SUITE_CLEAR, unknown: undefined,
  };
  const problem = readSection(header, new Cursor(data, at + wire.BASE_HEADER, payload), "header");
  return problem === undefined ? ok(header) : fail(problem);
}

/** parsePayload reads `length` clear bytes of the payload section into header.metadata and returns it; for clear metadata the length is header.payloadLength, else what the engine gave. */
export function parsePayload(data: Uint8Array, header: MetadataHeader, length: number): Result<Metadata, MetadataProblem> {
  const problem = readSection(header, new Cursor(data, header.payload, header.payload + length), "payload");
  return problem === undefined ? ok(header.metadata) : fail(problem);
}

function readSection(header: MetadataHeader, cursor: Cursor, section: Section): MetadataProblem | undefined {
  while (cursor.left > 0) {
    const type = cursor.u16();
    const length = cursor.u16();
    const at = cursor.skip(length);
    if (cursor.failed) return "metadata-malformed";
    const row = rowOf(type, section);
    const problem = row === undefined ? readOther(header, { type, section, value: cursor.data.subarray(at, at + length) }) : readRow(header, row, { data: cursor.data, at, length });
    if (problem !== undefined) return problem;
  }
  return undefined;
}

interface Value { data: Uint8Array; at: number; length: number }

/** A field that is already there means a repeated type, or a context in both families. */
function readRow(header: MetadataHeader, row: TlvRow, { data, at, length }: Value): MetadataProblem | undefined {
  const { metadata } = header;
  if (!isRightLength(row, length) || metadata[row.key] !== undefined) return "metadata-malformed";
  const value = row.codec.read(data, at, length);
  if (value === undefined) return "metadata-malformed";
  metadata[row.key] = value;
  if (row.type === wire.TLV_METADATA_IV) {
    header.iv = at;
    header.suite = length === wire.CBC_IV ? wire.SUITE_CBC : wire.SUITE_GCM;
  }
  return undefined;
}

/** Types that have no line in this section: wrong section, critical, reserved or unknown. */
function readOther(header: MetadataHeader, tlv: { type: number; section: Section; value: Uint8Array }): MetadataProblem | undefined {
  const { type, section, value } = tlv;
  if (rowOf(type, section === "header" ? "payload" : "header") !== undefined) return "metadata-malformed";
  if (type >= wire.CRITICAL_FIRST) return "metadata-unknown-critical";
  header.unknown ??= new Set();
  if (header.unknown.has(type)) return "metadata-malformed";
  header.unknown.add(type);
  if (section === "payload") keepUnknown(header.metadata, { type, value: value.slice() });
  return undefined;
}

function keepUnknown(metadata: Metadata, tlv: UnknownTlv): void {
  metadata.unknownPayload ??= [];
  metadata.unknownPayload.push(tlv);
}
