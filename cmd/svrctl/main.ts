#!/usr/bin/env node
// svrctl: asks routers, checks configuration, explains decisions. Started by people and scripts. Wiring only: adapters,
// streams, signals and the exit code; commands are in pkg/cli.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { joinPcapng } from "../../pkg/capture/join.ts";
import { createAdminPort } from "../../pkg/cli/adminhttp.ts";
import { createSocketFinder } from "../../pkg/cli/discover.ts";
import { Exit } from "../../pkg/cli/failure.ts";
import { createMachine } from "../../pkg/cli/machine.ts";
import { runProgram } from "../../pkg/cli/program.ts";
import { createTextSink } from "../../pkg/cli/sink.ts";
import type { Surroundings, Terminal } from "../../pkg/cli/surroundings.ts";
import { createDirectorySource } from "../../pkg/files/directory.ts";

function terminal(): Terminal {
  const { stdout, env } = process;
  if (!stdout.isTTY) return { ...(Number(env["COLUMNS"]) > 0 ? { columns: Number(env["COLUMNS"]) } : {}), colour: false };
  return { columns: stdout.columns, colour: (env["NO_COLOR"] ?? "") === "" && env["TERM"] !== "dumb" };
}

function version(): string {
  return (JSON.parse(readFileSync(join(import.meta.dirname, "../../package.json"), "utf8")) as { version: string }).version;
}

const interrupt = new AbortController();
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => { interrupt.abort(); }); // a second one ends at once

const around: Surroundings = {
  admin: createAdminPort,
  sockets: createSocketFinder(),
  readConfig: (directory) => createDirectorySource(directory).read(),
  joinCaptures: joinPcapng, ...createMachine(interrupt.signal),
  clock: { monotonicMs: () => performance.now(), unixMs: () => Date.now() },
  out: createTextSink(process.stdout), err: createTextSink(process.stderr),
  terminal: terminal(), version: version(), signal: interrupt.signal,
};

try {
  process.exitCode = await runProgram(process.argv.slice(2), around);
} catch (error) {
  await around.err.write(`svrctl failed: ${error instanceof Error ? error.stack ?? error.message : String(error)}\n`);
  process.exitCode = Exit.fault;
}
