// Pages that nothing names any more are deleted after a while; the while is for routers that still read them, and for heads that
// are about to name them. Called by operator.ts for the chore "sweep".
import type { KubeObject, KubePort, KubeStore, Outcome } from "../ports/kube.ts";
import { headOf } from "./heads.ts";
import { routerConfigs } from "./resources.ts";

/** SweepParts is what sweeping needs. */
export interface SweepParts {
  kube: KubePort;
  configs: KubeStore;
  /** pages of the objects in force */
  kept: () => Promise<readonly string[]>;
  leads: () => boolean;
  nowMs: () => number;
  /** since when nothing names a page, in monotonic milliseconds; owned by the sweep */
  unnamed: Map<string, number>;
}

const REST_MS = 600_000;
const mostAtOnce = 500;

/** sweepPages deletes pages that nothing has named for ten minutes, at most 500 at once. */
export async function sweepPages(parts: SweepParts): Promise<Outcome> {
  const { kube, configs, unnamed, nowMs, leads } = parts;
  const named = new Set([...configs.list()].flatMap((object) => headOf(object)?.pages ?? []));
  for (const name of await parts.kept()) named.add(name);
  const pages = [...configs.list()].filter(isPage);
  const present = new Set(pages.map(({ metadata }) => metadata.name));
  for (const name of unnamed.keys()) if (named.has(name) || !present.has(name)) unnamed.delete(name);
  let left = mostAtOnce;
  for (const { metadata } of pages) {
    if (named.has(metadata.name)) continue;
    const since = unnamed.get(metadata.name) ?? nowMs();
    unnamed.set(metadata.name, since);
    if (nowMs() - since < REST_MS || left === 0 || !leads()) continue;
    left -= 1;
    await kube.remove(routerConfigs, { name: metadata.name }, metadata.uid);
    unnamed.delete(metadata.name);
  }
  return { done: true };
}

function isPage(object: KubeObject): boolean {
  return (object["spec"] as { type?: unknown } | undefined)?.type === "Page";
}
