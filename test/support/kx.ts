// Two sides of a key exchange in memory, with identities that are a name and an Ed25519 key instead of certificates. Used by tests of
// pkg/svr/kx*, of the oracle and by fuzzers.
import { createHash, generateKeyPairSync, sign, verify } from "node:crypto";
import type { KeyObject } from "node:crypto";
import { fail, ok } from "../../pkg/base/result.ts";
import { nodeKxCrypto } from "../../pkg/security/kxcrypto.ts";
import { KxInitiator } from "../../pkg/svr/kxinitiator.ts";
import { KxResponder } from "../../pkg/svr/kxresponder.ts";
import type { KxSelf, KxTrust } from "../../pkg/svr/kxsecret.ts";

/** KxEnd is the name of a side. */
export type KxEnd = string;

const keys = new Map<KxEnd, { publicKey: KeyObject; privateKey: KeyObject }>();

function keysOf(name: KxEnd): { publicKey: KeyObject; privateKey: KeyObject } {
  const known = keys.get(name) ?? generateKeyPairSync("ed25519");
  keys.set(name, known);
  return known;
}

/** kxSelf is an identity whose chain is its name; `bend` makes wrong signatures. */
export function kxSelf(name: KxEnd, bend = false): KxSelf {
  const chain = new TextEncoder().encode(name);
  return {
    name, chain, leafHash: new Uint8Array(createHash("sha256").update(chain).digest()),
    sign: (data) => new Uint8Array(sign(null, bend ? data.map((byte) => byte ^ 1) : data, keysOf(name).privateKey)),
  };
}

/** kxTrust believes every chain that is a name of a letter to fifteen. */
export const kxTrust: KxTrust = (chain) => {
  const name = new TextDecoder().decode(chain);
  if (!/^[a-z]{1,15}$/.test(name)) return fail("malformed");
  return ok({ name, serial: "01", notAfter: 0, leafHash: kxSelf(name).leafHash, verify: (data, signature) => verify(null, data, keysOf(name).publicKey, signature) });
};

/** KxPairOptions change what a pair of sides is; east begins, west answers. */
export interface KxPairOptions {
  self?: KxEnd; peer?: KxEnd; other?: KxEnd; bend?: KxEnd;
  trust?: KxTrust; otherTrust?: KxTrust;
  psk?: Uint8Array; otherPsk?: Uint8Array;
  mayBe?: (name: string) => boolean;
  /** whether a peer is reached at a place */
  isExpected?: (place: string) => boolean;
}

/** kxPair makes both sides; key ids count up. */
export function kxPair(options: KxPairOptions): { initiator: KxInitiator; responder: KxResponder } {
  const { self = "east", peer = "west", other = "west", bend, trust = kxTrust, otherTrust = kxTrust, psk, otherPsk, mayBe = () => true, isExpected = () => true } = options;
  let ids = 0;
  const newKeyId = (): number => ++ids;
  return {
    initiator: new KxInitiator({ primitives: nodeKxCrypto, self: () => kxSelf(self, bend === self), peer, trust, psk, newKeyId }),
    responder: new KxResponder({ primitives: nodeKxCrypto, self: () => kxSelf(other, bend === other), trust: otherTrust, pskAt: () => otherPsk, sourceOf: (place) => ({ key: place.split(" ", 1)[0] ?? "", isExpected: isExpected(place) }), mayBe, newKeyId }, 0),
  };
}
