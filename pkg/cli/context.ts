// What every command is given: how to show its answer, which routers to ask, how long to wait. Made by program.ts from the
// global options; commands write through it and nowhere else.
import { stringify } from "yaml";
import { formatFailure } from "./failure.ts";
import type { Failure } from "./failure.ts";
import type { Surroundings } from "./surroundings.ts";
import type { TableStyle } from "./table.ts";

/** outputFormats are the values of `-o`. */
export const outputFormats = ["table", "wide", "json", "yaml"] as const;

/** OutputFormat is how an answer is shown. */
export type OutputFormat = (typeof outputFormats)[number];

/** GlobalOptions are the options that every command takes. */
export interface GlobalOptions {
  sockets: readonly string[];
  routers: readonly string[];
  output: OutputFormat;
  noColour: boolean;
  timeoutMs: number;
}

/** Style is how text for people is written. */
export interface Style extends TableStyle {
  wide: boolean;
  /** unix milliseconds, for relative times */
  nowMs: number;
}

/** Report is an answer: data for programs, and text for people; text ends with a newline. */
export interface Report {
  data: unknown;
  text(style: Style): string;
}

/** Context is what a command works with. */
export interface Context {
  readonly around: Surroundings;
  readonly options: GlobalOptions;
  /** Writes an answer to the standard output, as `-o` says. */
  show(report: Report): Promise<void>;
  /** Writes a hint to the standard error. */
  note(text: string): Promise<void>;
  /** Writes a failure to the standard error. */
  report(failure: Failure): Promise<void>;
}

/** createContext makes the context of one command. */
export function createContext(around: Surroundings, options: GlobalOptions): Context {
  return {
    around, options,
    show: (report) => around.out.write(shown(report, options.output, styleOf(around, options))),
    note: (text) => around.err.write(`${text}\n`),
    report: (failure) => around.err.write(`${formatFailure(failure)}\n`),
  };
}

/** styleOf gives the style of text for the standard output. */
export function styleOf(around: Surroundings, options: GlobalOptions): Style {
  const { columns, colour } = around.terminal;
  return {
    wide: options.output === "wide", colour: colour && !options.noColour, nowMs: around.clock.unixMs(),
    ...(columns === undefined ? {} : { width: columns }),
  };
}

/** yamlText writes data as YAML without folding long lines. */
export function yamlText(data: unknown): string {
  return stringify(data, { lineWidth: 0, aliasDuplicateObjects: false });
}

function shown(report: Report, output: OutputFormat, style: Style): string {
  switch (output) {
    case "json": return `${JSON.stringify(report.data, undefined, 2)}\n`;
    case "yaml": return yamlText(report.data);
    case "table":
    case "wide": return report.text(style);
  }
}
