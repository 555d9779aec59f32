// What every command is given: how to show its answer, which routers to ask, how long to wait. Made by program.ts from the
// global options; commands write through it and nowhere else.
import { stringify } from "yaml";
import { formatFailure } from "./failure.ts";
import type { Failure } from "./failure.ts";
import { evaluateTemplate } from "./jsonpath.ts";
import type { OutputFormat } from "./outputformat.ts";
import type { ClusterOptions, ProgramName, Surroundings } from "./surroundings.ts";
import type { TableStyle } from "./table.ts";

/** GlobalOptions are the options that every command takes. */
export interface GlobalOptions {
  sockets: readonly string[];
  routers: readonly string[];
  output: OutputFormat;
  noColour: boolean;
  timeoutMs: number;
  /** namespace of -n; absent: that of the context */
  namespace?: string;
  allNamespaces: boolean;
  /** commands that can ask routers of this machine or a cluster ask the cluster */
  asksCluster: boolean;
  cluster: ClusterOptions;
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
  /** what `-o name` writes, a line each; absent: the answer is no list of things with names, and its data has the text */
  names?: readonly string[];
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
    show: (report) => around.out.write(shown(report, around, options)),
    note: (text) => around.err.write(`${calledText(text, around.called)}\n`),
    report: (failure) => around.err.write(`${calledText(formatFailure(failure), around.called)}\n`),
  };
}

/** calledText names the program in commands to copy as it was called; texts are written for svrctl. */
export function calledText(text: string, called: ProgramName): string {
  return called === "svrctl" ? text : text.replaceAll(/(?<=["`])svrctl (?=[a-z-])/g, `${called} `);
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

function shown(report: Report, around: Surroundings, options: GlobalOptions): string {
  const { output } = options;
  switch (output) {
    case "json": return `${JSON.stringify(report.data, undefined, 2)}\n`;
    case "yaml": return yamlText(report.data);
    case "table":
    case "wide": return calledText(report.text(styleOf(around, options)), around.called);
    case "name": return (report.names ?? []).map((name) => `${name}\n`).join("");
    default: return evaluateTemplate(output.template, report.data);
  }
}
