// What an edit of a large inventory costs on a real API server: from the request to the last head that the operator writes for it, with
// nothing else written; the operator's memory; a failover; at an eighth, a quarter, a half and the whole of 10,000 Services x 1,000
// Tenants x 1,000 Routers. No router runs: the bench acknowledges in their place.
import { readFileSync } from "node:fs";
import type { ParsedObject } from "../../pkg/api/document.ts";
import { resourceOf } from "../../pkg/api/resources.ts";
import type { KubeName, KubeObject } from "../../pkg/ports/kube.ts";
import { startOperator } from "../support/kube/operator.ts";
import type { TestProcess } from "../support/process.ts";
import { passes, waitFor } from "../support/wait.ts";
import { objectOf, openFleet } from "./fleet.ts";
import type { Fleet } from "./fleet.ts";
import { hostsOf, inventoryOf, policyOf, serviceOf, spacesOf, tenantName } from "./inventory.ts";
import type { Size } from "./inventory.ts";
import { medianOf, quantile, valuesOf, whole } from "./measure.ts";
import type { Measure, Outcome, Row, Sample } from "./measure.ts";

const WHOLE: Size = { services: 10_000, tenants: 1_000, routers: 1_000 };
const PARTS = [8, 4, 2, 1], SMOKE_PART = 50, EDITS = 30, SMOKE_EDITS = 5;
const GROUP = 16; // numbers that far apart have other Routers
const START_MS = 240_000, HEADS_MS = 240_000, EDIT_MS = 30_000, QUIET_MS = 3_000, LISTED_MS = 90_000, LOOK_MS = 500;
const EDIT_TARGET_MS = 1_000, MEMORY_MIB = 2_048, FAILOVER_S = 20, P99 = 0.99;
const POLICY = "a ServicePolicy, at all Routers", EDIT = "a Service", LOAD = "load", FAILOVER = "failover";

/** Highest memory of a process so far, in MiB. */
function peakMib(pid: number): number {
  const found = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"));
  return Number(found?.[1]) / 1024;
}

interface Running { fleet: Fleet; size: Size; operators: TestProcess[]; part: number; say: (line: string) => void }

async function begin({ fleet, operators, size }: Running): Promise<Record<string, number>> {
  const objects = inventoryOf(size);
  const loadMs = await fleet.load(objects);
  const started = performance.now();
  operators.push(await startOperator(fleet.kube, { args: ["--no-default-class"], startedMs: START_MS }));
  const warmMs = performance.now() - started;
  const last = await fleet.written(new Set(Array.from({ length: size.routers }, (_, index) => `r${index}`)), 0, HEADS_MS);
  return { objects: objects.length, loadMs, warmMs, headsMs: last - started, pages: fleet.pages.size };
}

/** Applies an edit of one Service and waits for its routers; `number` makes it a new one. */
async function editOnce({ fleet, size }: Running, number: number): Promise<{ ms: number; routers: number }> {
  const index = number * GROUP, routers = hostsOf(index, size), from = fleet.writes.length;
  const edited: ParsedObject = serviceOf(index, size, [{ tenant: tenantName(index * 3 + 11, size) }]);
  const started = await fleet.apply(objectOf(edited));
  return { ms: await fleet.written(routers, from, EDIT_MS) - started, routers: routers.size };
}

/** Edits one after the other; what was written beside their heads is counted when all is quiet. */
async function editMany(running: Running, edits: number): Promise<Sample[]> {
  const { fleet, part } = running, from = fleet.writes.length;
  const before = new Set(fleet.pages);
  const samples: Sample[] = [];
  for (let round = 0; round < edits; round += 1) samples.push({ variant: `1/${part} ${EDIT}`, round, values: await editOnce(running, round) });
  await passes(QUIET_MS);
  const writes = fleet.writes.slice(from), wanted = samples.reduce((sum, { values }) => sum + (values["routers"] ?? 0), 0);
  const pages = [...fleet.pages].filter((name) => !before.has(name));
  const unnamed = await unnamedOf(fleet, pages, new Set(writes.flatMap((one) => one.pages)));
  return [...samples, { variant: `1/${part} beside`, round: 0, values: { heads: writes.length, others: writes.length - wanted, pages: pages.length, unnamed } }];
}

