// `svrctl __complete WORDS...`: what may follow on the command line, for the shells that completionscripts.ts writes for and for kubectl, which
// both read the form of cobra: a candidate a line with its meaning behind a tab, then `:4` for nothing else or `:0` for files. Called by
// program.ts. Live names of objects come from the cluster with the rights of who types; it has a second to answer, and nothing is said of failures.
import type { Command } from "commander";
import { suggestWord } from "../api/suggest.ts";
import type { KubeObject, KubeResource, KubeSelection } from "../ports/kube.ts";
import { readLine } from "./completionline.ts";
import type { Candidate, ReadLine } from "./completionline.ts";
import { globalOptionsOf } from "./globaloptions.ts";
import type { GlobalOptions } from "./context.ts";
import { shells } from "./completionscripts.ts";
import { outputWords } from "./outputformat.ts";
import { namespaces, planned } from "../api/resources.ts";
import type { Surroundings } from "./surroundings.ts";
import { printable } from "./table.ts";
import { protocolWords } from "./wording.ts";

const patienceMs = 1_000; // conventions: live object names with a limit of 1 s
const mostCandidates = 200;
const filesWanted = 0;
const nothingElse = 4;

const lists: Readonly<Record<string, { resource: KubeResource; full?: true }>> = {
  "tenants names": { resource: planned.Tenant }, "services names": { resource: planned.Service }, "routers names": { resource: planned.Router },
  "--tenant": { resource: planned.Tenant }, "--service": { resource: planned.Service, full: true }, "--router": { resource: planned.Router }, "--namespace": { resource: namespaces }, "--operator-namespace": { resource: namespaces },
};
const fixed: Readonly<Record<string, readonly string[]>> = {
  "--output": outputWords.map((word) => word.replace(/=.*/, "=")), "--proto": Object.keys(protocolWords), "--protocol": Object.keys(protocolWords), "completion shell": shells,
};
const files = new Set(["--kubeconfig", "--socket", "--config-dir", "--junit", "--write", "validate dir", "diff paths"]);

/** completeLine gives the answer for the shell. */
export async function completeLine(program: Command, words: readonly string[], around: Surroundings): Promise<string> {
  const line = readLine(program, words);
  const { wanted } = line;
  if ("candidates" in wanted) return answer(wanted.candidates, line, "");
  if (files.has(wanted.value)) return `:${filesWanted}\n`;
  const known = fixed[wanted.value]?.map((word): Candidate => ({ word, about: "" }));
  return answer(known ?? await liveNames(line, wanted.value, around), line, wanted.prefix);
}

function answer(candidates: readonly Candidate[], { typed }: ReadLine, prefix: string): string {
  const fitting = candidates.filter(({ word }) => word.startsWith(typed));
  const near = fitting.length === 0 && typed.length > 2 ? suggestWord(typed, candidates.map(({ word }) => word)) : undefined;
  const shown = near === undefined ? fitting : candidates.filter(({ word }) => word === near);
  return `${shown.slice(0, mostCandidates).map(({ word, about }) => `${prefix}${printable(word)}${about === "" ? "" : `\t${printable(about.split(/[:.;]/, 1)[0] ?? "")}`}\n`).join("")}:${nothingElse}\n`;
}

async function liveNames({ flags }: ReadLine, value: string, around: Surroundings): Promise<Candidate[]> {
  const options = globalOptionsOf({ output: "table", requestTimeout: patienceMs, color: false, ...flags }, around.called);
  const ofArgument = !value.startsWith("--");
  const list = lists[value];
  if (value === "--router" && !options.asksCluster) return localRouters(around);
  if (list === undefined || (!ofArgument && !options.asksCluster)) return [];
  const names = await namesOf(around, options, list);
  return names.map((word) => ({ word, about: "" }));
}

async function namesOf(around: Surroundings, options: GlobalOptions, { resource, full }: { resource: KubeResource; full?: true }): Promise<string[]> {
  try {
    const cluster = await around.cluster(options.cluster);
    try {
      const selection: KubeSelection = resource.namespaced && full !== true && !options.allNamespaces ? { namespace: options.namespace ?? cluster.namespace } : {};
      const objects = await Promise.race([cluster.list(resource, selection), nobody()]);
      return objects.map(({ metadata }) => (full === true ? `${metadata.namespace ?? ""}/${metadata.name}` : metadata.name)).sort();
    } finally {
      cluster.close();
    }
  } catch {
    return []; // whoever types sees the reason when the command runs
  }
}

/** No object, when the cluster had its second; loading the client before is no time of the cluster's. */
function nobody(): Promise<readonly KubeObject[]> {
  const late = AbortSignal.timeout(patienceMs);
  return new Promise((resolve) => { late.addEventListener("abort", () => { resolve([]); }); });
}

/** Routers of this machine by the folders of their sockets. */
async function localRouters(around: Surroundings): Promise<Candidate[]> {
  const { sockets } = await around.sockets.list();
  return sockets.flatMap((path) => { const word = path.split("/").at(-2); return word === undefined ? [] : [{ word, about: path }]; });
}
