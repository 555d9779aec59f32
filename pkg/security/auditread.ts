// Reads the files of an audit log line by line, the oldest first, for whoever verifies or shows them. Constructed by cmd/svrctl. A line that
// is longer than any that a router writes is cut, so that no file can fill the memory.
import { createReadStream } from "node:fs";
import { access } from "node:fs/promises";
import type { AuditText } from "../ports/audit.ts";
import { auditFiles } from "./audit.ts";

const longestLine = 65_536;

/** readAuditFiles gives the lines of a log; rejects with the system's error when there is none, or one may not be read. */
export async function* readAuditFiles(path: string): AsyncGenerator<AuditText> {
  for (const file of auditFiles(path)) {
    if (file !== path && !await isThere(file)) continue;
    yield* linesOf(file);
  }
}

async function isThere(file: string): Promise<boolean> {
  try {
    await access(file);
    return true;
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "ENOENT") return false;
    throw cause;
  }
}

async function* linesOf(file: string): AsyncGenerator<AuditText> {
  let rest = "", number = 0;
  for await (const chunk of createReadStream(file, { encoding: "utf8" }) as AsyncIterable<string>) {
    const lines = `${rest}${chunk}`.split("\n");
    rest = (lines.pop() ?? "").slice(0, longestLine);
    for (const text of lines) yield { where: `${file}:${number += 1}`, text };
  }
  if (rest !== "") yield { where: `${file}:${number + 1}`, text: rest };
}
