// What an authority in a folder issued and took back: issued.jsonl, a line for each, only ever appended and on the disk before anything leaves.
// Called by authorityfolder.ts. A last line that a crash cut told nobody anything: it does not count, and the next one takes its place.
import { closeSync, fsyncSync, openSync, readFileSync, truncateSync, writeSync } from "node:fs";
import { SvrError } from "../base/errors.ts";
import type { IssuedCertificate } from "../ports/authority.ts";

const LINES_MOST = 100_000; // certificates and revocations of one authority

/** IssuedLine is a certificate, or that one is revoked. */
export type IssuedLine = IssuedCertificate | { revokes: string; at: number };

function refuse(object: string, attempted: string, fix: string): never {
  throw new SvrError("SVR_AUTHORITY", { object, attempted, fix });
}

/** readIssued gives certificates in their order. A line that cannot be read stops everything, because a revocation may stand there. */
export function readIssued(path: string): IssuedCertificate[] {
  const bySerial = new Map<string, IssuedCertificate>();
  const lines = wholeLines(textOf(path)).split("\n").filter((line) => line !== "");
  if (lines.length > LINES_MOST) refuse(path, `${path} has more than ${LINES_MOST} lines`, "begin another authority, and let both count while certificates are renewed");
  for (const [at, text] of lines.entries()) {
    const line = parsed(text);
    const issued = line !== undefined && "revokes" in line ? bySerial.get(line.revokes) : line;
    if (line === undefined || issued === undefined || "revokes" in issued) refuse(`${path}:${at + 1}`, `line ${at + 1} of ${path} cannot be read`, "bring the list back as it was");
    bySerial.set(issued.serial, "revokes" in line ? { ...issued, revoked: line.at } : issued);
  }
  return [...bySerial.values()];
}

/** noteIssued appends all of them or fails; what a crash cut before goes. */
export function noteIssued(path: string, lines: readonly IssuedLine[]): void {
  const text = textOf(path), whole = wholeLines(text);
  if (whole !== text) truncateSync(path, Buffer.byteLength(whole));
  const file = openSync(path, "a", 0o644);
  try {
    writeSync(file, `${whole === "" || whole.endsWith("\n") ? "" : "\n"}${lines.map((line) => `${JSON.stringify(line)}\n`).join("")}`);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

/** Without a last line that has no end and says nothing; one that only lacks its end counts. */
function wholeLines(text: string): string {
  const end = text.lastIndexOf("\n") + 1;
  return text.length === end || parsed(text.slice(end)) !== undefined ? text : text.slice(0, end);
}

function textOf(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (cause) {
    throw new SvrError("SVR_AUTHORITY", { object: path, attempted: `${path} cannot be read (${(cause as NodeJS.ErrnoException).code ?? "unknown"})`, fix: "bring the list of what this authority issued back", cause });
  }
}

function parsed(text: string): IssuedLine | undefined {
  try {
    const value = JSON.parse(text) as Record<string, unknown>;
    const isIssue = typeof value["serial"] === "string" && typeof value["router"] === "string" && typeof value["notAfter"] === "number";
    const isRevocation = typeof value["revokes"] === "string" && typeof value["at"] === "number";
    return isIssue || isRevocation ? value as never : undefined;
  } catch {
    return undefined; // the caller says which line it is
  }
}
