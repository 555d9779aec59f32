// Chains of certificates of routers (protocol 15.1): whom a chain names, or why it is not believed. node:crypto checks signatures and issuers,
// @peculiar/x509 tells extensions that node:crypto does not; nothing parses ASN.1 here. Total: any bytes give an answer.
import { verify, X509Certificate } from "node:crypto";
import type { KeyObject } from "node:crypto";
import { fail, ok } from "../base/result.ts";
import type { Result } from "../base/result.ts";
import { routerNameField } from "../api/names.ts";
import type { ChainProblem, Trust, VerifiedPeer } from "../ports/identity.ts";
import * as x509 from "./x509.ts";

/** routerUri is how a certificate names a router. */
export const routerUri = "urn:svr:router:";

const CERTIFICATES_MOST = 4; // of a chain, without the authority itself
const BYTES_MOST = 16_384;
const known: ReadonlySet<string> = new Set(["2.5.29.14", "2.5.29.15", "2.5.29.17", "2.5.29.19", "2.5.29.35", "2.5.29.37"]); // what may be critical: both key ids, usages, names, basic constraints
const purposes: ReadonlySet<string> = new Set(["1.3.6.1.5.5.7.3.1", "1.3.6.1.5.5.7.3.2"]); // server and client: authorities give these to whoever proves who it is
const hashes: ReadonlySet<string> = new Set(["SHA-256", "SHA-384", "SHA-512"]);

/** What counts of one certificate. */
interface Certificate {
  node: X509Certificate;
  key: KeyObject;
  isAuthority: boolean;
  pathLength: number;
  usages: number;
  /** extended usages; undefined: for any */
  purposes: string[] | undefined;
  /** every name, the URI of the router among them */
  names: { type: string; value: string }[];
  /** signed with a hash that nobody can make collide */
  isSound: boolean;
  /** has a critical extension that nobody here judges */
  isStrange: boolean;
}

/** verifyChain judges a chain, DER and leaf first. */
export function verifyChain(chain: readonly Uint8Array[], trust: Trust, nowMs: number): Result<VerifiedPeer, ChainProblem> {
  if (chain.length > CERTIFICATES_MOST + 1 || chain.reduce((sum, { length }) => sum + length, 0) > BYTES_MOST) return fail("too-long");
  if (isOfNobody(chain, trust)) return fail("wrong-authority");
  const all = parseAll(chain);
  if (all === undefined || all.some(({ isStrange }) => isStrange)) return fail("malformed");
  const below = withoutAuthority(all, trust);
  const [leaf] = below;
  if (leaf === undefined) return fail("wrong-authority");
  if (below.length > CERTIFICATES_MOST) return fail("too-long");
  const problem = issuerProblem(below, trust, nowMs) ?? standing(below, trust, nowMs);
  return problem === undefined ? named(leaf) : fail(problem);
}

function parseAll(chain: readonly Uint8Array[]): Certificate[] | undefined {
  try {
    return chain.length === 0 ? undefined : chain.map(parse);
  } catch {
    return undefined; // bytes of a peer: that they are no certificate is the answer
  }
}

/**
 * What node:crypto sees alone tells that a chain does not come down from an authority of ours, from its end on: anybody can send one, also with a true
 * certificate in it, and all else costs a hundred times as much.
 */
function isOfNobody(chain: readonly Uint8Array[], { authorities }: Trust): boolean {
  try {
    const nodes = chain.map(certificateOf).reverse(), trusted = authorities.flatMap((der) => parseAll([der]) ?? []);
    return nodes.some((node, place) => {
      const above = nodes[place - 1];
      if (above !== undefined) return !node.verify(above.publicKey);
      return trusted.every((one) => Buffer.compare(one.node.raw, node.raw) !== 0 && !node.verify(one.key));
    });
  } catch {
    return false; // whether it is malformed or too much is told by the rest
  }
}

