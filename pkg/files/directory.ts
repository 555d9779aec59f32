// A directory of YAML files as a source of configuration: every *.yaml and *.yml below it. Constructed by cmd/router and
// cmd/svrctl. A file that cannot be read is a problem of that file; a directory that cannot is a failure, never an empty configuration.
import type { Stats } from "node:fs";
import { open, stat } from "node:fs/promises";
import { join } from "node:path";
import { SvrError } from "../base/errors.ts";
import { documentBounds, parseDocuments } from "../api/document.ts";
import type { ParseResult } from "../api/document.ts";
import { compareProblems } from "../api/problem.ts";
import type { Problem } from "../api/problem.ts";
import type { ConfigSource } from "../ports/config.ts";
import { codeOf, listFolder, stampOf } from "./folder.ts";
import type { FolderBounds, FolderEntry } from "./folder.ts";
import { longestKeyFile } from "./keys.ts";

/** DirectoryOptions change the bounds and the pace of watching. */
export interface DirectoryOptions {
  /** milliseconds between two looks at the directory, 150; a change is told when two looks in a row see the same, or at the third that sees something new */
  pollMs?: number;
  bounds?: FolderBounds;
  /** bytes of all YAML files together, 64 MiB */
  totalBytes?: number;
}

const defaults = { pollMs: 150, bounds: { entries: 20_000, depth: 16 }, totalBytes: 67_108_864 } as const;
const mostReads = 5;
/** a directory that never stands still is read all the same, so that nothing in force is older than a second (behaviour 15, RB-29) */
const mostUnsettled = 3;
const isYaml = /\.ya?ml$/;
/** a look takes 25 us of processor time a file, and all looks at most 1/20 of one thread, unless a change would not be seen in 5 s (behaviour 1.2) */
const restMsPerFile = 0.5, longestRestMs = 2_000;

/** createDirectorySource makes a source that reads `folder`; places in problems start with `folder` as given. */
export function createDirectorySource(folder: string, options: DirectoryOptions = {}): ConfigSource {
  const { pollMs, bounds, totalBytes } = { ...defaults, ...options };
  const list = (): Promise<FolderEntry[]> => listFolder(folder, bounds).then((entries) => entries.filter(matters));
  let known: string | undefined;
  let parsed: ReadonlyMap<string, ParsedFile> = new Map();
  return {
    async read() {
      const { stamp, value } = await readSettled(folder, list, (entries) => readFiles(folder, yamlIn(folder, entries, totalBytes), parsed));
      known = stamp;
      parsed = value;
      return mergeFiles([...value.values()]);
    },
    watch(changed) {
      return watchStamp({
        pollMs, changed,
        look: () => list().then((entries) => ({ stamp: stampOf(entries), files: entries.length }), (cause: unknown) => ({ stamp: codeOf(cause), files: 0 })),
        known: () => known,
        tell: (stamp) => { known = stamp; },
      });
    },
  };
}

/** readConfigPath reads a directory, or one file whatever its name is; rejects with SVR_CONFIG_DIR when it cannot be read. */
export async function readConfigPath(path: string): Promise<ParseResult> {
  let found: Stats;
  try {
    found = await stat(path);
  } catch {
    return createDirectorySource(path).read(); // which says why not
  }
  return found.isFile() ? readFile(path, found.size) : createDirectorySource(path).read();
}

/** watchFolder tells when anything in a folder changed, key files that are mounted, say; a folder that is not there is one that may come. */
export function watchFolder(folder: string, changed: () => void): { stop(): void } {
  let known: string | undefined;
  return watchStamp({
    pollMs: defaults.pollMs, changed, known: () => known, tell: (stamp) => { known = stamp; },
    look: () => listFolder(folder, defaults.bounds).then((entries) => ({ stamp: stampOf(entries), files: entries.length }), (cause: unknown) => ({ stamp: codeOf(cause), files: 0 })),
  });
}

/**
 * readSettled lists, reads and lists again until nothing changed in between, so that one reading never mixes two versions of
 * a directory; rejects with SVR_CONFIG_DIR after five vain tries.
 */
export async function readSettled<T>(folder: string, list: () => Promise<FolderEntry[]>, read: (entries: FolderEntry[]) => Promise<T>): Promise<{ stamp: string; value: T }> {
  for (let attempt = 0; attempt < mostReads; attempt += 1) {
    const before = await list();
    const value = await read(before);
    const stamp = stampOf(before);
    if (stampOf(await list()) === stamp) return { stamp, value };
  }
  throw new SvrError("SVR_CONFIG_DIR", { object: folder, attempted: `the configuration directory ${folder} changed during each of ${mostReads} readings`, fix: "write files elsewhere and move them there" });
}

