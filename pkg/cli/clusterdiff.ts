// `svrctl config diff DIR|FILE...` against a cluster: what an edit changes in its objects, which routers would get another configuration,
// and what that would do to live sessions of routers that can be asked from here. Called by program.ts.
import type { ParsedObject, ParseResult } from "../api/document.ts";
import { kinds, objectId } from "../api/kinds.ts";
import type { ApiObject } from "../api/kinds.ts";
import { formatProblem } from "../api/problem.ts";
import { changedRouters, diffObjects } from "../plan/diff.ts";
import { connect, finish } from "./ask.ts";
import { withCluster } from "./cluster.ts";
import type { Asked } from "./cluster.ts";
import { planObjects, readClusterObjects } from "./clusterplan.ts";
import type { ClusterObjects, ClusterPlan } from "./clusterplan.ts";
import { askPreview, unreadableFailure } from "./configdiff.ts";
import type { DiffData, DiffFlags } from "./configdiff.ts";
import { parsePlan } from "./configread.ts";
import type { Context } from "./context.ts";
import { diffText } from "./diffview.ts";
import { Exit } from "./failure.ts";
import type { ExitCode, Failure } from "./failure.ts";

/** diffCluster shows the difference; exit 3 when a live session would be cut. Nothing is written. */
export async function diffCluster(context: Context, flags: DiffFlags): Promise<ExitCode> {
  const edit = await readEdit(context, flags.directories);
  if ("code" in edit) return finish(context, [edit]);
  return withCluster(context, async (asked) => {
    const read = await readClusterObjects(asked);
    if (!("objects" in read)) return finish(context, read);
    const after = edited(read, edit, asked);
    const [old, next] = plansOf(read, after);
    await noteProblems(context, edit, next);
    const changed = changedRouters(old.routers, next.routers);
    const data: DiffData = { objects: diffObjects(read.objects, after.objects), changed, routers: [] };
    const failures = await askHere(context, { next, changed, limit: flags.limit, into: data });
    await context.show({ data, text: (style) => diffText(data, { style, hasOld: true }) });
    return finish(context, failures, data.routers.some((one) => one.sessions !== undefined && one.sessions.cut > 0) ? Exit.no : Exit.ok);
  });
}

/** Both as an operator compiles them: what the edit breaks stays as it is. */
function plansOf(read: ClusterObjects, after: ClusterObjects): [ClusterPlan, ClusterPlan] {
  const old = planObjects(read);
  return [old, planObjects(after, old.objects)];
}

async function readEdit({ around }: Context, paths: readonly string[]): Promise<ParseResult | Failure> {
  const parsed: ParseResult[] = [];
  for (const path of paths) {
    const one = await parsePlan(around.readConfig, path);
    if (!one.ok) return one.error;
    parsed.push(one.value);
  }
  const unreadable = parsed.flatMap((one) => one.unreadable);
  if (unreadable.length > 0) return unreadableFailure(unreadable);
  return { objects: parsed.flatMap((one) => one.objects), problems: parsed.flatMap((one) => one.problems), unreadable };
}

/** As kubectl applies files: each object takes the place of the one of its name, others stay. */
function edited(read: ClusterObjects, edit: ParseResult, asked: Asked): ClusterObjects {
  const written = edit.objects.map((one) => placed(one, asked.namespace));
  const ids = new Set([...written.map(({ id }) => id), ...edit.problems.flatMap(({ severity, object }) => (severity === "error" ? object ?? [] : []))]);
  return {
    objects: [...read.objects.filter(({ id }) => !ids.has(id)), ...written],
    problems: [...read.problems.filter(({ object }) => object === undefined || !ids.has(object)), ...edit.problems],
  };
}

/** An object whose file names no namespace goes where kubectl would put it. */
function placed(one: ParsedObject, namespace: string): ParsedObject {
  if (!kinds[one.object.kind].namespaced || one.source?.positions.has("metadata.namespace") === true) return one;
  const object = { ...one.object, metadata: { ...one.object.metadata, namespace } } as ApiObject;
  return { ...one, object, id: objectId(object) };
}

/** Errors of objects that the edit writes; those of others are no news. */
async function noteProblems(context: Context, edit: ParseResult, next: ClusterPlan): Promise<void> {
  const files = new Set(edit.objects.flatMap(({ source }) => source?.file ?? []).concat(edit.problems.flatMap(({ file }) => file ?? [])));
  for (const problem of next.problems) if (problem.severity === "error" && files.has(problem.file ?? "")) await context.note(`note: ${formatProblem(problem)}`);
}

interface Here { next: ClusterPlan; changed: readonly string[]; limit: number; into: DiffData }

/** Routers with a socket here judge their live sessions; the others are told apart, nothing is guessed about theirs. */
async function askHere(context: Context, { next, changed, limit, into }: Here): Promise<Failure[]> {
  const isNamed = context.options.sockets.length > 0;
  const { sockets } = isNamed ? { sockets: context.options.sockets } : await context.around.sockets.list();
  const here = changed.length > 0 && sockets.length > 0 ? await connect({ ...context, options: { ...context.options, routers: [] } }) : { routers: [], failures: [] };
  const concerned = here.routers.filter(({ name }) => changed.includes(name));
  const results = await Promise.all(concerned.map((router) => askPreview(router, { config: next.routers.get(router.name), objects: [], limit })));
  into.routers.push(...results.flatMap((result) => (result.ok ? [result.value] : [])));
  const asked = new Set(into.routers.map(({ router }) => router));
  into.notAsked = changed.filter((name) => !asked.has(name));
  return [...(isNamed ? here.failures : []), ...results.flatMap((result) => (result.ok ? [] : [result.error]))];
}
