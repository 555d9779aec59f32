// What compiling a large inventory costs, all of it at once and edit by edit, in time and memory, at an eighth, a quarter, a half and the
// whole of 10,000 Services x 1,000 Tenants x 1,000 Routers. The planner alone: no API server, no pages are written.
import { memoryUsage } from "node:process";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { createPlanner } from "../../pkg/plan/planner.ts";
import type { Planner } from "../../pkg/plan/planner.ts";
import type { ParsedObject } from "../../pkg/api/document.ts";
import { inventoryOf, policyOf, routerOf, routesOf, serviceOf, tenantName, tenantOf } from "./inventory.ts";
import type { Size } from "./inventory.ts";
import { medianOf, whole } from "./measure.ts";
import type { Measure, Outcome, Row, Sample } from "./measure.ts";

const WHOLE: Size = { services: 10_000, tenants: 1_000, routers: 1_000 };
const PARTS = [8, 4, 2, 1], SMOKE_PART = 50, MIB = 2 ** 20;
const GROUP = 16; // numbers that far apart have other Routers
const FULL_S = 60, EDIT_MS = 1_000, MEMORY_MIB = 2_048;

/** Edits of one object each; the number makes each a new one. */
const edits: Record<string, (size: Size, number: number) => ParsedObject[]> = {
  "a Service": (size, number) => [serviceOf(number * GROUP, size, [{ tenant: tenantName(number * GROUP * 3 + 11, size) }])],
  "members of a Tenant": (size, number) => [tenantOf(number, size, [{ router: "r5", interface: "lan0", prefixes: [`192.168.${number}.0/24`] }])],
  "a ServiceRoute": (size, number) => routesOf(number * 2 + 1, size, 7).slice(1, 2),
  "a Router": (size, number) => [routerOf(number, size, 1400)],
  "a ServicePolicy, at all Routers": (_size, number) => [policyOf(number * 2, { hideTopology: true })],
  "a new Tenant, at all Routers": (size, number) => [tenantOf(size.tenants + number, size)],
};

function heapMib(): number {
  setFlagsFromString("--expose-gc");
  (runInNewContext("gc") as () => void)();
  return memoryUsage().heapUsed / MIB;
}

function timed(planner: Planner, put: readonly ParsedObject[]): { ms: number; routers: number } {
  const started = performance.now();
  const { routers } = planner.update({ put, remove: [] });
  return { ms: performance.now() - started, routers: routers.size };
}

/** readCompile compiles one part of the inventory and edits it. */
export function readCompile(part: number, rounds: number, say: (line: string) => void): Sample[] {
  const size: Size = { services: WHOLE.services / part, tenants: WHOLE.tenants / part, routers: WHOLE.routers / part };
  const objects = inventoryOf(size), before = heapMib(), planner = createPlanner();
  const full = timed(planner, objects);
  const errors = planner.problems().filter(({ severity }) => severity === "error");
  if (errors.length > 0 || full.routers !== size.routers) throw new Error(`${errors.length} errors, ${full.routers} Routers: ${JSON.stringify(errors[0])}`);
  const plannerMib = heapMib() - before, rssMib = memoryUsage.rss() / MIB;
  const samples: Sample[] = [{ variant: `1/${part}`, round: 0, values: { ms: full.ms, routers: full.routers, objects: objects.length, plannerMib, rssMib } }];
  for (const [what, make] of Object.entries(edits)) {
    for (let round = 0; round < rounds; round++) samples.push({ variant: `1/${part} ${what}`, round, values: { ...timed(planner, make(size, round)) } });
  }
  for (const { variant, round, values } of samples) if (round === 0) say(`${variant}: ${JSON.stringify(values)}`);
  return samples;
}

function rowsOf(samples: readonly Sample[], parts: readonly number[]): Row[] {
  const read = (variant: string, name: string): number => medianOf(samples, variant, name);
  const last = parts.at(-1) ?? 1, best = `1/${last}`;
  const growth = parts.map((part) => `${(read(`1/${part}`, "ms") / 1000).toFixed(1)}`).join(", ");
  return [
    { what: `everything: ${whole(read(best, "objects"))} objects, ${whole(read(best, "routers"))} Routers`, value: `${(read(best, "ms") / 1000).toFixed(1)} s`, against: `at ${parts.map((part) => `1/${part}`).join(", ")}: ${growth} s`, target: `<= ${FULL_S} s`, reached: read(best, "ms") <= FULL_S * 1000 },
    ...Object.keys(edits).map((what): Row => {
      const ms = read(`${best} ${what}`, "ms"), at = parts.map((part) => read(`1/${part} ${what}`, "ms").toFixed(1)).join(", ");
      const row: Row = { what: `an edit of ${what}`, value: `${ms.toFixed(1)} ms`, against: `${whole(read(`${best} ${what}`, "routers"))} Routers change; at each part: ${at} ms` };
      return what.includes("all Routers") ? row : { ...row, target: `<= ${whole(EDIT_MS)} ms with the writes`, reached: ms <= EDIT_MS };
    }),
    { what: "heap of the planner", value: `${whole(read(best, "plannerMib"))} MiB`, against: `objects apart; at each part: ${parts.map((part) => whole(read(`1/${part}`, "plannerMib"))).join(", ")} MiB` },
    { what: "memory of the process", value: `${whole(read(best, "rssMib"))} MiB`, against: "with the objects, after the compile", target: `<= ${whole(MEMORY_MIB)} MiB in all`, reached: read(best, "rssMib") <= MEMORY_MIB },
  ];
}

/** compile is the measure of the planner. */
export const compile: Measure = {
  name: "compile", title: "Compiling 10,000 Services, 1,000 Tenants and 1,000 Routers",
  method: "The planner alone, in one process: an inventory in which each Service is in use at ten Routers or a few more (addresses that overlap), each Router with four peers, as one edit; then edits of one object. No pages, no API server.",
  run: ({ rounds, smoke }, say): Promise<Outcome> => {
    const parts = smoke ? [SMOKE_PART] : PARTS;
    const samples = parts.flatMap((part) => readCompile(part, rounds, say));
    return Promise.resolve({ samples, rows: rowsOf(samples, parts) });
  },
};
