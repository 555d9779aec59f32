// Routers that are not heard of any more. A router writes facts into its status every 30 s; what counts is when we saw them
// change, never the time that stands in them: its clock may be wrong. Called by statuses.ts.
import type { KubeStore } from "../ports/kube.ts";

/** Silence knows when each router was heard of last. */
export interface Silence {
  /** undefined: heard of lately, or never */
  secondsOf(router: string): number | undefined;
  stop(): void;
}

const SILENT_MS = 95_000; // three facts are missing

/** createSilence follows the Router objects; one that has facts already counts as heard of now. */
export function createSilence(routers: KubeStore, nowMs: () => number): Silence {
  const heard = new Map<string, number>();
  for (const object of routers.list()) if (timeOf(object) !== undefined) heard.set(object.metadata.name, nowMs());
  const watch = routers.watch(({ before, after }) => {
    if (after === undefined) return void (before !== undefined && heard.delete(before.metadata.name));
    if (timeOf(after) !== undefined && timeOf(after) !== timeOf(before)) heard.set(after.metadata.name, nowMs());
  });
  return {
    secondsOf(router) {
      const since = heard.get(router);
      const ms = since === undefined ? 0 : nowMs() - since;
      return ms < SILENT_MS ? undefined : Math.floor(ms / 1000);
    },
    stop() { watch.stop(); },
  };
}

function timeOf(object: { readonly [field: string]: unknown } | undefined): unknown {
  return (object?.["status"] as { time?: unknown } | undefined)?.time;
}
