// The secret of a key exchange and the boxes under it (protocol 15.2): transcripts, PRK, who signs what. Shared by both sides of an
// exchange (kxinitiator.ts, kxresponder.ts); cryptography is passed in. Pure, and never shows a secret.
import { concatBytes, equalBytes } from "../base/bytes.ts";
import { fail, ok, type Result } from "../base/result.ts";
import { deriveKeys, type Hkdf, type PeerKeys } from "./keys.ts";
import { keyIdBytes, readPlain, writePlain, type Kx1, type Kx2 } from "./kxmessage.ts";

/** KxCrypto is what an exchange needs; pkg/security/kxcrypto.ts implements it. Each call of x25519 or mlkem makes a fresh key pair. */
export interface KxCrypto {
  /** agree: undefined for a key that gives the all-zero secret, or is none */
  x25519(): { publicKey: Uint8Array; agree(remote: Uint8Array): Uint8Array | undefined };
  /** decapsulate: undefined for a ciphertext of another length; a forged one gives another secret (FIPS 203 implicit rejection) */
  mlkem(): { publicKey: Uint8Array; decapsulate(ciphertext: Uint8Array): Uint8Array | undefined };
  /** undefined for a key that fails the check of FIPS 203 7.2 */
  encapsulate(publicKey: Uint8Array): { secret: Uint8Array; ciphertext: Uint8Array } | undefined;
  hkdf: Hkdf;
  sha256(data: Uint8Array): Uint8Array;
  /** AES-256-GCM with a nonce of 12 bytes; the tag ends the result */
  seal(key: Uint8Array, nonce: Uint8Array, aad: Uint8Array, plain: Uint8Array): Uint8Array;
  open(key: Uint8Array, nonce: Uint8Array, aad: Uint8Array, box: Uint8Array): Uint8Array | undefined;
  random(length: number): Uint8Array;
}

/** KxSelf is who this router is in exchanges: its name, its chain (DER, leaf first, joined), SHA-256 of the leaf, its signature. */
export interface KxSelf { name: string; chain: Uint8Array; leafHash: Uint8Array; sign(data: Uint8Array): Uint8Array }

/** KxPeer is whom a chain names. */
export interface KxPeer { name: string; serial: string; notAfter: number; leafHash: Uint8Array; verify(data: Uint8Array, signature: Uint8Array): boolean }

/** KxTrust judges a chain: whom it names, or why it does not count. */
export type KxTrust = (chain: Uint8Array) => Result<KxPeer, string>;

/** KxFailure is why an exchange came to nothing: `kx-...`, or what KxTrust said. */
export type KxFailure = string;

/** KxDone is an exchange that completed: keys of both directions, and who the peer is. */
export interface KxDone { send: PeerKeys; receive: PeerKeys; peer: KxPeer }

/** KxSide tells the two boxes apart. */
export type KxSide = "r" | "i";

const utf8 = new TextEncoder();
const KEY = 32, NONCE = 12;

/** kxSecret is PRK of both secrets and the pre-shared key of the pair where it has one. */
export function kxSecret(primitives: KxCrypto, nonces: { initiator: Uint8Array; responder: Uint8Array }, secrets: { mlkem: Uint8Array; x25519: Uint8Array; psk: Uint8Array | undefined }): Uint8Array {
  const { mlkem, x25519, psk } = secrets;
  return primitives.hkdf.extract(concatBytes(nonces.initiator, nonces.responder), concatBytes(mlkem, x25519, psk ?? new Uint8Array(0)));
}

/** responderHash is t_r, initiatorHash t_i: what the boxes of KX2 and KX3 are bound to. */
export function responderHash(primitives: KxCrypto, kx1: Pick<Kx1, "transcript">, open: Uint8Array): Uint8Array {
  return primitives.sha256(concatBytes(kx1.transcript, open));
}
/** initiatorHash is t_i, over all of KX2. */
export function initiatorHash(primitives: KxCrypto, kx1: Pick<Kx1, "transcript">, kx2: Pick<Kx2, "transcript">): Uint8Array {
  return primitives.sha256(concatBytes(kx1.transcript, kx2.transcript));
}

/** Box is what a box is sealed with. */
export interface Box { primitives: KxCrypto; prk: Uint8Array; hash: Uint8Array; side: KxSide }

function boxKey({ primitives, prk, hash, side }: Box): { key: Uint8Array; nonce: Uint8Array } {
  const both = primitives.hkdf.expand(prk, concatBytes(utf8.encode(`svr1 kx ${side}`), hash), KEY + NONCE);
  return { key: both.subarray(0, KEY), nonce: both.subarray(KEY) };
}

function signed({ hash, side }: Pick<Box, "hash" | "side">, keyId: number, leafHash: Uint8Array): Uint8Array {
  return concatBytes(utf8.encode(`svr1 kx sig ${side}`), hash, keyIdBytes(keyId), leafHash);
}

/** sealBox says who we are and which key id we accept. */
export function sealBox(box: Box, self: KxSelf, keyId: number): Uint8Array {
  const { key, nonce } = boxKey(box);
  const signature = self.sign(signed(box, keyId, self.leafHash));
  return box.primitives.seal(key, nonce, box.hash, writePlain({ keyId, chain: self.chain, signature }));
}

/** openBox reads whom we talk to: the box must open, its chain be trusted, its name not ours, its signature right. */
export function openBox(box: Box, sealed: Uint8Array, by: { trust: KxTrust; selfName: string }): Result<{ keyId: number; peer: KxPeer }, KxFailure> {
  const { key, nonce } = boxKey(box);
  const plain = box.primitives.open(key, nonce, box.hash, sealed);
  if (plain === undefined) return fail("kx-box");
  const read = readPlain(plain);
  if (!read.ok) return read;
  const { keyId, chain, signature } = read.value;
  const peer = by.trust(chain);
  if (!peer.ok) return peer;
  if (peer.value.name === by.selfName) return fail("kx-reflected");
  return peer.value.verify(signed(box, keyId, peer.value.leafHash), signature) ? ok({ keyId, peer: peer.value }) : fail("kx-signature");
}

/** kxKeys derives the keys of both directions; each side accepts the key id that it chose (protocol 15.3). */
export function kxKeys(primitives: KxCrypto, prk: Uint8Array, of: { self: string; peer: KxPeer; sendId: number; receiveId: number }): KxDone {
  const { self, peer, sendId, receiveId } = of;
  return {
    peer,
    send: deriveKeys(primitives.hkdf, prk, { sender: self, receiver: peer.name, generation: 0, keyId: sendId }),
    receive: deriveKeys(primitives.hkdf, prk, { sender: peer.name, receiver: self, generation: 0, keyId: receiveId }),
  };
}

/** sameKx1 tells a repeat of KX1 from another one of the same sender. */
export function sameKx1(a: Pick<Kx1, "transcript">, b: Pick<Kx1, "transcript">): boolean {
  return equalBytes(a.transcript, b.transcript);
}
