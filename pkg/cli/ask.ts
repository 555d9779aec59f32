// Questions to routers: which routers, one request, its answer checked against its schema, troubles worded as failures.
// Called by the commands. Asks; shows nothing.
import type { z } from "zod";
import type { StatusView } from "../api/view.ts";
import { fail, ok } from "../base/result.ts";
import type { Result } from "../base/result.ts";
import { problemSchema, statusSchema } from "./answers.ts";
import type { Context } from "./context.ts";
import { worstExit } from "./failure.ts";
import type { ExitCode, Failure } from "./failure.ts";
import type { AdminPort, AdminReply, AdminTrouble } from "./surroundings.ts";
import { skewNote } from "./skew.ts";
import { absentFailure, chooseSockets, severalFailure } from "./target.ts";

/** Question is one resource of the admin API: its path, the shape of its answer, and what it is for people. */
export interface Question<T> {
  path: string;
  schema: z.ZodType<T>;
  what: string;
  /** an answer that takes the router a while: it is waited for at least so long */
  patienceMs?: number;
  /** it changes something: asked at the socket for that */
  isChange?: true;
  /** it puts things in order: asked although the user interrupted */
  evenInterrupted?: true;
  /** what the question is about, when it does not fit into its path */
  body?: unknown;
}

/** Router is a router that has answered. */
export interface Router {
  name: string;
  status: StatusView;
  ask<T>(question: Question<T>): Promise<Result<T, Failure>>;
}

/** Answers are what the routers said, in the order in which they were named, and what went wrong with others. */
export interface Answers<T> {
  found: { router: string; value: T }[];
  failures: Failure[];
}

/** Connected are the routers that answered, and what kept the others. */
export interface Connected {
  routers: Router[];
  failures: Failure[];
}

/** connect finds the routers that the options name, else all of this machine; `single`: several are fine only when they were named. */
export async function connect(context: Context, need: { single: boolean } = { single: false }): Promise<Connected> {
  const chosen = await chooseSockets(context.options, context.around.sockets);
  if (!chosen.ok) return { routers: [], failures: [chosen.error] };
  const { sockets, isNamed, only } = chosen.value;
  if (need.single && !isNamed && sockets.length > 1) return { routers: [], failures: [severalFailure(sockets)] };
  const results = await Promise.all(sockets.map((path) => greet(context, path)));
  const answered = results.flatMap((result) => (result.ok ? [result.value] : []));
  const routers = answered.filter(({ name }) => only.length === 0 || only.includes(name));
  for (const { name, status } of routers) {
    const note = skewNote(context.around.version, { router: name, version: status.version });
    if (note !== undefined) await context.note(note);
  }
  const absent = only.filter((name) => !routers.some((router) => router.name === name)).map((name) => absentFailure(name, answered.map((one) => one.name)));
  const failures = [...results.flatMap((result) => (result.ok ? [] : [result.error])), ...absent];
  return { routers, failures: isNamed || routers.length === 0 ? failures : await withoutSilent(context, failures) };
}

/** A socket that nobody named and that nobody answers at, left by a router that ended, is worth a note beside the answers of others. */
async function withoutSilent(context: Context, failures: readonly Failure[]): Promise<Failure[]> {
  const isSilent = (failure: Failure): boolean => failure.code === "SVR_ADMIN_UNREACHABLE";
  for (const failure of failures.filter(isSilent)) await context.note(`note: ${failure.attempted}: ${failure.reason}`);
  return failures.filter((failure) => !isSilent(failure));
}

/** askAll puts one question to all routers at once; `need` as for connect. */
export async function askAll<T>(context: Context, question: Question<T>, need?: { single: boolean }): Promise<Answers<T>> {
  const { routers, failures } = await connect(context, need);
  const results = await Promise.all(routers.map((router) => router.ask(question)));
  const found = results.flatMap((result, index) => (result.ok ? [{ router: routers[index]?.name ?? "", value: result.value }] : []));
  return { found, failures: [...failures, ...results.flatMap((result) => (result.ok ? [] : [result.error]))] };
}

