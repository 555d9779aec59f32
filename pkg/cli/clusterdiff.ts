// `svrctl config diff DIR|FILE...` against a cluster: what an edit changes in its objects, which routers would get another configuration,
// and what that would do to live sessions of routers that can be asked from here. Called by program.ts.
import type { ParsedObject, ParseResult } from "../api/document.ts";
import { kinds, objectId } from "../api/kinds.ts";
import type { ApiObject } from "../api/kinds.ts";
import { formatProblem } from "../api/problem.ts";
import type { RouterConfig } from "../plan/config.ts";
import { diffObjects } from "../plan/diff.ts";
import { connect, finish } from "./ask.ts";
import { withCluster } from "./cluster.ts";
import { planCluster } from "./clusterplan.ts";
import { askPreview, unreadableFailure } from "./configdiff.ts";
import type { DiffData, DiffFlags } from "./configdiff.ts";
import { parsePlan } from "./configread.ts";
import type { Context } from "./context.ts";
import { diffText } from "./diffview.ts";
import { Exit } from "./failure.ts";
import type { ExitCode, Failure } from "./failure.ts";

const MOST_NAMED = 5;

/** diffCluster shows the difference, as kubectl would apply the files: each object takes the place of the one of its name, others stay. Exit 3 when a live session would be cut. */
export async function diffCluster(context: Context, flags: DiffFlags): Promise<ExitCode> {
  const edit = await readEdit(context, flags.directories);
  if ("code" in edit) return finish(context, [edit]);
  return withCluster(context, async (asked) => {
    const plan = await planCluster(context, asked);
    if (!("objects" in plan)) return finish(context, plan);
    const put = edit.objects.map((one) => placed(one, asked.namespace));
    const ids = new Set(put.map(({ id }) => id));
    const changed = plan.edit({ put, refused: edit.problems.filter(({ severity, object }) => severity === "error" && object !== undefined && !ids.has(object)) });
    if (edit.foreign !== undefined) await context.note(`note: not looked at, because no router reads them: ${edit.foreign.slice(0, MOST_NAMED).join(", ")}${edit.foreign.length > MOST_NAMED ? ` and ${edit.foreign.length - MOST_NAMED} more` : ""}`);
    for (const problem of plan.problemsOf(new Set([...ids, ...edit.problems.flatMap(({ object }) => object ?? [])]))) if (problem.severity === "error") await context.note(`note: ${formatProblem(problem)}`);
    const before = plan.objects.filter(({ id }) => ids.has(id));
    const data: DiffData = { objects: diffObjects(before, put), changed, routers: [] };
    const failures = await askHere(context, { routers: plan.routers(), changed, limit: flags.limit, into: data });
    await context.show({ data, text: (style) => diffText(data, { style, hasOld: true }) });
    return finish(context, failures, data.routers.some((one) => one.sessions !== undefined && one.sessions.cut > 0) ? Exit.no : Exit.ok);
  });
}

async function readEdit({ around }: Context, paths: readonly string[]): Promise<ParseResult | Failure> {
  const parsed: ParseResult[] = [];
  for (const path of paths) {
    const one = await parsePlan(around.readConfig, path);
    if (!one.ok) return one.error;
    parsed.push(one.value);
  }
  const unreadable = parsed.flatMap((one) => one.unreadable), foreign = parsed.flatMap((one) => one.foreign ?? []);
  if (unreadable.length > foreign.length) return unreadableFailure([...new Set(unreadable)]); // a foreign document counts in both
  return {
    ...(foreign.length > 0 && { foreign }), objects: parsed.flatMap((one) => one.objects), problems: parsed.flatMap((one) => one.problems), unreadable,
  };
}

/** An object whose file names no namespace goes where kubectl would put it. */
function placed(one: ParsedObject, namespace: string): ParsedObject {
  if (!kinds[one.object.kind].namespaced || one.source?.positions.has("metadata.namespace") === true) return one;
  const object = { ...one.object, metadata: { ...one.object.metadata, namespace } } as ApiObject;
  return { ...one, object, id: objectId(object) };
}

interface Here { routers: ReadonlyMap<string, RouterConfig>; changed: readonly string[]; limit: number; into: DiffData }

/** Routers with a socket here judge their live sessions; the others are told apart, nothing is guessed about theirs. */
async function askHere(context: Context, { routers, changed, limit, into }: Here): Promise<Failure[]> {
  const isNamed = context.options.sockets.length > 0;
  const { sockets } = isNamed ? { sockets: context.options.sockets } : await context.around.sockets.list();
  const here = changed.length > 0 && sockets.length > 0 ? await connect({ ...context, options: { ...context.options, routers: [] } }) : { routers: [], failures: [] };
  const concerned = here.routers.filter(({ name }) => changed.includes(name));
  const results = await Promise.all(concerned.map((router) => askPreview(router, { config: routers.get(router.name), objects: [], limit })));
  into.routers.push(...results.flatMap((result) => (result.ok ? [result.value] : [])));
  const asked = new Set(into.routers.map(({ router }) => router));
  into.notAsked = changed.filter((name) => !asked.has(name));
  return [...(isNamed ? here.failures : []), ...results.flatMap((result) => (result.ok ? [] : [result.error]))];
}
