// The commands of svrctl with their options and help. Called by cmd/svrctl (runProgram) and by the generator of the
// reference page (createProgram). Declares and dispatches; what a command does stands in its own file.
import { CommanderError } from "commander";
import type { Command } from "commander";
import { addAudit } from "./auditcommands.ts";
import { addCa } from "./cacommands.ts";
import { addCapture } from "./capturecommands.ts";
import { diffCluster } from "./clusterdiff.ts";
import { completeLine } from "./completion.ts";
import { completionScript, readShell, shells } from "./completionscripts.ts";
import type { Shell } from "./completionscripts.ts";
import { validateConfig } from "./configcheck.ts";
import { diffConfig } from "./configdiff.ts";
import { calledText, createContext } from "./context.ts";
import type { Context, GlobalOptions } from "./context.ts";
import { showCounters } from "./counters.ts";
import { Exit, formatFailure, usageFailure } from "./failure.ts";
import type { ExitCode } from "./failure.ts";
import { addClusterOptions, addGlobalOptions, globalOptionsOf, whereHelp } from "./globaloptions.ts";
import type { GlobalFlags } from "./globaloptions.ts";
import { addEnroll } from "./enrollcommands.ts";
import { addKubeCommands } from "./kubecommands.ts";
import { showTables } from "./occupancy.ts";
import { readAddress, readCount, readEndpoint, readProtocol } from "./optionvalues.ts";
import { showAlarms } from "./alarms.ts";
import { showPeers } from "./peers.ts";
import { addSessionFilters, sessionFilterOf } from "./sessionfilter.ts";
import type { SessionFlags } from "./sessionfilter.ts";
import { listSessions } from "./sessionlist.ts";
import { deleteSession } from "./sessiondelete.ts";
import type { DeleteOptions } from "./sessiondelete.ts";
import { showSession } from "./sessionshow.ts";
import type { ProgramName, Surroundings } from "./surroundings.ts";
import { SvrCommand, UsageFault, commandPath } from "./usage.ts";
import { addSite } from "./sitecommands.ts";
import { tracePacket } from "./trace.ts";
import type { TraceFlags } from "./trace.ts";
import { verifyRouters } from "./verify.ts";
import { showVersion } from "./versions.ts";
import { explainWhy } from "./why.ts";
import type { WhyFlags } from "./why.ts";

/** Work is a command that has been read and waits for its context. */
export type Work = (context: Context) => Promise<ExitCode>;

/** ProgramParts is what the program needs to be declared: who runs a command, and where help goes. */
export interface ProgramParts {
  version: string;
  called: ProgramName;
  run(options: GlobalOptions, work: Work): Promise<void>;
  help: { width: number; out: (text: string) => void; err: (text: string) => void };
}

const plainWidth = 100;
/** The first word by which shells ask what may follow; no command, so that nothing behind it is read as an option. */
const completeWord = "__complete";

/** runProgram reads the words behind the program's name, runs the command and gives the exit code; only faults throw. */
export async function runProgram(words: readonly string[], around: Surroundings): Promise<ExitCode> {
  const seen: { exit: ExitCode; out: string; err: string } = { exit: Exit.ok, out: "", err: "" };
  const program = createProgram({
    version: around.version, called: around.called,
    run: async (options, work) => { seen.exit = await work(createContext(around, options)); },
    help: { width: around.terminal.columns ?? plainWidth, out: (text) => { seen.out += text; }, err: (text) => { seen.err += text; } },
  });
  if (words[0] === completeWord) {
    await around.out.write(await completeLine(program, words.slice(1), around));
    return Exit.ok;
  }
  try {
    await program.parseAsync([...words], { from: "user" });
  } catch (error) {
    if (error instanceof UsageFault) {
      seen.exit = Exit.usage;
      seen.err += `${calledText(formatFailure(error.failure), around.called)}\n`;
    } else if (error instanceof CommanderError) seen.exit = error.exitCode === 0 ? Exit.ok : Exit.usage;
    else throw error;
  }
  await around.out.write(seen.out);
  await around.err.write(seen.err);
  return around.out.isGone() ? Exit.ok : seen.exit;
}