/** YAML, and what may be a key; a log that grows beside them is neither, and must not keep a change from settling. */
function matters({ path, size }: FolderEntry): boolean {
  return isYaml.test(path) || size <= longestKeyFile;
}

function yamlIn(folder: string, entries: readonly FolderEntry[], totalBytes: number): FolderEntry[] {
  const files = entries.filter((entry) => isYaml.test(entry.path));
  const bytes = files.reduce((sum, file) => sum + file.size, 0);
  if (bytes <= totalBytes) return files;
  throw new SvrError("SVR_CONFIG_DIR", { object: folder, attempted: `the YAML files below ${folder} have ${bytes} bytes, more than ${totalBytes}`, fix: "name a directory that holds configuration only" });
}

/** ParsedFile is what one file says; one with the same stamp is not read again, unless reading it failed. */
interface ParsedFile { stamp: string; result: ParseResult }

async function readFiles(folder: string, entries: readonly FolderEntry[], before: ReadonlyMap<string, ParsedFile>): Promise<Map<string, ParsedFile>> {
  const files = new Map<string, ParsedFile>();
  for (const entry of entries) {
    const old = before.get(entry.path);
    const isSame = old?.stamp === entry.stamp && !old.result.problems.some((problem) => problem.code === "file");
    files.set(entry.path, isSame ? old : { stamp: entry.stamp, result: await readFile(join(folder, entry.path), entry.size) });
  }
  return files;
}

async function readFile(path: string, size: number): Promise<ParseResult> {
  if (size > documentBounds.fileCharacters) return refusedFile(path, { code: "size", message: `the file has more than ${documentBounds.fileCharacters} bytes`, fix: "split the file" });
  let bytes: Uint8Array;
  try {
    bytes = await readBounded(path, size);
  } catch (cause) {
    return refusedFile(path, { code: "file", message: `the file cannot be read (${codeOf(cause)})`, fix: "make it readable for the router, or remove it" });
  }
  const text = decode(bytes);
  return text === undefined ? refusedFile(path, { code: "file", message: "the file is not UTF-8 text", fix: "save it as UTF-8" }) : parseDocuments([{ path, text }]);
}

function refusedFile(path: string, complaint: Pick<Problem, "code" | "message" | "fix">): ParseResult {
  return { objects: [], problems: [{ severity: "error", file: path, ...complaint }], unreadable: [path] };
}

/** Reads what the listing saw; a file that grew meanwhile has another stamp and is read again. */
async function readBounded(path: string, size: number): Promise<Uint8Array> {
  const file = await open(path, "r");
  try {
    const { buffer, bytesRead } = await file.read(new Uint8Array(size), 0, size, 0);
    return buffer.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}

function decode(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

function mergeFiles(files: readonly ParsedFile[]): ParseResult {
  return {
    objects: files.flatMap(({ result }) => result.objects),
    problems: files.flatMap(({ result }) => result.problems).sort(compareProblems),
    unreadable: files.flatMap(({ result }) => result.unreadable),
  };
}

interface Watching {
  pollMs: number;
  changed(): void;
  /** the stamp now, or the word for why there is none, and how many files were looked at */
  look(): Promise<{ stamp: string; files: number }>;
  known(): string | undefined;
  tell(stamp: string): void;
}

/**
 * Looks again and again instead of asking the kernel for events: events follow inodes, so they miss a link that is swapped,
 * a directory that is replaced and a network file system, and these are the usual ways to deliver configuration.
 */
function watchStamp(watching: Watching): { stop(): void } {
  let stopped = false;
  let timer: NodeJS.Timeout | undefined;
  let seen = watching.known(), unsettled = 0;
  const schedule = (ms: number): void => {
    if (!stopped) timer = setTimeout(() => void look(), ms).unref();
  };
  const look = async (): Promise<void> => {
    const { stamp, files } = await watching.look();
    const rest = Math.max(watching.pollMs, Math.min(longestRestMs, files * restMsPerFile));
    unsettled = stamp === watching.known() ? 0 : unsettled + 1;
    const isDue = unsettled > 0 && (stamp === seen || unsettled >= mostUnsettled);
    seen = stamp;
    schedule(rest);
    if (!isDue || stopped) return;
    unsettled = 0;
    watching.tell(stamp);
    watching.changed();
  };
  schedule(watching.pollMs);
  return {
    stop() {
      stopped = true;
      clearTimeout(timer);
    },
  };
}
