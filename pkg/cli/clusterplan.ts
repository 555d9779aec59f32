// The objects of a cluster, compiled by the planner of its operator. Called by whyconfigs.ts and clusterdiff.ts. Decides nothing itself; objects
// that are broken stay out, as for an operator that begins.
import type { ParsedObject } from "../api/document.ts";
import { kindNames } from "../api/kinds.ts";
import type { Kind } from "../api/kinds.ts";
import { checkObject } from "../api/objectcheck.ts";
import type { Problem } from "../api/problem.ts";
import type { Result } from "../base/result.ts";
import type { RouterConfig } from "../plan/config.ts";
import { decidingServices } from "../plan/entry.ts";
import type { WhyQuestion } from "../plan/explain.ts";
import { createPlanner } from "../plan/planner.ts";
import type { PlanEdit, Planner } from "../plan/planner.ts";
import type { KubeObject, KubeSelection } from "../ports/kube.ts";
import type { Asked } from "./cluster.ts";
import type { Context } from "./context.ts";
import type { Failure } from "./failure.ts";
import { idOf, namespaces, planned, specOnly } from "../api/resources.ts";

/** ClusterPlan is a cluster's objects as written, and what they compile to. */
export interface ClusterPlan {
  /** good ones, as they are written */
  objects: readonly ParsedObject[];
  /** as they are compiled */
  inForce(): readonly ParsedObject[];
  /** those that were compiled */
  routers(): ReadonlyMap<string, RouterConfig>;
  problemsOf(ids: Iterable<string>): Problem[];
  /** every object that was read, good or not */
  ids: ReadonlySet<string>;
  /** the routers whose configuration an edit makes another one; it counts from then on */
  edit(edit: Pick<PlanEdit, "put" | "refused">): string[];
}

/** PlanAbout narrows a plan to what one question needs: routers that are chosen when the other objects are there. */
export interface PlanAbout { question: WhyQuestion; only: (objects: readonly ParsedObject[]) => ReadonlySet<string> }

interface Objects { put: ParsedObject[]; refused: Problem[]; ids: Set<string> }
type Namespaces = NonNullable<PlanEdit["namespaces"]>;

const otherKinds = kindNames.filter((kind) => kind !== "ServiceRoute");

/** planCluster reads the objects of every namespace and compiles them; half of them would say something wrong, so one failure is a failure of all. */
export async function planCluster(context: Context, asked: Asked, about?: PlanAbout): Promise<ClusterPlan | readonly Failure[]> {
  const [owners, ...lists] = await Promise.all([asked.ask("the namespaces", (kube) => kube.list(namespaces)), ...otherKinds.map((kind) => listOf(asked, kind, [{}]))]);
  const others = objectsIn(lists.flatMap((list) => (list.ok ? list.value : [])));
  const routes = await listOf(asked, "ServiceRoute", about === undefined ? [{}] : routeSelections(others.put, about.question));
  const failures = [...lists, routes].flatMap((list) => (list.ok ? [] : [list.error]));
  if (failures.length > 0 || !routes.ok) return failures;
  if (!owners.ok) await context.note(`note: ${owners.error.attempted}: ${owners.error.reason}; which tenants grant a namespace is not checked`);
  const { put, refused, ids } = joined(others, objectsIn(routes.value));
  const spaces: Namespaces | undefined = owners.ok ? new Map(owners.value.map(({ metadata }) => [metadata.name, metadata.labels ?? {}])) : undefined;
  const planner = createPlanner(about === undefined ? {} : { only: about.only(put) });
  planner.update({ put, refused, remove: [], ...(spaces !== undefined && { namespaces: spaces }) });
  return planOf(planner, put, ids);
}

async function listOf(asked: Asked, kind: Kind, selections: readonly KubeSelection[]): Promise<Result<readonly KubeObject[], Failure>> {
  const resource = planned[kind];
  return asked.ask(`the ${resource.plural}`, async (kube) => (await Promise.all(selections.map((selection) => kube.list(resource, selection)))).flat());
}

const manyServices = 500;
const fewLists = 16;

/** Of many services only the routes to those that decide are read; of few all, which a proposal may need. */
function routeSelections(objects: readonly ParsedObject[], question: WhyQuestion): KubeSelection[] {
  const deciding = decidingServices(objects, question);
  if (deciding.size > fewLists || objects.filter(({ object }) => object.kind === "Service").length < manyServices) return [{}];
  return [...deciding].map((key) => {
    const [namespace = "", name = ""] = key.split("/");
    return { namespace, fieldSelector: `spec.serviceRef.name=${name}` };
  });
}

function objectsIn(found: readonly KubeObject[]): Objects {
  const objects: Objects = { put: [], refused: [], ids: new Set() };
  for (const object of found) {
    const id = idOf(object);
    objects.ids.add(id);
    const checked = checkObject(specOnly(object));
    if (checked.ok) objects.put.push({ id, object: checked.object });
    else objects.refused.push(...checked.findings.map((finding): Problem => ({ ...finding, object: id })));
  }
  return objects;
}

function joined(a: Objects, b: Objects): Objects {
  return { put: [...a.put, ...b.put], refused: [...a.refused, ...b.refused], ids: new Set([...a.ids, ...b.ids]) };
}

function planOf(planner: Planner, objects: readonly ParsedObject[], ids: ReadonlySet<string>): ClusterPlan {
  return {
    objects, ids,
    inForce: () => [...planner.accepted()],
    routers: () => planner.configs(),
    problemsOf: (some) => [...some].flatMap((id) => planner.problemsOf(id)),
    edit: (edit) => [...planner.update({ ...edit, remove: [] }).routers.keys()],
  };
}
