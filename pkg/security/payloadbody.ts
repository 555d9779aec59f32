// One encrypted body opened by node:crypto (protocol 8.2), before there is a session whose keys and counters the engine could keep: who opens
// it decides by it whether the session may begin. Called by a shard for the first packet of an encrypted session; keeps nothing.
import { createCipheriv, createDecipheriv } from "node:crypto";
import { fail, ok } from "../base/result.ts";
import type { Result } from "../base/result.ts";
import { CBC_BLOCK, GCM_TAG, SUITE_GCM } from "../svr/constants.ts";
import { cbcIvInput, FRAME_BYTES, gcmAad, gcmNonce, payloadKeys } from "../svr/payload.ts";
import type { DirectionKeys } from "../svr/payload.ts";
import { nodeHkdf } from "./hkdf.ts";

/** FirstBody is the body of the forward packet that opens a session, as it came: F and ciphertext. */
export interface FirstBody { key: { suite: number; index: number; key: Uint8Array }; uuid: Uint8Array; body: Uint8Array }

/** peekBody decrypts it; `decrypt-failure` when it is not of this key. */
export function peekBody({ key, uuid, body }: FirstBody): Result<Uint8Array, "decrypt-failure"> {
  const frame = body.subarray(0, FRAME_BYTES), section = body.subarray(FRAME_BYTES);
  if (frame.length < FRAME_BYTES || frame[0] !== key.index) return fail("decrypt-failure");
  const { forward } = payloadKeys(nodeHkdf, key.key);
  return key.suite === SUITE_GCM ? openGcm(forward, section, { frame, aad: gcmAad(uuid, 0, frame) }) : openCbc(forward, section, frame);
}

function openGcm({ key, salt }: DirectionKeys, section: Uint8Array, of: { frame: Uint8Array; aad: Uint8Array }): Result<Uint8Array, "decrypt-failure"> {
  if (section.length < GCM_TAG) return fail("decrypt-failure");
  const decipher = createDecipheriv("aes-256-gcm", key, gcmNonce(of.frame, salt), { authTagLength: GCM_TAG });
  decipher.setAAD(of.aad).setAuthTag(section.subarray(section.length - GCM_TAG));
  return ended(decipher, section.subarray(0, section.length - GCM_TAG));
}

function openCbc({ key, salt }: DirectionKeys, section: Uint8Array, frame: Uint8Array): Result<Uint8Array, "decrypt-failure"> {
  if (section.length === 0 || section.length % CBC_BLOCK !== 0) return fail("decrypt-failure");
  const iv = createCipheriv("aes-256-ecb", key, null).setAutoPadding(false).update(cbcIvInput(frame, salt));
  return ended(createDecipheriv("aes-256-cbc", key, iv), section);
}

/** What OpenSSL refuses to end has a wrong tag or padding. */
function ended(decipher: { update(data: Uint8Array): Buffer; final(): Buffer }, section: Uint8Array): Result<Uint8Array, "decrypt-failure"> {
  const plain = decipher.update(section);
  try {
    return ok(new Uint8Array(Buffer.concat([plain, decipher.final()])));
  } catch {
    return fail("decrypt-failure");
  }
}
