// Known answers that the runtime's cryptography must give before keys are exchanged with it: a library that was built wrong, or a
// provider that lacks an algorithm, is found at the start and not by a peer. Called by whoever starts exchanges; keeps nothing.
import { createHash, createPrivateKey, createPublicKey, decapsulate, diffieHellman } from "node:crypto";
import type { KeyObject } from "node:crypto";
import { equalBytes, fromHex } from "../base/bytes.ts";
import { nodeKxCrypto } from "./kxcrypto.ts";

type Known = [name: string, right: () => boolean];

const hex = (text: string): Uint8Array => fromHex(text) ?? new Uint8Array(0);

/** RFC 7748 section 6.1: the private key of one side, the public key of the other, what both get. */
const X25519 = { own: "77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a", other: "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f", secret: "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742" };
/** NIST ACVP, ML-KEM-768 keyGen FIPS 203, case 26: d and z, SHA-256 of the encapsulation key. */
const MLKEM = { seed: "e34a701c4c87582f42264ee422d3c684d97611f2523efe0c998af05056d693dca85768f3486bd32a01bf9a8f21ea938e648eae4e5448c34c3eb88820b159eedd", digest: "7799c9d8eef172aa78c073514f2f039c240de8c5cb61bca82ba0bc46041ce279" };
/** RFC 5869 appendix A.1. */
const HKDF = { ikm: "0b".repeat(22), salt: "000102030405060708090a0b0c", info: "f0f1f2f3f4f5f6f7f8f9", okm: "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865" };
/** The specification of GCM (McGrew and Viega), test case 14: AES-256, key and nonce zero, one block of zeros. */
const GCM = "cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919";

function isX25519Right(): boolean {
  const privateKey = createPrivateKey({ key: Buffer.from(X25519.own, "hex"), format: "raw-private", asymmetricKeyType: "x25519" });
  const publicKey = createPublicKey({ key: Buffer.from(X25519.other, "hex"), format: "raw-public", asymmetricKeyType: "x25519" });
  return equalBytes(diffieHellman({ privateKey, publicKey }), hex(X25519.secret));
}

/** seededMlkem is the private key of a seed d and z of 64 bytes. */
export function seededMlkem(seed: Uint8Array): KeyObject {
  return createPrivateKey({ key: Buffer.from(seed), format: "raw-seed", asymmetricKeyType: "ml-kem-768" });
}

function isMlkemRight(): boolean {
  const privateKey = seededMlkem(hex(MLKEM.seed));
  const publicKey = createPublicKey(privateKey).export({ format: "raw-public" });
  const made = nodeKxCrypto.encapsulate(publicKey);
  const isKnown = createHash("sha256").update(publicKey).digest("hex") === MLKEM.digest;
  return isKnown && made !== undefined && equalBytes(decapsulate(privateKey, made.ciphertext), made.secret);
}

function isHkdfRight(): boolean {
  const prk = nodeKxCrypto.hkdf.extract(hex(HKDF.salt), hex(HKDF.ikm));
  return equalBytes(nodeKxCrypto.hkdf.expand(prk, hex(HKDF.info), 42), hex(HKDF.okm));
}

function isGcmRight(): boolean {
  const zero = new Uint8Array(32), nonce = new Uint8Array(12), empty = new Uint8Array(0);
  const box = nodeKxCrypto.seal(zero, nonce, empty, new Uint8Array(16));
  return equalBytes(box, hex(GCM)) && nodeKxCrypto.open(zero, nonce, Uint8Array.of(1), box) === undefined;
}

const known: readonly Known[] = [["X25519 (RFC 7748)", isX25519Right], ["ML-KEM-768 (FIPS 203)", isMlkemRight], ["HKDF-SHA256 (RFC 5869)", isHkdfRight], ["AES-256-GCM", isGcmRight]];

/** kxFaults names the algorithms that give a wrong answer here, or none; an empty list is a runtime that may exchange keys. */
export function kxFaults(tests: readonly Known[] = known): string[] {
  return tests.flatMap(([name, right]) => {
    try {
      return right() ? [] : [`${name} gives a wrong answer`];
    } catch (error) {
      return [`${name} is missing (${(error as Error).message})`];
    }
  });
}
