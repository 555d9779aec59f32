// The audit log as files: the chain goes on over restarts, rotation, a torn line and a disk that was full; nothing is lost without a word.
import { appendFileSync, chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createHash } from "node:crypto";
import { createAuditVerifier, readAuditLine } from "../api/audit.ts";
import type { AuditVerdict } from "../api/audit.ts";
import type { AuditHead, AuditLog } from "../ports/audit.ts";
import type { SvrError } from "../base/errors.ts";
import { auditFiles, openAuditFile } from "./audit.ts";
import { readAuditFiles } from "./auditread.ts";

const sha256 = (text: string): string => createHash("sha256").update(text).digest("hex");
const here: { folder: string; path: string; failures: SvrError[] } = { folder: "", path: "", failures: [] };
beforeEach(() => {
  here.folder = mkdtempSync(join(tmpdir(), "opensvr-auditlog-"));
  here.path = join(here.folder, "audit.jsonl");
  here.failures = [];
});
afterEach(() => { rmSync(here.folder, { recursive: true }); });

const start = (limits: { bytes?: number; older?: number } = {}): Promise<AuditLog> => openAuditFile({ path: here.path, unixMs: () => Date.UTC(2026, 10, 28, 3), failed: (error) => { here.failures.push(error); }, ...limits });
const rotated = (log: AuditLog, id: number): void => { log.write({ kind: "key", action: "rotated", object: "peer west", detail: { id } }); };

async function verify(head?: AuditHead): Promise<AuditVerdict> {
  const verifier = createAuditVerifier(sha256, head);
  for await (const { where, text } of readAuditFiles(here.path)) verifier.line(where, text);
  return verifier.verdict();
}

async function told(): Promise<string[]> {
  const lines: string[] = [];
  for await (const { text } of readAuditFiles(here.path)) {
    const entry = readAuditLine(text)?.entry;
    lines.push(`${entry?.sequence} ${entry?.kind} ${entry?.action} ${JSON.stringify(entry?.detail)}`);
  }
  return lines;
}

test("events are a chain that goes on after a restart, for the owner's eyes only", async () => {
  const log = await start();
  for (const id of [1, 2]) rotated(log, id);
  await log.close();
  expect([log.head().sequence, await verify(log.head())]).toEqual([3, { lines: 3, first: 1, last: log.head(), faults: [], more: 0 }]);
  const again = await start();
  rotated(again, 3);
  await again.close();
  expect([await told(), statSync(here.path).mode & 0o777]).toEqual([["1 audit opened {}", '2 key rotated {"id":1}', '3 key rotated {"id":2}', "4 audit opened {}", '5 key rotated {"id":3}'], 0o600]);
  expect((await verify(again.head())).faults).toEqual([]);
});

test("files are put aside, the oldest goes, and the chain is carried on", async () => {
  const log = await start({ bytes: 1_500, older: 2 });
  for (let id = 0; id < 40; id += 1) {
    rotated(log, id);
    await log.close(); // each by itself, or they would be one batch
  }
  expect(readdirSync(here.folder).sort()).toEqual(["audit.jsonl", "audit.jsonl.1", "audit.jsonl.2", "audit.jsonl.head"]);
  const verdict = await verify(log.head());
  expect([verdict.faults, verdict.first > 20, verdict.last.sequence]).toEqual([[], true, 41]);
  rmSync(here.path); // ended between putting aside and the next line
  const again = await start({ bytes: 1_500, older: 2 });
  await again.close();
  expect((await told()).at(-1)).toMatch(/^\d+ audit opened/);
});

test("a line that was cut off by a crash is taken out, and the log says so", async () => {
  const log = await start();
  rotated(log, 1);
  await log.close();
  appendFileSync(here.path, '{"sequence":3,"time":"2026-');
  expect((await verify()).faults.map(({ kind }) => kind)).toEqual(["unreadable"]);
  const again = await start();
  await again.close();
  expect([(await told()).slice(2), (await verify(again.head())).faults]).toEqual([['3 audit healed {"cutBytes":27,"reason":"the last line was not written to its end"}', "4 audit opened {}"], []]);
});

