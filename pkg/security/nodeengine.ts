// SealEngine over node:crypto: the portable one, and the judge of the native one. Owned by one shard; keeps no keys.
import { createCipheriv, createDecipheriv, createHmac, timingSafeEqual } from "node:crypto";
import { writeU64 } from "../base/bytes.ts";
import { fail, ok } from "../base/result.ts";
import { GCM_TAG, SUITE_CBC, SUITE_CLEAR, TAG_BYTES } from "../svr/constants.ts";
import { coverageHeader, coverageTail } from "../svr/seal.ts";
import type { OpenJob, OpenResult, SealEngine, SealJob } from "../svr/seal.ts";
import type { PeerKeys } from "../svr/keys.ts";

/** createNodeEngine makes an engine. */
export function createNodeEngine(): SealEngine {
  return { seal: (jobs) => jobs.forEach(sealOne), open: (jobs) => jobs.map(openOne) };
}

function sealOne(job: SealJob): void {
  if (job.suite !== SUITE_CLEAR) encrypt(job);
  if (job.tag === 0) return;
  job.data.set(tagOf(job, job.tag, job.epoch), job.tag);
}

function tagOf(job: Pick<SealJob, "data" | "l4" | "l4Length" | "tcp" | "keys">, end: number, epoch: number): Uint8Array {
  const payload = job.data.subarray(job.l4 + job.l4Length, end);
  const digest = createHmac("sha256", job.keys.hmac).update(coverageHeader(job)).update(payload).update(coverageTail(job.keys.keyId, epoch)).digest();
  return digest.subarray(0, TAG_BYTES);
}

function encrypt(job: SealJob): void {
  const iv = ivOf(job.keys, job.suite, job.counter);
  job.data.set(iv, job.iv);
  if (job.suite === SUITE_CBC) {
    const cipher = createCipheriv("aes-256-cbc", job.keys.meta, iv).setAutoPadding(false); // the codec wrote the padding
    job.data.set(cipher.update(job.data.subarray(job.plain, job.plain + job.cipherLength)), job.plain);
    return;
  }
  const cipher = createCipheriv("aes-256-gcm", job.keys.meta, iv);
  cipher.setAAD(job.data.subarray(job.metadata, job.metadata + job.headerLength));
  job.data.set(cipher.update(job.data.subarray(job.plain, job.plain + job.plainLength)), job.plain);
  cipher.final();
  job.data.set(cipher.getAuthTag(), job.plain + job.plainLength);
}

/** CBC: AES-ECB(K, counter || salt); GCM: salt[0..3] || counter (protocol 8.1). */
function ivOf(keys: PeerKeys, suite: number, counter: bigint): Uint8Array {
  if (suite !== SUITE_CBC) {
    const nonce = new Uint8Array(12);
    nonce.set(keys.salt.subarray(0, 4));
    writeU64(nonce, 4, counter);
    return nonce;
  }
  const block = new Uint8Array(16);
  writeU64(block, 0, counter);
  block.set(keys.salt, 8);
  return createCipheriv("aes-256-ecb", keys.meta, null).setAutoPadding(false).update(block);
}

function openOne(job: OpenJob): OpenResult {
  const epoch = verify(job);
  if (epoch === undefined) return fail("hmac-failure");
  if (job.suite === SUITE_CLEAR) return ok({ epoch, plainLength: job.cipherLength });
  const plainLength = job.suite === SUITE_CBC ? decryptCbc(job) : decryptGcm(job);
  return plainLength === undefined ? fail("decrypt-failure") : ok({ epoch, plainLength });
}

function verify(job: OpenJob): number | undefined {
  if (job.tag === 0) return 0;
  const received = job.data.subarray(job.tag, job.tag + TAG_BYTES);
  return job.epochs.find((epoch) => timingSafeEqual(tagOf(job, job.tag, epoch), received));
}

function decryptCbc(job: OpenJob): number | undefined {
  if (job.cipherLength === 0 || job.cipherLength % 16 !== 0) return undefined;
  const iv = job.data.subarray(job.iv, job.iv + 16);
  const decipher = createDecipheriv("aes-256-cbc", job.keys.meta, iv).setAutoPadding(false);
  const plain = decipher.update(job.data.subarray(job.cipher, job.cipher + job.cipherLength));
  const padding = plain[plain.length - 1] ?? 0;
  if (padding < 1 || padding > 16 || !plain.subarray(plain.length - padding).every((byte) => byte === padding)) return undefined;
  job.data.set(plain, job.cipher);
  return plain.length - padding;
}

function decryptGcm(job: OpenJob): number | undefined {
  const plainLength = job.cipherLength - GCM_TAG;
  if (plainLength < 0) return undefined;
  const decipher = createDecipheriv("aes-256-gcm", job.keys.meta, job.data.subarray(job.iv, job.iv + 12), { authTagLength: GCM_TAG });
  decipher.setAAD(job.data.subarray(job.metadata, job.metadata + job.headerLength));
  decipher.setAuthTag(job.data.subarray(job.cipher + plainLength, job.cipher + job.cipherLength));
  const plain = decipher.update(job.data.subarray(job.cipher, job.cipher + plainLength));
  try {
    decipher.final();
  } catch {
    return undefined; // the only way node:crypto reports a wrong tag
  }
  job.data.set(plain, job.cipher);
  return plainLength;
}
