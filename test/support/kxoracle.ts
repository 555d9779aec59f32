// A second implementation of the key exchange, from the text of protocol 15 alone: it shares no code with pkg/svr, reads and writes
// bytes with Buffer, and keeps everything of an exchange in plain view. Tests let it talk to the product in both roles.
import { createCipheriv, createDecipheriv, createHash, createPrivateKey, createPublicKey, decapsulate, diffieHellman, encapsulate, generateKeyPairSync, hkdfSync, createHmac, randomBytes, sign, verify } from "node:crypto";
import type { KeyObject } from "node:crypto";

/** OracleEnd is who takes part, with a certificate chain that is any bytes. */
export interface OracleEnd { name: string; chain: Buffer; privateKey: KeyObject; keyId: number; psk?: Buffer }
/** OraclePeer is how the other one is checked. */
export interface OraclePeer { name: string; chain: Buffer; publicKey: KeyObject }
/** OracleKeys are the keys of one direction. */
export interface OracleKeys { hmac: string; meta: string; salt: string; keyId: number }

const sha256 = (...parts: Buffer[]): Buffer => createHash("sha256").update(Buffer.concat(parts)).digest();
const rawPublic = (key: KeyObject): Buffer => Buffer.from(key.export({ format: "raw-public" }));
const publicOf = (kind: "x25519" | "ml-kem-768", raw: Buffer): KeyObject => createPublicKey({ key: raw, format: "raw-public", asymmetricKeyType: kind });
const u16 = (value: number): Buffer => Buffer.from([value >> 8, value & 255]);
const u32 = (value: number): Buffer => { const out = Buffer.alloc(4); out.writeUInt32BE(value); return out; };

/** HKDF-Extract is one HMAC; HKDF-Expand of one or two blocks by hand, because node joins the two steps. */
function expand(prk: Buffer, info: Buffer, length: number): Buffer {
  let last = Buffer.alloc(0), all = Buffer.alloc(0);
  for (let n = 1; all.length < length; n++) {
    last = createHmac("sha256", prk).update(Buffer.concat([last, info, Buffer.from([n])])).digest();
    all = Buffer.concat([all, last]);
  }
  return all.subarray(0, length);
}

/** extractOf checks the two-step HKDF against the library's one-step one, and gives PRK. */
export function extractOf(salt: Buffer, ikm: Buffer): Buffer {
  const prk = createHmac("sha256", salt).update(ikm).digest();
  const info = Buffer.from("check");
  if (!expand(prk, info, 44).equals(Buffer.from(hkdfSync("sha256", ikm, salt, info, 44)))) throw new Error("HKDF in two steps differs from that in one");
  return prk;
}

function boxOf(prk: Buffer, side: "r" | "i", t: Buffer): { key: Buffer; nonce: Buffer } {
  const both = expand(prk, Buffer.concat([Buffer.from(`svr1 kx ${side}`), t]), 44);
  return { key: both.subarray(0, 32), nonce: both.subarray(32) };
}