/** Pages that no head names and no list of the objects in force: that list is written when its pages are. */
async function unnamedOf({ kept }: Fleet, pages: readonly string[], heads: ReadonlySet<string>): Promise<number> {
  const count = (): number => pages.filter((name) => !heads.has(name) && !kept.has(name)).length;
  const end = performance.now() + LISTED_MS;
  while (count() > 0 && performance.now() < end) await passes(LOOK_MS);
  return count();
}

/** Edits a policy that is used at all Routers, which acknowledge; until the last head, and until the condition says that all have it. */
async function editAll({ fleet, size }: Running): Promise<Record<string, number>> {
  fleet.acknowledge();
  const from = fleet.writes.length, routers = new Set(Array.from({ length: size.routers }, (_, index) => `r${index}`)), before = fleet.pages.size;
  const edited = objectOf(policyOf(2, { hideTopology: true }));
  const started = await fleet.apply(edited);
  const ms = await fleet.written(routers, from, HEADS_MS) - started;
  await waitFor("the policy is programmed at all Routers", async () => isProgrammed(await fleet.client.get(resourceOf("ServicePolicy"), edited.metadata as KubeName), size.routers), { deadlineMs: HEADS_MS, everyMs: LOOK_MS });
  return { ms, toldMs: performance.now() - started, routers: routers.size, pages: fleet.pages.size - before };
}

function isProgrammed(object: KubeObject | undefined, routers: number): boolean {
  const { observedGeneration = 0, conditions = [] } = (object?.["status"] ?? {}) as { observedGeneration?: number; conditions?: { type: string; message: string }[] };
  return observedGeneration === object?.metadata.generation && conditions.some(({ type, message }) => type === "Programmed" && message === `on ${routers} of ${routers} routers`);
}

/** Kills the operator that leads and edits at once; seconds until the other has written it. */
async function failOver(running: Running, edits: number): Promise<Record<string, number>> {
  const { fleet, operators } = running;
  const other = await startOperator(fleet.kube, { identity: "operator-2", args: ["--no-default-class"], startedMs: START_MS });
  operators.push(other);
  const killed = performance.now();
  await operators[0]?.kill();
  const before = performance.now();
  const { ms } = await editOnce(running, edits);
  return { seconds: (before - killed + ms) / 1000, peakMib: peakMib(other.pid) };
}

/** readApply measures one part of the inventory. */
export async function readApply(part: number, how: { edits: number; fails: boolean }, say: (line: string) => void): Promise<Sample[]> {
  const size: Size = { services: WHOLE.services / part, tenants: WHOLE.tenants / part, routers: WHOLE.routers / part };
  const running: Running = { fleet: await openFleet(spacesOf()), size, operators: [], part, say };
  try {
    const samples: Sample[] = [];
    const add = (variant: string, values: Record<string, number>): void => {
      samples.push({ variant: `1/${part} ${variant}`, round: 0, values });
      say(`1/${part} ${variant}: ${JSON.stringify(values)}`);
    };
    const begun = await begin(running);
    say(`1/${part}: ${JSON.stringify(begun)}`);
    const edits = await editMany(running, how.edits);
    samples.push(...edits);
    say(`1/${part}: edits ${edits.map(({ values }) => Math.round(values["ms"] ?? 0)).join(" ")} ms; ${JSON.stringify(edits.at(-1)?.values)}`);
    add(POLICY, await editAll(running));
    add(LOAD, { ...begun, peakMib: peakMib(running.operators[0]?.pid ?? 0) });
    if (how.fails) add(FAILOVER, await failOver(running, how.edits));
    return samples;
  } finally {
    for (const one of running.operators) await one.stop(15_000);
    await running.fleet.close();
  }
}

