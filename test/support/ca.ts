// An authority for tests: issues certificates of routers, good ones and every kind of bad one. Keys are made by WebCrypto, files by identityFolder.
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { KeyObject, webcrypto } from "node:crypto";
import * as x509 from "../../pkg/security/x509.ts";

const { subtle } = webcrypto;
type Keys = webcrypto.CryptoKeyPair;
type Algorithm = webcrypto.Algorithm;
const ED25519: Algorithm = { name: "Ed25519" };
const ECDSA = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
const HOUR_MS = 3_600_000;

/** KeyType is the kind of a key. */
export type KeyType = "Ed25519" | "ECDSA" | "RSA" | "P-384" | "P-521";

/** IssueOptions change one thing of a certificate that is good otherwise. */
export interface IssueOptions {
  /** names, instead of the one URI of the router */
  uris?: string[];
  /** names of other kinds beside them */
  names?: x509.JsonGeneralName[];
  /** extended usages */
  purposes?: string[];
  /** hash of the signature, where the authority's key is on a curve */
  hash?: string;
  notBefore?: number;
  notAfter?: number;
  key?: KeyType;
  serial?: string;
  usages?: x509.KeyUsageFlags;
  isAuthority?: boolean;
  pathLength?: number;
  /** the extension of names stands there twice */
  isNamedTwice?: boolean;
}

/** Issued is a certificate with its key. */
export interface Issued { chain: Uint8Array[]; pem: string; keyPem: string; serial: string }

/** TestAuthority issues certificates. */
export interface TestAuthority {
  der: Uint8Array;
  pem: string;
  /** its certificate with those between it and the first authority, and its key, PEM */
  signer: { certificate: string; key: string };
  issue(name: string, options?: IssueOptions): Promise<Issued>;
  /** an authority below it */
  below(name: string, options?: IssueOptions): Promise<TestAuthority>;
}

let lastSerial = 4096;

/** createAuthority makes an authority with a key of its own; `key` is its kind. */
export async function createAuthority(name = "test authority", key: KeyType = "Ed25519"): Promise<TestAuthority> {
  const keys = await newKeys(key);
  const certificate = await x509.X509CertificateGenerator.create({ ...head({}), subject: `CN=${name}`, issuer: `CN=${name}`, publicKey: keys.publicKey, signingKey: keys.privateKey, signingAlgorithm: algorithmOf(key), extensions: authorityExtensions({}) });
  return authority({ certificate, keys, key, chain: [] });
}

interface Issuer { certificate: x509.X509Certificate; keys: Keys; key: KeyType; /** certificates that go along */ chain: Uint8Array[] }

function authority(issuer: Issuer): TestAuthority {
  const sign = async (name: string, options: IssueOptions, extensions: x509.Extension[]): Promise<Issuer> => {
    const key = options.key ?? "Ed25519", keys = await newKeys(key);
    const certificate = await x509.X509CertificateGenerator.create({ ...head(options), subject: `CN=${name}`, issuer: issuer.certificate.subject, publicKey: keys.publicKey, signingKey: issuer.keys.privateKey, signingAlgorithm: { ...algorithmOf(issuer.key), ...(options.hash !== undefined && { hash: options.hash }) }, extensions });
    return { certificate, keys, key, chain: [new Uint8Array(certificate.rawData), ...issuer.chain] };
  };
  return {
    der: new Uint8Array(issuer.certificate.rawData), pem: issuer.certificate.toString("pem"),
    signer: { certificate: issuer.chain.length === 0 ? `${issuer.certificate.toString("pem")}\n` : pemOf(issuer.chain), key: keyPemOf(issuer.keys) },
    async issue(name, options = {}) {
      const { certificate, keys, chain } = await sign(name, options, leafExtensions(name, options));
      return { chain, pem: pemOf(chain).trimEnd(), keyPem: keyPemOf(keys), serial: certificate.serialNumber };
    },
    async below(name, options = {}) { return authority(await sign(name, options, authorityExtensions(options))); },
  };
}

function pemOf(chain: readonly Uint8Array[]): string {
  return chain.map((der) => `${new x509.X509Certificate(der).toString("pem")}\n`).join("");
}

function keyPemOf(keys: Keys): string {
  return KeyObject.from(keys.privateKey).export({ format: "pem", type: "pkcs8" }).toString();
}

function head({ notBefore = Date.now() - HOUR_MS, notAfter = Date.now() + 90 * 24 * HOUR_MS, serial }: IssueOptions): { serialNumber: string; notBefore: Date; notAfter: Date } {
  return { serialNumber: serial ?? (lastSerial++).toString(16), notBefore: new Date(notBefore), notAfter: new Date(notAfter) };
}

function leafExtensions(name: string, { uris = [`urn:svr:router:${name}`], names = [], usages = x509.KeyUsageFlags.digitalSignature, isAuthority = false, purposes, isNamedTwice }: IssueOptions): x509.Extension[] {
  const all = [...uris.map((value): x509.JsonGeneralName => ({ type: "url", value })), ...names];
  const named = all.length === 0 ? [] : [new x509.SubjectAlternativeNameExtension(all)];
  return [new x509.BasicConstraintsExtension(isAuthority, undefined, true), new x509.KeyUsagesExtension(usages, true), ...purposesOf(purposes), ...named, ...(isNamedTwice === true ? named : [])];
}

function authorityExtensions({ pathLength, usages = x509.KeyUsageFlags.keyCertSign, purposes }: IssueOptions): x509.Extension[] {
  return [new x509.BasicConstraintsExtension(true, pathLength, true), new x509.KeyUsagesExtension(usages, true), ...purposesOf(purposes)];
}

function purposesOf(purposes: string[] | undefined): x509.Extension[] {
  return purposes === undefined ? [] : [new x509.ExtendedKeyUsageExtension(purposes)];
}

function algorithmOf(key: KeyType): Algorithm {
  return key === "Ed25519" ? ED25519 : key === "ECDSA" ? ECDSA : key !== "RSA" ? { name: "ECDSA", namedCurve: key, hash: "SHA-256" } as Algorithm : { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" } as Algorithm;
}

async function newKeys(key: KeyType): Promise<Keys> {
  if (key === "RSA") return subtle.generateKey({ name: "RSASSA-PKCS1-v1_5", hash: "SHA-256", modulusLength: 2048, publicExponent: Uint8Array.of(1, 0, 1) }, true, ["sign", "verify"]);
  return await subtle.generateKey(algorithmOf(key), true, ["sign", "verify"]) as Keys;
}

/** writeIdentity puts an identity where a router looks for it in its state directory. */
export function writeIdentity(stateDir: string, issued: Issued, authorities: readonly TestAuthority[]): void {
  const folder = join(stateDir, "identity");
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  writeFileSync(join(folder, "authorities.pem"), authorities.map(({ pem }) => `${pem}\n`).join(""));
  writeFileSync(join(folder, "key.pem"), issued.keyPem, { mode: 0o600 });
  writeFileSync(join(folder, "chain.pem"), `${issued.pem}\n`);
}