function sealed(prk: Buffer, side: "r" | "i", t: Buffer, end: OracleEnd): Buffer {
  const signature = sign(null, Buffer.concat([Buffer.from(`svr1 kx sig ${side}`), t, u32(end.keyId), sha256(end.chain)]), end.privateKey);
  const plain = Buffer.concat([u32(end.keyId), u16(end.chain.length), end.chain, u16(signature.length), signature]);
  const { key, nonce } = boxOf(prk, side, t);
  const cipher = createCipheriv("aes-256-gcm", key, nonce).setAAD(t);
  return Buffer.concat([cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
}

function opened(prk: Buffer, t: Buffer, box: Buffer, { side, peer }: { side: "r" | "i"; peer: OraclePeer }): number {
  const { key, nonce } = boxOf(prk, side, t);
  const decipher = createDecipheriv("aes-256-gcm", key, nonce).setAAD(t).setAuthTag(box.subarray(-16));
  const plain = Buffer.concat([decipher.update(box.subarray(0, -16)), decipher.final()]);
  const chainLength = plain.readUInt16BE(4), chain = plain.subarray(6, 6 + chainLength), signature = plain.subarray(8 + chainLength);
  if (signature.length !== plain.readUInt16BE(6 + chainLength)) throw new Error("lengths of the plain text");
  if (!chain.equals(peer.chain)) throw new Error("another chain");
  if (!verify(null, Buffer.concat([Buffer.from(`svr1 kx sig ${side}`), t, plain.subarray(0, 4), sha256(chain)]), peer.publicKey, signature)) throw new Error("signature");
  return plain.readUInt32BE(0);
}

/** oracleKeys derives the keys of a direction (protocol 15.3). */
export function oracleKeys(prk: Buffer, sender: string, receiver: string, keyId: number): OracleKeys {
  const of = (purpose: string, length: number): string => expand(prk, Buffer.concat([Buffer.from(`svr1 ${purpose}\0${sender}\0${receiver}\0`), u32(0)]), length).toString("hex");
  return { hmac: of("hmac", 32), meta: of("meta", 32), salt: of("salt", 8), keyId };
}

/** oracleInitiator begins: KX1, and what to do with KX2. */
export function oracleInitiator(self: OracleEnd, peer: OraclePeer): { kx1: Buffer; answered(kx2: Buffer): { kx3: Buffer; send: OracleKeys; receive: OracleKeys } } {
  const nonce = randomBytes(32), dh = generateKeyPairSync("x25519"), kem = generateKeyPairSync("ml-kem-768");
  const kx1 = Buffer.concat([Buffer.from([1, 1, 0, 0]), nonce, rawPublic(dh.publicKey), rawPublic(kem.publicKey)]);
  return {
    kx1,
    answered(kx2) {
      const end = 4 + 32 + 32 + 1088;
      const x25519 = diffieHellman({ privateKey: dh.privateKey, publicKey: publicOf("x25519", kx2.subarray(36, 68)) });
      const mlkem = decapsulate(kem.privateKey, kx2.subarray(68, end));
      const prk = extractOf(Buffer.concat([nonce, kx2.subarray(4, 36)]), Buffer.concat([mlkem, x25519, self.psk ?? Buffer.alloc(0)]));
      const sendId = opened(prk, sha256(kx1, kx2.subarray(0, end)), kx2.subarray(end), { side: "r", peer });
      return {
        kx3: Buffer.concat([Buffer.from([3, 1, 0, 0]), sealed(prk, "i", sha256(kx1, kx2), self)]),
        send: oracleKeys(prk, self.name, peer.name, sendId), receive: oracleKeys(prk, peer.name, self.name, self.keyId),
      };
    },
  };
}

/** oracleResponder answers KX1: KX2, and what to do with KX3. */
export function oracleResponder(self: OracleEnd, peer: OraclePeer, kx1: Buffer): { kx2: Buffer; told(kx3: Buffer): { send: OracleKeys; receive: OracleKeys } } {
  const transcript = kx1.subarray(0, 4 + 32 + 32 + 1184);
  const nonce = randomBytes(32), dh = generateKeyPairSync("x25519");
  const x25519 = diffieHellman({ privateKey: dh.privateKey, publicKey: publicOf("x25519", kx1.subarray(36, 68)) });
  const { sharedKey, ciphertext } = encapsulate(publicOf("ml-kem-768", transcript.subarray(68)));
  const prk = extractOf(Buffer.concat([kx1.subarray(4, 36), nonce]), Buffer.concat([sharedKey, x25519, self.psk ?? Buffer.alloc(0)]));
  const open = Buffer.concat([Buffer.from([2, 1, 0, 0]), nonce, rawPublic(dh.publicKey), ciphertext]);
  const kx2 = Buffer.concat([open, sealed(prk, "r", sha256(transcript, open), self)]);
  return {
    kx2,
    told(kx3) {
      const sendId = opened(prk, sha256(transcript, kx2), kx3.subarray(4), { side: "i", peer });
      return { send: oracleKeys(prk, self.name, peer.name, sendId), receive: oracleKeys(prk, peer.name, self.name, self.keyId) };
    },
  };
}

/** oracleEnd makes an end whose chain is its name, with an Ed25519 key of its own or of a seed. */
export function oracleEnd(name: string, keyId: number, seed?: Buffer): OracleEnd & OraclePeer {
  const privateKey = seed === undefined ? generateKeyPairSync("ed25519").privateKey : createPrivateKey({ key: seed, format: "raw-private", asymmetricKeyType: "ed25519" });
  return { name, keyId, chain: Buffer.from(name), privateKey, publicKey: createPublicKey(privateKey) };
}
