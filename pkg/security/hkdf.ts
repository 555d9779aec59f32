// HKDF with SHA-256 (RFC 5869) for pkg/svr's key derivation. The expand step is built of HMAC because node:crypto offers
// only both steps together. Called when keys are made, never per packet.
import { createHmac } from "node:crypto";
import type { Hkdf } from "../svr/keys.ts";

const HASH_BYTES = 32;
const MAX_BLOCKS = 255;

/** hkdfSha256 implements Hkdf. */
export const hkdfSha256: Hkdf = {
  extract: (salt, secret) => new Uint8Array(createHmac("sha256", salt).update(secret).digest()),
  expand(prk, info, length) {
    const blocks = Math.ceil(length / HASH_BYTES);
    if (blocks > MAX_BLOCKS) throw new RangeError(`HKDF cannot give ${length} bytes`);
    const output = new Uint8Array(blocks * HASH_BYTES);
    let previous: Uint8Array = new Uint8Array(0);
    for (let block = 1; block <= blocks; block++) {
      previous = createHmac("sha256", prk).update(previous).update(info).update(Uint8Array.of(block)).digest();
      output.set(previous, (block - 1) * HASH_BYTES);
    }
    return output.slice(0, length);
  },
};
