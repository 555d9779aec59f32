// The options that every command takes, as flags and as values. Called by program.ts; reads text only.
import { Option } from "commander";
import type { Command } from "commander";
import { parseDuration } from "../api/duration.ts";
import { suggestWord } from "../api/suggest.ts";
import { outputFormats } from "./context.ts";
import type { GlobalOptions, OutputFormat } from "./context.ts";
import { append, refuse } from "./optionvalues.ts";

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
}

/** addGlobalOptions declares the options on the program; they are understood before and after every command. */
export function addGlobalOptions(program: Command): void {
  program
    .addOption(new Option("-o, --output <format>", `how to show the answer: ${outputFormats.join(", ")}`).default("table").argParser(parseOutput))
    .addOption(new Option("--router <name>", "router to ask, by name: of this machine, or of those at the sockets given; repeatable (default: all of them)").argParser(append))
    .addOption(new Option("--socket <path>", "admin socket of a router to ask, instead of the routers of this machine; repeatable").argParser(append))
    .addOption(new Option("--request-timeout <duration>", "longest wait for one answer, for example 500ms or 30s").default(parseDuration(usualTimeout), usualTimeout).argParser(parseTimeout))
    .addOption(new Option("--no-color", "no colour, also on a terminal; NO_COLOR in the environment does the same"));
}

/** globalOptionsOf turns the flags into what commands are given. */
export function globalOptionsOf(flags: GlobalFlags): GlobalOptions {
  return { sockets: flags.socket ?? [], routers: flags.router ?? [], output: flags.output, noColour: !flags.color, timeoutMs: flags.requestTimeout };
}

function parseOutput(text: string): OutputFormat {
  const format = outputFormats.find((one) => one === text);
  if (format !== undefined) return format;
  const near = suggestWord(text, outputFormats);
  return refuse(near === undefined ? `write ${outputFormats.join(", ")}` : `did you mean ${near}?`);
}

function parseTimeout(text: string): number {
  const millis = parseDuration(text);
  if (millis === undefined || millis < shortestTimeoutMs || millis > longestTimeoutMs) return refuse("write a duration from 1ms to 10m, for example 500ms or 30s");
  return millis;
}
