// The commands about an authority in a folder, with their options and help. Called by program.ts.
import { InvalidArgumentError, Option } from "commander";
import type { Command } from "commander";
import { initAuthority, issueCertificate, renewIdentity, revokeCertificates, showAuthority } from "./ca.ts";
import type { CaFlags, InitFlags, IssueFlags, RenewFlags, RevokeFlags } from "./ca.ts";
import { readRouter } from "./enrollcommands.ts";
import type { Run } from "./program.ts";
import type { SvrCommand } from "./usage.ts";

const AUTHORITY_DAYS = 3_650, ROUTER_DAYS = 90, DAYS_MOST = 7_300;
const folder = ["--dir <folder>", "folder of the authority", "./ca"] as const;

function keyOption(): Option {
  return new Option("--key <type>", "kind of the new key").choices(["Ed25519", "ECDSA"]).default("Ed25519");
}

/** addCa declares them. */
export function addCa(program: SvrCommand, run: Run): void {
  const ca = program.command("ca").description("An authority for certificates of routers in a folder of this machine, for sites without a cluster.")
    .withExamples("ca init --name acme", "ca issue branch --write ./branch-identity");
  ca.command("init").description("Make an authority: its key, its certificate and an empty list of what it issued. One that is there is never overwritten; one that a crash left unfinished is made anew.")
    .option(...folder).option("--name <name>", "name in its certificate", readName, "OpenSVR").addOption(keyOption())
    .option("--days <days>", "how long it counts", readDays, AUTHORITY_DAYS)
    .withExamples("ca init --name acme", "ca init --dir /root/ca --key ECDSA --days 1825")
    .action((flags: InitFlags, command: Command) => run(command, (context) => initAuthority(context, flags)));
  ca.command("issue").withNames().argument("<router>", "name of the router", readRouter).description("Issue a certificate of a router, and write chain.pem, authorities.pem and without --request key.pem into a folder. After a crash the same again goes on where it stopped.")
    .option(...folder).requiredOption("--write <folder>", "where the files go; key.pem is closed to others")
    .option("--request <file>", "certificate signing request of the router's site, PEM; the key stays there").addOption(keyOption())
    .option("--days <days>", "how long it counts, at most as long as the authority", readDays, ROUTER_DAYS)
    .withExamples("ca issue branch --write ./branch-identity", "ca issue branch --request branch.csr --write ./branch-identity --days 30")
    .action((router: string, flags: IssueFlags, command: Command) => run(command, (context) => issueCertificate(context, router, flags)));
  ca.command("renew").withNames().argument("<router>", "name of the router", readRouter).description("Renew the identity of a router on this machine: a new key of the same kind and its certificate take the place of the old ones together. Authorities that it trusts stay until they end.")
    .option(...folder).option("--state-dir <folder>", "state directory of the router; /var/lib/opensvr/ROUTER")
    .option("--days <days>", "how long it counts, at most as long as the authority", readDays, ROUTER_DAYS)
    .withExamples("ca renew branch", "ca renew branch --dir /root/ca --state-dir /srv/branch --days 30")
    .action((router: string, flags: RenewFlags, command: Command) => run(command, (context) => renewIdentity(context, router, flags)));
  ca.command("revoke").withNames().argument("<serial or router>", "a serial number, or a router whose certificates all are meant").description("Revoke certificates. It shows what it would do and does it with --yes only.")
    .option(...folder).option("--yes", "do it").option("--dry-run", "only look")
    .withExamples("ca revoke branch --dry-run", "ca revoke 5f3a9c0e1b2d4c6f8a7b6c5d4e3f2a1b --yes")
    .action((what: string, flags: RevokeFlags, command: Command) => run(command, (context) => revokeCertificates(context, what, flags)));
  ca.command("show").withNames().description("Show an authority and what it issued.").option(...folder)
    .withExamples("ca show", "ca show --dir /root/ca -o json")
    .action((flags: CaFlags, command: Command) => run(command, (context) => showAuthority(context, flags)));
}

function readDays(text: string): number {
  const days = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  if (days < 1 || days > DAYS_MOST) throw new InvalidArgumentError(`It is a number of days, 1-${DAYS_MOST}.`);
  return days;
}

function readName(text: string): string {
  if (!/^[A-Za-z0-9][A-Za-z0-9 ._-]{0,62}$/.test(text)) throw new InvalidArgumentError("It has 1-63 letters, digits, spaces, dots, hyphens and underscores.");
  return text;
}
