// Lists a folder with everything below it, so that a change of any file can be seen. Called by directory.ts; reads no contents.
// Follows symbolic links, which is how mounted volumes swap their contents at once; hidden names are not looked at.
import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { SvrError } from "../base/errors.ts";

/** FolderEntry is one file: its path below the folder, and a stamp that changes when the file does. */
export interface FolderEntry {
  path: string;
  /** device, inode, size and times; `missing` when the name leads nowhere */
  stamp: string;
  /** bytes */
  size: number;
}

/** FolderBounds are the most names looked at, and the most folders inside folders. */
export interface FolderBounds {
  entries: number;
  depth: number;
}

interface Walk { root: string; bounds: FolderBounds; count: number; found: FolderEntry[] }

/** listFolder lists the files of a folder sorted by path; rejects with SVR_CONFIG_DIR when a folder cannot be read or a bound is passed. */
export async function listFolder(root: string, bounds: FolderBounds): Promise<FolderEntry[]> {
  const walk: Walk = { root, bounds, count: 0, found: [] };
  await enter(walk, "", []);
  return walk.found.sort((a, b) => (a.path < b.path ? -1 : 1));
}

/** stampOf sums up a listing: equal text means that nothing changed. */
export function stampOf(entries: readonly FolderEntry[]): string {
  return entries.map((entry) => `${entry.path} ${entry.stamp}`).join("\n");
}

/** `above` holds the folders that lead here, so that a link to one of them ends. */
async function enter(walk: Walk, path: string, above: readonly string[]): Promise<void> {
  const names = await namesIn(walk, path);
  if (names === undefined) return;
  walk.count += names.length;
  if (walk.count > walk.bounds.entries) throw tooMuch(walk, `holds more than ${walk.bounds.entries} files`);
  if (above.length > walk.bounds.depth) throw tooMuch(walk, `has folders nested deeper than ${walk.bounds.depth}`);
  for (const name of names) {
    if (!name.startsWith(".")) await look(walk, path === "" ? name : `${path}/${name}`, above);
  }
}

async function look(walk: Walk, path: string, above: readonly string[]): Promise<void> {
  const info = await stat(join(walk.root, path), { bigint: true }).catch(missingOnly(walk, path));
  if (info === undefined) {
    walk.found.push({ path, stamp: "missing", size: 0 });
    return;
  }
  const place = `${info.dev}:${info.ino}`;
  if (info.isFile()) walk.found.push({ path, stamp: `${place}:${info.size}:${info.mtimeNs}:${info.ctimeNs}`, size: Number(info.size) });
  else if (info.isDirectory() && !above.includes(place)) await enter(walk, path, [...above, place]);
}

/** A folder inside that vanished since it was seen counts as a name that leads nowhere; the folder itself must be there. */
async function namesIn(walk: Walk, path: string): Promise<string[] | undefined> {
  const names = await readdir(join(walk.root, path)).catch(path === "" ? (cause: unknown) => { throw unusable(walk, path, cause); } : missingOnly(walk, path));
  if (names === undefined) walk.found.push({ path, stamp: "missing", size: 0 });
  return names;
}

function missingOnly(walk: Walk, path: string): (cause: unknown) => undefined {
  return (cause) => {
    const code = codeOf(cause);
    if (code === "ENOENT" || code === "ELOOP") return undefined;
    throw unusable(walk, path, cause);
  };
}

function unusable(walk: Walk, path: string, cause: unknown): SvrError {
  const folder = join(walk.root, path);
  return new SvrError("SVR_CONFIG_DIR", {
    object: folder, attempted: `the configuration directory ${folder} cannot be read (${codeOf(cause)})`,
    fix: "make it exist and readable for the router", cause,
  });
}

function tooMuch(walk: Walk, what: string): SvrError {
  return new SvrError("SVR_CONFIG_DIR", { object: walk.root, attempted: `the configuration directory ${walk.root} ${what}`, fix: "name a directory that holds configuration only" });
}

/** codeOf is the system's word for a failure of a file operation, for example ENOENT. */
export function codeOf(cause: unknown): string {
  const code = (cause as { code?: unknown } | null)?.code;
  return typeof code === "string" ? code : String(cause);
}
