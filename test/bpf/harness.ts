// Runs packets through the real eBPF programs: builds and drives test/bpf/harness.c, one JSON line an answer. Used by the
// tests of this folder only. Every wait has a deadline; close ends the process and with it its maps and network namespace.
import { execFileSync, spawn } from "node:child_process";
import type { ChildProcessWithoutNullStreams } from "node:child_process";
import { join } from "node:path";
import { createInterface } from "node:readline";

const here = import.meta.dirname;
const root = join(here, "../..");
const ANSWER_MS = 20_000;

/** Words is what one command carries; bytes travel as hex. */
export type Words = Record<string, number | bigint | string | Uint8Array | undefined>;

/** Ran is what became of one packet: the program's return code, the reason counted (0 none), nanoseconds of one run, the frame after it. */
export interface Ran { code: number; reason: number; ns: number; out: string }

/** PuntSeen is one record of a punt ring; data is the packet from its IP header on, room the bytes reserved for it. */
export interface PuntSeen {
  shard: number; cause: number; entry: number; ifnum: number; vlan: number; gsoSize: number; segments: number; local: number; flags: number; room: number; mac: string; data: string;
}

/** RefusalSeen is one refused packet that is told; addresses are 16 bytes. */
export interface RefusalSeen {
  reason: number; tenant: number; service: number; path: number; ifnum: number; vlan: number; proto: number; family: number; sourcePort: number; destinationPort: number;
  size: number; source: string; destination: string;
}

/** CopySeen is one packet of a captured session; room the bytes reserved for it. */
export interface CopySeen { slot: number; point: number; ifnum: number; vlan: number; gsoSize: number; flags: number; length: number; room: number; uuid: string; data: string }

/** CapturedSeen is what is still wanted of a slot's session at each point, and what was lost. */
export interface CapturedSeen { slot: number; packets: number[]; lost: number }

/** Fields is a struct by the names of its members. */
export type Fields = Record<string, number | string>;

/** RecordSeen is one record of the sweeper. */
export interface RecordSeen { type: number; index: number; size: number; time_ms: number; session: Fields }

/** Answers is what each command gives; the rest say { ok }. */
export interface Answers {
  run: Ran; punts: PuntSeen[]; refusals: RefusalSeen[]; untold: { count: number }; records: RecordSeen[]; show: Fields; gauges: Record<string, number>;
  stats: { rxPackets: number; rxBytes: number; txPackets: number; txBytes: number };
  entries: { forward: number; reverse: number }; fill: { placed: number }; tokens: { count: number }; spread: { ns: number; left: number }; sweep: { code: number }; copies: CopySeen[]; captured: CapturedSeen[];
}

/** Ok is the answer of commands that only do something. */
export interface Ok { ok: boolean }

/** Command names one command of the harness. */
export type Command = keyof Answers | "reset" | "forget" | "settings" | "interface" | "nexthop" | "local" | "member" | "rate" | "filter" | "session" | "patch" | "walks" | "socket" | "attach" | "stale" | "want" | "limit";

/** toHex writes bytes as lower-case hex. */
export function toHex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}

function lineOf(command: string, words: Words): string {
  const parts = Object.entries(words).filter(([, value]) => value !== undefined);
  return [command, ...parts.map(([name, value]) => `${name}=${value instanceof Uint8Array ? toHex(value) : String(value)}`)].join(" ");
}

/** Harness is one loaded object; commands run one after the other. */
export class Harness {
  readonly #process: ChildProcessWithoutNullStreams;
  readonly #waiting: { resolve: (line: string) => void; reject: (error: Error) => void }[] = [];
  #errors = "";
  #ended = false;

  constructor(process: ChildProcessWithoutNullStreams) {
    this.#process = process;
    createInterface({ input: process.stdout }).on("line", (line) => this.#waiting.shift()?.resolve(line));
    process.stderr.on("data", (text: Buffer) => { this.#errors += text.toString(); });
    process.once("close", (code) => { this.#end(`bpf-harness ended with ${String(code)}: ${this.#errors}`); });
  }

  #end(message: string): void {
    this.#ended = true;
    for (const waiting of this.#waiting.splice(0)) waiting.reject(new Error(message));
  }

  async #answer(line: string): Promise<string> {
    if (this.#ended) throw new Error(`bpf-harness has ended: ${this.#errors}`);
    return new Promise<string>((resolve, reject) => {
      const deadline = setTimeout(() => { reject(new Error(`no answer in ${ANSWER_MS} ms to: ${line.slice(0, 80)}`)); }, ANSWER_MS);
      const settle = <T>(then: (value: T) => void) => (value: T): void => { clearTimeout(deadline); then(value); };
      this.#waiting.push({ resolve: settle(resolve), reject: settle(reject) });
      this.#process.stdin.write(`${line}\n`);
    });
  }

  /** pid names the network namespace of the harness. */
  get pid(): number {
    return this.#process.pid ?? 0;
  }

  /** ask runs one command. */
  async ask<C extends Command>(command: C, words: Words = {}): Promise<C extends keyof Answers ? Answers[C] : Ok> {
    return JSON.parse(await this.#answer(lineOf(command, words))) as C extends keyof Answers ? Answers[C] : Ok;
  }

  /** close ends the process and waits for it. */
  async close(): Promise<void> {
    if (this.#ended) return;
    const closed = new Promise<void>((resolve) => { this.#process.once("close", () => { resolve(); }); });
    this.#process.stdin.end();
    await closed;
  }
}

/** Sizes of the maps: buckets is a power of two, and so are the bytes of the rings of records and of copies, small enough for a test to fill. */
export interface Sizes { slots: number; buckets: number; shards: number; recordBytes?: number; copyBytes?: number }

/** openHarness builds what is stale and loads the object with maps of these sizes. */
export function openHarness(sizes: Sizes = { slots: 1024, buckets: 256, shards: 2 }): Harness {
  execFileSync("make", ["--no-print-directory", "-C", here], { stdio: ["ignore", "ignore", "inherit"] });
  const object = join(root, "build/bpf/svr.bpf.o");
  return new Harness(spawn(join(root, "build/test/bpf-harness"), [object, ...[sizes.slots, sizes.buckets, sizes.shards, sizes.recordBytes ?? 65_536, sizes.copyBytes ?? 65_536].map(String)]));
}
