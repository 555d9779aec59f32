// Certificates of authorities and routers (protocol 15.1), made by the X.509 library: an authority, a request of a router, a certificate for
// it. Used by the authority in a folder; whoever signs in a cluster can use it as well. Keeps nothing; keys are PEM texts of the caller's.
import { createPrivateKey, createPublicKey, KeyObject, randomBytes, webcrypto } from "node:crypto";
import type { X509Certificate } from "node:crypto";
import { SvrError } from "../base/errors.ts";
import type { AuthorityKeyType, IssuedCertificate } from "../ports/authority.ts";
import { alongWith, certificatesOf, signingKeyType } from "./signerchain.ts";
import * as x509 from "./x509.ts";

const { subtle } = webcrypto;
const SERIAL_BYTES = 16; // random, so that numbers tell nothing (CA/Browser Forum 7.1: at least 64 bits)
const DAY_MS = 86_400_000;
const SKEW_MS = 300_000; // a certificate counts a little earlier than it was made: clocks differ
const algorithms = { Ed25519: { name: "Ed25519" }, ECDSA: { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } } as const;

/** KeyedCertificate is a certificate in PEM with its private key in PEM. */
export interface KeyedCertificate { certificate: string; key: string }

/** Signer is an authority that signs: certificate and key in PEM. */
export type Signer = KeyedCertificate;

async function newKeys(type: AuthorityKeyType): Promise<webcrypto.CryptoKeyPair> {
  return await subtle.generateKey(algorithms[type], true, ["sign", "verify"]) as webcrypto.CryptoKeyPair;
}

function keyPem(keys: webcrypto.CryptoKeyPair): string {
  return KeyObject.from(keys.privateKey).export({ format: "pem", type: "pkcs8" }).toString();
}

function times(nowMs: number, days: number): { notBefore: Date; notAfter: Date } {
  return { notBefore: new Date(nowMs - SKEW_MS), notAfter: new Date(nowMs + days * DAY_MS) };
}

function newSerial(): string {
  const bytes = randomBytes(SERIAL_BYTES);
  bytes[0] = (bytes[0]! & 0x7f) | 0x40; // positive, and never shorter
  return bytes.toString("hex");
}

/** makeAuthority makes a self-signed authority that may sign routers only (path length 0). */
export async function makeAuthority(of: { name: string; key: AuthorityKeyType; days: number; nowMs: number }): Promise<KeyedCertificate> {
  const keys = await newKeys(of.key);
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: newSerial(), name: [{ CN: [of.name] }], ...times(of.nowMs, of.days), keys, signingAlgorithm: algorithms[of.key],
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true), new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return { certificate: pemOf(certificate), key: keyPem(keys) };
}

function pemOf(certificate: { toString(format: "pem"): string }): string {
  return `${certificate.toString("pem")}\n`;
}

function routerNames(router: string): x509.Extension {
  return new x509.SubjectAlternativeNameExtension([{ type: "url", value: `urn:svr:router:${router}` }]);
}

/** makeRequest makes a key and a certificate signing request for it (PKCS #10), both PEM. */
export async function makeRequest(router: string, type: AuthorityKeyType): Promise<{ request: string; key: string }> {
  const keys = await newKeys(type);
  const request = await x509.Pkcs10CertificateRequestGenerator.create({ name: [{ CN: [router] }], keys, signingAlgorithm: algorithms[type], extensions: [routerNames(router)] });
  return { request: pemOf(request), key: keyPem(keys) };
}

/** RequestProblem is why a request is not signed. */
export type RequestProblem = "malformed" | "signature" | "key-type" | "wrong-name";

const problemWords = (router: string): Readonly<Record<RequestProblem, string>> => ({
  "malformed": "it is no certificate signing request in PEM", "signature": "its own signature is wrong", "key-type": "its key is neither Ed25519 nor ECDSA P-256",
  "wrong-name": `it must hold the name urn:svr:router:${router} and nothing else`,
});

/** judgeRequest tells what is wrong with a request for this router: it must hold its one name and nothing else, a right key and its own signature. */
export async function judgeRequest(request: string, router: string): Promise<RequestProblem | undefined> {
  const read = readRequest(request);
  if (read === undefined) return "malformed";
  if (!isRouterKey(read.publicKey)) return "key-type";
  if (!await read.verify(webcrypto)) return "signature";
  const names = read.extensions.flatMap((one) => (one instanceof x509.SubjectAlternativeNameExtension ? one.names.toJSON() : []));
  const isNamed = names.length === 1 && names[0]?.type === "url" && names[0].value === `urn:svr:router:${router}`;
  return isNamed && read.extensions.length === 1 ? undefined : "wrong-name";
}

