// Writes docs/reference/svrctl.md from the commands that pkg/cli/program.ts declares.
// Run by hand after a change of a command; with --check (used by the tests) it only compares and exits 1 when it is stale.
import type { Command } from "commander";
import { Exit } from "../pkg/cli/failure.ts";
import { whereHelp } from "../pkg/cli/globaloptions.ts";
import { createProgram } from "../pkg/cli/program.ts";
import { SvrCommand, commandPath } from "../pkg/cli/usage.ts";
import { emit, origin, table } from "./generated.ts";

const generator = "generate-svrctl.ts";
const fence = "```";
const exitMeanings: Readonly<Record<keyof typeof Exit, string>> = {
  ok: "success", fault: "fault, or errors in a configuration", usage: "the command line is not understood", no: "answered, and the answer is no",
  notFound: "not found", notPermitted: "not permitted", unreachable: "a router or the API server of a cluster is unreachable, or did not answer in time", interrupted: "interrupted",
};

function optionRows(command: Command, which: "visibleOptions" | "visibleGlobalOptions"): string[][] {
  const help = command.createHelp();
  return help[which](command).filter((option) => option.long !== "--help").map((option) => [`\`${help.optionTerm(option)}\``, help.optionDescription(option)]);
}

function section(command: SvrCommand): string[] {
  const help = command.createHelp();
  const words = help.visibleArguments(command).map((argument) => [`\`<${argument.name()}>\``, help.argumentDescription(argument)]);
  return [
    `## ${commandPath(command)}`, "", command.description(), "",
    ...table(["argument", "meaning"], words), ...table(["option", "meaning"], optionRows(command, "visibleOptions")),
    `${fence}sh`, ...command.examples.map((example) => `svrctl ${example}`), fence, "",
  ];
}

function everyCommand(command: SvrCommand): SvrCommand[] {
  return [command, ...command.commands.filter((one) => one instanceof SvrCommand).flatMap(everyCommand)];
}

/** page is the text of the reference page. */
function page(): string {
  const program = createProgram({ version: "", called: "svrctl", run: () => Promise.resolve(), help: { width: 100, out: () => undefined, err: () => undefined } });
  const [root, ...commands] = everyCommand(program);
  if (root === undefined) throw new Error("the program has no commands");
  return [
    `<!-- ${origin(generator, "pkg/cli/program.ts")} -->`, "# svrctl", "", root.description(), "",
    "Data goes to the standard output alone; hints and failures go to the standard error. A failure says what was attempted, why it",
    "failed and what to do next, after a code that never changes. Tables fold to the width of the terminal, elsewhere to `COLUMNS`",
    "of the environment.", "",
    "In a checkout of the sources:", "", `${fence}sh`, "npm run -s svrctl -- sessions", fence, "",
    "`kubectl svr` is the same program, found by kubectl as `kubectl-svr` in the path, with completion by `kubectl_complete-svr`:", "",
    `${fence}text`, whereHelp.trim(), fence, "",
    "Options of every command:", "", ...table(["option", "meaning"], optionRows(root, "visibleOptions")),
    ...table(["exit code", "meaning"], Object.entries(Exit).map(([name, code]) => [String(code), exitMeanings[name as keyof typeof Exit]])),
    ...commands.flatMap(section),
  ].join("\n").replace(/\n+$/, "\n");
}

emit(generator, { "docs/reference/svrctl.md": page() });
