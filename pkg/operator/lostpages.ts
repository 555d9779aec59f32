// Pages that went although a head names them: somebody deleted one, or a sweep was under way when a head began to name it. The
// heads that name them are looked at again, which writes the pages anew. Called by operator.ts.
import type { KubeStore, WorkQueue } from "../ports/kube.ts";
import { headOf } from "./heads.ts";

/** LostPageParts is what following lost pages needs. */
export interface LostPageParts {
  pages: KubeStore;
  /** heads only */
  configs: KubeStore;
  heads: WorkQueue;
  after: (ms: number, work: () => void) => { stop(): void };
}

const SOON_MS = 1_000; // deletions come in hundreds, and a head that was just written is in the store by then

/** followLostPages watches from here on. */
export function followLostPages({ pages, configs, heads, after }: LostPageParts): { stop(): void } {
  const lost = new Set<string>();
  let timer: { stop(): void } | undefined;
  const look = (): void => {
    timer = undefined;
    for (const name of lost) if (pages.get(name) !== undefined) lost.delete(name);
    if (lost.size > 0) for (const object of configs.list()) if (headOf(object)?.pages.some((page) => lost.has(page)) === true) heads.add(object.metadata.name);
    lost.clear();
  };
  const watch = pages.watch((change) => {
    if (change.after !== undefined || change.before === undefined) return;
    lost.add(change.before.metadata.name);
    timer ??= after(SOON_MS, look);
  });
  return { stop() { watch.stop(); timer?.stop(); } };
}
