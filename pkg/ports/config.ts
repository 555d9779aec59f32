// Where a router's configuration comes from: a directory of YAML that the router compiles, or an API server where it is compiled
// already; and where what was in force waits for the next start. Implemented by pkg/files, pkg/router (over other ports) and tests.
import type { ParsedObject, ParseResult } from "../api/document.ts";
import type { SvrError } from "../base/errors.ts";
import type { ApiObject } from "../api/kinds.ts";
import type { Problem } from "../api/problem.ts";
import type { RouterConfig } from "../plan/config.ts";

/** Reading is what a router is to run, as its source says now. */
export interface Reading {
  config: RouterConfig;
  /** what it was compiled from, for everything that is broken its last good version; empty when it came compiled */
  objects: ApiObject[];
  problems: readonly Problem[];
}

/** CompiledSource gives a router its compiled configuration, and is told what became of it. Its methods are called one after the other. */
export interface CompiledSource {
  /** at the start: what is newest, or what was in force when the router ran last; may wait until there is something; rejects with the signal's reason */
  first(signal: AbortSignal): Promise<Reading>;
  /** what is newest; rejects when nothing could be read: what is in force stays */
  read(): Promise<Reading>;
  /** `changed` is called, debounced, when read may say something else; stop ends it */
  watch(changed: () => void): { stop(): void };
  /** this reading is in force, in the data plane and in every shard; fault: but for what it names and the source does not give, keys */
  programmed(reading: Reading, fault?: SvrError): void;
  /** the last reading could not be put in force: what was before it, when the source knows */
  refused(error: unknown): Reading | undefined;
  /** true while there is something newer that cannot be given */
  stale(): boolean;
  /** tries again to write what a disk refused; never rejects */
  retry(): Promise<void>;
  /** what is wrong besides the problems of the reading, one line each */
  troubles(): string[];
}

/** ConfigSource reads all objects now and tells when they changed; a failing read rejects and the old configuration stays. */
export interface ConfigSource {
  read(): Promise<ParseResult>;
  /** `changed` is called, debounced, after something below the source changed; stop ends it */
  watch(changed: () => void): { stop(): void };
}

/** KeySource reads pre-shared keys by the file that configuration names; throws SVR_PSK_FILE, and never shows the bytes. */
export interface KeySource {
  psk(file: string): Uint8Array;
}

/** LastGood is what was in force: its objects, and since when (RFC 3339) an earlier version stands in for which broken one. */
export interface LastGood {
  objects: ParsedObject[];
  since: Readonly<Record<string, string>>;
}

/** LastGoodStore keeps the last good configuration over restarts. It names key files and holds no key. */
export interface LastGoodStore {
  /** undefined when nothing was kept yet; rejects with SVR_LAST_GOOD when what was kept cannot be read */
  read(): Promise<LastGood | undefined>;
  /** as a whole or not at all; rejects with SVR_LAST_GOOD */
  write(state: LastGood): Promise<void>;
}

/** CompiledHead names one compiled configuration: what it is for, who compiled it, and its pages by the SHA-256 of their content. */
export interface CompiledHead {
  readonly router: string;
  readonly format: number;
  readonly version: string;
  readonly hash: string;
  readonly pages: readonly string[];
}

/** CompiledState is what a router keeps of configurations that came compiled: the newest, then the one before it, with the pages of both. */
export interface CompiledState {
  readonly heads: readonly CompiledHead[];
  readonly pages: ReadonlyMap<string, string>;
}

/** CompiledStore keeps it over restarts. It names key files and holds no key. */
export interface CompiledStore {
  /** undefined when nothing was kept yet; rejects with SVR_LAST_GOOD when what was kept cannot be read */
  read(): Promise<CompiledState | undefined>;
  /** as a whole or not at all; rejects with SVR_LAST_GOOD */
  write(state: CompiledState): Promise<void>;
}
