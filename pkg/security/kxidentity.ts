// Identities and chains as the key exchange has them: certificates joined, the hash of the leaf. Constructed into the router by cmd/router.
import { createHash } from "node:crypto";
import { concatBytes } from "../base/bytes.ts";
import { fail, ok } from "../base/result.ts";
import type { Result } from "../base/result.ts";
import type { ChainProblem, Identity, Trust } from "../ports/identity.ts";
import type { KxPeer, KxSelf } from "../svr/kxsecret.ts";
import { splitCertificates, verifyChain } from "./chain.ts";

/** kxSelf is an identity for an exchange. */
export function kxSelf(identity: Identity): KxSelf {
  return { name: identity.name, chain: concatBytes(...identity.chain), leafHash: sha256(identity.chain[0] ?? new Uint8Array(0)), sign: (data) => identity.sign(data) };
}

/** Cut once, so that what chain.ts knows of its certificates counts when a peer is judged again. */
const cut = new WeakMap<Uint8Array, Uint8Array[]>();

/** judgeChain tells whom joined certificates name, or why they do not count. */
export function judgeChain(joined: Uint8Array, trust: Trust, nowMs: number): Result<KxPeer, ChainProblem> {
  const chain = cut.get(joined) ?? splitCertificates(joined);
  if (chain === undefined) return fail("malformed");
  cut.set(joined, chain);
  const peer = verifyChain(chain, trust, nowMs);
  if (!peer.ok) return peer;
  const { name, serial, notAfter } = peer.value;
  return ok({ name, serial, notAfter, leafHash: sha256(chain[0]!), verify: (data, signature) => peer.value.verify(data, signature) });
}

function sha256(data: Uint8Array): Uint8Array {
  return new Uint8Array(createHash("sha256").update(data).digest());
}