test.each([[10, "missing"], [200, "missing"], [350, "missing"]])("events that are gone from the end (%p bytes are left) stay a gap", async (size, kind) => {
  const log = await start();
  for (const id of [1, 2]) rotated(log, id);
  await log.close();
  truncateSync(here.path, size);
  const again = await start();
  await again.close();
  expect((await verify(again.head())).faults.map((fault) => fault.kind)).toEqual(size < 300 ? [] : [kind]);
  expect((await told()).at(-2)).toMatch(/^4 audit healed .*"missingFrom":\d,"missingTo":3/);
});

test("an end that was written anew is not taken for the one before", async () => {
  const log = await start();
  rotated(log, 1);
  await log.close();
  writeFileSync(here.path, `${readFileSync(here.path, "utf8").split("\n")[0] ?? ""}\n`);
  rmSync(`${here.path}.head`);
  const other = await start();
  await other.close();
  writeFileSync(`${here.path}.head`, JSON.stringify(log.head()));
  const again = await start();
  await again.close();
  expect([(await told()).at(-2), (await verify(again.head())).faults.map(({ kind }) => kind)]).toEqual(['3 audit healed {"reason":"the last line is not the one that was written"}', ["unchained"]]);
});

test("a last line that somebody changed stays as evidence, and is found", async () => {
  const log = await start();
  rotated(log, 1);
  await log.close();
  writeFileSync(here.path, readFileSync(here.path, "utf8").replace("peer west", "peer east"));
  const again = await start();
  await again.close();
  expect([(await told()).at(-2), (await verify(again.head())).faults.map(({ kind }) => kind)]).toEqual(['3 audit healed {"reason":"the last line is not the one that was written"}', ["changed"]]);
});

test("events wait while they cannot be written; those beyond 1,024 are counted", async () => {
  const log = await start();
  rmSync(here.path);
  mkdirSync(here.path); // a here.folder takes no lines
  for (let id = 0; id < 1_030; id += 1) rotated(log, id);
  await log.close();
  expect([here.failures.map(({ code }) => code), log.head().sequence]).toEqual([["SVR_AUDIT_FILE"], 1]);
  rmSync(here.path, { recursive: true });
  await log.close();
  const lines = await told();
  expect([lines.length, lines.at(-1), (await verify(log.head())).faults]).toEqual([1_025, '1026 audit lost {"events":6}', []]);
});

test("texts and details are bounded", async () => {
  const log = await start();
  log.write({ kind: "identity", action: "issued", object: "x".repeat(9_999), detail: Object.fromEntries(Array.from({ length: 99 }, (_, index) => [`d${index}`, "y".repeat(9_999)])) });
  await log.close();
  expect([statSync(here.path).size < 10_000, (await verify(log.head())).faults]).toEqual([true, []]);
});

test("a log that cannot be opened is an error with a fix", async () => {
  here.path = join(here.folder, "none", "audit.jsonl");
  await expect(start()).rejects.toMatchObject({ code: "SVR_AUDIT_FILE", object: here.path });
  expect([existsSync(here.path), auditFiles("a", 2)]).toEqual([false, ["a.2", "a.1", "a"]]);
  chmodSync(here.folder, 0o700);
});

test("a reader gives the last line also without its end, and of a very long one a part", async () => {
  writeFileSync(here.path, `a\nb${"c".repeat(200_000)}`);
  const texts: string[] = [];
  for await (const { where, text } of readAuditFiles(here.path)) texts.push(`${where.slice(here.folder.length + 1)} ${text.slice(0, 1)} ${text.length <= 70_000}`);
  expect(texts).toEqual(["audit.jsonl:1 a true", "audit.jsonl:2 b true"]);
});
