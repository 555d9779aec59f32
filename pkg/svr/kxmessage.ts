// Messages of the key exchange as bytes (protocol 15.2), from their message byte on; packets around them are peeringexchange.ts.
// Read before anybody is known, so the reader is total and takes exact lengths only. Keys and meaning: kxinitiator.ts, kxresponder.ts.
import { concatBytes, readU16, writeU16 } from "../base/bytes.ts";
import { fail, ok, type Result } from "../base/result.ts";

/** Sizes in bytes of what messages carry (RFC 7748, FIPS 203 table 3). */
export const KX_NONCE = 32, X25519_KEY = 32, MLKEM_KEY = 1_184, MLKEM_CIPHERTEXT = 1_088, KX_COOKIE = 32, KX_BOX_TAG = 16;
/** KX_BOX_MAX bounds a box in bytes: a chain of some certificates. */
export const KX_BOX_MAX = 16_384;
/** Numbers of the messages. */
export const KX1 = 1, KX2 = 2, KX3 = 3, KX_RETRY = 4;

const VERSION = 1;
const HEADER = 4; // message 1, version 1, flags 2
const KEY_ID = 4;
const LENGTH = 2;
const PLAIN_MIN = KEY_ID + LENGTH + LENGTH;

/** Kx1 opens an exchange. `transcript` is the message without cookie. */
export interface Kx1 { kind: "kx1"; nonce: Uint8Array; x25519: Uint8Array; mlkem: Uint8Array; cookie?: Uint8Array; transcript: Uint8Array }
/** Kx2 answers it; `open` is the message before the box. */
export interface Kx2 { kind: "kx2"; nonce: Uint8Array; x25519: Uint8Array; ciphertext: Uint8Array; box: Uint8Array; open: Uint8Array; transcript: Uint8Array }
/** Kx3 tells the responder who asks. */
export interface Kx3 { kind: "kx3"; box: Uint8Array }
/** KxRetry asks for Kx1 with this cookie. */
export interface KxRetry { kind: "retry"; cookie: Uint8Array }
/** KxMessage is any of them. */
export type KxMessage = Kx1 | Kx2 | Kx3 | KxRetry;

function header(message: number): Uint8Array {
  return Uint8Array.of(message, VERSION, 0, 0);
}

/** writeKx1 makes KX1; its bytes without cookie are the transcript. */
export function writeKx1(of: Pick<Kx1, "nonce" | "x25519" | "mlkem">, cookie?: Uint8Array): Uint8Array {
  return concatBytes(header(KX1), of.nonce, of.x25519, of.mlkem, ...(cookie === undefined ? [] : [cookie]));
}

/** writeKx2Open makes KX2 up to its box, which follows it. */
export function writeKx2Open(of: Pick<Kx2, "nonce" | "x25519" | "ciphertext">): Uint8Array {
  return concatBytes(header(KX2), of.nonce, of.x25519, of.ciphertext);
}

/** writeKx3 makes KX3. */
export function writeKx3(box: Uint8Array): Uint8Array {
  return concatBytes(header(KX3), box);
}

/** writeRetry makes a retry message. */
export function writeRetry(cookie: Uint8Array): Uint8Array {
  return concatBytes(header(KX_RETRY), cookie);
}

/** readKx reads a message; anything but version 1, flags 0 and the exact lengths is `kx-malformed`. Parts are copies. */
export function readKx(data: Uint8Array): Result<KxMessage, "kx-malformed"> {
  if (data.length < HEADER || data[1] !== VERSION || readU16(data, LENGTH) !== 0) return fail("kx-malformed");
  switch (data[0]) {
    case KX1: return readKx1(data);
    case KX2: return readKx2(data);
    case KX3: return isBoxLength(data.length - HEADER) ? ok({ kind: "kx3", box: data.slice(HEADER) }) : fail("kx-malformed");
    case KX_RETRY: return data.length === HEADER + KX_COOKIE ? ok({ kind: "retry", cookie: data.slice(HEADER) }) : fail("kx-malformed");
    default: return fail("kx-malformed");
  }
}

function isBoxLength(length: number): boolean {
  return length >= PLAIN_MIN + KX_BOX_TAG && length <= KX_BOX_MAX;
}

function readKx1(data: Uint8Array): Result<Kx1, "kx-malformed"> {
  const end = HEADER + KX_NONCE + X25519_KEY + MLKEM_KEY;
  if (data.length !== end && data.length !== end + KX_COOKIE) return fail("kx-malformed");
  const [nonce, x25519, mlkem] = cut(data, KX_NONCE, X25519_KEY, MLKEM_KEY);
  return ok({ kind: "kx1", nonce: nonce!, x25519: x25519!, mlkem: mlkem!, transcript: data.slice(0, end), ...(data.length > end && { cookie: data.slice(end) }) });
}

function readKx2(data: Uint8Array): Result<Kx2, "kx-malformed"> {
  const end = HEADER + KX_NONCE + X25519_KEY + MLKEM_CIPHERTEXT;
  if (!isBoxLength(data.length - end)) return fail("kx-malformed");
  const [nonce, x25519, ciphertext] = cut(data, KX_NONCE, X25519_KEY, MLKEM_CIPHERTEXT);
  return ok({ kind: "kx2", nonce: nonce!, x25519: x25519!, ciphertext: ciphertext!, box: data.slice(end), open: data.slice(0, end), transcript: data.slice() });
}

function cut(data: Uint8Array, ...lengths: readonly number[]): Uint8Array[] {
  let at = HEADER;
  return lengths.map((length) => data.slice(at, at += length));
}

/** KxPlain is what a box holds: the key id that its writer accepts, who it is, and its signature. */
export interface KxPlain { /** unsigned 32 bits, not 0 */ keyId: number; /** certificates, DER one after the other */ chain: Uint8Array; signature: Uint8Array }

/** keyIdBytes is a key id as it is signed and sent. */
export function keyIdBytes(keyId: number): Uint8Array {
  return Uint8Array.of(keyId >>> 24, keyId >>> 16, keyId >>> 8, keyId);
}

/** writePlain makes the plain text of a box. */
export function writePlain({ keyId, chain, signature }: KxPlain): Uint8Array {
  return concatBytes(keyIdBytes(keyId), lengthOf(chain), chain, lengthOf(signature), signature);
}

function lengthOf(data: Uint8Array): Uint8Array {
  const length = new Uint8Array(LENGTH);
  writeU16(length, 0, data.length);
  return length;
}

/** readPlain reads the plain text of a box; `kx-malformed` when lengths do not add up, or the key id is 0. */
export function readPlain(data: Uint8Array): Result<KxPlain, "kx-malformed"> {
  if (data.length < PLAIN_MIN) return fail("kx-malformed");
  const keyId = (data[0]! << 24 | data[1]! << 16 | data[2]! << 8 | data[3]!) >>> 0;
  const chainEnd = KEY_ID + LENGTH + readU16(data, KEY_ID);
  if (keyId === 0 || chainEnd + LENGTH > data.length) return fail("kx-malformed");
  const signatureAt = chainEnd + LENGTH;
  if (signatureAt + readU16(data, chainEnd) !== data.length) return fail("kx-malformed");
  return ok({ keyId, chain: data.slice(KEY_ID + LENGTH, chainEnd), signature: data.slice(signatureAt) });
}
