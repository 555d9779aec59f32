// The objects of a cluster, compiled as its operator compiles them. Called by why.ts and configdiff.ts. Decides nothing itself: pkg/plan
// does; objects that are broken stay out, as for an operator that begins.
import type { ParsedObject } from "../api/document.ts";
import { kindNames } from "../api/kinds.ts";
import { checkObject } from "../api/objectcheck.ts";
import type { Problem } from "../api/problem.ts";
import { compileKeeping } from "../plan/compile.ts";
import type { RouterConfig } from "../plan/config.ts";
import type { KubeObject } from "../ports/kube.ts";
import type { Asked } from "./cluster.ts";
import type { Failure } from "./failure.ts";
import { idOf, planned } from "./resources.ts";

/** ClusterObjects are the objects that the compiler reads: good ones, and the problems of those that their schema refuses. */
export interface ClusterObjects { objects: readonly ParsedObject[]; problems: readonly Problem[] }

/** ClusterPlan is what a set of objects compiles to. */
export interface ClusterPlan {
  /** objects in force */
  objects: readonly ParsedObject[];
  problems: readonly Problem[];
  routers: ReadonlyMap<string, RouterConfig>;
}

/** readClusterObjects reads every object of every namespace; half of them would say something wrong, so one failure is a failure of all. */
export async function readClusterObjects(asked: Asked): Promise<ClusterObjects | readonly Failure[]> {
  const lists = await Promise.all(kindNames.map((kind) => asked.ask(`the ${planned[kind].plural}`, (kube) => kube.list(planned[kind]))));
  const failures = lists.flatMap((list) => (list.ok ? [] : [list.error]));
  if (failures.length > 0) return failures;
  const objects: ParsedObject[] = [];
  const problems: Problem[] = [];
  for (const object of lists.flatMap((list) => (list.ok ? list.value : []))) {
    const id = idOf(object);
    const checked = checkObject(specOnly(object));
    if (checked.ok) objects.push({ id, object: checked.object });
    else problems.push(...checked.findings.map((finding): Problem => ({ ...finding, object: id })));
  }
  return { objects, problems };
}

/** planObjects compiles objects; what is broken in them stays as in `before`, or is left out. */
export function planObjects({ objects, problems }: ClusterObjects, before: readonly ParsedObject[] = []): ClusterPlan {
  const compiled = compileKeeping({ objects: [...before] }, { objects: [...objects], problems: [...problems], unreadable: [] });
  return { objects: compiled.kept.objects, problems: compiled.problems, routers: compiled.routers };
}

/** Name and spec: what else an object carries is not compiled. */
function specOnly({ apiVersion, kind, metadata, spec }: KubeObject): object {
  const { name, namespace } = metadata;
  return { apiVersion, kind, metadata: { name, ...(namespace !== undefined && { namespace }) }, ...(spec !== undefined && { spec }) };
}
