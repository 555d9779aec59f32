// The command line's own grammar over commander: usage errors become failures like all others, unknown words get a
// suggestion, each level shows examples. Called by program.ts; runs no command.
import { Command } from "commander";
import type { ErrorOptions } from "commander";
import { suggestWord } from "../api/suggest.ts";
import { parseUuid } from "../base/ids.ts";
import { usageFailure } from "./failure.ts";
import type { Failure } from "./failure.ts";

/** UsageFault carries the failure of a command line that cannot be read, out of the parser. */
export class UsageFault extends Error {
  readonly failure: Failure;

  constructor(failure: Failure) {
    super(failure.reason);
    this.name = "UsageFault";
    this.failure = failure;
  }
}

/** SvrCommand is a command whose errors are UsageFaults; its subcommands are of this class too. */
export class SvrCommand extends Command {
  override createCommand(name?: string): SvrCommand {
    return new SvrCommand(name);
  }

  override error(message: string, options?: ErrorOptions): never {
    throw new UsageFault(usageFailure(reasonOf(this, message, options?.code ?? ""), commandPath(this)));
  }

  /** withExamples ends the help with command lines to copy; the program's name stands before each. */
  withExamples(...lines: readonly string[]): this {
    this.examples = lines;
    return this.addHelpText("after", () => `\nExamples:\n${lines.map((line) => `  ${rootName(this)} ${line}`).join("\n")}`);
  }

  /** withNames says that the answer is a list of things with names, so that -o name can write them. */
  withNames(): this {
    this.hasNames = true;
    return this;
  }

  /** -o name is understood */
  hasNames = false;

  /** Command lines of the help, without the program's name. */
  examples: readonly string[] = [];
}

/** commandPath is the words that lead to a command: `svrctl sessions list`. */
export function commandPath(command: Command): string {
  return command.parent === null ? command.name() : `${commandPath(command.parent)} ${command.name()}`;
}

function rootName(command: Command): string {
  return command.parent === null ? command.name() : rootName(command.parent);
}

function reasonOf(command: Command, message: string, code: string): string {
  if (code === "commander.excessArguments") return excessReason(command);
  const reason = message.replace(/^error: /, "").replace(/ argument '(.*)' is invalid\. /s, " cannot be '$1': ").replace(/\n?\(Did you mean (?:one of )?(.*)\?\)$/s, ", did you mean $1?");
  return code === "commander.unknownCommand" && !reason.endsWith("?") ? `${reason}; there are ${wordsOf(command).join(", ")}` : reason;
}

/** A word too many behind a default subcommand is most often a mistyped subcommand. */
function excessReason(command: Command): string {
  const word = command.args[command.registeredArguments.length] ?? "";
  const { parent } = command;
  const siblings = parent === null || parent.parent === null ? [] : wordsOf(parent);
  const near = suggestWord(word, siblings) ?? (parseUuid(word) !== undefined && siblings.includes("show") ? `show ${word}` : undefined);
  return `unexpected word '${word}'${near === undefined ? "" : `, did you mean ${near}?`}`;
}

function wordsOf(command: Command): string[] {
  return command.createHelp().visibleCommands(command).map((one) => one.name()).filter((name) => name !== "help");
}
