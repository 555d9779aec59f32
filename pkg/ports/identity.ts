// Who this router is to its peers, and whom it may believe (protocol 15.1). Identities are files or come from a cluster (pkg/security); private
// keys stay behind the interface.
import type { Result } from "../base/result.ts";

/** Identity is this router's certificate and its private key, which never leaves the implementation. */
export interface Identity {
  name: string;
  /** DER, leaf first */
  chain: readonly Uint8Array[];
  /** lower-case hexadecimal */
  serial: string;
  /** unix milliseconds */
  notBefore: number;
  notAfter: number;
  /** who signed it, by its own word: name, and key id in lower-case hexadecimal, "" where it does not say */
  authority: { name: string; key: string };
  /** raw public key for origin signatures, if it is one */
  ed25519?: Uint8Array;
  /** Ed25519, or ECDSA P-256 with SHA-256 in DER */
  sign(data: Uint8Array): Uint8Array;
}

/** IdentitySource gives the current identity, undefined while there is none, and tells of a new one. */
export interface IdentitySource {
  current(): Identity | undefined;
  /** authorities that came with it, DER */
  authorities(): readonly Uint8Array[];
  /** certificates of a file of the configuration, PEM; throws a SvrError */
  authorityFile(file: string): string;
  watch(changed: () => void): { stop(): void };
  /** told by each configuration whether it needs an identity, and the key id of who signs now: who can ask for one does so, and again for one that another signed */
  wanted(is: boolean, issuer?: string): void;
}

/** CertificateAnswer is what became of a request; gone: nobody knows it any more. */
export type CertificateAnswer = { readonly certificate: string } | { readonly denied: string } | { readonly gone: true };

/** CertificateRequests asks who signs. */
export interface CertificateRequests {
  /** waits for an answer for as long as it takes; the same request is the same question, also after a restart; rejects with a SvrError or the signal's reason */
  ask(of: { router: string; request: string }, signal: AbortSignal): Promise<CertificateAnswer>;
}

/** IdentityKeeper keeps keys and certificates that are asked for on this machine; faults are SvrErrors. Keys stay behind it. */
export interface IdentityKeeper {
  /** what is there: whether the router asked for it itself, and since when it has it, in unix milliseconds */
  kept(): { isOwn: boolean; sinceMs: number } | undefined;
  /** the request (PKCS #10, PEM) of the key that waits for its certificate; both are made when there are none */
  request(): Promise<string>;
  /** that key and this chain, PEM, leaf first, become the identity, all at once, or what is wrong with the chain; authorities that come along are of somebody who asks for the router */
  install(chain: string, authorities?: string): string | undefined;
  /** forgets the key that waits */
  drop(): void;
}

/** Trust says who may be believed. */
export interface Trust {
  /** DER */
  authorities: readonly Uint8Array[];
  /** serial numbers, lower-case hexadecimal */
  revoked: ReadonlySet<string>;
}

/** ChainProblem is why a chain is not believed. */
export type ChainProblem = "expired" | "not-yet-valid" | "wrong-name" | "wrong-authority" | "revoked" | "too-long" | "key-usage" | "key-type" | "authority-key" | "malformed";

/** VerifiedPeer is whom a chain names, with its key. */
export interface VerifiedPeer {
  name: string;
  serial: string;
  /** unix milliseconds */
  notAfter: number;
  verify(data: Uint8Array, signature: Uint8Array): boolean;
  /** raw Ed25519 public key for origin signatures, if it is one */
  ed25519?: Uint8Array;
}

/** VerifyChain judges a chain, DER and leaf first, at a time. */
export type VerifyChain = (chain: readonly Uint8Array[], trust: Trust, nowMs: number) => Result<VerifiedPeer, ChainProblem>;
