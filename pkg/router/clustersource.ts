// The source of a router in a cluster: its head is followed, the pages are read and checked, the whole is kept on disk, and only then given
// out; what became of it is said in the status of the head. The API server may be away for as long as it likes. Constructed by
// cmd/router with an API server and a file behind ports; called by intake.ts.
import { SvrError } from "../base/errors.ts";
import type { Clock } from "../ports/clock.ts";
import type { CompiledHead, CompiledSource, CompiledStore, Reading } from "../ports/config.ts";
import type { KubePort, KubeStore } from "../ports/kube.ts";
import type { Log } from "../ports/log.ts";
import { createAcks } from "./clusteracks.ts";
import type { Acks } from "./clusteracks.ts";
import { configFault, configOf, headOf, headRefusal, readPages } from "./clusterhead.ts";
import { createCompiledKeeper } from "./clusterkeep.ts";
import type { CompiledKeeper } from "./clusterkeep.ts";
import { pauseMs } from "./latest.ts";
import type { After } from "./latest.ts";

/** ClusterOptions say which router, and what it reads from and writes to. */
export interface ClusterOptions {
  name: string;
  version: string;
  kube: KubePort;
  /** the head of this router and nothing else */
  store: KubeStore;
  disk: CompiledStore;
  clock: Clock;
  log: Log;
  after: After;
  /** 0 to 1 */
  random: () => number;
  /** key files changed */
  watchKeys?: (changed: () => void) => { stop(): void };
  /** how long a start waits for the API server when it has a configuration on disk; default 1 s */
  patienceMs?: number;
}

/** ClusterSource is a source that follows an API server until it is stopped. */
export interface ClusterSource extends CompiledSource { stop(): Promise<void> }

/** Held is a configuration that is whole. */
export interface Held { head: CompiledHead; reading: Reading }

const PATIENCE_MS = 1_000;

/** createClusterSource makes a source that asks nothing before its first call. */
export function createClusterSource(options: ClusterOptions): ClusterSource {
  return new FollowedHead(options);
}

class FollowedHead implements ClusterSource {
  readonly #options: ClusterOptions;
  readonly #keeper: CompiledKeeper;
  readonly #acks: Acks;
  readonly #watching: { stop(): void };
  readonly #listeners = new Set<() => void>();
  /** what is in force, what was given out last, what is to be given out next */
  #good: Held | undefined;
  #given: Held | undefined;
  #newest: Held | undefined;
  /** what was on disk at the start, while nothing is in force */
  #kept: readonly Held[] = [];
  /** the head that was dealt with: taken, or refused for good */
  #seen = "";
  #failures = 0;
  #isStarted = false; // what is on disk is known
  #isReading = false;
  #isOver = false;
  #isGone = false;
  #trouble: unknown;
  #pause: { stop(): void } | undefined;

  constructor(options: ClusterOptions) {
    this.#options = options;
    this.#keeper = createCompiledKeeper(options);
    this.#acks = createAcks(options);
    this.#watching = options.store.watch(() => { this.#look(); });
  }

