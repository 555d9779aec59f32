// The command that gets a router its identity, with its options and help. Called by program.ts.
import { InvalidArgumentError, Option } from "commander";
import type { Command } from "commander";
import { routerNameField } from "../api/names.ts";
import type { SiteAddress } from "../ports/enrollment.ts";
import { enrollRouter } from "./enroll.ts";
import type { EnrollFlags } from "./enroll.ts";
import type { Run } from "./program.ts";
import type { SvrCommand } from "./usage.ts";

/** addEnroll declares it. */
export function addEnroll(program: SvrCommand, run: Run): void {
  program.command("enroll").argument("<router>", "name of the router", readRouter)
    .description("Get a certificate for a router of this machine. Its private key is made in its state directory and never leaves it.")
    .addOption(new Option("--offline", "make the key and print the request for it, to bring to an authority").conflicts(["finish", "token", "tokenFile"]))
    .option("--finish <folder>", "install chain.pem and authorities.pem that the authority made of the request, with the key that waits")
    .addOption(new Option("--token <token>", "one-time token of the operator; others of this machine may see it in the list of processes, so rather name a file").conflicts(["finish", "tokenFile"]))
    .addOption(new Option("--token-file <file>", "file with the token").conflicts("finish"))
    .addOption(new Option("--to <host:port>", "site endpoint of the operator, with --token or --token-file").argParser(readSite))
    .option("--state-dir <dir>", "state directory of the router (default: /var/lib/opensvr/ROUTER)")
    .addOption(new Option("--key <type>", "kind of a new key").choices(["Ed25519", "ECDSA"]).default("Ed25519"))
    .withExamples("enroll branch --offline", "enroll branch --token-file ./token --to site.example.com:9282")
    .action((router: string, flags: EnrollFlags, command: Command) => run(command, (context) => enrollRouter(context, router, flags)));
}

/** readRouter reads the name of a router. */
export function readRouter(text: string): string {
  if (!routerNameField.safeParse(text).success) throw new InvalidArgumentError("It has 1-63 letters, digits, dots and hyphens, all in lower case.");
  return text;
}

function readSite(text: string): SiteAddress {
  const [, six, host = six, port = ""] = /^(?:\[([0-9a-fA-F:.]+)\]|([A-Za-z0-9.-]{1,253})):(\d{1,5})$/.exec(text) ?? [];
  if (host === undefined || Number(port) < 1 || Number(port) > 65_535) throw new InvalidArgumentError("Write HOST:PORT, or [IPv6]:PORT.");
  return { host, port: Number(port) };
}
