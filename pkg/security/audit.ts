// The audit log of a router: events as lines of a file, each chained to the one before (pkg/api/audit.ts), kept within bounds by rotation with
// the chain carried on. Constructed by cmd/router below the lock of the state directory: one process writes. What was taken together is
// written together and is on the disk (fdatasync) before it counts.
import { createHash } from "node:crypto";
import { open, readFile, rename, writeFile } from "node:fs/promises";
import type { FileHandle } from "node:fs/promises";
import { dirname } from "node:path";
import { auditLine, noHash, readAuditLine } from "../api/audit.ts";
import type { AuditEntry } from "../api/audit.ts";
import { SvrError } from "../base/errors.ts";
import type { AuditDetail, AuditEvent, AuditHead, AuditLog } from "../ports/audit.ts";

/** AuditFileOptions bound the space: about (older + 1) x bytes. */
export interface AuditFileOptions {
  path: string;
  unixMs: () => number;
  /** hears of the first write that fails, and of the next one after some went well */
  failed: (error: SvrError) => void;
  /** a file that would have more is put aside first, 16 MiB */
  bytes?: number;
  /** files put aside, `path.1` the newest, 8 */
  older?: number;
}

/** auditFiles lists the files of a log, the oldest first; some may not be there. */
export function auditFiles(path: string, older: number = OLDER): string[] {
  return [...Array.from({ length: older }, (_, index) => `${path}.${older - index}`), path];
}

const OLDER = 8, BYTES = 16_777_216;
const fileMode = 0o600;
const mostWaiting = 1_024; // events that a disk has not taken
const longestText = 512, mostDetails = 16;
const newline = 0x0a;

interface Waiting { event: AuditEvent; unixMs: number }

/** openAuditFile opens a log and says so in it; rejects with SVR_AUDIT_FILE when it cannot be read or written. */
export async function openAuditFile(options: AuditFileOptions): Promise<AuditLog> {
  const { path, older = OLDER } = options;
  try {
    const { head, healed } = against(await endOf(path) ?? await endOf(`${path}.1`) ?? { head: noHead() }, await keptHead(path));
    const log = new AuditFile({ bytes: BYTES, ...options, older }, head);
    const opened: AuditEvent = { kind: "audit", action: "opened", object: "audit log" };
    await log.begin(healed === undefined ? [opened] : [{ kind: "audit", action: "healed", object: "audit log", detail: healed }, opened]);
    return log;
  } catch (cause) {
    throw fault(path, "opened", cause);
  }
}

class AuditFile implements AuditLog {
  readonly #options: Required<AuditFileOptions>;
  readonly #waiting: Waiting[] = [];
  #head: AuditHead;
  #lost = 0;
  #isFailing = false;
  #running: Promise<void> | undefined;

  constructor(options: Required<AuditFileOptions>, head: AuditHead) {
    this.#options = options;
    this.#head = head;
  }