  async first(signal: AbortSignal): Promise<Reading> {
    this.#kept = await this.#keeper.recall();
    this.#isStarted = true;
    const { after, patienceMs, log, name } = this.#options;
    const ready = Promise.withResolvers<void>();
    const patience = after(patienceMs ?? PATIENCE_MS, () => {
      if (this.#kept[0] === undefined) log.info({ router: name }, "waiting for a RouterConfig of this router");
      else ready.resolve();
    });
    const end = (): void => { ready.reject(signal.reason); };
    signal.addEventListener("abort", end, { once: true });
    this.#listeners.add(ready.resolve);
    this.#look();
    try {
      signal.throwIfAborted();
      await ready.promise;
    } finally {
      patience.stop();
      this.#listeners.delete(ready.resolve);
      signal.removeEventListener("abort", end);
    }
    this.#newest ??= this.#kept[0];
    return this.#give();
  }

  read(): Promise<Reading> { return Promise.resolve(this.#give()); }

  watch(listener: () => void): { stop(): void } {
    this.#listeners.add(listener);
    const keys = this.#options.watchKeys?.(listener);
    if (this.#newest !== this.#given) listener();
    return { stop: () => { this.#listeners.delete(listener); keys?.stop(); } };
  }

  programmed(reading: Reading, fault?: SvrError): void {
    if (this.#given?.reading !== reading) return;
    this.#good = this.#given;
    this.#kept = [];
    this.#acks.acked(this.#good.head.hash, fault);
  }

  refused(error: unknown): Reading | undefined {
    const given = this.#given;
    const back = this.#behind(given?.head);
    if (given !== undefined) this.#refuse(given.head, error);
    if (this.#newest === given) this.#newest = back;
    this.#given = back;
    if (back !== undefined) void this.#keeper.keep([back.head], this.#keeper.pages());
    return back?.reading;
  }

  stale(): boolean { return this.#trouble !== undefined || this.#isGone; }

  retry(): Promise<void> { return this.#keeper.retry(); }

  troubles(): string[] {
    return [
      ...(this.#trouble === undefined ? [] : [textOf(this.#trouble)]),
      ...(this.#isGone ? [`the RouterConfig ${this.#options.name} is gone from the API server; the router goes on with what it has`] : []),
      ...this.#keeper.troubles(),
    ];
  }

  async stop(): Promise<void> {
    this.#isOver = true;
    this.#watching.stop();
    this.#pause?.stop();
    await this.#acks.stop();
  }

  #give(): Reading {
    this.#given = this.#newest;
    if (this.#given === undefined) throw configFault(this.#options.name, "there is none");
    return this.#given.reading;
  }

  #behind(head: CompiledHead | undefined): Held | undefined {
    return this.#good ?? this.#kept.find((one) => one.head.hash !== head?.hash);
  }

  #wanted(): CompiledHead | undefined {
    const object = this.#options.store.get(this.#options.name);
    return object === undefined ? undefined : headOf(object);
  }

  /** The API server was heard from. */
  #look(): void {
    const { store, name, log } = this.#options;
    const isMissing = this.#wanted() === undefined && store.synced() && (this.#given ?? this.#kept[0]) !== undefined;
    if (isMissing && !this.#isGone) log.warn({ event: "configuration.gone" }, "the RouterConfig of this router is gone; the router goes on with what it has");
    this.#isGone = isMissing;
    this.#acks.compare(store.get(name));
    this.#again();
  }

  #again(): void {
    this.#pause?.stop();
    this.#pause = undefined;
    void this.#follow();
  }

  async #follow(): Promise<void> {
    if (this.#isReading || !this.#isStarted) return;
    this.#isReading = true;
    for (let head = this.#wanted(); head !== undefined && keyOf(head) !== this.#seen && this.#pause === undefined && !this.#isOver; head = this.#wanted()) {
      const key = keyOf(head);
      try {
        await this.#take(head, () => this.#isOver || keyOf(this.#wanted()) !== key);
      } catch (error) {
        this.#refuse(head, error);
        this.#failures += 1;
        if (!this.#isOver) this.#pause = this.#options.after(pauseMs(this.#failures, this.#options.random()), () => { this.#again(); });
      }
    }
    this.#isReading = false;
  }

  async #take(head: CompiledHead, isChanged: () => boolean): Promise<void> {
    const { kube, name } = this.#options;
    const refusal = headRefusal(head, this.#options);
    if (refusal !== undefined) {
      this.#seen = keyOf(head);
      return this.#refuse(head, configFault(name, refusal));
    }
    const known = this.#keeper.pages();
    const fresh = await readPages(kube, { head, known, isOver: isChanged });
    if (fresh === undefined) return;
    const pages = new Map([...known, ...fresh]);
    const config = configOf(head, pages, this.#options);
    if (!config.ok) throw configFault(name, config.error);
    const back = this.#behind(head);
    await this.#keeper.keep([head, ...(back === undefined ? [] : [back.head])], pages); // before it is programmed
    if (isChanged()) return;
    this.#acks.well();
    this.#newest = { head, reading: { config: config.value, objects: [], problems: [] } };
    [this.#seen, this.#trouble, this.#failures] = [keyOf(head), undefined, 0];
    for (const listener of this.#listeners) listener();
  }

  #refuse(head: CompiledHead, error: unknown): void {
    if (String(this.#trouble) !== String(error)) this.#options.log.error({ error, configuration: head.hash }, "the configuration of the API server is refused; the last good one stays in force");
    this.#trouble = error;
    this.#acks.failed(head.hash, error);
  }
}

function keyOf(head: CompiledHead | undefined): string {
  return head === undefined ? "" : `${head.format} ${head.version} ${head.hash}`;
}

function textOf(error: unknown): string {
  return error instanceof SvrError ? error.message : String(error);
}