/** isOfRequest tells whether a certificate is of the key of a good request of this router. */
export async function isOfRequest({ publicKey }: X509Certificate, of: { request: string; router: string }): Promise<boolean> {
  if (await judgeRequest(of.request, of.router) !== undefined) return false;
  return publicKey.export({ format: "der", type: "spki" }).equals(new Uint8Array(new x509.Pkcs10CertificateRequest(of.request).publicKey.rawData));
}

/** isKeyOfRequest tells whether a private key in PEM is that of a request; a text that is none is not. */
export function isKeyOfRequest(key: string, request: string): boolean {
  try {
    return createPublicKey(key).export({ format: "der", type: "spki" }).equals(new Uint8Array(new x509.Pkcs10CertificateRequest(request).publicKey.rawData));
  } catch {
    return false; // a file of somebody's
  }
}

function readRequest(request: string): x509.Pkcs10CertificateRequest | undefined {
  try {
    return new x509.Pkcs10CertificateRequest(request);
  } catch {
    return undefined; // a text of somebody's: that it is no request is the answer
  }
}

function isRouterKey({ algorithm }: x509.PublicKey): boolean {
  const { name, namedCurve } = algorithm as { name: string; namedCurve?: string };
  return name === "Ed25519" || (name === "ECDSA" && namedCurve === "P-256");
}

/** signRequest gives the certificate of a judged request: one name, no authority, signatures only; an authority below another one goes along with it. */
export async function signRequest(signer: Signer, of: { request: string; router: string; days: number; nowMs: number }): Promise<{ certificate: string; issued: IssuedCertificate }> {
  const problem = await judgeRequest(of.request, of.router);
  if (problem !== undefined) {
    throw new SvrError("SVR_AUTHORITY", { object: `request for ${of.router}`, attempted: `the request is refused: ${problemWords(of.router)[problem]} (${problem})`, fix: `on the machine of the router make one: svrctl enroll ${of.router} --offline` });
  }
  const { publicKey } = new x509.Pkcs10CertificateRequest(of.request);
  const certificate = await signLeaf(signer, { ...of, subject: of.router, publicKey, extensions: [routerNames(of.router)] });
  const above = alongWith(signer.certificate, new Uint8Array(certificate.rawData), of.nowMs);
  return { certificate: `${pemOf(certificate)}${above}`, issued: { router: of.router, serial: certificate.serialNumber, notBefore: certificate.notBefore.getTime(), notAfter: certificate.notAfter.getTime() } };
}

interface Leaf { subject: string; days: number; nowMs: number; publicKey: x509.PublicKey | webcrypto.CryptoKey; extensions: x509.Extension[] }

async function signLeaf(signer: Signer, { subject, days, nowMs, publicKey, extensions }: Leaf): Promise<x509.X509Certificate> {
  const authority = new x509.X509Certificate(new Uint8Array(certificatesOf(signer.certificate)[0]!.raw)), type = signingKeyType(signer.key);
  const when = times(nowMs, days);
  if (authority.notAfter.getTime() <= nowMs) {
    throw new SvrError("SVR_AUTHORITY", { object: `authority ${authority.subject}`, attempted: `the authority has expired on ${authority.notAfter.toISOString()}, so nobody believes what it signs`, fix: "make another authority, and let routers trust both until all certificates are replaced" });
  }
  if (when.notAfter > authority.notAfter) when.notAfter = authority.notAfter;
  const signingKey = await subtle.importKey("pkcs8", createPrivateKey(signer.key).export({ format: "der", type: "pkcs8" }), algorithms[type], false, ["sign"]);
  return x509.X509CertificateGenerator.create({
    serialNumber: newSerial(), subject: `CN=${subject}`, issuer: authority.subject, ...when, publicKey, signingKey: signingKey as never, signingAlgorithm: algorithms[type],
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true), new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true), ...extensions,
      await x509.AuthorityKeyIdentifierExtension.create(authority.publicKey),
    ],
  });
}

/** makeServer makes a key and a certificate of a TLS server with one DNS name: no router believes that it is a router. The authority follows in the chain. */
export async function makeServer(signer: Signer, of: { name: string; days: number; nowMs: number }): Promise<KeyedCertificate> {
  const keys = await newKeys("ECDSA");
  const extensions = [new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]), new x509.SubjectAlternativeNameExtension([{ type: "dns", value: of.name }])];
  const certificate = await signLeaf(signer, { ...of, subject: of.name, publicKey: keys.publicKey, extensions });
  return { certificate: `${pemOf(certificate)}${signer.certificate}`, key: keyPem(keys) };
}
