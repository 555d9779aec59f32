// Follows resources: a store and a list-watch for each, started at once, restarted for as long as the watcher runs. Constructed
// by cmd/ on the same access as the client.
import type { KubeWatcher } from "../ports/kube.ts";
import type { KubeAccess } from "./access.ts";
import { restartCauses, runListWatch, usualTimes } from "./listwatch.ts";
import type { ListWatchTimes, RestartCause } from "./listwatch.ts";
import { textOf } from "./paths.ts";
import { createStore } from "./store.ts";
import type { FedStore } from "./store.ts";

/** WatcherOptions of a watcher; tests give other times. */
export interface WatcherOptions {
  access: KubeAccess;
  unixMs: () => number;
  random: () => number;
  times?: Partial<ListWatchTimes>;
  /** told of every restart, for logs; a restart mends itself */
  restarted?: (resource: string, cause: RestartCause) => void;
  /** told of each mistake of this program: a listener or a trim that threw */
  failed?: (resource: string, error: unknown) => void;
}

interface Feed { store: FedStore; restarts: Record<RestartCause, number>; faults: number; lastEventUnixMs: number; running: Promise<void>; waiting: (() => void)[] }

/** createWatcher makes a watcher that follows nothing yet. */
export function createWatcher(options: WatcherOptions): KubeWatcher {
  const { access, unixMs, random } = options;
  const ending = new AbortController();
  const times = { ...usualTimes, ...options.times };
  let waking = new AbortController(), wokenMs = -Infinity;
  // A server that takes connections and breaks them is reached all the time: pauses hold there but for once in the longest one.
  const wake = (): void => {
    if (performance.now() - wokenMs < times.longestPauseMs) return;
    wokenMs = performance.now();
    waking.abort();
    waking = new AbortController();
  };
  const feeds: Feed[] = [];
  return {
    follow(resource, what = {}) {
      const failed = (error: unknown): void => {
        feed.faults += 1;
        options.failed?.(textOf(resource), error);
      };
      const store = createStore(resource, what, failed);
      const feed: Feed = { store, restarts: Object.fromEntries(restartCauses.map((cause) => [cause, 0])) as Feed["restarts"], faults: 0, lastEventUnixMs: 0, running: Promise.resolve(), waiting: [] };
      feeds.push(feed);
      feed.running = runListWatch({
        access, resource, what, store: telling(store, feed), random, times,
        failed, reached: wake, waking: () => waking.signal,
        heard: () => { feed.lastEventUnixMs = unixMs(); },
        restarted: (cause) => {
          feed.restarts[cause] += 1;
          options.restarted?.(textOf(resource), cause);
        },
      }, ending.signal);
      return store;
    },
    async synced(signal) {
      await Promise.all(feeds.filter((feed) => !feed.store.synced()).map((feed) => new Promise<void>((resolve, reject) => {
        feed.waiting.push(resolve);
        const end = (): void => { reject(signal.reason as Error); };
        if (signal.aborted) end();
        else signal.addEventListener("abort", end, { once: true });
      })));
    },
    gauges: () => feeds.map(({ store, restarts, faults, lastEventUnixMs }) => ({ resource: textOf(store.resource), objects: store.size(), synced: store.synced(), lastEventUnixMs, restarts, faults })),
    async stop() {
      ending.abort();
      await Promise.all(feeds.map((feed) => feed.running));
    },
  };
}

/** The first list wakes who waits for it. */
function telling(store: FedStore, feed: Feed): FedStore {
  return {
    ...store,
    replace(objects) {
      store.replace(objects);
      for (const wake of feed.waiting.splice(0)) wake();
    },
  };
}
