// Questions to the API server of a cluster: opened once for a command, each call's error worded as a failure, an interrupt
// heard. Called by the commands that read API objects. Asks; shows nothing.
import { SvrError } from "../base/errors.ts";
import { fail, ok } from "../base/result.ts";
import type { Result } from "../base/result.ts";
import type { KubePort } from "../ports/kube.ts";
import { finish } from "./ask.ts";
import type { Context } from "./context.ts";
import { isFailureCode } from "./failure.ts";
import type { ExitCode, Failure } from "./failure.ts";
import type { Cluster } from "./surroundings.ts";

/** Asked is the cluster that a command asks. */
export interface Asked {
  readonly server: string;
  /** namespace that the command is about: that of -n, else that of the context */
  readonly namespace: string;
  /** the answer, or why there is none; `what` says what is read: "the tenants" */
  ask<T>(what: string, call: (kube: KubePort) => Promise<T>): Promise<Result<T, Failure>>;
}

/** withCluster opens the cluster that the options name, does the work with it, and closes it. */
export async function withCluster(context: Context, work: (asked: Asked) => Promise<ExitCode>): Promise<ExitCode> {
  const opened = await openCluster(context);
  if (!opened.ok) return finish(context, [opened.error]);
  const cluster = opened.value;
  const { signal } = context.around;
  try {
    return await work({
      server: cluster.server, namespace: context.options.namespace ?? cluster.namespace,
      ask: (what, call) => answerOf(`cannot read ${what} of the cluster`, untilInterrupted(() => call(cluster), signal)),
    });
  } finally {
    cluster.close();
  }
}

function openCluster({ around, options }: Context): Promise<Result<Cluster, Failure>> {
  return answerOf("cannot choose a cluster", around.cluster(options.cluster));
}

/** answerOf turns the error of a call into a failure; faults of the program are thrown on. */
async function answerOf<T>(attempted: string, answer: Promise<T>): Promise<Result<T, Failure>> {
  try {
    return ok(await answer);
  } catch (error) {
    if (error instanceof Interrupted) return fail({ code: "SVR_INTERRUPTED", attempted, reason: "interrupted", next: "run the command again" });
    if (!(error instanceof SvrError) || !isFailureCode(error.code)) throw error;
    return fail({ code: error.code, attempted, reason: reasonIn(error), next: error.fix });
  }
}

/** The message of an error is `CODE: reason; fix`. */
function reasonIn({ code, message, fix }: SvrError): string {
  return message.slice(`${code}: `.length, -`; ${fix}`.length);
}

/** Interrupted ends the wait for a call; the call itself ends when the cluster is closed. */
class Interrupted extends Error {}

async function untilInterrupted<T>(call: () => Promise<T>, signal: AbortSignal): Promise<T> {
  if (signal.aborted) throw new Interrupted();
  const ended = new AbortController();
  const interrupted = new Promise<never>((_resolve, reject) => {
    signal.addEventListener("abort", () => { reject(new Interrupted()); }, { signal: ended.signal });
  });
  try {
    return await Promise.race([call(), interrupted]);
  } finally {
    ended.abort();
  }
}
