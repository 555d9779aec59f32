// Completes package-lock.json after `npm install` on a machine whose registry serves only its own platform's packages:
// npm then leaves the optional packages of other platforms out of the lock, and `npm ci` refuses such a lock everywhere.
// Run by hand after a change of dependencies. Adds entries without integrity, only for platforms the name tells; never
// changes an entry.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

interface LockEntry {
  version?: string;
  dev?: boolean;
  optional?: boolean;
  os?: string[];
  cpu?: string[];
  libc?: string[];
  optionalDependencies?: Record<string, string>;
}

/** Lock is the part of package-lock.json (lockfileVersion 3) that this reads. */
export interface Lock { packages: Record<string, LockEntry> }

const systems = ["aix", "android", "darwin", "freebsd", "linux", "netbsd", "openbsd", "openharmony", "sunos", "win32"];
const processors = ["arm", "arm64", "ia32", "loong64", "ppc64", "riscv64", "s390x", "x64"];

/** missingOptional lists optional packages that the lock names but does not hold, with the entry that named them. */
export function missingOptional(lock: Lock): { name: string; version: string; from: LockEntry }[] {
  return Object.entries(lock.packages).flatMap(([at, from]) => Object.entries(from.optionalDependencies ?? {})
    .filter(([name]) => lock.packages[`node_modules/${name}`] === undefined && lock.packages[`${at}/node_modules/${name}`] === undefined)
    .map(([name, version]) => ({ name, version, from })));
}

/** platformEntry is the lock entry of a package that exists for one platform, told by its name; absent when the name tells none. */
export function platformEntry(name: string, version: string, from: LockEntry): LockEntry | undefined {
  const words = name.split(/[-/]/);
  const os = words.filter((word) => systems.includes(word));
  const cpu = words.filter((word) => processors.includes(word));
  if (os.length !== 1 || cpu.length !== 1 || !/^\d+\.\d+\.\d+$/.test(version)) return undefined;
  const libc = words.flatMap((word) => word.startsWith("musl") ? ["musl"] : word.startsWith("gnu") ? ["glibc"] : []);
  return { version, cpu, ...(from.dev === true ? { dev: true } : {}), ...(os[0] === "linux" && libc.length > 0 ? { libc } : {}), optional: true, os };
}

/** completeLock adds what is missing and returns the names it could not tell the platform of. */
export function completeLock(lock: Lock): { lock: Lock; unknown: string[] } {
  const packages = { ...lock.packages };
  const unknown: string[] = [];
  for (const { name, version, from } of missingOptional(lock)) {
    const entry = platformEntry(name, version, from);
    if (entry === undefined) unknown.push(name);
    else packages[`node_modules/${name}`] = entry;
  }
  return { lock: { ...lock, packages: Object.fromEntries(Object.entries(packages).sort(([a], [b]) => a < b ? -1 : 1)) }, unknown };
}

if (import.meta.main) {
  const path = join(import.meta.dirname, "../package-lock.json");
  const before = JSON.parse(readFileSync(path, "utf8")) as Lock;
  const { lock, unknown } = completeLock(before);
  if (unknown.length > 0) throw new Error(`no platform in the name of ${unknown.join(", ")}: install on a machine with the whole registry`);
  writeFileSync(path, `${JSON.stringify(lock, null, 2)}\n`);
  console.log(`package-lock.json: ${Object.keys(lock.packages).length - Object.keys(before.packages).length} packages of other platforms added`);
}
