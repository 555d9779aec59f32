// Signing and metadata encryption as jobs over finished packet bytes (protocol 7.2, 8.1), so that an engine can run a batch
// in one call. planSeal lays a packet out around its metadata; planOpen says what to verify in a received one. Declares the
// engine, holds no key material beyond the job and computes no cipher itself.
import { writeU32 } from "../base/bytes.ts";
import { fail, ok, type Result } from "../base/result.ts";
import { finishChecksum } from "./checksum.ts";
import * as wire from "./constants.ts";
import type { MetadataHeader } from "./decode.ts";
import { encodeMetadata, type Suite } from "./encode.ts";
import { layoutPacket, type Endpoints, type LayoutOptions } from "./layout.ts";
import type { PeerKeys } from "./keys.ts";
import type { Metadata } from "./metadata.ts";
import type { Packet } from "./packet.ts";

/** SealJob is one packet to encrypt and sign in place; all offsets count from data[0]. */
export interface SealJob {
  data: Uint8Array;
  /** L4 header: start, length with options, and whether it is TCP (its ports and checksum count as zero) */
  l4: number;
  l4Length: number;
  tcp: boolean;
  /** first byte of the metadata and length of base header with header TLVs: the AAD of GCM */
  metadata: number;
  headerLength: number;
  /** where the IV goes, 0 when the section stays clear */
  iv: number;
  /** payload TLVs; for CBC the padding is already there, for GCM the tag follows plainLength bytes */
  plain: number;
  plainLength: number;
  cipherLength: number;
  suite: Suite;
  counter: bigint;
  /** where the 16-byte tag goes; the coverage ends here. 0: the packet is not signed */
  tag: number;
  epoch: number;
  keys: PeerKeys;
}

/** OpenJob is one received packet to verify, then decrypt in place. */
export interface OpenJob {
  data: Uint8Array;
  l4: number;
  l4Length: number;
  tcp: boolean;
  metadata: number;
  headerLength: number;
  iv: number;
  cipher: number;
  cipherLength: number;
  suite: Suite;
  /** 0: no tag is due */
  tag: number;
  /** tried in this order */
  epochs: readonly number[];
  keys: PeerKeys;
}

/** OpenResult is the epoch that verified and the clear length of the section, or why the packet is dropped. */
export type OpenResult = Result<{ epoch: number; plainLength: number }, "hmac-failure" | "decrypt-failure">;

/** SealEngine runs batches; implemented by pkg/security over node:crypto and over the native library. */
export interface SealEngine {
  seal(jobs: readonly SealJob[]): void;
  open(jobs: readonly OpenJob[]): OpenResult[];
}

/** SealRequest is everything that decides the bytes of a packet with metadata. */
export interface SealRequest {
  to: Endpoints;
  options: LayoutOptions;
  tlvs: Metadata;
  keys: PeerKeys;
  suite: Suite;
  counter: bigint;
  epoch: number;
  /** false: HMAC disabled for the peer */
  isSigned: boolean;
}

/** planSeal lays a packet out with its metadata; `limit` when the metadata is too long, else as layoutPacket. TLV 16 is added where protocol 4 wants it. */
export function planSeal(packet: Packet, request: SealRequest): Result<SealJob, "limit" | "too-big" | "filter"> {
  const { keys, isSigned } = request;
  const isEmpty = Object.values(request.tlvs).every((value) => value === undefined);
  const needsId = !isEmpty && (isSigned || request.suite !== wire.SUITE_CLEAR);
  const encoded = encodeMetadata(needsId ? { ...request.tlvs, keyId: keys.keyId } : request.tlvs, request.suite);
  if (!encoded.ok) return encoded;
  const { bytes, headerLength, plainLength, cipherLength, iv, suite } = encoded.value;
  const room = { before: bytes.length, behind: isSigned ? wire.TAG_BYTES : 0 };
  const layout = layoutPacket(packet, request.to, { ...request.options, room });
  if (!layout.ok) return fail(layout.error);
  const { data, l4, payload, proto } = layout.value;
  data.set(bytes, payload);
  return ok({
    data, l4, l4Length: payload - l4, tcp: proto === wire.PROTO_TCP, metadata: payload, headerLength, iv: iv === 0 ? 0 : payload + iv,
    plain: payload + headerLength, plainLength, cipherLength, suite, counter: request.counter,
    tag: isSigned ? data.length - wire.TAG_BYTES : 0, epoch: request.epoch, keys,
  });
}

/** finishSeal computes the L4 checksum of a sealed packet, which covers the sealed bytes. */
export function finishSeal(job: SealJob): void {
  finishChecksum(job.data, job.l4);
}

/** planOpen says what an engine must do with received metadata; `metadata-malformed` when no room is left for the tag. */
export function planOpen(packet: Packet, header: MetadataHeader, by: { keys: PeerKeys; epochs: readonly number[]; isSigned: boolean }): Result<OpenJob, "metadata-malformed"> {
  const tag = by.isSigned ? packet.end - wire.TAG_BYTES : 0;
  if (by.isSigned && tag < header.body) return fail("metadata-malformed");
  return ok({
    data: packet.data, l4: packet.l4, l4Length: packet.payload - packet.l4, tcp: packet.proto === wire.PROTO_TCP, metadata: header.at,
    headerLength: header.headerLength, iv: header.iv, cipher: header.payload, cipherLength: header.payloadLength, suite: header.suite,
    tag, epochs: by.epochs, keys: by.keys,
  });
}

/** coverageHeader is part A of the coverage: the L4 header with ports and checksum as zeros (protocol 7.2). */
export function coverageHeader(job: Pick<SealJob, "data" | "l4" | "l4Length" | "tcp">): Uint8Array {
  const header = job.data.slice(job.l4, job.l4 + job.l4Length);
  header.fill(0, 0, 4);
  const checksum = job.tcp ? wire.TCP_CHECKSUM_AT : wire.UDP_CHECKSUM_AT;
  header.fill(0, checksum, checksum + 2);
  return header;
}

/** coverageTail is part E of the coverage: key id and epoch, never sent (protocol 7.2). */
export function coverageTail(keyId: number, epoch: number): Uint8Array {
  const tail = new Uint8Array(8);
  writeU32(tail, 0, keyId);
  writeU32(tail, 4, epoch);
  return tail;
}