/** Each array of bytes is read once: authorities and chains of peers are judged again and again. */
const read = new WeakMap<Uint8Array, Certificate>();

function parse(der: Uint8Array): Certificate {
  const found = read.get(der) ?? parseNew(der);
  read.set(der, found);
  return found;
}

function parseNew(der: Uint8Array): Certificate {
  const node = certificateOf(der);
  const view = new x509.X509Certificate(new Uint8Array(node.raw));
  const basic = view.getExtension(x509.BasicConstraintsExtension), names = view.getExtension(x509.SubjectAlternativeNameExtension)?.names.toJSON() ?? [];
  return {
    node, key: node.publicKey, isAuthority: basic?.ca === true, pathLength: basic?.pathLength ?? Infinity, usages: view.getExtension(x509.KeyUsagesExtension)?.usages ?? 0,
    purposes: view.getExtension(x509.ExtendedKeyUsageExtension)?.usages.map(String), names: names.map(({ type, value }) => ({ type, value: String(value) })),
    isSound: isSound(view.signatureAlgorithm), isStrange: view.extensions.some(({ critical, type }) => critical && !known.has(type)) || isTwice(view.extensions),
  };
}

function isSound(algorithm: object): boolean {
  const { name, hash } = algorithm as { name: string; hash?: { name: string } };
  return name === "Ed25519" || (name === "ECDSA" && hash !== undefined && hashes.has(hash.name));
}

/** Two of a kind (RFC 5280 4.2: never): one library may believe the first, another the last. */
function isTwice(extensions: readonly { type: string }[]): boolean {
  return new Set(extensions.map(({ type }) => type)).size !== extensions.length;
}

/** One certificate in DER and nothing else: node:crypto would also find PEM text anywhere in the bytes, and then both libraries read two certificates out of one. */
function certificateOf(der: Uint8Array): X509Certificate {
  const node = new X509Certificate(der);
  if (Buffer.compare(node.raw, der) !== 0) throw new TypeError("not the DER of one certificate");
  return node;
}

/** Some send the authority along. */
function withoutAuthority(all: readonly Certificate[], { authorities }: Trust): Certificate[] {
  const last = all.at(-1);
  const isAuthority = last !== undefined && authorities.some((der) => Buffer.compare(der, last.node.raw) === 0);
  return isAuthority ? all.slice(0, -1) : [...all];
}

/** Each is signed by the next one, the last by an authority. */
function issuerProblem(chain: readonly Certificate[], trust: Trust, nowMs: number): ChainProblem | undefined {
  const authorities = trust.authorities.flatMap((der) => parseAll([der]) ?? []);
  for (const [place, one] of chain.entries()) {
    const next = chain[place + 1];
    const issuers = (next === undefined ? authorities : [next]).filter((issuer) => isIssuer(issuer, one));
    if (issuers.length === 0) return "wrong-authority";
    if (!one.isSound || !issuers.some((issuer) => isKnownKey(issuer.key))) return "authority-key";
    const withRoom = issuers.filter(({ pathLength }) => pathLength >= place);
    if (withRoom.length === 0) return "too-long";
    if (next === undefined && withRoom.every(({ node }) => timeProblem(node, nowMs) !== undefined)) return "expired";
  }
  return undefined;
}

/** An authority may sign for more than routers, but not for others only. */
function isIssuer({ node, key, isAuthority, usages, purposes: signsFor }: Certificate, one: Certificate): boolean {
  return isAuthority && (usages & x509.KeyUsageFlags.keyCertSign) !== 0 && (signsFor?.some((purpose) => purposes.has(purpose)) ?? true) && one.node.checkIssued(node) && one.node.verify(key);
}

function standing(chain: readonly Certificate[], { revoked }: Trust, nowMs: number): ChainProblem | undefined {
  const serials = new Set([...revoked].map(plainSerial));
  if (chain.some(({ node }) => serials.has(plainSerial(node.serialNumber)))) return "revoked";
  return chain.map(({ node }) => timeProblem(node, nowMs)).find((problem) => problem !== undefined);
}

