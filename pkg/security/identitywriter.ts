// Writes the identity of a router into its state directory: a folder is put together beside the one that counts, then they change places, so that
// no reader of this process ever sees a key with the certificate of another. Called by identitykeeper.ts, and by who brings an identity along.
import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, readFileSync, renameSync, rmSync, writeSync } from "node:fs";
import { dirname, join } from "node:path";
import { SvrError } from "../base/errors.ts";

/** IdentityTexts are the files of an identity, PEM; authorities: those before stay when there are none. */
export interface IdentityTexts { key: string; chain: string; authorities?: string; /** what was asked with, by a router that asks again itself */ request?: string }

/** identityFiles are the names in the folder. */
export const identityFiles = { key: "key.pem", chain: "chain.pem", authorities: "authorities.pem", request: "request.pem" } as const;

const CLOSED = 0o600, OPEN = 0o644;
const foldersOf = (stateDir: string): { now: string; next: string; old: string } => ({ now: join(stateDir, "identity"), next: join(stateDir, "identity.next"), old: join(stateDir, "identity.old") });

/** writeIdentity replaces the identity as a whole. */
export function writeIdentity(stateDir: string, texts: IdentityTexts): void {
  const { now, next } = foldersOf(stateDir);
  written(now, () => {
    mendIdentity(stateDir);
    const before = join(now, identityFiles.authorities);
    const authorities = texts.authorities ?? (existsSync(before) ? readFileSync(before, "utf8") : undefined);
    writeFolder(next, { ...texts, ...(authorities !== undefined && { authorities }) });
    swap(stateDir);
  });
}

/** writeFolder makes a folder anew with these files, on the disk when it returns; the key is closed to others. */
export function writeFolder(folder: string, texts: Partial<IdentityTexts>): void {
  rmSync(folder, { recursive: true, force: true });
  makeFolder(folder);
  for (const [part, file] of Object.entries(identityFiles)) {
    const text = texts[part as keyof IdentityTexts];
    if (text !== undefined) writeSynced(join(folder, file), text, part === "key" ? CLOSED : OPEN);
  }
  syncFolder(folder);
}

/** makeFolder makes a folder and those above it, closed to others. One after the other: below /proc the runtime would try for ever to make them at once. */
export function makeFolder(folder: string): void {
  if (existsSync(folder)) return;
  if (dirname(folder) !== folder) makeFolder(dirname(folder));
  mkdirSync(folder, { mode: 0o700 });
}

/** mendIdentity ends what a crash cut in the middle of a change. */
export function mendIdentity(stateDir: string): void {
  const { now, next, old } = foldersOf(stateDir);
  if (!existsSync(now) && existsSync(old)) renameSync(existsSync(join(next, identityFiles.chain)) ? next : old, now); // the next one was whole before the old one went
  for (const folder of [next, old]) rmSync(folder, { recursive: true, force: true });
}

function swap(stateDir: string): void {
  const { now, next, old } = foldersOf(stateDir);
  if (existsSync(now)) renameSync(now, old);
  renameSync(next, now);
  syncFolder(stateDir);
  rmSync(old, { recursive: true, force: true });
}

/** writeSynced writes a new file, on the disk when it returns. */
export function writeSynced(path: string, text: string, mode: number): void {
  const file = openSync(path, "wx", mode);
  try {
    writeSync(file, text);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

/** syncFolder brings names in a folder to the disk. */
export function syncFolder(path: string): void {
  const folder = openSync(path, "r");
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}

/** written gives what the system refuses a name and a way on. */
export function written<T>(path: string, work: () => T): T {
  try {
    return work();
  } catch (cause) {
    if (cause instanceof SvrError) throw cause;
    throw new SvrError("SVR_IDENTITY_FILE", { object: path, attempted: `the identity in ${path} cannot be written (${(cause as NodeJS.ErrnoException).code ?? "unknown"})`, fix: "make room, or name a state directory that you may write; the user of the router must be able to read it", cause });
  }
}
