#!/usr/bin/env node
// svrctl, and as kubectl-svr a plugin of kubectl: asks routers and clusters, checks configuration, explains decisions. Started by people and scripts. Wiring only: adapters,
// streams, signals and the exit code; commands are in pkg/cli.
import { readFileSync } from "node:fs";
import { basename, join } from "node:path";
import process from "node:process";
import { joinPcapng } from "../../pkg/capture/join.ts";
import { createAdminPort } from "../../pkg/cli/adminhttp.ts";
import { createSocketFinder } from "../../pkg/cli/discover.ts";
import { Exit } from "../../pkg/cli/failure.ts";
import { createMachine } from "../../pkg/cli/machine.ts";
import { runProgram } from "../../pkg/cli/program.ts";
import { createTextSink } from "../../pkg/cli/sink.ts";
import type { OpenCluster, Surroundings, Terminal } from "../../pkg/cli/surroundings.ts";
import { readConfigPath } from "../../pkg/files/directory.ts";
import { readAuditFiles } from "../../pkg/security/auditread.ts";

function terminal(): Terminal {
  const { stdout, env } = process;
  if (!stdout.isTTY) return { ...(Number(env["COLUMNS"]) > 0 ? { columns: Number(env["COLUMNS"]) } : {}), colour: false };
  return { columns: stdout.columns, colour: (env["NO_COLOR"] ?? "") === "" && env["TERM"] !== "dumb" };
}

function version(): string {
  return (JSON.parse(readFileSync(join(import.meta.dirname, "../../package.json"), "utf8")) as { version: string }).version;
}

/** The Kubernetes client takes a while to load, so only commands that ask a cluster load it. */
const openCluster: OpenCluster = async ({ timeoutMs, ...who }) => {
  const [{ openAccess }, { openKubeClient }] = await Promise.all([import("../../pkg/kube/access.ts"), import("../../pkg/kube/client.ts")]);
  return openKubeClient({ access: openAccess(who), deadlineMs: timeoutMs });
};

/** The library of certificates takes a while too. */
const authority: Surroundings["authority"] = async (folder) => (await import("../../pkg/security/authorityfolder.ts")).openAuthorityFolder(folder, { unixMs: () => Date.now() });

const enrollment: Surroundings["enrollment"] = async (of) => (await import("../../pkg/security/enrollment.ts")).openEnrollment(of, { unixMs: () => Date.now() });

const siteToken: Surroundings["siteToken"] = async (pin) => (await import("../../pkg/security/sitesigner.ts")).makeToken(pin);

/** The name of the link that was called; scripts/program tells it as the title of the process. */
const names = [basename(process.argv[1] ?? ""), process.title];
const isPlugin = names.includes("kubectl-svr"), isCompletion = names.includes("kubectl_complete-svr");

const interrupt = new AbortController();
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => { interrupt.abort(); }); // a second one ends at once

const around: Surroundings = {
  called: isPlugin || isCompletion ? "kubectl svr" : "svrctl",
  admin: createAdminPort, cluster: openCluster,
  sockets: createSocketFinder(),
  readConfig: readConfigPath, readAudit: readAuditFiles, authority, enrollment, siteToken,
  joinCaptures: joinPcapng, ...createMachine(interrupt.signal),
  clock: { monotonicMs: () => performance.now(), unixMs: () => Date.now() },
  out: createTextSink(process.stdout), err: createTextSink(process.stderr),
  terminal: terminal(), version: version(), signal: interrupt.signal,
};

try {
  const words = [...(isCompletion ? ["__complete"] : []), ...process.argv.slice(2)];
  process.exitCode = await runProgram(words, around);
  if (words[0] === "__complete") process.exit(); // whoever types does not wait for an answer that came too late
} catch (error) {
  await around.err.write(`svrctl failed: ${error instanceof Error ? error.stack ?? error.message : String(error)}\n`);
  process.exitCode = Exit.fault;
}