function timeProblem({ validFromDate, validToDate }: X509Certificate, nowMs: number): "expired" | "not-yet-valid" | undefined {
  if (nowMs < validFromDate.getTime()) return "not-yet-valid";
  return nowMs > validToDate.getTime() ? "expired" : undefined;
}

/** Zeros in front are how some write a number. */
function plainSerial(serial: string): string {
  return serial.toLowerCase().replace(/^0+(?=.)/, "");
}

function named({ node, key, isAuthority, usages, purposes: isFor, names: [first, ...more] }: Certificate): Result<VerifiedPeer, ChainProblem> {
  if (isAuthority || (usages & x509.KeyUsageFlags.digitalSignature) === 0 || isFor?.every((purpose) => purposes.has(purpose)) === false) return fail("key-usage");
  if (!isKnownKey(key)) return fail("key-type");
  const uri = first?.type === "url" ? first.value : "", name = uri.slice(routerUri.length);
  if (more.length > 0 || !uri.startsWith(routerUri) || !routerNameField.safeParse(name).success) return fail("wrong-name");
  return ok({ name, serial: node.serialNumber.toLowerCase(), notAfter: node.validToDate.getTime(), verify: verifier(key), ...rawKey(key) });
}

/** ownName reads whom a chain of this router's own names; whether it counts is for its peers to say. */
export function ownName([leaf]: readonly Uint8Array[]): Result<VerifiedPeer, ChainProblem> {
  const [parsed] = leaf === undefined ? [] : parseAll([leaf]) ?? [];
  return parsed === undefined ? fail("malformed") : named(parsed);
}

/** authorityOf reads who signed a certificate, by the word of the certificate. */
export function authorityOf(leaf: Uint8Array): { name: string; key: string } {
  const view = new x509.X509Certificate(new Uint8Array(leaf));
  return { name: view.issuer, key: view.getExtension(x509.AuthorityKeyIdentifierExtension)?.keyId?.toLowerCase() ?? "" };
}

function isKnownKey(key: KeyObject): boolean {
  return key.asymmetricKeyType === "ed25519" || (key.asymmetricKeyType === "ec" && key.asymmetricKeyDetails?.namedCurve === "prime256v1");
}

function verifier(key: KeyObject): VerifiedPeer["verify"] {
  const digest = key.asymmetricKeyType === "ed25519" ? null : "sha256";
  return (data, signature) => verify(digest, data, key, signature);
}

function rawKey(key: KeyObject): Pick<VerifiedPeer, "ed25519"> {
  if (key.asymmetricKeyType !== "ed25519") return {};
  const { x } = key.export({ format: "jwk" });
  return x === undefined ? {} : { ed25519: new Uint8Array(Buffer.from(x, "base64url")) };
}

/** splitCertificates cuts certificates that stand one after the other; undefined when something else stands there. */
export function splitCertificates(joined: Uint8Array): Uint8Array[] | undefined {
  const chain: Uint8Array[] = [];
  try {
    for (let rest = joined; rest.length > 0 && chain.length <= CERTIFICATES_MOST + 1;) {
      const one = new Uint8Array(new X509Certificate(rest).raw);
      if (Buffer.compare(one, rest.subarray(0, one.length)) !== 0) return undefined; // found elsewhere in the bytes, as PEM
      chain.push(one);
      rest = rest.subarray(one.length);
    }
    return chain;
  } catch {
    return undefined; // bytes of a peer, as above
  }
}

/** pemCertificates gives the certificates of a PEM text, DER; undefined when one of them is none, or there is none at all. */
export function pemCertificates(pem: string): Uint8Array[] | undefined {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  try {
    return blocks.length === 0 ? undefined : blocks.map((block) => new Uint8Array(new X509Certificate(block).raw));
  } catch {
    return undefined; // said by whoever has the place of the text
  }
}
