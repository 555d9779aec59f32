// The command that gets a router its identity, with its options and help. Called by program.ts.
import { InvalidArgumentError, Option } from "commander";
import type { Command } from "commander";
import { routerNameField } from "../api/names.ts";
import { enrollRouter } from "./enroll.ts";
import type { EnrollFlags } from "./enroll.ts";
import type { Run } from "./program.ts";
import type { SvrCommand } from "./usage.ts";

/** addEnroll declares it. */
export function addEnroll(program: SvrCommand, run: Run): void {
  program.command("enroll").argument("<router>", "name of the router", readRouter)
    .description("Get a certificate for a router of this machine. Its private key is made in its state directory and never leaves it.")
    .addOption(new Option("--offline", "make the key and print the request for it, to bring to an authority").conflicts("finish"))
    .option("--finish <folder>", "install chain.pem and authorities.pem that the authority made of the request, with the key that waits")
    .option("--state-dir <dir>", "state directory of the router (default: /var/lib/opensvr/ROUTER)")
    .addOption(new Option("--key <type>", "kind of a new key").choices(["Ed25519", "ECDSA"]).default("Ed25519"))
    .withExamples("enroll branch --offline", "enroll branch --finish ./branch-identity")
    .action((router: string, flags: EnrollFlags, command: Command) => run(command, (context) => enrollRouter(context, router, flags)));
}

function readRouter(text: string): string {
  if (!routerNameField.safeParse(text).success) throw new InvalidArgumentError("It has 1-63 letters, digits, dots and hyphens, all in lower case.");
  return text;
}
