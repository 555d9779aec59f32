// The commands about audit logs, with their options and help. Called by program.ts.
import { InvalidArgumentError, Option } from "commander";
import type { Command } from "commander";
import { auditKinds } from "../api/audit.ts";
import type { AuditEnd } from "../api/audit.ts";
import { showAudit, verifyAudit } from "./audit.ts";
import type { AuditFlags } from "./audit.ts";
import { readCount } from "./optionvalues.ts";
import type { Run } from "./program.ts";
import type { SvrCommand } from "./usage.ts";

/** addAudit declares them. */
export function addAudit(program: SvrCommand, run: Run): void {
  const audit = program.command("audit").description("Audit logs: identities, keys, policies, denials, each line chained to the one before.")
    .withExamples("audit show --kind key", "audit verify --router branch");
  audit.command("show").description("Show the last events of each log.")
    .option("--file <path>", "a log that was brought here (default: those of the routers of this machine)")
    .addOption(new Option("--kind <kind>", "events of this kind only").choices([...auditKinds]))
    .option("--limit <count>", "at most this many events of a log", readCount, 50)
    .withExamples("audit show", "audit show --kind policy --limit 5 -o json")
    .action((flags: AuditFlags & { limit: number }, command: Command) => run(command, (context) => showAudit(context, flags)));
  audit.command("verify").description("Follow the chain of each log: what was changed, removed, put in, moved or cut is told. Exit 3 when something was.")
    .option("--file <path>", "a log that was brought here (default: those of the routers of this machine)")
    .option("--head <sequence:hash>", "where the log ends, as the router or an earlier verification said it", readHead)
    .withExamples("audit verify", `audit verify --file ./audit.jsonl --head 120:${"5d0c2a7e".repeat(8)}`)
    .action((flags: AuditFlags, command: Command) => run(command, (context) => verifyAudit(context, flags)));
}

function readHead(text: string): AuditEnd {
  const found = /^(\d{1,15}):([0-9a-f]{64})$/.exec(text);
  if (found === null) throw new InvalidArgumentError("It is a number, a colon and 64 hexadecimal digits.");
  return { sequence: Number(found[1]), hash: found[2] ?? "" };
}
