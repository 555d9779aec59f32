// The files that an authority gives a router, in a folder of the caller's: all of them lie beside as *.new until the certificate is written
// down, then they get their names, the chain last. Called by authorityfolder.ts, which goes on where a crash stopped. Deletes no file of others.
import { createPrivateKey, X509Certificate } from "node:crypto";
import { existsSync, readFileSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { ownName, pemCertificates } from "./chain.ts";
import { identityFiles as names, makeFolder, syncFolder, writeSynced } from "./identitywriter.ts";

/** IssuedTexts are the files, PEM; `key` is there when it was made with the certificate. */
export interface IssuedTexts { key?: string; authorities: string; chain: string }

const CLOSED = 0o600, OPEN = 0o644;
const order = ["key", "authorities", "chain"] as const;
const beside = (folder: string, part: (typeof order)[number]): string => join(folder, `${names[part]}.new`);

/** putBeside writes them where no router looks, on the disk when it returns; what was left there goes. */
export function putBeside(folder: string, texts: IssuedTexts): void {
  makeFolder(folder);
  for (const part of order) rmSync(beside(folder, part), { force: true });
  for (const part of order) if (texts[part] !== undefined) writeSynced(beside(folder, part), texts[part], part === "key" ? CLOSED : OPEN);
  syncFolder(folder);
}

/** giveNames lets them count. */
export function giveNames(folder: string): void {
  for (const part of order) if (existsSync(beside(folder, part))) renameSync(beside(folder, part), join(folder, names[part]));
  syncFolder(folder);
}

/** LeftFiles is the certificate of files that have no names yet, and whether its key is there. */
export interface LeftFiles { certificate: X509Certificate; hasKey: boolean }

/** leftBeside reads what a crash left there; undefined when it is not whole. */
export function leftBeside(folder: string): LeftFiles | undefined {
  const chain = textOf(beside(folder, "chain")), [leaf] = pemCertificates(chain ?? "") ?? [];
  if (leaf === undefined) return undefined;
  const certificate = new X509Certificate(leaf), key = textOf(beside(folder, "key")) ?? textOf(join(folder, names.key));
  return { certificate, hasKey: key !== undefined && isKeyOf(certificate, key) };
}

/** hasKey tells whether a key is there that must not be replaced. */
export function hasKey(folder: string): boolean {
  return existsSync(join(folder, names.key));
}

/** keyIn reads it. */
export function keyIn(folder: string): string | undefined {
  return textOf(join(folder, names.key));
}

/** nameIn is the router whose certificate is there; undefined without one that can be read. */
export function nameIn(folder: string): string | undefined {
  const named = ownName(pemCertificates(textOf(join(folder, names.chain)) ?? "") ?? []);
  return named.ok ? named.value.name : undefined;
}

function isKeyOf(certificate: X509Certificate, key: string): boolean {
  try {
    return certificate.checkPrivateKey(createPrivateKey(key));
  } catch {
    return false; // a file of somebody's that is no key
  }
}

function textOf(path: string): string | undefined {
  return existsSync(path) ? readFileSync(path, "utf8") : undefined;
}