  write(event: AuditEvent): void {
    if (this.#waiting.length >= mostWaiting) this.#lost += 1;
    else this.#waiting.push({ event, unixMs: this.#options.unixMs() });
    this.#run();
  }

  head(): AuditHead {
    return this.#head;
  }

  async close(): Promise<void> {
    await this.#running;
    if (this.#waiting.length > 0) this.#run(); // what could not be written has one more chance
    await this.#running;
  }

  /** The first events must be on the disk: a router without its log does not start. */
  async begin(events: readonly AuditEvent[]): Promise<void> {
    for (const event of events) this.#waiting.push({ event, unixMs: this.#options.unixMs() });
    await this.#append();
  }

  #run(): void {
    this.#running ??= this.#drain().finally(() => { this.#running = undefined; });
  }

  async #drain(): Promise<void> {
    try {
      await Promise.resolve(); // events of one turn go together
      while (this.#waiting.length > 0) await this.#append();
      this.#isFailing = false;
    } catch (cause) {
      if (!this.#isFailing) this.#options.failed(fault(this.#options.path, "written", cause));
      this.#isFailing = true;
    }
  }

  async #append(): Promise<void> {
    const count = this.#waiting.length, lost = this.#lost;
    const told: Waiting[] = lost === 0 ? [] : [{ event: { kind: "audit", action: "lost", object: "audit log", detail: { events: lost } }, unixMs: this.#options.unixMs() }];
    const { text, head } = chained([...this.#waiting.slice(0, count), ...told], this.#head);
    await appendWhole(this.#options, Buffer.from(text));
    this.#waiting.splice(0, count);
    this.#lost -= lost;
    this.#head = head;
    await keepHead(this.#options.path, head);
  }
}

function chained(events: readonly Waiting[], from: AuditHead): { text: string; head: AuditHead } {
  let head = from;
  const lines = events.map(({ event: { kind, action, object, detail = {} }, unixMs }) => {
    const entry: AuditEntry = { sequence: head.sequence + 1, time: new Date(unixMs).toISOString(), previous: head.hash, kind, action, object: cut(object), detail: bounded(detail) };
    const { text, hash } = auditLine(entry, sha256);
    head = { sequence: entry.sequence, hash };
    return `${text}\n`;
  });
  return { text: lines.join(""), head };
}

function bounded(detail: AuditDetail): AuditDetail {
  return Object.fromEntries(Object.entries(detail).slice(0, mostDetails).map(([name, value]) => [cut(name), typeof value === "string" ? cut(value) : value]));
}

function cut(text: string): string {
  return text.length > longestText ? `${text.slice(0, longestText)}...` : text;
}

async function appendWhole({ path, bytes, older }: Required<AuditFileOptions>, batch: Buffer): Promise<void> {
  const file = await open(path, "a", fileMode);
  try {
    const { size } = await file.stat();
    if (size === 0 || size + batch.length <= bytes) return await writeWhole(file, batch, size);
  } finally {
    await file.close();
  }
  await putAside(path, older);
  const next = await open(path, "a", fileMode);
  try {
    await writeWhole(next, batch, 0);
  } finally {
    await next.close();
  }
  await syncFolder(path);
}

/** The batch is in the file as a whole, and stays after a power cut; or nothing of it is there. */
async function writeWhole(file: FileHandle, batch: Buffer, size: number): Promise<void> {
  try {
    await file.writeFile(batch);
    await file.datasync();
  } catch (cause) {
    await file.truncate(size).catch((undo: unknown) => { throw new AggregateError([cause, undo], `${codeOf(cause)}, and part of it stays: ${codeOf(undo)}`); });
    throw cause;
  }
}

async function putAside(path: string, older: number): Promise<void> {
  for (let number = older; number >= 1; number -= 1) {
    await rename(number === 1 ? path : `${path}.${number - 1}`, `${path}.${number}`).catch((cause: unknown) => {
      if (codeOf(cause) !== "ENOENT") throw cause;
    });
  }
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(dirname(path), "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

function noHead(): AuditHead {
  return { sequence: 0, hash: noHash };
}

interface End { head: AuditHead; healed?: AuditDetail }

/** A log that ends before the head that was kept beside it goes on behind that head: the gap stays to be seen. */
function against(found: End, kept: AuditHead | undefined): End {
  if (kept === undefined || kept.sequence < found.head.sequence || kept.hash === found.head.hash) return found;
  const { sequence } = found.head;
  const gap: AuditDetail = sequence === kept.sequence ? { reason: "the last line is not the one that was written" } : { missingFrom: sequence + 1, missingTo: kept.sequence };
  return { head: kept, healed: { ...found.healed, ...gap } };
}

/** Not synced: after a power cut an older head is no harm, after the end of a process it is this one. */
async function keepHead(path: string, head: AuditHead): Promise<void> {
  await writeFile(`${path}.head.new`, JSON.stringify(head), { mode: fileMode });
  await rename(`${path}.head.new`, `${path}.head`);
}

async function keptHead(path: string): Promise<AuditHead | undefined> {
  const text = await readFile(`${path}.head`, "utf8").catch((cause: unknown) => {
    if (codeOf(cause) === "ENOENT") return "";
    throw cause;
  });
  const found = /^\{"sequence":(\d{1,15}),"hash":"([0-9a-f]{64})"\}$/.exec(text);
  return found === null ? undefined : { sequence: Number(found[1]), hash: found[2] ?? "" };
}

/** The end of a file, without a last line that a crash cut off; `healed` says what was not as it should be. Undefined: no file, or nothing in it. */
async function endOf(path: string): Promise<End | undefined> {
  const content = await readFile(path).catch((cause: unknown) => {
    if (codeOf(cause) === "ENOENT") return Buffer.alloc(0);
    throw cause;
  });
  if (content.length === 0) return undefined;
  const whole = content.lastIndexOf(newline) + 1;
  const torn = content.length - whole;
  if (torn > 0) await cutTail(path, whole);
  const text = content.subarray(content.lastIndexOf(newline, whole - 2) + 1, Math.max(0, whole - 1)).toString();
  const tornDetail: AuditDetail = torn > 0 ? { cutBytes: torn, reason: "the last line was not written to its end" } : {};
  if (whole === 0) return { head: noHead(), healed: tornDetail };
  const line = readAuditLine(text);
  if (line !== undefined && sha256(line.signed) === line.hash) return { head: { sequence: line.entry.sequence, hash: line.hash }, ...(torn > 0 && { healed: tornDetail }) };
  return { head: { sequence: line?.entry.sequence ?? 0, hash: sha256(text) }, healed: { ...tornDetail, reason: "the last line is not as it was written" } };
}

async function cutTail(path: string, size: number): Promise<void> {
  const file = await open(path, "r+");
  try {
    await file.truncate(size);
    await file.datasync();
  } finally {
    await file.close();
  }
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

function codeOf(cause: unknown): string {
  return (cause as NodeJS.ErrnoException).code ?? String(cause);
}

function fault(path: string, what: string, cause: unknown): SvrError {
  return new SvrError("SVR_AUDIT_FILE", { object: path, attempted: `the audit log ${path} cannot be ${what} (${cause instanceof AggregateError ? cause.message : codeOf(cause)})`, fix: "make room, or the state directory writable; events wait in memory until then", cause });
}