/** createProgram declares all commands; nothing runs before it parses. */
export function createProgram(parts: ProgramParts): SvrCommand {
  const program = new SvrCommand(parts.called);
  program
    .description("Ask session routers and clusters of them what they do, check a configuration, and explain decisions.")
    .version(parts.version, "--version", "print the version of this program and end")
    .exitOverride()
    .configureOutput({ writeOut: parts.help.out, writeErr: parts.help.err, getOutHelpWidth: () => parts.help.width, getErrHelpWidth: () => parts.help.width, getOutHasColors: () => false, getErrHasColors: () => false })
    .configureHelp({ showGlobalOptions: true })
    .addHelpText("after", whereHelp)
    .withExamples("sessions -o wide", "why --tenant engineering.acme --proto tcp --to 10.9.0.10:443");
  addGlobalOptions(program);
  addClusterOptions(program);
  const run = runnerOf(parts);
  addKubeCommands(program, run);
  addSessions(program, run);
  addViews(program, run);
  addVerify(program, run);
  addTrace(program, run);
  addCapture(program, run);
  addAudit(program, run);
  addCa(program, run);
  addEnroll(program, run);
  addSite(program, run);
  addConfig(program, run);
  addWhy(program, run);
  addVersion(program, run);
  addCompletion(program, run);
  return program;
}

/** Run runs the work of a command with the global options that were given anywhere on the line. */
export type Run = (command: Command, work: Work) => Promise<void>;

function runnerOf(parts: ProgramParts): Run {
  return (command, work) => {
    const options = globalOptionsOf(command.optsWithGlobals<GlobalFlags>(), parts.called);
    const isNamed = command instanceof SvrCommand && command.hasNames;
    if (options.output === "name" && !isNamed) throw new UsageFault(usageFailure("-o name is for lists of things that have a name", commandPath(command)));
    return parts.run(options, work);
  };
}

function addSessions(program: SvrCommand, run: Run): void {
  const sessions = program.command("sessions").description("Sessions of the routers; without a verb they are listed.")
    .withExamples("sessions --tenant engineering.acme", "sessions show 5d0c2a7e9b1f4c3d8e6f7a8b9c0d1e2f");
  const list = sessions.command("list", { isDefault: true }).description("List sessions: live ones and those that ended a moment ago.")
    .withExamples("sessions list --protocol tcp --limit 20", "sessions list --peer transit -o json");
  addSessionFilters(list.withNames());
  list.action((flags: SessionFlags, command: Command) => run(command, (context) => listSessions(context, sessionFilterOf(flags))));
  sessions.command("show").argument("<uuid>", "session id: 32 hexadecimal digits, or the form with hyphens")
    .description("Show one session hop by hop, in the order in which its packets meet the routers.")
    .withExamples("sessions show 5d0c2a7e9b1f4c3d8e6f7a8b9c0d1e2f", "sessions show 5d0c2a7e-9b1f-4c3d-8e6f-7a8b9c0d1e2f --router branch --router cloud")
    .action((uuid: string, _flags: unknown, command: Command) => run(command, (context) => showSession(context, uuid)));
  addDelete(sessions, run);
}

function addDelete(sessions: SvrCommand, run: Run): void {
  sessions.command("delete").argument("<uuid>", "session id: 32 hexadecimal digits, or the form with hyphens")
    .description("End a session with reason admin: its hosts get a reset where the service says so, its peers are told. Shows what it would cut; does it only with --yes.")
    .option("--yes", "do it").option("--dry-run", "only show what would be cut")
    .withExamples("sessions delete 5d0c2a7e9b1f4c3d8e6f7a8b9c0d1e2f --dry-run", "sessions delete 5d0c2a7e9b1f4c3d8e6f7a8b9c0d1e2f --yes --router branch")
    .action((uuid: string, flags: DeleteOptions, command: Command) => run(command, (context) => deleteSession(context, uuid, flags)));
}

function addViews(program: SvrCommand, run: Run): void {
  program.command("counters").description("Dropped packets by reason, traffic of the interfaces, session records.")
    .withExamples("counters", "counters -o wide --router branch")
    .action((_flags: unknown, command: Command) => run(command, showCounters));
  program.command("tables").description("How full each table is; an alarm stands at 85 %.")
    .withExamples("tables", "tables -o yaml")
    .action((_flags: unknown, command: Command) => run(command, showTables));
  program.command("peers").withNames().description("Peers with their paths, addresses and waypoint ports in use.")
    .withExamples("peers", "peers -o wide --socket /var/lib/opensvr/branch/admin.sock")
    .action((_flags: unknown, command: Command) => run(command, showPeers));
  program.command("alarms").description("What routers say is wrong now: certificates, keys, clocks, attacks; and the certificate of each. Exit 3 when there is an alarm.")
    .withExamples("alarms", "alarms -o json --router branch")
    .action((_flags: unknown, command: Command) => run(command, showAlarms));
}

