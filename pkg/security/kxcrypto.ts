// Cryptography of the key exchange (protocol 15.2) on node:crypto: X25519 (RFC 7748), ML-KEM-768 (FIPS 203), AES-256-GCM, SHA-256, HKDF.
// Constructed by cmd/router and tests; keeps nothing, private keys live in the closures that an exchange holds.
import { createCipheriv, createDecipheriv, createHash, createPublicKey, decapsulate, diffieHellman, encapsulate, generateKeyPairSync, randomBytes } from "node:crypto";
import type { KeyObject } from "node:crypto";
import type { KxCrypto } from "../svr/kxsecret.ts";
import { KX_BOX_TAG, MLKEM_CIPHERTEXT, MLKEM_KEY, X25519_KEY } from "../svr/kxmessage.ts";
import { nodeHkdf } from "./hkdf.ts";

const CIPHER = "aes-256-gcm";

function rawOf(key: KeyObject): Uint8Array {
  return new Uint8Array(key.export({ format: "raw-public" }));
}

/** What the library throws on is a key or a ciphertext that a stranger sent. */
function whole<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch {
    return undefined;
  }
}

function agree(privateKey: KeyObject, remote: Uint8Array): Uint8Array | undefined {
  if (remote.length !== X25519_KEY) return undefined;
  const secret = whole(() => new Uint8Array(diffieHellman({ privateKey, publicKey: createPublicKey({ key: Buffer.from(remote), format: "raw-public", asymmetricKeyType: "x25519" }) })));
  return secret?.some((byte) => byte !== 0) === true ? secret : undefined;
}

/** nodeKxCrypto is KxCrypto on the runtime's own OpenSSL, 3.5 or later. */
export const nodeKxCrypto: KxCrypto = {
  x25519() {
    const { publicKey, privateKey } = generateKeyPairSync("x25519");
    return { publicKey: rawOf(publicKey), agree: (remote) => agree(privateKey, remote) };
  },
  mlkem() {
    const { publicKey, privateKey } = generateKeyPairSync("ml-kem-768");
    return {
      publicKey: rawOf(publicKey),
      decapsulate: (ciphertext) => (ciphertext.length === MLKEM_CIPHERTEXT ? whole(() => new Uint8Array(decapsulate(privateKey, ciphertext))) : undefined),
    };
  },
  encapsulate(remote) {
    if (remote.length !== MLKEM_KEY) return undefined;
    const made = whole(() => encapsulate(createPublicKey({ key: Buffer.from(remote), format: "raw-public", asymmetricKeyType: "ml-kem-768" })));
    return made === undefined ? undefined : { secret: new Uint8Array(made.sharedKey), ciphertext: new Uint8Array(made.ciphertext) };
  },
  hkdf: nodeHkdf,
  sha256: (data) => new Uint8Array(createHash("sha256").update(data).digest()),
  seal(key, nonce, aad, plain) {
    const cipher = createCipheriv(CIPHER, key, nonce).setAAD(aad);
    return new Uint8Array(Buffer.concat([cipher.update(plain), cipher.final(), cipher.getAuthTag()]));
  },
  open(key, nonce, aad, box) {
    const tagAt = box.length - KX_BOX_TAG;
    if (tagAt < 0) return undefined;
    const decipher = createDecipheriv(CIPHER, key, nonce).setAAD(aad).setAuthTag(box.subarray(tagAt));
    return whole(() => new Uint8Array(Buffer.concat([decipher.update(box.subarray(0, tagAt)), decipher.final()])));
  },
  random: (length) => new Uint8Array(randomBytes(length)),
};
