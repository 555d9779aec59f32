// Processes that tests start: their lines, their end, and a stop that always ends. Made by net.ts, which writes their pids
// down; nothing here knows namespaces.
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { closeSync, openSync, readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";
import { within, waitFor } from "./wait.ts";
import type { WaitOptions } from "./wait.ts";

const MAX_LINES = 200_000;
const MAX_ERRORS = 65_536; // bytes
const STOP_MS = 5_000;
const KILL_MS = 5_000;
const ENDED = Symbol("ended");

/** Exit is how a process ended. */
export interface Exit { code: number | null; signal: NodeJS.Signals | null }

/** StartOptions of a process. */
export interface StartOptions {
  cwd?: string;
  env?: Record<string, string>;
  /** file for what it writes to stderr: a process that logs much would block on a pipe while a test runs commands synchronously */
  errorFile?: string;
}

/** TestProcess is one started process; the last 200,000 lines of its output are kept. */
export class TestProcess {
  readonly lines: string[] = [];
  readonly title: string;
  readonly ended: Promise<Exit>;
  readonly #child: ChildProcess & { stdin: Writable; stdout: Readable };
  readonly #errorFile: string | undefined;
  #exit: Exit | undefined;
  #errors = "";

  constructor(words: readonly string[], options: StartOptions = {}) {
    const [program = "", ...rest] = words;
    this.title = words.join(" ");
    this.#errorFile = options.errorFile;
    const errors = options.errorFile === undefined ? "pipe" : openSync(options.errorFile, "a", 0o600);
    this.#child = spawn(program, rest, { stdio: ["pipe", "pipe", errors], ...(options.cwd && { cwd: options.cwd }), env: { ...process.env, ...options.env } }) as ChildProcess & { stdin: Writable; stdout: Readable };
    if (typeof errors === "number") closeSync(errors);
    createInterface({ input: this.#child.stdout }).on("line", (line) => { this.#keep(line); });
    this.#child.stderr?.on("data", (text: Buffer) => { this.#errors = (this.#errors + text.toString()).slice(-MAX_ERRORS); });
    this.#child.stdin.on("error", (error) => { this.#errors += `stdin: ${String(error)}\n`; });
    this.ended = new Promise((resolve) => {
      this.#child.once("error", (error) => { this.#errors += String(error); resolve(this.#exit = { code: null, signal: null }); });
      this.#child.once("close", (code, signal) => { resolve(this.#exit = { code, signal }); });
    });
  }

  #keep(line: string): void {
    this.lines.push(line);
    if (this.lines.length > MAX_LINES) this.lines.splice(0, MAX_LINES / 2);
  }

  get pid(): number { return this.#child.pid ?? 0; }
  get exit(): Exit | undefined { return this.#exit; }
  get errors(): string { return this.#errors + (this.#errorFile === undefined ? "" : readFileSync(this.#errorFile, "utf8").slice(-MAX_ERRORS)); }

  /** write sends a line to the process. */
  write(line: string): void {
    this.#child.stdin.write(`${line}\n`);
  }

  /** closeInput tells the process that no more lines come. */
  closeInput(): void {
    this.#child.stdin.end();
  }

  /** signal sends a signal, unless the process has ended. */
  signal(name: NodeJS.Signals): void {
    if (this.#exit === undefined) this.#child.kill(name);
  }

  /** line waits for a line of the output and gives it; rejects at once when the process ends without it. */
  async line(pattern: RegExp, options: WaitOptions & { from?: number } = {}): Promise<string> {
    const look = (): string | undefined => this.lines.slice(options.from ?? 0).find((line) => pattern.test(line));
    const last = (): string => `${this.lines.slice(-5).join(" | ")} ${this.errors.slice(-2000)}`;
    const found = await waitFor(`${String(pattern)} from ${this.title}`, () => look() ?? (this.#exit === undefined ? undefined : ENDED), { show: last, ...options });
    if (typeof found === "string") return found;
    throw new Error(`${this.title} ended (${String(this.#exit?.code ?? this.#exit?.signal)}) before ${String(pattern)}: ${last()}`);
  }

  /** end waits for the process to end by itself. */
  async end(deadlineMs: number): Promise<Exit> {
    return within(`end of ${this.title}`, deadlineMs, this.ended);
  }

  /** stop sends SIGTERM, and SIGKILL when that has not ended it in time; returns how it ended. */
  async stop(deadlineMs = STOP_MS): Promise<Exit> {
    this.signal("SIGTERM");
    try {
      return await within(`SIGTERM ends ${this.title}`, deadlineMs, this.ended);
    } catch {
      return this.kill(); // the caller sees the signal in Exit
    }
  }

  /** kill sends SIGKILL and waits for the end. */
  async kill(): Promise<Exit> {
    this.signal("SIGKILL");
    return within(`SIGKILL ends ${this.title}`, KILL_MS, this.ended);
  }
}
