// `svrctl audit verify` and `svrctl audit show`: the audit logs of routers on this machine, or a file that was brought from one. Called by
// program.ts. The router says where its log ends; the files are read here, with the caller's rights.
import { createHash } from "node:crypto";
import { createAuditVerifier, readAuditLine } from "../api/audit.ts";
import type { AuditEnd, AuditEntry, AuditVerdict } from "../api/audit.ts";
import { fail, ok } from "../base/result.ts";
import type { Result } from "../base/result.ts";
import { auditSchema } from "./answers.ts";
import { askAll, finish } from "./ask.ts";
import type { Context, Style } from "./context.ts";
import { renderFacts } from "./facts.ts";
import { Exit, readFailure } from "./failure.ts";
import type { ExitCode, Failure } from "./failure.ts";
import { renderTable } from "./table.ts";

/** AuditFlags are the options of both commands. */
export interface AuditFlags { file?: string; head?: AuditEnd; kind?: string; limit?: number }

/** AuditVerified is the answer about one log; `told` is absent when nobody said where it ends. */
export type AuditVerified = AuditVerdict & { router: string; file: string; ok: boolean; told?: AuditEnd };

/** AuditShown is one event of a log. */
export type AuditShown = AuditEntry & { router: string };

interface Log { router: string; file: string; told?: AuditEnd }

/** verifyAudit follows the chain of each log; exit 3 when something was changed, removed, put in, moved or cut. */
export async function verifyAudit(context: Context, flags: AuditFlags): Promise<ExitCode> {
  const { logs, failures } = await logsOf(context, flags);
  const items: AuditVerified[] = [];
  for (const log of logs) {
    const verifier = createAuditVerifier(sha256, log.told);
    const read = await linesOf(context, log.file, (where, text) => { verifier.line(where, text); });
    if (!read.ok) {
      failures.push(read.error);
      continue;
    }
    const verdict = verifier.verdict();
    items.push({ ...log, ...verdict, ok: verdict.faults.length === 0 });
    if (log.told === undefined) await context.note(`note: nobody said where ${log.file} ends, so a cut end is not seen; give --head SEQUENCE:HASH`);
  }
  if (items.length > 0) await context.show({ data: { items }, text: (style) => items.map((item) => verifiedText(item, style)).join("\n") });
  return finish(context, failures, items.every((item) => item.ok) ? Exit.ok : Exit.no);
}

/** showAudit shows the last events; lines that cannot be read are left to `verify`. */
export async function showAudit(context: Context, flags: AuditFlags & { limit: number }): Promise<ExitCode> {
  const { logs, failures } = await logsOf(context, flags);
  const items: AuditShown[] = [];
  for (const { router, file } of logs) {
    const last: AuditShown[] = [];
    let others = 0;
    const read = await linesOf(context, file, (_where, text) => {
      const entry = readAuditLine(text)?.entry;
      if (entry === undefined) others += 1;
      if (entry === undefined || (flags.kind !== undefined && entry.kind !== flags.kind)) return;
      last.push({ ...entry, router });
      if (last.length > flags.limit) last.shift();
    });
    if (!read.ok) failures.push(read.error);
    if (others > 0) await context.note(`note: ${countWord(others, "line")} of ${file} cannot be read; "svrctl audit verify" tells which`);
    items.push(...last);
  }
  if (logs.length > 0) await context.show({ data: { items }, text: (style) => shownText(items, style) });
  return finish(context, failures);
}

async function logsOf(context: Context, { file, head }: AuditFlags): Promise<{ logs: Log[]; failures: Failure[] }> {
  if (file !== undefined) return { logs: [{ router: "", file, ...(head !== undefined && { told: head }) }], failures: [] };
  const { found, failures } = await askAll(context, { path: "/api/v1/routers/self/audit", schema: auditSchema, what: "the end of the audit log" });
  return { logs: found.map(({ router, value }) => ({ router, file: value.path, told: head ?? value.head })), failures };
}

async function linesOf({ around }: Context, file: string, line: (where: string, text: string) => void): Promise<Result<undefined, Failure>> {
  try {
    for await (const { where, text } of around.readAudit(file)) line(where, text);
    return ok(undefined);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === undefined) throw error;
    return fail(readFailure(`cannot read the audit log ${file}`, code, "name another with --file"));
  }
}

function countWord(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? "" : "s"}`;
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

function verifiedText({ router, file, ok: isWhole, lines, first, last, faults, more, told }: AuditVerified, style: Style): string {
  const facts = renderFacts([
    ...(router === "" ? [] : [["router", router] satisfies [string, string]]), ["file", file],
    ["answer", isWhole ? { text: "whole", tone: "good" } : { text: countWord(faults.length + more, "fault"), tone: "bad" }],
    ["events", lines === 0 ? "none" : `${first} to ${last.sequence}${first > 1 ? ", older files are gone" : ""}`],
    ["end", `${last.sequence}:${last.hash}${told === undefined ? "" : `, and should be ${told.sequence}`}`],
  ], style);
  if (faults.length === 0) return facts;
  const rows = renderTable(["FAULT", "WHERE", "WHAT"].map((header) => ({ header })), faults.map(({ kind, where, text }) => [kind, where, text]), style);
  return `${facts}\n${rows}${more === 0 ? "" : `and ${more} more\n`}`;
}

function shownText(items: readonly AuditShown[], style: Style): string {
  const rows = items.map(({ router, sequence, time, kind, action, object, detail }) => [router, String(sequence), time, kind, action, object, Object.entries(detail).map(([name, value]) => `${name}=${value}`).join(" ")]);
  return renderTable(["ROUTER", "EVENT", "TIME", "KIND", "ACTION", "OBJECT", "DETAIL"].map((header) => ({ header })), rows, style);
}
