// The operator: follows every kind, compiles what changed, writes RouterConfigs and conditions. Constructed by cmd/operator with
// its adapters. All replicas follow and compile; only the leader writes, and it checks that it leads before every write.
import { routerSigner } from "../api/names.ts";
import { createPager } from "../plan/pages.ts";
import type { RouterConfig } from "../plan/config.ts";
import { createPlanner } from "../plan/planner.ts";
import type { Planner } from "../plan/planner.ts";
import type { Clock } from "../ports/clock.ts";
import type { EventSink, KubeObject, KubePort, KubeStore, KubeWatcher, Leadership, OpenQueue, Outcome, WorkQueue } from "../ports/kube.ts";
import type { Log } from "../ports/log.ts";
import type { AuthorityKeys, RouterSigner } from "../ports/signer.ts";
import { createBook } from "./book.ts";
import type { Book } from "./book.ts";
import { followAcks } from "./acks.ts";
import { followCertificates } from "./certificates.ts";
import { followAskers } from "./askers.ts";
import { makeDefaultClass, reconcileClass } from "./classes.ts";
import type { ClassParts } from "./classes.ts";
import { followClasses } from "./classevents.ts";
import type { ClassSettings } from "./daemonset.ts";
import { createOriginKeys, heldCertificates, isTold } from "./fleet.ts";
import { reconcileHead } from "./heads.ts";
import { configMaps, signingRequests } from "./resources.ts";
import { followLostPages } from "./lostpages.ts";
import { createInventory } from "./inventory.ts";
import type { Inventory } from "./inventory.ts";
import { plan } from "./planning.ts";
import { followStores } from "./stores.ts";
import type { Stores } from "./stores.ts";
import { asksForPostQuantum } from "./postquantum.ts";
import { createReports } from "./reports.ts";
import { createSilence } from "./silence.ts";
import type { Cutting } from "./snapshot.ts";
import { createCutting, pagesOf, readSnapshot, snapshotName, writeSnapshot } from "./snapshot.ts";
import { reconcileRequest } from "./signing.ts";
import { reconcileStatus } from "./statuses.ts";
import type { StatusParts } from "./statuses.ts";
import { sweepPages } from "./sweep.ts";
import { createTrust } from "./trust.ts";
import type { ClusterTrust, TrustParts } from "./trust.ts";
import { followUsers } from "./users.ts";

/** OperatorOptions are the adapters and settings of one replica. */
export interface OperatorOptions {
  kube: KubePort;
  watcher: KubeWatcher;
  openQueue: OpenQueue;
  /** takes part in the election; called once this replica is warm */
  elect: () => Leadership;
  events: EventSink;
  clock: Clock;
  log: Log;
  sha256: (text: string) => string;
  version: string;
  /** its own: the snapshot is kept there */
  namespace: string;
  classes: ClassSettings;
  /** makes RouterClass default when there is none */
  makesDefault: boolean;
  /** signs certificates of routers; absent: nobody does here */
  signer?: RouterSigner;
  /** runs work again and again; jitter is the caller's */
  every: (ms: number, work: () => void) => { stop(): void };
  /** waited for in long work that waits for nothing else: others have their turn */
  turn: () => Promise<void>;
}

/** RunningOperator is a replica that is warm. */
export interface RunningOperator {
  leads: () => boolean;
  /** the authority that signs, undefined while routers do not know it, or where nobody signs */
  authority: () => Promise<AuthorityKeys | undefined>;
  /** ends all work, then gives the lease back */
  stop(): Promise<void>;
}

const ALL = "all";
const WORKERS = 8;
const SIGNERS = 2;
const RESYNC_MS = 600_000;
const SWEEP_MS = 60_000;
const TRUST_MS = 10_000; // a certificate that is revoked loses its keys 60 s later, with what routers need
const SNAPSHOT_MS = 1_000;
const FEW = 1_000; // objects of an edit; of more, somebody's own edit comes first
const ASIDE_MS = 50, MOST_ASIDE = 20; // a status gives way to heads for a second at most

