// Keys of one router pair and direction (protocol 15.3, 15.4). Called when configuration or a key exchange brings a
// secret; HKDF is passed in. Pure: never stores, logs or compares secrets.
import { concatBytes, readU32 } from "../base/bytes.ts";
import { fail, ok, type Result } from "../base/result.ts";
import { COUNTER_BITS_PER_SECOND, KEY_BYTES, PSK_BYTES_MIN, SALT_BYTES } from "./constants.ts";

/** PeerKeys are the keys of one direction of a router pair; plain data that survives structured cloning. */
export interface PeerKeys {
  /** TLV 16; unsigned 32 bits, never 0 */
  keyId: number;
  /** 32 bytes */
  hmac: Uint8Array;
  /** 32 bytes */
  meta: Uint8Array;
  /** 8 bytes */
  salt: Uint8Array;
  /** router names */
  sender: string;
  receiver: string;
  generation: number;
}

/** Hkdf is RFC 5869 with SHA-256; pkg/security implements it. */
export interface Hkdf {
  extract(salt: Uint8Array, secret: Uint8Array): Uint8Array;
  expand(prk: Uint8Array, info: Uint8Array, length: number): Uint8Array;
}

/** Direction names the two routers in the order packets travel. */
export interface Direction { sender: string; receiver: string; generation: number }

const utf8 = new TextEncoder();
const PSK_SALT = utf8.encode("svr-psk-v1");
const KEY_ID_BYTES = 4;

/** pskKeys derives the keys of one direction from a pre-shared key (protocol 15.4); `psk-short` below 32 bytes. */
export function pskKeys(hkdf: Hkdf, psk: Uint8Array, direction: Direction): Result<PeerKeys, "psk-short"> {
  if (psk.length < PSK_BYTES_MIN) return fail("psk-short");
  const prk = hkdf.extract(PSK_SALT, psk);
  const keyId = readU32(hkdf.expand(prk, keyInfo("key-id", direction), KEY_ID_BYTES), 0) || 1;
  return ok(deriveKeys(hkdf, prk, { ...direction, keyId }));
}

/** deriveKeys derives the keys of one direction from the secret of an exchange (protocol 15.3); the key id is the receiver's choice. */
export function deriveKeys(hkdf: Hkdf, prk: Uint8Array, of: Direction & { keyId: number }): PeerKeys {
  return {
    keyId: of.keyId, sender: of.sender, receiver: of.receiver, generation: of.generation,
    hmac: hkdf.expand(prk, keyInfo("hmac", of), KEY_BYTES),
    meta: hkdf.expand(prk, keyInfo("meta", of), KEY_BYTES),
    salt: hkdf.expand(prk, keyInfo("salt", of), SALT_BYTES),
  };
}

/** info(p) = `svr1 ` || p || 0x00 || sender || 0x00 || receiver || 0x00 || generation(4) */
function keyInfo(purpose: string, of: Direction): Uint8Array {
  const { generation } = of;
  const text = utf8.encode(`svr1 ${purpose}\0${of.sender}\0${of.receiver}\0`);
  return concatBytes(text, Uint8Array.of(generation >>> 24, generation >>> 16, generation >>> 8, generation));
}

/** equalKeyIds finds two inbound key sets with one id, a configuration error (protocol 15.4); undefined when all differ. */
export function equalKeyIds(inbound: Iterable<PeerKeys>): [PeerKeys, PeerKeys] | undefined {
  const byId = new Map<number, PeerKeys>();
  for (const keys of inbound) {
    const other = byId.get(keys.keyId);
    if (other !== undefined) return [other, keys];
    byId.set(keys.keyId, keys);
  }
  return undefined;
}

/** firstCounter is where the metadata counter of a psk key starts after a restart: unix seconds x 2^24, with the sender's number in the top 8 bits (protocol 8.1). */
export function firstCounter(unixSeconds: number, senderNumber: number): bigint {
  return (BigInt(senderNumber & 0xff) << 56n) | (BigInt(unixSeconds) << BigInt(COUNTER_BITS_PER_SECOND));
}
