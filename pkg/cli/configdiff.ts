// `svrctl config diff OLD NEW`: objects and fields that an edit changes, and what it would do to the live sessions of running
// routers; of a cluster see clusterdiff.ts. Called by program.ts. Decides nothing: pkg/plan compares, and each router judges its own sessions.
import type { ParsedObject, ParseResult } from "../api/document.ts";
import { objectId } from "../api/kinds.ts";
import { formatProblem } from "../api/problem.ts";
import type { PreviewView } from "../api/view.ts";
import { fail, ok } from "../base/result.ts";
import type { Result } from "../base/result.ts";
import { compile, keepLastGood } from "../plan/compile.ts";
import type { RouterConfig } from "../plan/config.ts";
import { changedRouters, diffObjects } from "../plan/diff.ts";
import type { ObjectChange } from "../plan/diff.ts";
import { objectsSchema, previewSchema } from "./answers.ts";
import { connect, finish } from "./ask.ts";
import type { Router } from "./ask.ts";
import { parsePlan } from "./configread.ts";
import type { Context } from "./context.ts";
import { diffText } from "./diffview.ts";
import { Exit, usageFailure } from "./failure.ts";
import type { ExitCode, Failure } from "./failure.ts";

/** DiffFlags are the words of the command: one directory is compared with what runs, two with each other. */
export interface DiffFlags {
  directories: readonly string[];
  /** most sessions that are named for each router */
  limit: number;
}

/** DiffRouter is what the edit does to one running router; without sessions when it has no valid Router object any more. */
export interface DiffRouter {
  router: string;
  objects: ObjectChange[];
  sessions?: PreviewView;
}

/** DiffData is the answer for programs. */
export interface DiffData {
  /** objects that differ between the two directories; empty with one directory */
  objects: ObjectChange[];
  /** routers whose compiled configuration differs between the two directories */
  changed: string[];
  /** running routers that were asked */
  routers: DiffRouter[];
  /** of a cluster: routers whose configuration would be another one, and that have no admin socket here: nothing is known of their sessions */
  notAsked?: string[];
}

const command = "svrctl config diff";
const patienceMs = 60_000; // a million sessions take seconds

/** diffConfig shows the difference; exit 3 when a live session would be cut, or a router would lose its Router object. */
export async function diffConfig(context: Context, flags: DiffFlags): Promise<ExitCode> {
  const read = await readDirectories(context, flags.directories);
  if (!read.ok) return finish(context, [read.error]);
  const { old, next } = read.value;
  if (next.unreadable.length > 0) return finish(context, [unreadableFailure(next.unreadable)]);
  for (const problem of next.problems) if (problem.severity === "error") await context.note(`note: ${formatProblem(problem)}`);
  const after = old === undefined ? next : keepLastGood(old, next);
  const data: DiffData = old === undefined ? { objects: [], changed: [], routers: [] }
    : { objects: diffObjects(old.objects, after.objects), changed: changedRouters(compile(old).routers, compile(after).routers), routers: [] };
  const { options } = context;
  const asksRouters = old === undefined || options.routers.length + options.sockets.length > 0;
  const failures = asksRouters ? await askRouters(context, { next, limit: flags.limit, into: data.routers }) : [];
  if (failures.length === 0 || data.routers.length > 0) await context.show({ data, text: (style) => diffText(data, { style, hasOld: old !== undefined }) });
  return finish(context, failures, data.routers.some((one) => one.sessions === undefined || one.sessions.cut > 0) ? Exit.no : Exit.ok);
}

async function readDirectories(context: Context, directories: readonly string[]): Promise<Result<{ old?: ParseResult; next: ParseResult }, Failure>> {
  const [first, second, ...more] = directories;
  if (first === undefined || more.length > 0) return fail(usageFailure("give one directory, or two: OLD NEW", command));
  const one = await parsePlan(context.around.readConfig, first);
  if (!one.ok || second === undefined) return one.ok ? ok({ next: one.value }) : one;
  const other = await parsePlan(context.around.readConfig, second);
  return other.ok ? ok({ old: one.value, next: other.value }) : other;
}

/** unreadableFailure says that nothing true can be said of an edit while a file of it cannot be read. */
export function unreadableFailure(files: readonly string[]): Failure {
  return { code: "SVR_CONFIG_INVALID", attempted: "cannot tell what the edit does", reason: `${files.join(", ")} has a document that cannot be read`, next: 'correct it, see "svrctl config validate DIR"' };
}

async function askRouters(context: Context, ask: { next: ParseResult; limit: number; into: DiffRouter[] }): Promise<Failure[]> {
  const { routers, failures } = await connect(context);
  const results = await Promise.all(routers.map((router) => askRouter(router, ask)));
  ask.into.push(...results.flatMap((result) => (result.ok ? [result.value] : [])));
  return [...failures, ...results.flatMap((result) => (result.ok ? [] : [result.error]))];
}

/** The router keeps the last good version of what is broken, so the edit is compared and judged as it would do. */
async function askRouter(router: Router, { next, limit }: { next: ParseResult; limit: number }): Promise<Result<DiffRouter, Failure>> {
  const running = await router.ask({ path: "/api/v1/routers/self/objects", schema: objectsSchema, what: "the configuration objects" });
  if (!running.ok) return running;
  const before: ParsedObject[] = running.value.map((object) => ({ id: objectId(object), object }));
  const after = keepLastGood({ objects: before }, next);
  const objects = diffObjects(before, after.objects);
  return askPreview(router, { config: compile(after).routers.get(router.name), objects, limit });
}

/** askPreview lets a router judge its live sessions by another configuration; none: it would keep what it has. */
export async function askPreview(router: Router, { config, objects, limit }: { config: RouterConfig | undefined; objects: ObjectChange[]; limit: number }): Promise<Result<DiffRouter, Failure>> {
  if (config === undefined) return ok({ router: router.name, objects });
  const sessions = await router.ask({ path: `/api/v1/routers/self/preview?limit=${limit}`, schema: previewSchema, what: "the effect on sessions", body: config, patienceMs });
  return sessions.ok ? ok({ router: router.name, objects, sessions: sessions.value }) : sessions;
}
