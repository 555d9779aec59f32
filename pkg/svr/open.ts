// Received packets with metadata or a tag (protocol 7.3), as jobs: planOpen says what to verify and decrypt, an engine
// does it in place, finishOpen reads the payload TLVs. Called by the router between parsing a packet and deciding it;
// chooses no keys and keeps no state.
import { fail, ok, type Result } from "../base/result.ts";
import * as wire from "./constants.ts";
import { parsePayload, type MetadataHeader, type MetadataProblem } from "./decode.ts";
import type { Suite } from "./encode.ts";
import type { AuthMode } from "./epoch.ts";
import type { PeerKeys } from "./keys.ts";
import { emptyMetadata, type Metadata } from "./metadata.ts";
import type { Packet } from "./packet.ts";

/** OpenJob is one packet to be verified and decrypted in place; fields as in SealJob. */
export interface OpenJob {
  data: Uint8Array;
  l4: number;
  l4Length: number;
  metadata: number;
  headerLength: number;
  iv: number;
  plain: number;
  cipherLength: number;
  /** 0: HMAC is disabled, the first key decrypts */
  tag: number;
  suite: Suite;
  /** tried in order, each with all epochs; at least one */
  keys: readonly PeerKeys[];
  epochs: readonly number[];
}

/** OpenResult says which key and epoch fit and how many bytes of payload TLVs there are. */
export type OpenResult =
  | { ok: true; key: PeerKeys; epoch: number; plainLength: number }
  | { ok: false; reason: "hmac-failure" | "decrypt-failure" };

/** Verification is what a receiver accepts: one key for TLV 16, else the flow's keys in the order current, previous, next (protocol 7.3). */
export interface Verification {
  mode: AuthMode;
  keys: readonly PeerKeys[];
  /** acceptedEpochs() of the moment */
  epochs: readonly number[];
}

/** planOpen makes the job of a received packet; `header` is absent for a packet without metadata (scope every-packet). `hmac-failure` when there is no room for the tag. */
export function planOpen(packet: Packet, header: MetadataHeader | undefined, verification: Verification): Result<OpenJob, "hmac-failure"> {
  const { data, l4, payload, end } = packet;
  const { mode, keys, epochs } = verification;
  const tag = mode === "disabled" ? 0 : end - wire.TAG_BYTES;
  if (mode !== "disabled" && tag < (header?.body ?? payload)) return fail("hmac-failure");
  return ok({
    data, l4, l4Length: payload - l4, metadata: header?.at ?? 0, headerLength: header?.headerLength ?? 0, iv: header?.iv ?? 0,
    plain: header?.payload ?? 0, cipherLength: header?.payloadLength ?? 0, tag, suite: header?.suite ?? wire.SUITE_CLEAR, keys, epochs,
  });
}

/** OpenedPacket is a verified packet: what its metadata says and where its body is. */
export interface OpenedPacket {
  metadata: Metadata;
  /** body in packet.data */
  bodyAt: number;
  bodyEnd: number;
  key: PeerKeys;
  epoch: number;
  /** for the replay check, a view of the packet; absent with HMAC disabled */
  tag: Uint8Array | undefined;
}

/** OpenContext brings together what planOpen and the engine gave for a packet. */
export interface OpenContext {
  packet: Packet;
  header: MetadataHeader | undefined;
  job: OpenJob;
  /** clear payload TLVs are dropped (protocol 8.1) */
  requireEncryption: boolean;
}

/** finishOpen reads the payload TLVs of a packet that the engine opened, or gives the reason to drop it. */
export function finishOpen(context: OpenContext, result: OpenResult): Result<OpenedPacket, "hmac-failure" | "decrypt-failure" | MetadataProblem> {
  const { packet, header, job } = context;
  if (!result.ok) return fail(result.reason);
  if (context.requireEncryption && job.suite === wire.SUITE_CLEAR && job.cipherLength > 0) return fail("decrypt-failure");
  const payload = header === undefined ? ok(emptyMetadata()) : parsePayload(packet.data, header, result.plainLength);
  if (!payload.ok) return payload;
  return ok({
    metadata: payload.value, bodyAt: header?.body ?? packet.payload, bodyEnd: job.tag === 0 ? packet.end : job.tag, key: result.key, epoch: result.epoch,
    tag: job.tag === 0 ? undefined : packet.data.subarray(job.tag, job.tag + wire.TAG_BYTES),
  });
}

/** isCipherLength tells whether a section can be ciphertext of its suite: whole CBC blocks, or a GCM tag at least. Engines ask it after the tag was right. */
export function isCipherLength(suite: Suite, length: number): boolean {
  return suite === wire.SUITE_CBC ? length > 0 && length % wire.CBC_BLOCK === 0 : length >= wire.GCM_TAG;
}

/** unpaddedLength checks PKCS#7 padding of a decrypted CBC section and gives the bytes before it; -1 when it is wrong. The section was authentic, so this tells an attacker nothing. */
export function unpaddedLength(data: Uint8Array, at: number, length: number): number {
  const padding = data[at + length - 1]!;
  if (padding < 1 || padding > wire.CBC_BLOCK || padding > length) return -1;
  for (let index = at + length - padding; index < at + length; index++) if (data[index] !== padding) return -1;
  return length - padding;
}
