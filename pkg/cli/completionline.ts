// What a command line that is not finished may go on with: words of the grammar, or the name of a set of values that completion.ts
// knows. Called by completion.ts; pure, and total: whatever was typed gives an answer.
import type { Command, Option } from "commander";
import type { GlobalFlags } from "./globaloptions.ts";

/** Candidate is a word with what it means. */
export interface Candidate { word: string; about: string }

/** Wanted is what the last word may be: known candidates, or a value of an option (`--tenant`) or of an argument (`tenants names`). */
export type Wanted = { candidates: Candidate[] } | { value: string; prefix: string };

/** ReadLine is a line as far as it is understood. */
export interface ReadLine {
  wanted: Wanted;
  /** what was typed of the last word; candidates begin with it */
  typed: string;
  /** options of a cluster, and sockets, that stand on the line */
  flags: Partial<GlobalFlags>;
}

const flagNames: Readonly<Record<string, "namespace" | "context" | "kubeconfig" | "as">> = { "--namespace": "namespace", "--context": "context", "--kubeconfig": "kubeconfig", "--as": "as" };

interface State { command: Command; words: number; pending?: Option; flags: Partial<GlobalFlags> }

/** readLine reads the words behind the program's name; the last one is not finished, and may be empty. */
export function readLine(program: Command, words: readonly string[]): ReadLine {
  const state: State = { command: program, words: 0, flags: {} };
  for (const word of words.slice(0, -1)) take(state, word);
  const typed = words.at(-1) ?? "";
  const assigned = /^(--[^=]+)=(.*)$/s.exec(typed);
  const option = assigned === null ? undefined : optionOf(state.command, assigned[1] ?? "");
  if (state.pending !== undefined) return { wanted: { value: nameOf(state.pending), prefix: "" }, typed, flags: state.flags };
  if (option !== undefined) return { wanted: { value: nameOf(option), prefix: `${assigned?.[1] ?? ""}=` }, typed: assigned?.[2] ?? "", flags: state.flags };
  if (typed.startsWith("-")) return { wanted: { candidates: optionWords(state.command) }, typed, flags: state.flags };
  return { wanted: wordsAt(state), typed, flags: state.flags };
}

function take(state: State, word: string): void {
  if (state.pending !== undefined) {
    note(state.flags, nameOf(state.pending), word);
    delete state.pending;
    return;
  }
  if (word.startsWith("-")) return takeOption(state, word);
  const next = state.words > 0 ? undefined : state.command.commands.find((one) => one.name() === word);
  if (next === undefined) state.words += 1;
  else state.command = next;
}

function takeOption(state: State, word: string): void {
  const [name = "", value] = word.split(/=(.*)/s);
  const option = optionOf(state.command, name);
  if (option === undefined) return;
  if (value !== undefined) note(state.flags, nameOf(option), value);
  else if (option.required || option.optional) state.pending = option;
  else if (nameOf(option) === "--all-namespaces") state.flags.allNamespaces = true;
}

function note(flags: Partial<GlobalFlags>, option: string, value: string): void {
  const flag = flagNames[option];
  if (flag !== undefined) flags[flag] = value;
  else if (option === "--as-group") flags.asGroup = [...flags.asGroup ?? [], value];
  else if (option === "--socket") flags.socket = [...flags.socket ?? [], value];
}

function nameOf(option: Option): string {
  return option.long ?? option.short ?? "";
}

function optionsOf(command: Command): Option[] {
  const own = [...command.options, ...command.commands.filter((one) => isDefault(command, one)).flatMap((one) => [...one.options])];
  return command.parent === null ? own : [...own, ...optionsOf(command.parent)];
}

function optionOf(command: Command, name: string): Option | undefined {
  return optionsOf(command).find((one) => one.long === name || one.short === name);
}

function optionWords(command: Command): Candidate[] {
  return [...optionsOf(command), { long: "--help", short: "-h", description: "display help for command", hidden: false }].filter((one) => !one.hidden).map((one) => ({ word: one.long ?? one.short ?? "", about: one.description }));
}

/** Commander keeps the default subcommand in a private field; ours is always called list or run. */
function isDefault(command: Command, one: Command): boolean {
  return command.parent !== null && (one.name() === "list" || one.name() === "run");
}

function wordsAt({ command, words }: State): Wanted {
  const below = command.createHelp().visibleCommands(command).filter((one) => one.name() !== "help").map((one) => ({ word: one.name(), about: one.description() }));
  if (below.length > 0) return { candidates: words > 0 ? [] : below };
  const places = command.registeredArguments;
  const place = places[words] ?? (places.at(-1)?.variadic === true ? places.at(-1) : undefined);
  return place === undefined ? { candidates: [] } : { value: `${command.name()} ${place.name()}`, prefix: "" };
}