interface Parts {
  options: OperatorOptions;
  stores: Stores;
  inventory: Inventory;
  planner: Planner;
  book: Book;
  waiting: Set<string>;
  /** pages that nothing names, see sweep.ts */
  unnamed: Map<string, number>;
  /** children of classes, see classes.ts */
  applied: ClassParts["applied"];
  cutting: Cutting;
  /** absent: routers believe what their objects say */
  trust: ClusterTrust | undefined;
  leads: () => boolean;
}

interface Queues { trust: WorkQueue; plan: WorkQueue; heads: WorkQueue; statuses: WorkQueue; classes: WorkQueue; chores: WorkQueue }

/** startOperator resolves when every store has synced and everything is compiled; it rejects when the signal ends that. */
export async function startOperator(options: OperatorOptions, signal: AbortSignal): Promise<RunningOperator> {
  const { watcher, clock, kube, namespace } = options;
  const stores = followStores(watcher);
  const requests = options.signer === undefined ? undefined : watcher.follow(signingRequests, { fieldSelector: `spec.signerName=${routerSigner}` });
  await watcher.synced(signal);
  const previous = await readSnapshot({ kube, namespace, sha256: options.sha256 });
  const later: { leadership?: Leadership; queues?: Queues } = {}; // stores speak before either is there
  const leads = (): boolean => later.leadership?.leads() ?? false, silence = createSilence(stores.routers, () => clock.monotonicMs()), book = createBook();
  const inventory = createInventory({ stores: stores.planned, namespaces: stores.namespaces, changed: () => { later.queues?.plan.add(ALL); } });
  const parts: Parts = { options, stores, inventory, planner: createPlanner({ previous }), book, waiting: new Set(), unnamed: new Map(), applied: new Map(), cutting: createCutting(options.sha256), trust: trustOf(options, { leads, changed: () => { believeOther(parts, made); }, fleet: { isTold: () => isTold({ routers: stores.routers, book, silence }), held: () => heldCertificates(stores), originKeys: createOriginKeys(stores) } }), leads };
  const reports = createReports({
    routers: stores.routers, silence, every: (ms, work) => options.every(ms, work), exists: (id) => inventory.object(id) !== undefined, turn: (id) => { later.queues?.statuses.add(id); },
    routesAt: (router) => new Set(parts.planner.config(router)?.routes.map(({ route }) => route)),
  });
  const users = followUsers(stores.services, (policy) => { later.queues?.statuses.add(policy); });
  const made: Queues = openQueues(parts, { silence, reports, users }, () => made);
  later.queues = made;
  const acks = followAcks({ configs: stores.heads, book: parts.book, heads: made.heads, statuses: made.statuses, waiting: parts.waiting, after: (ms, work) => once(options, ms, work) });
  const lostPages = followLostPages({ pages: stores.pages, configs: stores.heads, heads: made.heads, after: (ms, work) => once(options, ms, work) });
  const classes = followClasses(stores, made.classes), certificates = followCertificates(stores.routers, (id) => {
    made.statuses.add(id);
    if (parts.trust !== undefined) made.trust.addAfter(ALL, 1_000); // another key for origin signatures, perhaps
  });
  const signing = startSigning(parts, requests);
  await parts.trust?.look();
  plan(planningOf(parts, made)); // before anybody may lead: a whole compile takes longer than a lease
  const addEverything = (): void => {
    addAll(parts, made);
    signing.all();
  };
  const timers = [options.every(RESYNC_MS, addEverything), options.every(SWEEP_MS, () => { made.chores.add("sweep"); }), options.every(TRUST_MS, () => { made.trust.add(ALL); })];
  const elected = later.leadership = options.elect();
  const leading = elected.watch((leads) => { if (leads) addEverything(); });
  if (elected.leads()) addEverything();
  return {
    leads: () => elected.leads(),
    authority: () => parts.trust?.signer() ?? Promise.resolve(undefined),
    async stop() {
      for (const one of [...timers, leading, acks, lostPages, classes, certificates, users, reports, silence, inventory]) one.stop();
      await Promise.all([made.trust, made.plan, made.heads, made.statuses, made.classes, made.chores].map((queue) => queue.drain()));
      await signing.drain();
      await keepSnapshot(parts);
      await elected.release();
      await watcher.stop();
    },
  };
}

