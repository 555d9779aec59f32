// `svrctl capture run`: begins a capture on the routers that were named, or on all of this machine, under one id, waits until it is over
// or the user interrupts, and writes one file. Called by capturecommands.ts.
import type { CaptureView } from "../api/view.ts";
import { captureSchema } from "./answers.ts";
import { connect, finish } from "./ask.ts";
import type { Router } from "./ask.ts";
import { capturePath, fetchFiles } from "./captures.ts";
import { captureText } from "./captureview.ts";
import type { CaptureItem } from "./captureview.ts";
import type { Context } from "./context.ts";
import type { ExitCode, Failure } from "./failure.ts";

/** CaptureOrder is what is captured, for how long, and where it goes. */
export interface CaptureOrder {
  filter: Record<string, string>;
  packets: number;
  sessions: number;
  seconds: number;
  isLocal: boolean;
  file?: string;
}

/** CaptureData is what the command writes for programs. */
export interface CaptureData { id: string; file?: string; bytes?: number; items: CaptureItem[] }

interface Begun { id: string; on: Router[]; failures: Failure[] }

const LOOK_MS = 300;

/** runCapture does all of it; what was captured until an interrupt is written too. */
export async function runCapture(context: Context, order: CaptureOrder): Promise<ExitCode> {
  const { routers, failures } = await connect(context);
  const begun = await begin(routers, order);
  if (begun.on.length === 0) return finish(context, [...failures, ...begun.failures]);
  await context.note(`capture ${begun.id} on ${begun.on.map(({ name }) => name).join(", ")} for ${order.seconds} s; Ctrl-C ends it earlier`);
  const waited = await untilDone(context, begun);
  const { file } = order;
  if (waited.items.length === 0) return finish(context, [...failures, ...begun.failures, ...waited.failures, ...interruption(context, begun.id)]); // no router knows of it any more
  const fetched = file === undefined ? undefined : await fetchFiles(context, begun.on.filter(({ name }) => waited.items.some((item) => item.router === name)), { id: begun.id, file });
  const data: CaptureData = { id: begun.id, ...(file === undefined ? {} : { file, bytes: fetched?.bytes ?? 0 }), items: waited.items };
  await context.show({ data, text: (style) => captureText(data.items, style) });
  if (fetched === undefined) await context.note(`the packets: svrctl capture fetch ${begun.id} --write FILE.pcapng`);
  return finish(context, [...failures, ...begun.failures, ...waited.failures, ...fetched?.failures ?? [], ...interruption(context, begun.id)]);
}

function interruption({ around }: Context, id: string): Failure[] {
  return around.signal.aborted ? [{ code: "SVR_INTERRUPTED", attempted: `capture ${id} did not last as long as it should`, reason: "it was interrupted", next: "use what came until then, or run the command again" }] : [];
}

/** One after the other: the first router makes the id. */
async function begin(routers: readonly Router[], order: CaptureOrder): Promise<Begun> {
  const begun: Begun = { id: "", on: [], failures: [] };
  const { filter, packets, sessions, seconds, isLocal } = order;
  for (const router of routers) {
    const body = { filter, packets, sessions, seconds, local: isLocal, ...(begun.id === "" ? {} : { id: begun.id }) };
    const view = await router.ask({ path: "/api/v1/captures", schema: captureSchema, what: "the beginning of a capture", isChange: true, body });
    if (!view.ok) begun.failures.push(view.error);
    else begun.on.push(router);
    if (view.ok) begun.id = view.value.id;
  }
  return begun;
}

/** Looks until all routers say that it is over; an interrupt ends it there first. */
async function untilDone(context: Context, { id, on }: Begun): Promise<{ items: CaptureItem[]; failures: Failure[] }> {
  const { around } = context;
  let isStopped = false;
  for (;;) {
    if (around.signal.aborted && !isStopped) {
      isStopped = true;
      await Promise.all(on.map((router) => router.ask({ path: capturePath(id, "/stop"), schema: captureSchema, what: `capture ${id}`, isChange: true, body: {}, evenInterrupted: true })));
    }
    const views = await Promise.all(on.map((router) => router.ask({ path: capturePath(id), schema: captureSchema, what: `capture ${id}`, evenInterrupted: true })));
    const failures = views.flatMap((view) => (view.ok ? [] : [view.error]));
    const items = views.flatMap((view, index): CaptureItem[] => (view.ok ? [{ ...view.value, router: on[index]?.name ?? "" }] : []));
    if (items.every(isDone)) return { items, failures };
    await around.pause(LOOK_MS);
  }
}

function isDone({ state }: CaptureView): boolean {
  return state === "done";
}
