// The command line of the router: what each flag is and its default. Called by main.ts; starts nothing.
import { Command, Option } from "commander";

/** Flags are the options of one router process. */
export interface Flags {
  configDir: string;
  name: string;
  stateDir: string;
  pinDir: string;
  records: string;
  logLevel: string;
}

const help = `
Examples:
  router --config-dir /etc/opensvr --name branch
  router --config-dir ./config --name cloud --state-dir /var/lib/opensvr/cloud --log-level debug

SIGTERM stops the process and leaves established sessions forwarding in the kernel; the next start with the same
--pin-dir takes them over. "svrctl sessions" shows what a running router carries.`;

/** readFlags parses the arguments (without program and script); commander prints help and errors, and ends the process. */
export function readFlags(args: readonly string[], version: string): Flags {
  const command = new Command("router")
    .description("Runs one OpenSVR router from a directory of YAML objects.")
    .requiredOption("--config-dir <dir>", "directory with the configuration objects (*.yaml, *.yml), watched for changes")
    .requiredOption("--name <name>", "name of the Router object that this process is")
    .option("--state-dir <dir>", "state of this router: lock, counters, admin socket (default: /var/lib/opensvr/NAME)")
    .option("--pin-dir <dir>", "where maps and programs are pinned, on a BPF file system (default: /sys/fs/bpf/opensvr/NAME)")
    .option("--records <file>", "session records, one JSON object a line (default: records.jsonl in the state directory)")
    .addOption(new Option("--log-level <level>", "least severe messages of the JSON log on the standard output").choices(["error", "warn", "info", "debug"]).default("info"))
    .version(version, "--version", "print the version and end")
    .addHelpText("after", help)
    .showHelpAfterError('run "router --help"')
    .exitOverride((error) => { process.exit(error.exitCode === 0 ? 0 : 2); })
    .parse(args, { from: "user" });
  const given = command.opts<Partial<Flags> & Pick<Flags, "configDir" | "name" | "logLevel">>();
  const stateDir = given.stateDir ?? `/var/lib/opensvr/${given.name}`;
  return { ...given, stateDir, pinDir: given.pinDir ?? `/sys/fs/bpf/opensvr/${given.name}`, records: given.records ?? `${stateDir}/records.jsonl` };
}
