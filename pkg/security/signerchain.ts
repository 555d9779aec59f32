// Whether routers will believe what an authority signs, and the certificates that go along with it when it stands below another one. Called by
// authority.ts before a certificate leaves; nothing is signed with an authority that routers would refuse.
import { createPrivateKey, X509Certificate } from "node:crypto";
import { SvrError } from "../base/errors.ts";
import type { AuthorityKeyType } from "../ports/authority.ts";
import type { ChainProblem } from "../ports/identity.ts";
import { pemCertificates, verifyChain } from "./chain.ts";

/** keyTypeOf tells the kind of a private key in PEM; undefined for others than the two that routers may have. */
export function keyTypeOf(key: string): AuthorityKeyType | undefined {
  const { asymmetricKeyType, asymmetricKeyDetails } = createPrivateKey(key);
  if (asymmetricKeyType === "ed25519") return "Ed25519";
  return asymmetricKeyType === "ec" && asymmetricKeyDetails?.namedCurve === "prime256v1" ? "ECDSA" : undefined;
}

const keyFix = "give it an Ed25519 or ECDSA P-256 key (cert-manager: privateKey.algorithm Ed25519, or ECDSA with size 256)";
const fixes: Partial<Readonly<Record<ChainProblem, string>>> = {
  "authority-key": keyFix,
  "wrong-authority": "put the certificate of the key first, one that may sign certificates, and after it those above it, each signed by the next one",
  "too-long": "allow one more certificate below it (path length), and have at most three authorities between a router and the one that routers trust",
  "expired": "make another authority, and let routers trust both until all certificates are replaced",
};

function refuse(attempted: string, fix: string): never {
  throw new SvrError("SVR_AUTHORITY", { object: "authority", attempted, fix });
}

/** signingKeyType is the kind of the key of an authority that may sign. */
export function signingKeyType(key: string): AuthorityKeyType {
  return typeIn(key) ?? refuse("nothing is signed: the key of the authority is of a kind that no router believes", keyFix);
}

function typeIn(key: string): AuthorityKeyType | undefined {
  try {
    return keyTypeOf(key);
  } catch {
    return refuse("nothing is signed: the authority holds no private key in PEM", "bring its key back, PKCS #8 without a password"); // the library's own words may quote it
  }
}

/** certificatesOf reads an authority with those above it, PEM, itself first. */
export function certificatesOf(authority: string): X509Certificate[] {
  return (pemCertificates(authority) ?? refuse("nothing is signed: the authority holds no certificates in PEM", "bring its certificate back")).map((der) => new X509Certificate(der));
}

/** alongWith gives the certificates that follow what an authority signed, none when it stands alone; throws when routers that trust its top would not believe the chain. */
export function alongWith(authority: string, leaf: Uint8Array, nowMs: number): string {
  const all = certificatesOf(authority), top = all.at(-1)!;
  const above = top.checkIssued(top) ? all.slice(0, -1) : all;
  const peer = verifyChain([leaf, ...above.map(({ raw }) => new Uint8Array(raw))], { authorities: [new Uint8Array(top.raw)], revoked: new Set() }, nowMs);
  const early = all.find(({ validFromDate }) => validFromDate.getTime() > nowMs);
  if (early !== undefined) refuse(`nothing is signed: authority ${early.subject} counts from ${early.validFromDate.toISOString()}, and by the clock of this machine it is ${new Date(nowMs).toISOString()}`, "set the clock of this machine");
  if (!peer.ok) refuse(`nothing is signed: no router would believe certificates of this authority (${peer.error})`, fixes[peer.error] ?? "look at its certificates with openssl x509 -text");
  return above.map((one) => one.toString()).join("");
}
