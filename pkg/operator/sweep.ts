// Pages that nothing names any more are deleted after a while; the while is for routers that still read them, and for heads that
// are about to name them. Called by operator.ts for the chore "sweep".
import type { KubePort, KubeStore, Outcome } from "../ports/kube.ts";
import { headOf } from "./heads.ts";
import { routerConfigs } from "../api/resources.ts";

/** SweepParts is what sweeping needs. */
export interface SweepParts {
  kube: KubePort;
  heads: KubeStore;
  pages: KubeStore;
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
  const { kube, heads, pages, unnamed, nowMs, leads } = parts;
  const named = new Set([...heads.list()].flatMap((object) => headOf(object)?.pages ?? []));
  for (const name of await parts.kept()) named.add(name);
  for (const name of unnamed.keys()) if (named.has(name) || pages.get(name) === undefined) unnamed.delete(name);
  let left = mostAtOnce;
  for (const { metadata } of [...pages.list()]) {
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