function rowsOf(samples: readonly Sample[], parts: readonly number[]): Row[] {
  const read = (variant: string, name: string): number => medianOf(samples, variant, name);
  const last = parts.at(-1) ?? 1, best = `1/${last}`;
  const grown = (variant: string, name: string, write: (value: number) => string): string => `at ${parts.map((part) => `1/${part}`).join(", ")}: ${parts.map((part) => write(read(`1/${part} ${variant}`, name))).join(", ")}`;
  const seconds = (ms: number): string => (ms / 1000).toFixed(1);
  const high = quantile(valuesOf(samples, `${best} ${EDIT}`, "ms"), P99), others = read(`${best} beside`, "others"), unnamed = read(`${best} beside`, "unnamed"), peak = read(`${best} ${LOAD}`, "peakMib");
  const row = `${best} ${LOAD}`;
  const failover: Row[] = samples.filter(({ variant }) => variant === `${best} ${FAILOVER}`).map(({ values: { seconds: took = NaN, peakMib: memory = NaN } }) => ({
    what: "the leader is killed: the other has written a new edit", value: `${took.toFixed(1)} s`, against: `peak memory of the other: ${whole(memory)} MiB`, target: `<= ${FAILOVER_S} s`, reached: took <= FAILOVER_S,
  }));
  return [
    { what: `${whole(read(row, "objects"))} objects are created`, value: `${seconds(read(row, "loadMs"))} s`, against: grown(LOAD, "loadMs", seconds) + " s" },
    { what: "start of the operator to the last of all heads", value: `${seconds(read(row, "headsMs"))} s`, against: `${whole(read(row, "pages"))} pages; ${grown(LOAD, "headsMs", seconds)} s; compiled after ${parts.map((part) => seconds(read(`1/${part} ${LOAD}`, "warmMs"))).join(", ")} s` },
    { what: "an edit of a Service, from the request to the last of its heads", value: `${whole(read(`${best} ${EDIT}`, "ms"))} ms, p99 ${whole(high)} ms`, against: `${read(`${best} ${EDIT}`, "routers")} Routers; ${grown(EDIT, "ms", whole)} ms`, target: `<= ${whole(EDIT_TARGET_MS)} ms`, reached: high <= EDIT_TARGET_MS },
    { what: "writes beside these", value: `${others} heads, ${unnamed} pages`, against: `${read(`${best} beside`, "heads")} heads and ${read(`${best} beside`, "pages")} pages that these and the objects in force name`, target: "none", reached: others === 0 && unnamed === 0 },
    { what: "an edit of a ServicePolicy, at all Routers", value: `${seconds(read(`${best} ${POLICY}`, "ms"))} s`, against: `${whole(read(`${best} ${POLICY}`, "routers"))} heads and ${whole(read(`${best} ${POLICY}`, "pages"))} pages; ${grown(POLICY, "ms", seconds)} s` },
    { what: "the same, until its condition says that all Routers have it", value: `${seconds(read(`${best} ${POLICY}`, "toldMs"))} s`, against: `the bench acknowledges for the Routers; ${grown(POLICY, "toldMs", seconds)} s` },
    { what: "peak memory of the operator", value: `${whole(peak)} MiB`, against: `${grown(LOAD, "peakMib", whole)} MiB`, target: `<= ${whole(MEMORY_MIB)} MiB`, reached: peak <= MEMORY_MIB },
    ...failover,
  ];
}

/** apply is the measure of the operator with a large inventory. */
export const apply: Measure = {
  name: "apply", title: "Applying to a large inventory: 10,000 Services, 1,000 Tenants and 1,000 Routers",
  method: "kube-apiserver and etcd, the operator and this bench on the same CPUs; the inventory of the compile bench. Edits of Services one after the other, while the operator still writes the first statuses of all objects; a watch of the bench sees heads and pages. The highest memory is VmHWM. No router runs; from the edit at all Routers on the bench acknowledges heads in their place.",
  rounds: EDITS,
  run: async ({ rounds, smoke }, say): Promise<Outcome> => {
    const parts = smoke ? [SMOKE_PART] : PARTS, samples: Sample[] = [];
    for (const part of parts) samples.push(...await readApply(part, { edits: smoke ? SMOKE_EDITS : rounds, fails: part === 1 }, say));
    return { samples, rows: rowsOf(samples, parts) };
  },
};
