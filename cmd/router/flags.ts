// The command line of the router: what each flag is and its default. Called by main.ts; starts nothing.
import { createHash } from "node:crypto";
import { Command, InvalidArgumentError, Option } from "commander";
import { routerName } from "../../pkg/operator/daemonset.ts";

/** Flags are the options of one router process. */
export interface Flags {
  name: string;
  /** a directory, or an API server */
  from: { configDir: string } | { kube: true; kubeconfig?: string; context?: string };
  /** folder that files of pre-shared keys are relative to */
  keyDir: string;
  stateDir: string;
  pinDir: string;
  records: string;
  logLevel: string;
  /** TCP port of /healthz and /readyz; 0: none */
  healthPort: number;
  /** approved algorithms of a FIPS provider only, or no start */
  fips: boolean;
  /** length of an hour in ages of keys, in milliseconds; absent: an hour */
  keyHour?: number;
}

interface Given {
  configDir?: string; kube?: boolean; kubeconfig?: string; context?: string; name?: string; class?: string; node?: string; keyDir?: string;
  stateDir?: string; pinDir?: string; records?: string; logLevel: string; healthPort: number; fips?: boolean; keyHour?: number;
}

const help = `
Examples:
  router --config-dir /etc/opensvr --name branch
  router --config-dir ./config --name cloud --state-dir /var/lib/opensvr/cloud --log-level debug
  router --kube --name branch-7 --kubeconfig /etc/opensvr/kubeconfig --key-dir /etc/opensvr/keys

SIGTERM stops the process and leaves established sessions forwarding in the kernel; the next start with the same
--pin-dir takes them over. "svrctl sessions" shows what a running router carries.`;

/** readFlags parses the arguments (without program and script); commander prints help and errors, and ends the process. */
export function readFlags(args: readonly string[], version: string): Flags {
  const command = new Command("router")
    .description("Runs one OpenSVR router from a directory of YAML objects, or from a Kubernetes API server.")
    .option("--config-dir <dir>", "directory with the configuration objects (*.yaml, *.yml), watched for changes")
    .addOption(new Option("--kube", "take the configuration that the operator compiled for this router from the API server").conflicts("configDir"))
    .option("--name <name>", "name of the Router object that this process is")
    .option("--kubeconfig <file>", "with --kube: kubeconfig (default: the account of the pod)")
    .option("--context <name>", "with --kubeconfig: context (default: the current one)")
    .addOption(new Option("--class <name>", "with --node: the Router that this RouterClass has on that node, instead of --name").conflicts("name"))
    .option("--node <name>", "with --class: name of the node")
    .option("--key-dir <dir>", "folder that files of pre-shared keys are in (default: the configuration directory, with --kube /etc/opensvr/keys)")
    .option("--health-port <port>", "TCP port of /healthz and /readyz; 0: none", portNumber, 0)
    .option("--state-dir <dir>", "state of this router: lock, counters, admin socket (default: /var/lib/opensvr/NAME)")
    .option("--pin-dir <dir>", "where maps and programs are pinned, on a BPF file system (default: /sys/fs/bpf/opensvr/NAME)")
    .option("--records <file>", "session records, one JSON object a line (default: records.jsonl in the state directory)")
    .option("--fips", "use the FIPS provider of the platform's OpenSSL for everything, or do not start; see docs/security.md")
    .addOption(new Option("--log-level <level>", "least severe messages of the JSON log on the standard output").choices(["error", "warn", "info", "debug"]).default("info"))
    .addOption(new Option("--key-hour <ms>", "length of an hour in ages of keys, in milliseconds, for tests").argParser(milliseconds).hideHelp())
    .version(version, "--version", "print the version and end")
    .addHelpText("after", help)
    .showHelpAfterError('run "router --help"')
    .exitOverride((error) => { process.exit(error.exitCode === 0 ? 0 : 2); })
    .parse(args, { from: "user" });
  const given = command.opts<Given>();
  const name = given.name ?? (given.class === undefined || given.node === undefined ? undefined : routerName(given.class, given.node, (text) => createHash("sha256").update(text).digest("hex")));
  const from = given.configDir !== undefined ? { configDir: given.configDir } : given.kube === true ? { kube: true as const, ...defined(given, "kubeconfig"), ...defined(given, "context") } : undefined;
  if (from === undefined) return command.error("error: one of --config-dir and --kube is needed");
  if (name === undefined) return command.error("error: --name is needed, or --class with --node");
  const stateDir = given.stateDir ?? `/var/lib/opensvr/${name}`;
  const { logLevel, healthPort, fips = false } = given;
  return {
    name, from, stateDir, logLevel, healthPort, fips, ...defined(given, "keyHour"), keyDir: given.keyDir ?? given.configDir ?? "/etc/opensvr/keys",
    pinDir: given.pinDir ?? `/sys/fs/bpf/opensvr/${name}`, records: given.records ?? `${stateDir}/records.jsonl`,
  };
}

function defined<K extends keyof Given>(given: Given, field: K): { [key in K]?: NonNullable<Given[K]> } {
  const value = given[field];
  return value === undefined || value === null ? {} : { [field]: value } as { [key in K]: NonNullable<Given[K]> };
}

function milliseconds(text: string): number {
  if (/^[1-9][0-9]{0,6}$/.test(text)) return Number(text);
  throw new InvalidArgumentError("It is a number of milliseconds, 1 to 9999999.");
}

function portNumber(text: string): number {
  if (/^[0-9]{1,5}$/.test(text) && Number(text) < 65_536) return Number(text);
  throw new InvalidArgumentError("It is a number from 0 to 65535.");
}
