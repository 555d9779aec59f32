// The seal engine on node:crypto: portable, one job at a time. Used where the native batch engine is not there, and as
// its judge in tests. All primitives are OpenSSL's; this file only says what goes into them (protocol 7.2, 8.1).
import { createCipheriv, createDecipheriv, createHmac, createSecretKey, timingSafeEqual, type KeyObject } from "node:crypto";
import { writeU16, writeU32, writeU64 } from "../base/bytes.ts";
import * as wire from "../svr/constants.ts";
import type { PeerKeys } from "../svr/keys.ts";
import { isCipherLength, unpaddedLength, type OpenJob, type OpenResult } from "../svr/open.ts";
import type { SealEngine, SealJob } from "../svr/seal.ts";

interface KeyHandles { hmac: KeyObject; meta: KeyObject }
type KeySource = (keys: PeerKeys) => KeyHandles;

const HMAC_FAILURE: OpenResult = { ok: false, reason: "hmac-failure" };
const DECRYPT_FAILURE: OpenResult = { ok: false, reason: "decrypt-failure" };
const ZERO_IV = new Uint8Array(wire.CBC_IV);
const ENCODED_EPOCH = 8; // key id 4, epoch 4: the E of protocol 7.2

/** createNodeEngine makes an engine; key handles live as long as the PeerKeys objects they were made of. */
export function createNodeEngine(): SealEngine {
  const handles = new WeakMap<PeerKeys, KeyHandles>();
  const keyOf: KeySource = (keys) => {
    let found = handles.get(keys);
    if (found === undefined) {
      found = { hmac: createSecretKey(keys.hmac), meta: createSecretKey(keys.meta) };
      handles.set(keys, found);
    }
    return found;
  };
  return {
    seal(jobs) {
      for (const job of jobs) sealOne(job, keyOf(job.key));
    },
    open: (jobs) => jobs.map((job) => openOne(job, keyOf)),
  };
}

function sealOne(job: SealJob, key: KeyHandles): void {
  if (job.suite === wire.SUITE_CBC) encryptCbc(job, key.meta);
  else if (job.suite === wire.SUITE_GCM) encryptGcm(job, key.meta);
  if (job.tag === 0) return;
  const tag = computeTag(job, key.hmac, { keyId: job.key.keyId, epoch: job.epoch });
  job.data.set(tag, job.tag);
}

/** IV = AES-ECB(counter || salt) is the first block of CBC over (counter || salt || section) with a zero IV, so one pass gives both. */
function encryptCbc(job: SealJob, key: KeyObject): void {
  const { data, plain, cipherLength } = job;
  const input = new Uint8Array(wire.CBC_BLOCK + cipherLength);
  writeU64(input, 0, job.counter);
  input.set(job.key.salt, 8);
  input.set(data.subarray(plain, plain + cipherLength), wire.CBC_BLOCK);
  const cipher = createCipheriv("aes-256-cbc", key, ZERO_IV);
  cipher.setAutoPadding(false);
  const output = cipher.update(input);
  cipher.final();
  data.set(output.subarray(0, wire.CBC_IV), job.iv);
  data.set(output.subarray(wire.CBC_BLOCK), plain);
}

/** Nonce = salt[0..3] || counter; it stands in TLV 0x8000, so it is part of the AAD. */
function encryptGcm(job: SealJob, key: KeyObject): void {
  const { data, plain, plainLength, iv, metadata, headerLength } = job;
  data.set(job.key.salt.subarray(0, 4), iv);
  writeU64(data, iv + 4, job.counter);
  const cipher = createCipheriv("aes-256-gcm", key, data.subarray(iv, iv + wire.GCM_IV));
  cipher.setAAD(data.subarray(metadata, metadata + headerLength));
  data.set(cipher.update(data.subarray(plain, plain + plainLength)), plain);
  cipher.final();
  data.set(cipher.getAuthTag(), plain + plainLength);
}