/** finish writes the failures and gives the exit code. */
export async function finish(context: Context, failures: readonly Failure[], otherwise?: ExitCode): Promise<ExitCode> {
  for (const failure of failures) await context.report(failure);
  return worstExit(failures, otherwise);
}

async function greet(context: Context, socketPath: string): Promise<Result<Router, Failure>> {
  const port = context.around.admin(socketPath);
  const at = { context, port, router: `the router at ${socketPath}` };
  const status = await put(at, { path: "/api/v1/routers/self", schema: statusSchema, what: "the state" });
  if (!status.ok) return status;
  const { name } = status.value;
  return ok({ name, status: status.value, ask: (question) => put({ ...at, router: `router ${name}`, ...(question.isChange === true && { port: context.around.admin(controlSocket(socketPath)) }) }, question) });
}

/** The socket beside that one which takes changes (decision 006). */
function controlSocket(socketPath: string): string {
  return `${socketPath.slice(0, socketPath.lastIndexOf("/") + 1)}control.sock`;
}

async function put<T>(at: { context: Context; port: AdminPort; router: string }, question: Question<T>): Promise<Result<T, Failure>> {
  const attempted = `cannot read ${question.what} of ${at.router}`;
  const { around, options } = at.context;
  const reply = await at.port.ask(question.path, { timeoutMs: Math.max(options.timeoutMs, question.patienceMs ?? 0), signal: question.evenInterrupted === true ? new AbortController().signal : around.signal }, question.body);
  if (!reply.ok) return fail(troubleFailure(attempted, reply.error));
  if (reply.value.status !== 200) return fail(statusFailure(attempted, reply.value));
  const answer = question.schema.safeParse(reply.value.body);
  if (answer.success) return ok(answer.data);
  const issue = answer.error.issues[0];
  const where = issue === undefined || issue.path.length === 0 ? "the answer" : issue.path.join(".");
  return fail({ code: "SVR_ADMIN_ANSWER", attempted, reason: `${where} is not what the admin API answers (${issue?.message ?? "unknown"})`, next: versionsNext });
}

const versionsNext = 'compare the versions with "svrctl version"';
const startNext = 'start the router, or list what is there with "ls /var/lib/opensvr/*/admin.sock"';

function troubleFailure(attempted: string, { kind, detail }: AdminTrouble): Failure {
  switch (kind) {
    case "absent": return { code: "SVR_ADMIN_UNREACHABLE", attempted, reason: `there is no such socket (${detail})`, next: startNext };
    case "refused": return { code: "SVR_ADMIN_UNREACHABLE", attempted, reason: `nobody listens there (${detail})`, next: "start the router" };
    case "timeout": return { code: "SVR_ADMIN_UNREACHABLE", attempted, reason: detail, next: "try again with a longer --request-timeout" };
    case "forbidden": return { code: "SVR_NOT_PERMITTED", attempted, reason: `you may not use its socket (${detail})`, next: "run svrctl as the user of the router, for example with sudo" };
    case "interrupted": return { code: "SVR_INTERRUPTED", attempted, reason: detail, next: "run the command again" };
    case "broken": return { code: "SVR_ADMIN_UNREACHABLE", attempted, reason: `the connection broke (${detail})`, next: "look into the log of the router" };
  }
}

function statusFailure(attempted: string, { status, body }: AdminReply): Failure {
  const problem = problemSchema.safeParse(body);
  const reason = problem.success ? problem.data.detail : `HTTP status ${status}`;
  switch (status) {
    case 400: return { code: "SVR_USAGE", attempted, reason, next: "correct the option" };
    case 401:
    case 403: return { code: "SVR_NOT_PERMITTED", attempted, reason, next: "run svrctl as the user of the router" };
    case 404: return { code: "SVR_NOT_FOUND", attempted, reason, next: 'list what there is with "svrctl sessions"' };
    case 503: return { code: "SVR_ADMIN_UNREACHABLE", attempted, reason, next: "try again when the router is ready" };
    default: return { code: "SVR_ADMIN_ANSWER", attempted, reason, next: "look into the log of the router" };
  }
}
