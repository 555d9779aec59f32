// The directory source on real directories: what is read, what is a problem of one file and what of all, and which changes are seen.
import { appendFileSync, mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { setImmediate } from "node:timers/promises";
import { apiVersion } from "../api/names.ts";
import { formatProblem } from "../api/problem.ts";
import type { ParseResult } from "../api/document.ts";
import type { ConfigSource } from "../ports/config.ts";
import { createDirectorySource, readConfigPath, readSettled } from "./directory.ts";
import type { DirectoryOptions } from "./directory.ts";
import type { FolderEntry } from "./folder.ts";

const root = mkdtempSync(join(tmpdir(), "opensvr-files-"));
afterAll(() => { rmSync(root, { recursive: true, force: true }); });

/** A new folder with files in it. */
function fresh(files: Record<string, string | Uint8Array> = {}): string {
  const folder = mkdtempSync(join(root, "config-"));
  for (const [path, text] of Object.entries(files)) write(folder, path, text);
  return folder;
}

const tenant = (name: string): string => `apiVersion: ${apiVersion}\nkind: Tenant\nmetadata: { name: ${name} }\n`;

function write(folder: string, path: string, text: string | Uint8Array): void {
  mkdirSync(dirname(join(folder, path)), { recursive: true });
  writeFileSync(join(folder, path), text);
}

const read = (folder: string, options: DirectoryOptions = {}): Promise<ParseResult> => createDirectorySource(folder, options).read();
const idsIn = (result: ParseResult): string[] => result.objects.map((one) => one.id);

test("reads every YAML file below the directory in order of path, and nothing else", async () => {
  const others = ["notes.txt", "a.yaml~", ".a.yaml.swp", ".hidden/d.yaml", "keys/x.psk"].map((path) => [path, tenant("no")]);
  const folder = fresh({ "b.yml": tenant("b"), "a.yaml": tenant("a"), "deep/er/c.yaml": tenant("c"), "empty.yaml": "", ...Object.fromEntries(others) as Record<string, string> });
  expect(idsIn(await read(folder))).toEqual(["Tenant a", "Tenant b", "Tenant c"]);
});

test("problems name the file below the directory as it was given", async () => {
  const folder = fresh({ "bad.yaml": "kind: [" });
  expect((await read(folder)).problems.map(formatProblem)).toEqual([expect.stringMatching(`^${join(folder, "bad.yaml")}:1:8: error: `)]);
});

test("a file that cannot be read, is too large or is no text is a problem of that file alone", async () => {
  const folder = fresh({ "good.yaml": tenant("good"), "latin.yaml": Uint8Array.from([0x23, 0xe9, 0x0a]), "large.yaml": `#${" ".repeat(8_388_608)}` });
  symlinkSync(join(folder, "gone"), join(folder, "link.yaml"));
  const result = await read(folder);
  expect(idsIn(result)).toEqual(["Tenant good"]);
  expect(result.problems.map((one) => `${one.file?.slice(folder.length) ?? ""} ${one.code} ${one.message}; ${one.fix}`)).toEqual([
    "/large.yaml size the file has more than 8388608 bytes; split the file",
    "/latin.yaml file the file is not UTF-8 text; save it as UTF-8",
    "/link.yaml file the file cannot be read (ENOENT); make it readable for the router, or remove it",
  ]);
  expect(result.unreadable.map((file) => file.slice(folder.length))).toEqual(["/large.yaml", "/latin.yaml", "/link.yaml"]);
});

test("a directory that is missing is a failure, never an empty configuration", async () => {
  const folder = join(fresh(), "gone");
  await expect(read(folder)).rejects.toMatchObject({ code: "SVR_CONFIG_DIR", object: folder });
});

test("a file in the place of the directory is a failure", async () => {
  await expect(read(join(fresh({ a: "" }), "a"))).rejects.toMatchObject({ code: "SVR_CONFIG_DIR", message: expect.stringContaining("ENOTDIR") });
});

test("a path may name one file, whatever its name is, or a directory", async () => {
  const folder = fresh({ "edit.txt": tenant("b"), "a.yaml": tenant("a") });
  expect(idsIn(await readConfigPath(join(folder, "edit.txt")))).toEqual(["Tenant b"]);
  expect(idsIn(await readConfigPath(folder))).toEqual(["Tenant a"]);
  await expect(readConfigPath(join(folder, "gone"))).rejects.toMatchObject({ code: "SVR_CONFIG_DIR" });
});

test("bounds on files, nesting and bytes are failures that name the bound", async () => {
  const folder = fresh({ "a/b/c.yaml": tenant("a"), "d.yaml": tenant("d") });
  const refused = (options: DirectoryOptions, what: string): Promise<void> =>
    expect(read(folder, options)).rejects.toMatchObject({ code: "SVR_CONFIG_DIR", message: expect.stringContaining(what) });
  await refused({ bounds: { entries: 3, depth: 16 } }, "more than 3 files");
  await refused({ bounds: { entries: 4, depth: 1 } }, "deeper than 1");
  await refused({ totalBytes: 100 }, "more than 100");
  expect((await read(folder, { bounds: { entries: 4, depth: 2 } })).objects).toHaveLength(2);
});

test("a link to a folder above ends", async () => {
  const folder = fresh({ "a/b.yaml": tenant("b") });
  symlinkSync(folder, join(folder, "a/up"));
  symlinkSync("loop", join(folder, "loop"));
  expect(idsIn(await read(folder))).toEqual(["Tenant b"]);
});

test("a reading during which files changed is made again; one that never settles fails", async () => {
  const entry = (stamp: number): FolderEntry => ({ path: "a.yaml", stamp: String(stamp), size: 1 });
  const stamps = [1, 2, 3, 3];
  const settled = await readSettled("dir", () => Promise.resolve([entry(stamps.shift() ?? 0)]), (entries) => Promise.resolve(entries[0]?.stamp));
  expect(settled.value).toBe("3");
  let count = 0;
  await expect(readSettled("dir", () => Promise.resolve([entry(count++)]), () => Promise.resolve(0))).rejects.toMatchObject({ code: "SVR_CONFIG_DIR" });
});

test("a file that did not change is not parsed again; the others are, and those that went are gone", async () => {
  const folder = fresh({ "a.yaml": tenant("a"), "b.yaml": tenant("b"), "c.yaml": tenant("c") });
  const source = createDirectorySource(folder);
  const first = await source.read();
  write(folder, "b.yaml", `# changed\n${tenant("b")}`);
  unlinkSync(join(folder, "c.yaml"));
  const second = await source.read();
  expect(idsIn(second)).toEqual(["Tenant a", "Tenant b"]);
  expect([second.objects[0] === first.objects[0], second.objects[1] === first.objects[1]]).toEqual([true, false]);
  expect(second.objects[1]?.source?.positions.get("")?.line).toBe(2);
});

/** A mounted volume as a cluster makes it: files link through one link that is swapped. */
function mountVersion(folder: string, version: string, text: string): void {
  write(folder, `..${version}/web.yaml`, text);
  symlinkSync(`..${version}`, join(folder, "..new"));
  renameSync(join(folder, "..new"), join(folder, "..data"));
}

/** A directory that is watched; `next` resolves with the next change that is told. */
function watched(folder: string): { source: ConfigSource; next(): Promise<void>; count(): number; stop(): void } {
  const source = createDirectorySource(folder, { pollMs: 10 });
  const waiting: (() => void)[] = [];
  let told = 0;
  const watch = source.watch(() => {
    told += 1;
    for (const resolve of waiting.splice(0)) resolve();
  });
  return { source, next: () => new Promise((resolve) => { waiting.push(resolve); }), count: () => told, stop: () => { watch.stop(); } };
}

describe("watching", () => {
  const changes: [desc: string, before: Record<string, string>, change: (folder: string) => void, after: string[]][] = [
    ["a new file", { "a.yaml": tenant("a") }, (folder) => write(folder, "sub/b.yaml", tenant("b")), ["Tenant a", "Tenant b"]],
    ["a file written in place", { "a.yaml": tenant("a") }, (folder) => write(folder, "a.yaml", tenant("b")), ["Tenant b"]],
    ["a file replaced by rename, as editors write", { "a.yaml": tenant("a") }, (folder) => { write(folder, "a.tmp", tenant("b")); renameSync(join(folder, "a.tmp"), join(folder, "a.yaml")); }, ["Tenant b"]],
    ["a file removed", { "a.yaml": tenant("a"), "b.yaml": tenant("b") }, (folder) => unlinkSync(join(folder, "a.yaml")), ["Tenant b"]],
    ["a key file", { "a.yaml": tenant("a"), "keys/a.psk": "1" }, (folder) => write(folder, "keys/a.psk", "2"), ["Tenant a"]],
  ];
  async function toldOnce(folder: string, change: (folder: string) => void): Promise<string[]> {
    const { source, next, count, stop } = watched(folder);
    await source.read();
    const first = next();
    change(folder);
    await first;
    const ids = idsIn(await source.read());
    const second = next();
    write(folder, "later.yaml", tenant("later"));
    await second;
    stop();
    expect(count()).toBe(2);
    return ids;
  }

  test.each(changes)("%s is told once", async (_desc, before, change, after) => {
    expect(await toldOnce(fresh(before), change)).toEqual(after);
  });

  test("a swapped link, as mounted volumes change, is told once", async () => {
    const folder = fresh();
    mountVersion(folder, "1", tenant("a"));
    symlinkSync("..data/web.yaml", join(folder, "web.yaml"));
    expect(await toldOnce(folder, () => mountVersion(folder, "2", tenant("b")))).toEqual(["Tenant b"]);
  });

  test("a directory that vanishes is told and is a failure; so is its return", async () => {
    const folder = fresh({ "a.yaml": tenant("a") });
    const { source, next, stop } = watched(folder);
    await source.read();
    const gone = next();
    renameSync(folder, `${folder}-away`);
    await gone;
    await expect(source.read()).rejects.toMatchObject({ code: "SVR_CONFIG_DIR" });
    const back = next();
    renameSync(`${folder}-away`, folder);
    await back;
    expect((await source.read()).objects).toHaveLength(1);
    stop();
  });

  test("a log that grows beside the configuration keeps no change from being told", async () => {
    const folder = fresh({ "a.yaml": tenant("a"), "sessions.log": "x".repeat(5_000) });
    const { source, count, stop } = watched(folder);
    await source.read();
    write(folder, "a.yaml", tenant("b"));
    while (count() === 0) {
      appendFileSync(join(folder, "sessions.log"), "x");
      await setImmediate();
    }
    expect(idsIn(await source.read())).toEqual(["Tenant b"]);
    stop();
  });

  test("RB-29 a directory in which something changes all the time is told all the same", async () => {
    const folder = fresh({ "a.yaml": tenant("a") });
    const { source, count, stop } = watched(folder);
    await source.read();
    for (let version = 0; count() < 3; version++) {
      write(folder, "a.tmp", tenant(`v${version}`));
      renameSync(join(folder, "a.tmp"), join(folder, "a.yaml"));
      await setImmediate();
    }
    expect(idsIn(await source.read())).toEqual([expect.stringMatching(/^Tenant v/)]);
    stop();
  });

  test("what changed between the reading and the start of watching is told", async () => {
    const folder = fresh({ "a.yaml": tenant("a") });
    const source = createDirectorySource(folder, { pollMs: 10 });
    await source.read();
    write(folder, "b.yaml", tenant("b"));
    await new Promise<void>((resolve) => {
      const watch = source.watch(() => { watch.stop(); resolve(); });
    });
  });
});