function openOne(job: OpenJob, keyOf: KeySource): OpenResult {
  if (job.tag === 0) return decrypt(job, { key: job.keys[0]!, epoch: 0 }, keyOf);
  for (const key of job.keys) {
    for (const epoch of job.epochs) {
      if (hasTag(job, keyOf(key).hmac, { keyId: key.keyId, epoch })) return decrypt(job, { key, epoch }, keyOf);
    }
  }
  return HMAC_FAILURE;
}

function hasTag(job: OpenJob, key: KeyObject, encoded: Encoded): boolean {
  const tag = computeTag(job, key, encoded);
  return timingSafeEqual(tag, job.data.subarray(job.tag, job.tag + wire.TAG_BYTES));
}

interface Encoded { keyId: number; epoch: number }

/** HMAC over A || P || E is one run over the packet when ports and checksum are zero and E stands where the tag goes; both are put back. */
function computeTag(job: Pick<SealJob, "data" | "l4" | "l4Length" | "tag">, key: KeyObject, encoded: Encoded): Uint8Array {
  const { data, l4, tag } = job;
  const checksum = l4 + (job.l4Length === wire.UDP_HEADER ? wire.UDP_CHECKSUM_AT : wire.TCP_CHECKSUM_AT);
  const ports = data.slice(l4, l4 + 4);
  const sum = data.slice(checksum, checksum + 2);
  const behind = data.slice(tag, tag + ENCODED_EPOCH);
  writeU32(data, l4, 0);
  writeU16(data, checksum, 0);
  writeU32(data, tag, encoded.keyId);
  writeU32(data, tag + 4, encoded.epoch);
  const digest = createHmac("sha256", key).update(data.subarray(l4, tag + ENCODED_EPOCH)).digest();
  data.set(ports, l4);
  data.set(sum, checksum);
  data.set(behind, tag);
  return digest.subarray(0, wire.TAG_BYTES);
}

function decrypt(job: OpenJob, fit: { key: PeerKeys; epoch: number }, keyOf: KeySource): OpenResult {
  if (job.suite === wire.SUITE_CLEAR) return { ok: true, ...fit, plainLength: job.cipherLength };
  if (!isCipherLength(job.suite, job.cipherLength)) return DECRYPT_FAILURE;
  const { meta } = keyOf(fit.key);
  const plainLength = job.suite === wire.SUITE_CBC ? decryptCbc(job, meta) : decryptGcm(job, meta);
  return plainLength < 0 ? DECRYPT_FAILURE : { ok: true, ...fit, plainLength };
}

function decryptCbc(job: OpenJob, key: KeyObject): number {
  const { data, plain, cipherLength, iv } = job;
  const cipher = createDecipheriv("aes-256-cbc", key, data.subarray(iv, iv + wire.CBC_IV));
  cipher.setAutoPadding(false);
  const section = cipher.update(data.subarray(plain, plain + cipherLength));
  cipher.final();
  const plainLength = unpaddedLength(section, 0, cipherLength);
  if (plainLength >= 0) data.set(section, plain);
  return plainLength;
}

function decryptGcm(job: OpenJob, key: KeyObject): number {
  const { data, plain, iv, metadata, headerLength } = job;
  const plainLength = job.cipherLength - wire.GCM_TAG;
  const cipher = createDecipheriv("aes-256-gcm", key, data.subarray(iv, iv + wire.GCM_IV), { authTagLength: wire.GCM_TAG });
  cipher.setAAD(data.subarray(metadata, metadata + headerLength));
  cipher.setAuthTag(data.subarray(plain + plainLength, plain + job.cipherLength));
  const section = cipher.update(data.subarray(plain, plain + plainLength));
  try {
    cipher.final();
  } catch {
    return -1; // node:crypto tells a wrong GCM tag by throwing
  }
  data.set(section, plain);
  return plainLength;
}
