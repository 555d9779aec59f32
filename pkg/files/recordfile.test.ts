// The record file: lines in order, rotation within its bound, failures reported with nothing half written.
import { spawnSync } from "node:child_process";
import { appendFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import type { SessionRecord } from "../api/record.ts";
import type { RecordBatch } from "../ports/records.ts";
import { createRecordFile } from "./recordfile.ts";

const root = mkdtempSync(join(tmpdir(), "opensvr-records-"));
afterAll(() => { rmSync(root, { recursive: true, force: true }); });

const line = (sequence: number): string => `${JSON.stringify({ recordType: "start", boot: "b", sequence, time: "2020-01-01T00:00:00.000Z", router: "one" } satisfies SessionRecord)}\n`;
const record = (...sequences: number[]): RecordBatch => ({ lines: Buffer.from(sequences.map(line).join("")), count: sequences.length });
const sequences = (file: string): number[] => readFileSync(file, "utf8").split("\n").slice(0, -1).map((line) => (JSON.parse(line) as SessionRecord).sequence);
/** A new folder and the path of a record file in it. */
function fresh(): { folder: string; path: string } {
  const folder = mkdtempSync(join(root, "state-"));
  return { folder, path: join(folder, "records.jsonl") };
}

const lineBytes = Buffer.byteLength(line(0));

test("appends one line a record, also to what an earlier process wrote", async () => {
  const { path } = fresh();
  await createRecordFile({ path }).write([record(0, 1)]);
  const sink = createRecordFile({ path });
  await sink.write([record(2)]);
  await sink.write([]);
  await sink.close();
  expect(sequences(path)).toEqual([0, 1, 2]);
  expect(statSync(path).mode & 0o007).toBe(0);
});

test("no file appears before the first record", async () => {
  const { path } = fresh();
  await createRecordFile({ path }).write([]);
  expect(existsSync(path)).toBe(false);
});

test("a full file is put aside; the oldest goes", async () => {
  const { folder, path } = fresh();
  const sink = createRecordFile({ path, bytes: 2 * lineBytes, older: 2 });
  for (let sequence = 0; sequence < 8; sequence += 1) await sink.write([record(sequence)]);
  expect(readdirSync(folder).sort()).toEqual(["records.jsonl", "records.jsonl.1", "records.jsonl.2"]);
  expect([sequences(`${path}.2`), sequences(`${path}.1`), sequences(path)]).toEqual([[2, 3], [4, 5], [6, 7]]);
});

test("a batch larger than a file is kept whole, in a file of its own", async () => {
  const { path } = fresh();
  const sink = createRecordFile({ path, bytes: lineBytes });
  await sink.write([record(0)]);
  await sink.write([record(1), record(2, 3)]);
  expect([sequences(`${path}.1`), sequences(path)]).toEqual([[0], [1, 2, 3]]);
});

test("a file that others move away is made anew", async () => {
  const { folder, path } = fresh();
  const sink = createRecordFile({ path });
  await sink.write([record(0)]);
  renameSync(path, join(folder, "moved"));
  await sink.write([record(1)]);
  expect([sequences(join(folder, "moved")), sequences(path)]).toEqual([[0], [1]]);
});

test("a last line that a crash cut off is removed", async () => {
  const { path } = fresh();
  await createRecordFile({ path }).write([record(0)]);
  appendFileSync(path, "{\"recordType\":\"sta");
  await createRecordFile({ path }).write([record(1)]);
  expect(sequences(path)).toEqual([0, 1]);
});

test("a folder that is missing is a failure with the number of records", async () => {
  const { folder } = fresh();
  const sink = createRecordFile({ path: join(folder, "no/records.jsonl") });
  await expect(sink.write([record(0), record(1)])).rejects.toMatchObject({ code: "SVR_RECORD_FILE", message: expect.stringMatching(/2 session records .*ENOENT/) });
});

test("a rotation that fails is a failure and writes nothing", async () => {
  const { folder, path } = fresh();
  const sink = createRecordFile({ path, bytes: lineBytes, older: 1 });
  await sink.write([record(0)]);
  const blocked = join(folder, "records.jsonl.1");
  mkdirSync(blocked);
  writeFileSync(join(blocked, "x"), "");
  await expect(sink.write([record(1)])).rejects.toMatchObject({ code: "SVR_RECORD_FILE" });
  expect(sequences(path)).toEqual([0]);
});

test("a batch that does not fit leaves nothing behind", () => {
  const { path } = fresh();
  const most = 1_024;
  const script = `import { createRecordFile } from ${JSON.stringify(join(import.meta.dirname, "recordfile.ts"))};
    const record = (sequence) => ({ lines: Buffer.from(JSON.stringify({ recordType: "start", boot: "b", sequence, time: "t", router: "one" }) + "\\n"), count: 1 });
    const sink = createRecordFile({ path: ${JSON.stringify(path)} });
    await sink.write([record(0)]);
    await sink.write(Array.from({ length: 100 }, (_, index) => record(index + 1))).then(() => process.exit(9), (error) => process.stdout.write(error.message));
    await sink.write([record(101)]);`;
  const run = spawnSync("bash", ["-c", `ulimit -f ${most / 1_024}; exec "$0" "$@"`, process.execPath, "--input-type=module", "-e", script], { encoding: "utf8", timeout: 60_000 });
  expect([run.status, run.stdout]).toEqual([0, expect.stringMatching(/^SVR_RECORD_FILE: 100 session records .*EFBIG/)]);
  expect(sequences(path)).toEqual([0, 101]);
});

test("a device without room is a failure", async () => {
  await expect(createRecordFile({ path: "/dev/full" }).write([record(0)])).rejects.toMatchObject({ code: "SVR_RECORD_FILE", message: expect.stringContaining("ENOSPC") });
});
