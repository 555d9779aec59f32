// The work queue of reconcilers: keys only, each waiting at most once, never the same key twice at once. What comes while its key
// runs is run again afterwards. Retries wait longer each time, and all of them together keep to a rate. Constructed by cmd/.
import { SvrError } from "../base/errors.ts";
import type { OpenQueue, Outcome, WorkQueue } from "../ports/kube.ts";
import { createSpender } from "./rate.ts";

/** QueueSettings: time, a timer, and how retries wait. */
export interface QueueSettings {
  nowMs: () => number;
  after: (ms: number, work: () => void) => { stop(): void };
  /** waited for before each work, see createTurns; default no time at all */
  turn?: () => Promise<void>;
  /** first and longest wait of a key that fails again and again; default 5 ms and 5 min */
  firstMs?: number;
  longestMs?: number;
  /** retries a second of the whole queue, and how many at once before; default 10 and 100 */
  perSecond?: number;
  burst?: number;
}

const mostDoublings = 30;

/** createOpenQueue makes the maker of queues. */
export function createOpenQueue(settings: QueueSettings): OpenQueue {
  return (options) => new Queue(settings, options);
}

type Options = Parameters<OpenQueue>[0];

class Queue implements WorkQueue {
  readonly #settings: QueueSettings;
  readonly #options: Options;
  readonly #spendRetry: () => number;
  readonly #ready = new Set<string>(); // in order of arrival
  readonly #behind = new Set<string>(); // none that is ready
  readonly #running = new Map<string, Promise<void>>();
  readonly #again = new Set<string>();
  readonly #delayed = new Map<string, { at: number; timer: { stop(): void } }>();
  readonly #failures = new Map<string, number>();
  readonly #outcomes = { done: 0, after: 0, retry: 0, terminal: 0 };
  #isOpen = true;

  constructor(settings: QueueSettings, options: Options) {
    this.#settings = settings;
    this.#options = options;
    this.#spendRetry = createSpender({ nowMs: settings.nowMs, perSecond: settings.perSecond ?? 10, burst: settings.burst ?? 100 });
  }

  add(key: string): void {
    if (!this.#isOpen) return;
    this.#cancel(key);
    this.#behind.delete(key);
    if (this.#running.has(key)) this.#again.add(key);
    else this.#ready.add(key);
    this.#pump();
  }

  addBehind(keys: Iterable<string>): void {
    if (!this.#isOpen) return;
    for (const key of keys) {
      if (this.#running.has(key)) this.#again.add(key);
      else if (!this.#ready.has(key)) this.#behind.add(key);
    }
    this.#pump();
  }

  addAfter(key: string, ms: number): void {
    if (!this.#isOpen) return;
    if (ms <= 0) return this.add(key);
    const at = this.#settings.nowMs() + ms;
    if ((this.#delayed.get(key)?.at ?? Infinity) <= at || this.#ready.has(key)) return;
    this.#cancel(key);
    this.#delayed.set(key, { at, timer: this.#settings.after(ms, () => { this.add(key); }) });
  }

  gauges(): ReturnType<WorkQueue["gauges"]> {
    return { waiting: this.#ready.size + this.#behind.size + this.#delayed.size, running: this.#running.size, retries: this.#failures.size, outcomes: { ...this.#outcomes } };
  }

  async drain(): Promise<void> {
    this.#isOpen = false;
    this.#ready.clear();
    this.#behind.clear();
    this.#again.clear();
    for (const key of [...this.#delayed.keys()]) this.#cancel(key);
    await Promise.all(this.#running.values());
  }

  #cancel(key: string): void {
    this.#delayed.get(key)?.timer.stop();
    this.#delayed.delete(key);
  }

  #pump(): void {
    for (const lane of [this.#ready, this.#behind]) {
      for (const key of lane) {
        if (this.#running.size >= (this.#options.workers ?? 1)) return;
        lane.delete(key);
        this.#cancel(key); // one of those behind may wait for a time too
        this.#running.set(key, this.#run(key));
      }
    }
  }

  async #run(key: string): Promise<void> {
    await (this.#settings.turn?.() ?? Promise.resolve()); // so that #running has it before it can end
    const outcome = await outcomeOf(this.#options.name, key, this.#options.work);
    this.#running.delete(key);
    this.#settle(key, outcome);
    this.#options.told?.(key, outcome);
    if (this.#again.delete(key)) this.add(key);
    this.#pump();
  }

  #settle(key: string, outcome: Outcome): void {
    if ("retry" in outcome) return this.#retry(key);
    this.#failures.delete(key);
    if ("after" in outcome) {
      this.#outcomes.after += 1;
      if (outcome.after <= 0) return void this.#again.add(key); // with what came meanwhile it is one run, not two
      return this.addAfter(key, outcome.after);
    }
    this.#outcomes["done" in outcome ? "done" : "terminal"] += 1;
  }

  #retry(key: string): void {
    const { firstMs = 5, longestMs = 300_000 } = this.#settings;
    this.#outcomes.retry += 1;
    const count = this.#failures.get(key) ?? 0;
    this.#failures.set(key, Math.min(count + 1, mostDoublings));
    this.addAfter(key, Math.max(Math.min(longestMs, firstMs * 2 ** count), this.#spendRetry()));
  }
}

async function outcomeOf(name: string, key: string, work: Options["work"]): Promise<Outcome> {
  try {
    return await work(key);
  } catch (cause) {
    if (cause instanceof SvrError) return { retry: cause };
    const why = cause instanceof Error ? cause.stack ?? cause.message : String(cause);
    return { retry: new SvrError("SVR_INTERNAL", { object: `${name} ${key}`, attempted: `${name} of "${key}" ended by a fault: ${why}`, fix: "it is tried again; report it", cause }) };
  }
}
