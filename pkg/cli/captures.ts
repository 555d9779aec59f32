// `svrctl capture list|show|fetch|stop|delete`: captures that routers keep. Called by capturecommands.ts; fetch is what `capture run` uses too.
import { fail, ok } from "../base/result.ts";
import type { Result } from "../base/result.ts";
import { bytesSchema, captureListSchema, captureSchema } from "./answers.ts";
import { askAll, connect, finish } from "./ask.ts";
import type { Question, Router } from "./ask.ts";
import { captureText, capturesText } from "./captureview.ts";
import type { CaptureItem } from "./captureview.ts";
import type { Context } from "./context.ts";
import type { ExitCode, Failure } from "./failure.ts";

const PATIENCE_MS = 30_000; // a file of tens of megabytes

/** capturePath is the resource of a capture. */
export function capturePath(id: string, action = ""): string {
  return `/api/v1/captures/${encodeURIComponent(id)}${action}`;
}

/** listCaptures shows what the routers keep. */
export async function listCaptures(context: Context): Promise<ExitCode> {
  const { found, failures } = await askAll(context, { path: "/api/v1/captures", schema: captureListSchema, what: "the captures" });
  const items = found.flatMap(({ router, value }) => value.items.map((item): CaptureItem => ({ ...item, router })));
  if (found.length > 0) await context.show({ data: { items }, text: (style) => capturesText(items, style), names: [...new Set(items.map(({ id }) => id))] });
  return finish(context, failures);
}

/** actOnCapture shows a capture, or stops or deletes it first, on every router that keeps it. */
export async function actOnCapture(context: Context, id: string, action: "show" | "stop" | "delete"): Promise<ExitCode> {
  const what = `capture ${id}`;
  const question = action === "show" ? { path: capturePath(id), schema: captureSchema, what } : { path: capturePath(id, `/${action}`), schema: captureSchema, what, isChange: true as const, body: {} };
  const { found, failures } = await askAll(context, question);
  const items = found.map(({ router, value }): CaptureItem => ({ ...value, router }));
  if (items.length > 0) await context.show({ data: { id, items }, text: (style) => (action === "show" ? captureText(items, style) : capturesText(items, style)) });
  return finish(context, failuresBeside(items.length, failures));
}

/** A router of several that has no such capture is no failure where others have it. */
function failuresBeside(found: number, failures: readonly Failure[]): Failure[] {
  return failures.filter((failure) => found === 0 || failure.code !== "SVR_NOT_FOUND");
}

/** fetchCapture writes one file of what all routers captured under an id. */
export async function fetchCapture(context: Context, id: string, file: string): Promise<ExitCode> {
  const { routers, failures } = await connect(context);
  const fetched = await fetchFiles(context, routers, { id, file });
  const all = [...failures, ...fetched.failures];
  if (fetched.routers.length > 0) await context.show({ data: { id, file, bytes: fetched.bytes, routers: fetched.routers }, text: () => `${file}: capture ${id} of ${fetched.routers.join(", ")}, ${fetched.bytes} bytes\n` });
  return finish(context, failuresBeside(fetched.routers.length, all));
}

/** Fetched is what stands in the file, and what went wrong. */
export interface Fetched { routers: string[]; bytes: number; failures: Failure[] }

/** fetchFiles joins the files of the routers that have the capture and writes it; nothing is written when none has it. */
export async function fetchFiles(context: Context, routers: readonly Router[], of: { id: string; file: string }): Promise<Fetched> {
  const { id, file } = of;
  const question: Question<Uint8Array> = { path: capturePath(id, "/pcap"), schema: bytesSchema, what: `the packets of capture ${id}`, isChange: true, patienceMs: PATIENCE_MS, evenInterrupted: true };
  const results = await Promise.all(routers.map((router) => router.ask(question)));
  const failures = results.flatMap((result) => (result.ok ? [] : [result.error]));
  const named = routers.flatMap(({ name }, index) => (results[index]?.ok === true ? [name] : []));
  const written = named.length === 0 ? ok(0) : await joinInto(context, file, results.flatMap((result) => (result.ok ? [result.value] : [])));
  return written.ok ? { routers: named, bytes: written.value, failures } : { routers: [], bytes: 0, failures: [...failures, written.error] };
}

async function joinInto({ around }: Context, file: string, files: readonly Uint8Array[]): Promise<Result<number, Failure>> {
  const attempted = `cannot write ${file}`;
  const joined = around.joinCaptures(files);
  if (joined === undefined) return fail({ code: "SVR_ADMIN_ANSWER", attempted, reason: "what a router sent is no capture file", next: 'compare the versions with "svrctl version"' });
  const trouble = await around.writeFile(file, joined);
  if (trouble === undefined) return ok(joined.length);
  const code = trouble === "EACCES" || trouble === "EPERM" ? "SVR_NOT_PERMITTED" : "SVR_USAGE";
  return fail({ code, attempted, reason: `the system says ${trouble}`, next: "name a file in a directory that you may write to" });
}