interface Signing { all(): void; drain(): Promise<void> }

/** Requests of routers for certificates; each is looked at when it changes, and all by who begins to lead. */
function startSigning({ options, stores, trust, leads }: Parts, requests: KubeStore | undefined): Signing {
  const { signer, kube, clock, events, classes, log } = options;
  if (signer === undefined || requests === undefined || trust === undefined) return { all: () => undefined, drain: () => Promise.resolve() };
  const askers = followAskers(requests);
  const parts = { kube, requests, askers, signer, authority: () => trust.signer(), events, clock, log, leads, routers: stores.routers, daemonSets: stores.daemonSets, routerNamespace: classes.namespace, sha256: options.sha256 };
  const queue = options.openQueue({ name: "requests", workers: SIGNERS, work: (name) => reconcileRequest(parts, name), told: (key, outcome) => { logOutcome(log, { name: "requests", key, outcome }); } });
  const add = (object: KubeObject): void => {
    if (askers.isBeyond(object)) queue.addBehind([object.metadata.name]); // one pod that floods keeps nobody waiting
    else queue.add(object.metadata.name);
  };
  const watching = requests.watch(({ after }) => { if (after !== undefined) add(after); });
  return {
    all() { for (const object of requests.list()) add(object); },
    drain() {
      watching.stop();
      askers.stop();
      return queue.drain();
    },
  };
}

/** Who signs for routers tells them whom to believe. */
function trustOf(options: OperatorOptions, heard: Pick<TrustParts, "leads" | "changed" | "fleet">): ClusterTrust | undefined {
  const { kube, namespace, clock, signer, log, events } = options;
  return signer === undefined ? undefined : createTrust({ kube, namespace, signer, nowMs: () => clock.unixMs(), monotonicMs: () => clock.monotonicMs(), ...heard, log, events });
}

/** Every configuration is another one. */
function believeOther({ stores, book }: Parts, queues: Queues): void {
  book.changed([]);
  for (const { metadata: { name } } of stores.routers.list()) {
    book.planned(name);
    queues.heads.add(name);
  }
}

/** What the compiler made of a router, with what the cluster believes. */
function configOf({ planner, trust }: Parts, router: string): RouterConfig | undefined {
  const config = planner.config(router);
  return config === undefined ? undefined : trust?.into(config) ?? config;
}

function openQueues(parts: Parts, heard: Pick<StatusParts, "silence" | "reports" | "users">, queues: () => Queues): Queues {
  const { options, stores, book, leads } = parts;
  const { kube, openQueue, clock, log, events } = options;
  const open = (name: string, workers: number, work: (key: string) => Promise<Outcome>): WorkQueue => openQueue({ name, workers, work, told: (key, outcome) => { logOutcome(log, { name, key, outcome }); } });
  const headParts = { kube, heads: stores.heads, pages: stores.pages, routers: stores.routers, configOf: (router: string) => configOf(parts, router), book, unnamed: parts.unnamed, leads, pager: createPager(options.sha256), named: new WeakMap(), version: options.version };
  const statusParts: StatusParts = { kube, inventory: parts.inventory, planner: parts.planner, configOf: (router) => configOf(parts, router), book, configs: stores.heads, ...heard, events, clock, leads, written: new Map(), waiting: parts.waiting };
  return {
    trust: open("trust", 1, () => parts.trust?.look() ?? Promise.resolve({ done: true })),
    plan: open("plan", 1, () => Promise.resolve(plan(planningOf(parts, queues())))),
    heads: open("heads", WORKERS, (router) => reconcileHead(headParts, router)),
    statuses: open("statuses", WORKERS, async (id) => {
      await givesWay(options, queues().heads);
      return reconcileStatus(statusParts, id);
    }),
    classes: open("classes", 1, (name) => reconcileClass(classPartsOf(parts), name)),
    chores: open("chores", 1, (name) => chore(parts, name)),
  };
}

