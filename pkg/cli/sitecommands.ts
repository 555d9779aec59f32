// The commands about the site endpoint of an operator, with their options and help. Called by program.ts.
import type { Command } from "commander";
import { Option } from "commander";
import { parseDuration } from "../api/duration.ts";
import { readRouter } from "./enrollcommands.ts";
import { refuse } from "./optionvalues.ts";
import type { Run } from "./program.ts";
import { createToken, deleteToken, listTokens } from "./sitetokens.ts";
import type { SiteFlags, TokenFlags } from "./sitetokens.ts";
import type { SvrCommand } from "./usage.ts";

const where = ["--operator-namespace <name>", "namespace of the operator (default: found by its Lease, which takes the right to list leases)"] as const;
const USUAL = "1h", LEAST_MS = 60_000, MOST_MS = 604_800_000;

/** addSite declares them. */
export function addSite(program: SvrCommand, run: Run): void {
  const token = program.command("site").description("The endpoint of the operator where routers outside of the cluster get their certificates.")
    .withExamples("site token create branch", "site token list").command("token")
    .description("One-time tokens for routers outside of the cluster; the cluster keeps only a hash of each.").withExamples("site token create branch --for 15m", "site token list");
  token.command("create").argument("<router>", "name of the router that may use it", readRouter).description("Make a token and print it, once. Whoever uses it first gets a certificate of that router.")
    .option(...where).addOption(new Option("--for <duration>", "how long it counts, 1m-168h").default(parseDuration(USUAL), USUAL).argParser(readLife))
    .withExamples("site token create branch", "site token create branch --for 15m --operator-namespace opensvr")
    .action((router: string, flags: TokenFlags, command: Command) => run(command, (context) => createToken(context, router, flags)));
  token.command("list").description("List tokens: whose they are, until when, and which certificate was given for those that were used.").withNames().option(...where)
    .withExamples("site token list", "site token list -o json")
    .action((flags: SiteFlags, command: Command) => run(command, (context) => listTokens(context, flags)));
  token.command("delete").withNames().argument("<id>", "id of the token").description("Take a token back. It shows what it would do and does it with --yes only; a certificate that was given is revoked separately.")
    .option(...where).option("--yes", "do it")
    .withExamples("site token delete 5f3a9c0e1b2d4c6f", "site token delete 5f3a9c0e1b2d4c6f --yes")
    .action((id: string, flags: SiteFlags & { yes?: boolean }, command: Command) => run(command, (context) => deleteToken(context, id, flags)));
}

function readLife(text: string): number {
  const ms = parseDuration(text);
  return ms !== undefined && ms >= LEAST_MS && ms <= MOST_MS ? ms : refuse("write a duration from 1m to 168h");
}
