// The objects of a cluster, compiled by the planner of its operator. Called by whyconfigs.ts and clusterdiff.ts. Decides nothing itself; objects
// that are broken stay out, as for an operator that begins.
import type { ParsedObject } from "../api/document.ts";
import { kindNames } from "../api/kinds.ts";
import { checkObject } from "../api/objectcheck.ts";
import type { Problem } from "../api/problem.ts";
import type { RouterConfig } from "../plan/config.ts";
import { createPlanner } from "../plan/planner.ts";
import type { PlanEdit, Planner } from "../plan/planner.ts";
import type { KubeObject } from "../ports/kube.ts";
import type { Asked } from "./cluster.ts";
import type { Context } from "./context.ts";
import type { Failure } from "./failure.ts";
import { idOf, namespaces, planned } from "./resources.ts";

/** ClusterPlan is a cluster's objects as written, and what they compile to. */
export interface ClusterPlan {
  /** good ones, as they are written */
  objects: readonly ParsedObject[];
  /** as they are compiled */
  inForce(): readonly ParsedObject[];
  routers(): ReadonlyMap<string, RouterConfig>;
  problemsOf(ids: Iterable<string>): Problem[];
  /** every object that is there, good or not */
  ids: ReadonlySet<string>;
  /** the routers whose configuration an edit makes another one; it counts from then on */
  edit(edit: Pick<PlanEdit, "put" | "refused">): string[];
}

/** planCluster reads every object of every namespace and compiles them; half of them would say something wrong, so one failure is a failure of all. */
export async function planCluster(context: Context, asked: Asked): Promise<ClusterPlan | readonly Failure[]> {
  const [owners, ...lists] = await Promise.all([asked.ask("the namespaces", (kube) => kube.list(namespaces)), ...kindNames.map((kind) => asked.ask(`the ${planned[kind].plural}`, (kube) => kube.list(planned[kind])))]);
  const failures = lists.flatMap((list) => (list.ok ? [] : [list.error]));
  if (failures.length > 0) return failures;
  if (!owners.ok) await context.note(`note: ${owners.error.attempted}: ${owners.error.reason}; which tenants grant a namespace is not checked`);
  const edit = { put: [] as ParsedObject[], refused: [] as Problem[] };
  const found = lists.flatMap((list) => (list.ok ? list.value : []));
  for (const object of found) {
    const id = idOf(object);
    const checked = checkObject(specOnly(object));
    if (checked.ok) edit.put.push({ id, object: checked.object });
    else edit.refused.push(...checked.findings.map((finding): Problem => ({ ...finding, object: id })));
  }
  const planner = createPlanner();
  planner.update({ ...edit, remove: [], ...(owners.ok && { namespaces: new Map(owners.value.map(({ metadata }) => [metadata.name, metadata.labels ?? {}])) }) });
  return planOf(planner, edit.put, new Set(found.map(idOf)));
}

function planOf(planner: Planner, objects: readonly ParsedObject[], ids: ReadonlySet<string>): ClusterPlan {
  return {
    objects, ids,
    inForce: () => [...planner.accepted()],
    routers: () => new Map([...planner.accepted()].flatMap(({ object }): [string, RouterConfig][] => {
      const config = object.kind === "Router" ? planner.config(object.metadata.name) : undefined;
      return config === undefined ? [] : [[config.name, config]];
    }).sort(([a], [b]) => (a < b ? -1 : 1))),
    problemsOf: (some) => [...some].flatMap((id) => planner.problemsOf(id)),
    edit: (edit) => [...planner.update({ ...edit, remove: [] }).routers.keys()],
  };
}

/** Name and spec: what else an object carries is not compiled. */
function specOnly({ apiVersion, kind, metadata, spec }: KubeObject): object {
  const { name, namespace } = metadata;
  return { apiVersion, kind, metadata: { name, ...(namespace !== undefined && { namespace }) }, ...(spec !== undefined && { spec }) };
}