/**
 * Routers come before words about them: an API server that writes statuses of ten thousand objects has little time for heads. The second lane
 * of the queue does not do this: it orders statuses among each other. Without the wait an edit of a Service takes 2.3 times as long (280 ms
 * for 120 ms with 1,000 Services and 100 Routers).
 */
async function givesWay(options: OperatorOptions, heads: WorkQueue): Promise<void> {
  for (let turn = 0; turn < MOST_ASIDE && heads.gauges().running > 0; turn += 1) await new Promise<void>((resolve) => { once(options, ASIDE_MS, resolve); });
}

/** Work that is nobody's object: pages that no head names any more, and the objects in force. */
function chore(parts: Parts, name: string): Promise<Outcome> {
  const { options, stores, planner, unnamed, cutting, leads } = parts;
  const { kube, namespace, sha256, clock, turn } = options;
  const { heads, pages } = stores;
  if (name === "default") return options.makesDefault ? makeDefaultClass(classPartsOf(parts)).then(() => ({ done: true })) : Promise.resolve({ done: true });
  if (name === "snapshot") return leads() ? writeSnapshot({ kube, namespace, pages, sha256, leads, unnamed, cutting, turn }, planner.accepted()) : Promise.resolve({ done: true });
  return sweepPages({ kube, heads, pages, kept: async () => pagesOf(await kube.get(configMaps, { namespace, name: snapshotName })), leads, nowMs: () => clock.monotonicMs(), unnamed });
}

/** Who ends within a second of an edit has not written yet what is in force now. */
async function keepSnapshot(parts: Parts): Promise<void> {
  try {
    await chore(parts, "snapshot");
  } catch (error) {
    parts.options.log.warn({ error }, "the objects in force were not kept; the next leader has those of the edit before");
  }
}

function classPartsOf({ options, stores, leads, applied }: Parts): ClassParts {
  return { kube: options.kube, stores, settings: options.classes, clock: options.clock, leads, applied };
}

function planningOf(parts: Parts, queues: Queues): Parameters<typeof plan>[0] {
  const { options, inventory, planner, book } = parts;
  return {
    inventory, planner, book, log: options.log, nowMs: () => options.clock.monotonicMs(),
    concerned(routers, objects) {
      for (const router of routers) queues.heads.add(router);
      queues.statuses.addBehind(asksForPostQuantum(parts.stores.planned.get("SecurityPolicy"))); // peers of any router may be others now
      if (objects.size > FEW) queues.statuses.addBehind(objects);
      else for (const id of objects) queues.statuses.add(id);
      queues.chores.addAfter("snapshot", SNAPSHOT_MS);
    },
  };
}

/** Level-based: everything is looked at, and nothing is written where nothing differs. */
function addAll({ stores, inventory }: Parts, queues: Queues): void {
  queues.statuses.addBehind(inventory.ids());
  for (const { metadata } of stores.routers.list()) queues.heads.add(metadata.name);
  for (const { metadata } of stores.heads.list()) queues.heads.add(metadata.name);
  for (const { metadata } of stores.classes.list()) queues.classes.add(metadata.name);
  for (const name of ["default", "snapshot"]) queues.chores.add(name);
  queues.trust.add(ALL);
}

function once(options: OperatorOptions, ms: number, work: () => void): { stop(): void } {
  const timer = options.every(ms, () => {
    timer.stop();
    work();
  });
  return timer;
}

function logOutcome(log: Log, { name, key, outcome }: { name: string; key: string; outcome: Outcome }): void {
  if ("retry" in outcome) log.warn({ queue: name, key, code: outcome.retry.code, error: outcome.retry.message }, "tried again later");
  if ("terminal" in outcome) log.error({ queue: name, key, code: outcome.terminal.code, error: outcome.terminal.message }, "given up until it changes");
}

