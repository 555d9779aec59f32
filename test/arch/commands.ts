// Every command that README and docs tell the reader to type exists: npm scripts, files of the repository, subcommands and
// options of our own programs, tools that the set-up installs. Pure functions over sources.
import ts from "typescript";
import { visit } from "./source.ts";
import type { Source } from "./source.ts";

/** tools are programs that a Debian machine has, or that scripts/setup installs. */
const tools = new Set(("apt-get bash bpftool cat cd cp curl diff echo ethtool export find git grep head ip iperf3 jq kill less ln ls make mkdir mount nft nsenter "
  + "openssl ping printf ps rm sed sleep stat sudo sysctl tail tar tc tee test time timeout touch true tshark umount umask unshare wait watch wc dumpcap nc chmod base64 xargs kubectl helm").split(" "));
const npmWords = new Set(["ci", "install", "run", "test", "run-script"]);

/** Command is one simple command of a document with its words. */
interface Command { readonly where: string; readonly words: readonly string[] }

/** shellBlocks are the fenced blocks marked `sh` of a document with the line where each begins. */
export function shellBlocks(text: string): { line: number; body: string }[] {
  return [...text.matchAll(/^[ \t]*```sh\s*\n([\s\S]*?)^[ \t]*```/gm)].map((match) => ({ line: text.slice(0, match.index).split("\n").length + 1, body: match[1] ?? "" }));
}

/** simpleCommands splits a line of shell at pipes, lists and background marks, outside quotes; prompts, assignments and sudo go. */
export function simpleCommands(line: string): string[][] {
  const words = line.replace(/^\s*[$#] /, (prompt) => prompt.includes("#") ? "#" : "").match(/"[^"]*"|'[^']*'|#.*|\|\||&&|[|;&()]|[^\s"'|;&()]+(?:"[^"]*"|'[^']*')?/g) ?? [];
  const commands: string[][] = [[]];
  for (const word of words) {
    if (word.startsWith("#")) break;
    if (/^(\|\|?|&&?|[;()])$/.test(word)) commands.push([]);
    else commands.at(-1)?.push(word.replaceAll(/^["']|["']$/g, ""));
  }
  return commands.map(withoutPrefixes).filter((command) => command.length > 0);
}

/** Assignments and words like sudo stand before the command; alone they are none. */
function withoutPrefixes(words: readonly string[]): string[] {
  const start = words.findIndex((word) => !/^(\w+=.*|sudo|exec|time)$/.test(word));
  return start < 0 ? [] : words.slice(start);
}

/** What a command is given to read (`<<'EOF'`) is no command; its lines stay, empty. */
function withoutInput(body: string): string {
  return body.replaceAll(/(<<'?(\w+)'?.*)\n([\s\S]*?)^\2$/gm, (_all, first: string, _word: string, input: string) => `${first}${"\n".repeat(input.split("\n").length)}`);
}

function commandsOf(file: Source): Command[] {
  return shellBlocks(file.text).flatMap(({ line, body }) => withoutInput(body).replaceAll("\\\n", "  ").split("\n").flatMap((text, index) =>
    simpleCommands(text).map((words) => ({ where: `${file.path}:${line + index}`, words }))));
}

function stringsOf(sources: readonly Source[], folders: RegExp): Set<string> {
  const found = new Set<string>();
  for (const file of sources) {
    if (file.tree === undefined || !folders.test(file.path) || file.path.endsWith(".test.ts")) continue;
    visit(file.tree, (node) => {
      if (!ts.isStringLiteralLike(node)) return;
      for (const word of node.text.match(/--[a-z][a-z-]*|^[a-z][a-z-]*/g) ?? []) found.add(word);
    });
  }
  return found;
}

/** programFault checks a call of our own programs: first word and options appear in the strings of their sources. */
function programFault(name: string, rest: readonly string[], sources: readonly Source[]): string | undefined {
  const known = stringsOf(sources, name === "svrctl" ? /^(pkg\/cli|cmd\/svrctl)\// : new RegExp(`^(pkg|cmd)/${name}/`));
  const options = rest.filter((word) => word.startsWith("--")).map((word) => word.split("=", 1)[0] ?? "");
  const first = name === "svrctl" && rest[0] !== undefined && !rest[0].startsWith("-") ? [rest[0]] : [];
  const unknown = [...first, ...options.filter((option) => option !== "--help" && option !== "--version")].filter((word) => !known.has(word));
  return unknown.length === 0 ? undefined : `${name} knows no ${unknown.join(", ")}`;
}

function npmFault(rest: readonly string[], sources: readonly Source[]): string | undefined {
  const words = rest.filter((word) => !word.startsWith("-"));
  const script = words[0] === "test" ? "test" : words[0] === "run" ? words[1] ?? "" : undefined;
  if (script === undefined) return npmWords.has(words[0] ?? "") ? undefined : `npm ${rest.join(" ")} is not used here`;
  const manifest = JSON.parse(sources.find((file) => file.path === "package.json")?.text ?? "{}") as { scripts?: Record<string, string> };
  return manifest.scripts?.[script] === undefined ? `package.json has no script ${script}` : undefined;
}

function fault(words: readonly string[], sources: readonly Source[]): string | undefined {
  const [name = "", ...rest] = words;
  const exists = (path: string): boolean => sources.some((file) => file.path === path.replace(/^\.\//, "").replace(/\/$/, "") || file.path.startsWith(path.replace(/^\.\//, "").replace(/\/?$/, "/")));
  const path = name === "node" || name.endsWith("/node") || name === "bash" ? rest.find((word) => !word.startsWith("-")) ?? "" : name;
  const program = /^(?:cmd\/)?(router|svrctl)(?:\/main\.ts)?$/.exec(path)?.[1];
  if (program !== undefined) {
    return exists(`cmd/${program}/main.ts`) ? programFault(program, rest.filter((word) => word !== path), sources) : `cmd/${program}/main.ts does not exist`;
  }
  if (name === "npm") return npmFault(rest, sources);
  if (path.includes("/")) return path.startsWith("/") || exists(path) || path.startsWith("node_modules/.bin/") ? undefined : `${path} does not exist`;
  return tools.has(name) || name === "node" ? undefined : `${name} is neither ours nor a known tool`;
}

/** checkCommands lists commands in the shell blocks of the documents that do not exist. */
export function checkCommands(sources: readonly Source[]): string[] {
  return sources.filter((file) => file.path.endsWith(".md")).flatMap(commandsOf).flatMap(({ where, words }) => {
    const why = fault(words, sources);
    return why === undefined ? [] : [`${where}: ${words.join(" ")}: ${why}`];
  });
}
