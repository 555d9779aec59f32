// Packets that leave with metadata or a tag (protocol 7, 8.1), as jobs: planSeal lays the final bytes out, an engine
// encrypts and signs many jobs at once, finishChecksum ends the packet. Called by the router for each such packet. A job
// is one buffer and plain numbers, so that C can run it; no cryptography here.
import { ok, type Result } from "../base/result.ts";
import * as wire from "./constants.ts";
import { planMetadata, writeMetadata, type MetadataPlan, type Suite } from "./encode.ts";
import { sendEpoch, type AuthMode } from "./epoch.ts";
import type { PeerKeys } from "./keys.ts";
import { layoutPacket, type Endpoints, type Laying, type Layout, type LayoutOptions } from "./layout.ts";
import type { Metadata } from "./metadata.ts";
import type { OpenJob, OpenResult } from "./open.ts";
import type { Packet } from "./packet.ts";

/** SealJob is one packet to be encrypted and signed in place; offsets count from the first byte of data, 0 stands for "none". */
export interface SealJob {
  /** the packet from its IP header on; all bytes are final but IV, ciphertext, tags and L4 checksum */
  data: Uint8Array;
  /** L4 header, the start of what the tag covers */
  l4: number;
  /** 8 for UDP; the TCP header with options */
  l4Length: number;
  /** cookie; 0: a packet without metadata (scope every-packet) */
  metadata: number;
  /** base header and header TLVs: the AAD of GCM */
  headerLength: number;
  /** IV of `suite`: 16 bytes CBC, 12 bytes GCM */
  iv: number;
  /** payload section; CBC padding is in place, GCM has room for its tag at the end */
  plain: number;
  plainLength: number;
  cipherLength: number;
  /** 16 bytes for the HMAC tag, the last of the packet; 0: HMAC is disabled */
  tag: number;
  suite: Suite;
  /** metadata counter, used once per key; ignored when clear */
  counter: bigint;
  epoch: number;
  key: PeerKeys;
}

/** SealEngine encrypts, signs, verifies and decrypts in place; every call is synchronous and keeps the order of its jobs. pkg/security implements it. */
export interface SealEngine {
  /** Encrypts the payload section where suite is not 0, then writes the tag where there is one. */
  seal(jobs: readonly SealJob[]): void;
  /** Verifies in constant time, then decrypts; bytes of a job that fails verification are unchanged. */
  open(jobs: readonly OpenJob[]): OpenResult[];
}

/** Signing is what a job needs besides the packet. */
export interface Signing {
  key: PeerKeys;
  mode: AuthMode;
  /** the current epoch, whatever the mode */
  epoch: number;
  counter: bigint;
}

/** SealOptions add metadata to a layout; the caller puts key.keyId into it (TLV 16) unless it is an empty header. */
export interface SealOptions extends LayoutOptions, Signing {
  /** absent: tag only (scope every-packet); an empty object: the empty header of protocol 3.4 */
  metadata?: Metadata | undefined;
  /** default clear */
  suite?: Suite;
}

/** Sealing is the same in parts. */
export interface Sealing extends Pick<SealOptions, "metadata" | "suite"> { layout: LayoutOptions; signing: Signing; body?: Laying["body"];
  /** bytes left behind the body, which encryption makes longer; default none */
  growth?: number | undefined;
}

/** planSeal lays a packet out toward `to` with metadata and room for the tag; DF is set unless told otherwise (protocol 2.7). `limit` when the metadata is too long, `too-big` and `filter` as layoutPacket says. The received checksum must have been verified: a new one is made over all bytes. */
export function planSeal(packet: Packet, to: Endpoints, options: SealOptions): Result<SealJob, "limit" | "too-big" | "filter"> {
  return planSealing(packet, to, { layout: options, signing: options, metadata: options.metadata, suite: options.suite ?? wire.SUITE_CLEAR });
}

/** planSealing is planSeal for those who have its options in parts, as a router has for each first packet. */
export function planSealing(packet: Packet, to: Endpoints, sealing: Sealing): Result<SealJob, "limit" | "too-big" | "filter"> {
  const { layout: options, signing, body, metadata, suite, growth = 0 } = sealing;
  const plan = metadata === undefined ? undefined : planMetadata(metadata, suite);
  if (plan !== undefined && !plan.ok) return plan;
  const room = { before: plan?.value.length ?? 0, behind: growth + (signing.mode === "disabled" ? 0 : wire.TAG_BYTES) };
  const layout = layoutPacket(packet, to, { options, room, body, dontFragment: true });
  if (!layout.ok) return layout;
  return ok(sealJob(layout.value, plan?.value, signing));
}

/** sealJob makes the job of a packet already laid out: writes the planned metadata at `payload`; the tag takes the last 16 bytes unless HMAC is disabled. */
export function sealJob(at: Pick<Layout, "data" | "l4" | "payload">, plan: MetadataPlan | undefined, signing: Signing): SealJob {
  const { data, l4, payload } = at;
  const { key, mode, counter } = signing;
  const job: SealJob = {
    data, l4, l4Length: payload - l4, metadata: 0, headerLength: 0, iv: 0, plain: 0, plainLength: 0, cipherLength: 0,
    tag: mode === "disabled" ? 0 : data.length - wire.TAG_BYTES, suite: wire.SUITE_CLEAR, counter, epoch: sendEpoch(mode, signing.epoch), key,
  };
  if (plan === undefined) return job;
  writeMetadata(plan, data, payload);
  job.metadata = payload;
  job.headerLength = plan.headerLength;
  job.iv = plan.iv === 0 ? 0 : payload + plan.iv;
  job.plain = payload + plan.headerLength;
  job.plainLength = plan.plainLength;
  job.cipherLength = plan.cipherLength;
  job.suite = plan.suite;
  return job;
}
