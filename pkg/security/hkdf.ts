// HKDF of RFC 5869 with SHA-256, extract and expand apart, as protocol 15 needs them (node:crypto joins the two). Called
// when keys are derived; keeps nothing.
import { createHmac } from "node:crypto";
import type { Hkdf } from "../svr/keys.ts";

const HASH_BYTES = 32;

/** nodeHkdf is HKDF on node:crypto; expand gives at most 8,160 bytes (RFC 5869 2.3). */
export const nodeHkdf: Hkdf = {
  extract: (salt, secret) => new Uint8Array(createHmac("sha256", salt).update(secret).digest()),
  expand,
};

function expand(prk: Uint8Array, info: Uint8Array, length: number): Uint8Array {
  if (length > 255 * HASH_BYTES) throw new RangeError(`HKDF gives at most ${255 * HASH_BYTES} bytes, ${length} asked`);
  const key = new Uint8Array(Math.ceil(length / HASH_BYTES) * HASH_BYTES);
  let block = new Uint8Array(0);
  for (let count = 1; count * HASH_BYTES <= key.length; count++) {
    block = new Uint8Array(createHmac("sha256", prk).update(block).update(info).update(Uint8Array.of(count)).digest());
    key.set(block, (count - 1) * HASH_BYTES);
  }
  return key.slice(0, length);
}
