// The options that every command takes, as flags and as values. Called by program.ts; reads text only.
import { Option } from "commander";
import type { Command } from "commander";
import { parseDuration } from "../api/duration.ts";
import type { GlobalOptions } from "./context.ts";
import { append, refuse } from "./optionvalues.ts";
import { outputWords, parseOutput } from "./outputformat.ts";
import type { OutputFormat } from "./outputformat.ts";
import type { ProgramName } from "./surroundings.ts";

const shortestTimeoutMs = 1;
const longestTimeoutMs = 600_000;
const usualTimeout = "5s";

/** GlobalFlags are the values as the parser keeps them. */
export interface GlobalFlags {
  output: OutputFormat;
  router?: string[];
  socket?: string[];
  requestTimeout: number;
  color: boolean;
  namespace?: string;
  allNamespaces?: true;
  context?: string;
  kubeconfig?: string;
  as?: string;
  asGroup?: string[];
}

/** addGlobalOptions declares the options on the program; they are understood before and after every command. */
export function addGlobalOptions(program: Command): void {
  program
    .addOption(new Option("-o, --output <format>", `how to show the answer: ${outputWords.join(", ")}`).default("table").argParser(readOutput))
    .addOption(new Option("--router <name>", "router to ask, by name: of this machine, or of those at the sockets given; repeatable (default: all of them)").argParser(append))
    .addOption(new Option("--socket <path>", "admin socket of a router to ask, instead of the routers of this machine; repeatable").argParser(append))
    .addOption(new Option("--request-timeout <duration>", "longest wait for one answer, for example 500ms or 30s").default(parseDuration(usualTimeout), usualTimeout).argParser(parseTimeout))
    .addOption(new Option("--no-color", "no colour, also on a terminal; NO_COLOR in the environment does the same"));
}

/** addClusterOptions declares the options that speak of a cluster; they are named like those of kubectl. */
export function addClusterOptions(program: Command): void {
  program
    .addOption(new Option("-n, --namespace <name>", "namespace in the cluster (default: that of the context)").argParser(readNamespace))
    .addOption(new Option("-A, --all-namespaces", "all namespaces of the cluster"))
    .addOption(new Option("--context <name>", "context of the kubeconfig: which cluster, as whom (default: its current one)"))
    .addOption(new Option("--kubeconfig <file>", "kubeconfig file (default: KUBECONFIG of the environment, else the usual place)"))
    .addOption(new Option("--as <user>", "user to act for in the cluster"))
    .addOption(new Option("--as-group <group>", "group to act for in the cluster; repeatable").argParser(append));
}

/** whereHelp says where answers come from; it stands in the help of the program. */
export const whereHelp = `
Where answers come from:
  status, tenants, services, routers and check ask the API server of a cluster. config diff, why and version ask
  it too when the program is called as "kubectl svr", or when an option of a cluster is given (-n, -A, --context,
  --kubeconfig, --as, --as-group); else they ask the routers of this machine, as all other commands always do.
  --socket names such routers, and --config-dir a directory: then no cluster is asked.`;

/** globalOptionsOf turns the flags into what commands are given. */
export function globalOptionsOf(flags: GlobalFlags, called: ProgramName): GlobalOptions {
  const { namespace, context, kubeconfig, as, asGroup = [], requestTimeout: timeoutMs } = flags;
  const speaksOfCluster = [namespace, flags.allNamespaces, context, kubeconfig, as, flags.asGroup].some((one) => one !== undefined);
  return {
    sockets: flags.socket ?? [], routers: flags.router ?? [], output: flags.output, noColour: !flags.color, timeoutMs,
    ...(namespace !== undefined && { namespace }), allNamespaces: flags.allNamespaces ?? false,
    asksCluster: speaksOfCluster || (called === "kubectl svr" && flags.socket === undefined),
    cluster: { asGroups: asGroup, timeoutMs, ...(context !== undefined && { context }), ...(kubeconfig !== undefined && { kubeconfig }), ...(as !== undefined && { as }) },
  };
}

function readOutput(text: string): OutputFormat {
  const format = parseOutput(text);
  return format.ok ? format.value : refuse(format.error);
}

function readNamespace(text: string): string {
  return /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/.test(text) ? text : refuse("it is no namespace: lower-case letters, digits and -");
}

function parseTimeout(text: string): number {
  const millis = parseDuration(text);
  if (millis === undefined || millis < shortestTimeoutMs || millis > longestTimeoutMs) return refuse("write a duration from 1ms to 10m, for example 500ms or 30s");
  return millis;
}
