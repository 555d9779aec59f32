// A router's identity from files of its state directory: identity/key.pem (closed to others), chain.pem, authorities.pem. Looked at again and
// again, so that whoever renews it only writes files. Constructed by cmd/router; the private key stays in here.
import { createPrivateKey, sign, X509Certificate } from "node:crypto";
import type { KeyObject } from "node:crypto";
import { existsSync, readFileSync, statSync } from "node:fs";
import { join, resolve } from "node:path";
import { SvrError } from "../base/errors.ts";
import type { Identity, IdentitySource } from "../ports/identity.ts";
import { authorityOf, ownName, pemCertificates } from "./chain.ts";

/** IdentityFilesOptions say where the files are, and who calls again. */
export interface IdentityFilesOptions {
  stateDir: string;
  /** where names of files in the configuration begin */
  keyDir: string;
  every(ms: number, work: () => void): { stop(): void };
  /** files that are there and cannot be used; the identity before them stays */
  refused(problem: string): void;
}

/** FileIdentity is the identity of the files. */
export interface FileIdentity extends IdentitySource {
  /** looks now, for who wrote them itself */
  look(): void;
  close(): void;
}

const LOOK_MS = 2_000;
const FILE_MOST = 65_536;
const files = { key: "key.pem", chain: "chain.pem", authorities: "authorities.pem" } as const;

/** openIdentityFiles reads what is there. */
export function openIdentityFiles(options: IdentityFilesOptions): FileIdentity {
  const folder = join(options.stateDir, "identity");
  const listeners = new Set<() => void>();
  let seen = "", problem = "";
  let identity: Identity | undefined, authorities: readonly Uint8Array[] = [];
  const look = (): void => {
    if (isChanging(options.stateDir)) return;
    const state = Object.values(files).map((file) => stateOf(join(folder, file))).join();
    if (state === seen) return;
    seen = state;
    try {
      authorities = certificatesIn(join(folder, files.authorities)) ?? [];
      identity = readIdentity(folder) ?? identity;
      problem = "";
      for (const listener of listeners) listener();
    } catch (error) {
      if (!(error instanceof SvrError)) throw error;
      if (error.message !== problem) options.refused(error.message);
      problem = error.message;
    }
  };
  look();
  const looking = options.every(LOOK_MS, look);
  return {
    current: () => identity,
    authorities: () => authorities,
    authorityFile: (file) => readText(resolve(options.keyDir, file)) ?? refuse(resolve(options.keyDir, file), "is not there"),
    watch(changed) {
      listeners.add(changed);
      return { stop: () => { listeners.delete(changed); } };
    },
    wanted: () => undefined, // files are somebody else's to write
    look, close: () => { looking.stop(); },
  };
}

/** A change of the identity is between its two steps, or a crash cut it: what is known stays. */
function isChanging(stateDir: string): boolean {
  return !existsSync(join(stateDir, "identity")) && existsSync(join(stateDir, "identity.old"));
}

function stateOf(path: string): string {
  const info = statSync(path, { throwIfNoEntry: false });
  return info === undefined ? "-" : [info.ino, info.size, info.mtimeMs, info.mode].join(" ");
}

/** Undefined while key or chain is missing. */
function readIdentity(folder: string): Identity | undefined {
  const chainFile = join(folder, files.chain), chain = certificatesIn(chainFile), key = privateKey(join(folder, files.key));
  const [leaf] = chain ?? [];
  if (chain === undefined || leaf === undefined || key === undefined) return undefined;
  const certificate = new X509Certificate(leaf);
  if (!certificate.checkPrivateKey(key)) return refuse(chainFile, "is not the certificate of the key beside it");
  const judged = ownName(chain);
  if (!judged.ok) return refuse(chainFile, `is no certificate of a router (${judged.error})`);
  const digest = key.asymmetricKeyType === "ed25519" ? null : "sha256";
  return {
    name: judged.value.name, chain, serial: judged.value.serial, notBefore: certificate.validFromDate.getTime(), notAfter: judged.value.notAfter,
    authority: authorityOf(leaf), ...(judged.value.ed25519 !== undefined && { ed25519: judged.value.ed25519 }),
    sign: (data) => new Uint8Array(sign(digest, data, key)),
  };
}

function certificatesIn(path: string): Uint8Array[] | undefined {
  const text = readText(path);
  return text === undefined ? undefined : pemCertificates(text) ?? refuse(path, "holds no certificates in PEM");
}

function privateKey(path: string): KeyObject | undefined {
  const text = readText(path);
  if (text === undefined) return undefined;
  if ((statSync(path).mode & 0o077) !== 0) return refuse(path, "is open to other users of this machine");
  try {
    return createPrivateKey(text);
  } catch {
    return refuse(path, "holds no private key in PEM"); // the library's own words may quote it
  }
}

function readText(path: string): string | undefined {
  const info = statSync(path, { throwIfNoEntry: false });
  if (info === undefined) return undefined;
  if (!info.isFile() || info.size > FILE_MOST) return refuse(path, "is no file of a certificate or key");
  return readFileSync(path, "utf8");
}

function refuse(path: string, what: string): never {
  throw new SvrError("SVR_IDENTITY_FILE", { object: path, attempted: `the identity file ${path} ${what}`, fix: "write key.pem (0600), chain.pem and authorities.pem of one identity" });
}