function addTrace(program: SvrCommand, run: Run): void {
  program.command("trace").description("Say what would become of a packet of a host, stage by stage, by the tables of the running router: limits, ports and sessions included. Nothing is sent or kept. Exit 3 when it is refused.")
    .option("--tenant <name>", "who sends it: the interface where that tenant has this address")
    .option("--interface <name>", "where it arrives (default: where the address is known)")
    .option("--vlan <id>", "VLAN there (default: untagged)")
    .requiredOption("--proto <protocol>", "tcp, udp, icmp or a protocol number", readProtocol)
    .requiredOption("--from <address>", "source: IPv4:PORT, [IPv6]:PORT, or an address; of ICMP the port is the identifier", readEndpoint)
    .requiredOption("--to <address>", "destination: IPv4:PORT, [IPv6]:PORT, or an address for protocols without ports", readEndpoint)
    .option("--flags <letters>", "TCP flags, letters of SAFRP (default: S)")
    .withExamples("trace --proto tcp --from 10.1.0.10:40000 --to 10.9.0.10:443", "trace --interface lan0 --proto udp --from 10.1.0.10:5000 --to 10.9.0.10:53 -o json")
    .action((flags: TraceFlags, command: Command) => run(command, (context) => tracePacket(context, flags)));
}

function addVerify(program: SvrCommand, run: Run): void {
  program.command("verify").description("Check that the tables of a running router fit together: flows and sessions, waypoint pairs, gauges. Packets go on meanwhile. Exit 3 with the list when they do not.")
    .withExamples("verify", "verify --router branch -o json")
    .action((_flags: unknown, command: Command) => run(command, verifyRouters));
}

function addConfig(program: SvrCommand, run: Run): void {
  const config = program.command("config").description("Configuration files.")
    .withExamples("config validate /etc/opensvr", "config diff ./edited --router branch");
  config.command("validate").argument("<dir>", "directory with the YAML files, or one file")
    .description("Check a configuration directory for all its routers: each problem with file, line, column and fix. Key files are not read. Exit 1 when there are errors.")
    .withExamples("config validate /etc/opensvr", "config validate ./config -o yaml")
    .action((directory: string, _flags: unknown, command: Command) => run(command, (context) => validateConfig(context, directory)));
  config.command("diff").argument("<paths...>", "directories or files: OLD and NEW, or NEW alone to compare with what the routers run; of a cluster any number, compared with its objects")
    .description("Show what an edit changes, object by object, and the live sessions that it would cut, move or leave on running routers: with one path, or with --router or --socket. Of a cluster also which routers would get another configuration; nothing is written. Exit 3 when it would cut a session.")
    .option("--limit <count>", "name at most this many sessions a router", readCount, 20)
    .withExamples("config diff /etc/opensvr ./edited", "config diff ./edited --context lab -o json")
    .action((directories: string[], flags: { limit: number }, command: Command) => run(command, (context) => (context.options.asksCluster ? diffCluster : diffConfig)(context, { directories, limit: flags.limit })));
}

function addWhy(program: SvrCommand, run: Run): void {
  program.command("why").withNames().description("Explain why a connection is allowed or refused: by what a running router has, by a directory, or by the objects of a cluster; of these for the routers that --router names, else for those where its hosts are. Exit 3 when the answer is no.")
    .option("--tenant <name>", "who asks, by tenant")
    .option("--from <address>", "who asks, by the address of the host; its tenant is looked up", readAddress)
    .requiredOption("--proto <protocol>", "tcp, udp, icmp or a protocol number", readProtocol)
    .requiredOption("--to <address>", "to what: IPv4:PORT, [IPv6]:PORT, or an address for protocols without ports", readEndpoint)
    .option("--config-dir <dir>", "explain by the configuration in this directory; no router needs to run")
    .withExamples("why --tenant engineering.acme --proto tcp --to 10.9.0.10:443", "why --from 10.1.0.10 --proto icmp --to 10.9.0.10 --config-dir /etc/opensvr --router cloud")
    .action((flags: WhyFlags, command: Command) => run(command, (context) => explainWhy(context, flags)));
}

function addVersion(program: SvrCommand, run: Run): void {
  program.command("version").description("Versions of this program, of the routers, and of a cluster also of API server and operator, and whether they fit together.")
    .withExamples("version", "version -o json")
    .action((_flags: unknown, command: Command) => run(command, showVersion));
}

function addCompletion(program: SvrCommand, run: Run): void {
  program.command("completion").argument("<shell>", `shell that reads the script: ${shells.join(", ")}`, readShell)
    .description("Write the script by which a shell completes the words of svrctl, names of objects too. kubectl finds kubectl_complete-svr beside kubectl-svr by itself.")
    .withExamples("completion bash", "completion powershell")
    .action((shell: Shell, _flags: unknown, command: Command) => run(command, async (context) => {
      await context.around.out.write(completionScript(shell));
      return Exit.ok;
    }));
}
