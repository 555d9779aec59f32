// What the applications need of a Kubernetes API server: objects read, followed and applied, work queued, one leader among
// several. Implemented by pkg/kube and by tests; nothing here knows a product rule. Objects that are handed out are frozen.
import type { SvrError } from "../base/errors.ts";

/** KubeResource names one resource of the API server; group "" is the core group. */
export interface KubeResource {
  readonly group: string;
  readonly version: string;
  readonly plural: string;
  readonly kind: string;
  readonly namespaced: boolean;
}

/** KubeMetadata is the part of an object's metadata that we read. */
export interface KubeMetadata {
  readonly name: string;
  readonly namespace?: string;
  readonly uid?: string;
  readonly resourceVersion?: string;
  readonly generation?: number;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly creationTimestamp?: string;
  readonly deletionTimestamp?: string;
  readonly finalizers?: readonly string[];
  readonly ownerReferences?: readonly { apiVersion: string; kind: string; name: string; uid: string; controller?: boolean; blockOwnerDeletion?: boolean }[];
}

/** KubeObject is an object as the API server has it. */
export interface KubeObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: KubeMetadata;
  readonly [field: string]: unknown;
}

/** KubeName finds an object of a resource. */
export interface KubeName { readonly name: string; readonly namespace?: string }

/** KubeSelection narrows a list; selectors are in the API server's own syntax. */
export interface KubeSelection { readonly namespace?: string; readonly labelSelector?: string; readonly fieldSelector?: string }

/** KubeManager is one of our fixed field managers. */
export type KubeManager = "opensvr-operator" | "opensvr-operator-status" | "opensvr-router" | "svrctl";

/** KubeApply says how an object is applied; status: to its status subresource; subresource: to the one named. */
export interface KubeApply { readonly manager: KubeManager; readonly force?: boolean; readonly status?: boolean; readonly subresource?: "status" | "approval"; readonly dryRun?: boolean }

/**
 * KubePort asks the API server. Every call has a deadline of the implementation's and rejects with a SvrError: SVR_KUBE_UNREACHABLE,
 * SVR_KUBE_DENIED (401, 403), SVR_KUBE_CONFLICT (409), SVR_KUBE_REFUSED (400, 422: field paths in the message), SVR_KUBE_BUSY
 * (429, 503: after its own few tries with Retry-After), SVR_KUBE_ANSWER (anything else).
 */
export interface KubePort {
  /** undefined: there is none (404) */
  get(resource: KubeResource, at: KubeName): Promise<KubeObject | undefined>;
  /** all pages of a list; a resource that is not served is SVR_NOT_FOUND */
  list(resource: KubeResource, selection?: KubeSelection): Promise<readonly KubeObject[]>;
  /** server-side apply; the object holds only fields that are ours */
  apply(resource: KubeResource, object: KubeObject, how: KubeApply): Promise<KubeObject>;
  /** SVR_KUBE_CONFLICT when it is there already */
  create(resource: KubeResource, object: KubeObject): Promise<KubeObject>;
  /** writes an object as a whole, at the version that its metadata names: SVR_KUBE_CONFLICT when it is another by now */
  replace(resource: KubeResource, object: KubeObject): Promise<KubeObject>;
  /** false: it was not there; uid: only that one */
  remove(resource: KubeResource, at: KubeName, uid?: string): Promise<boolean>;
  /** JSON of any path, for discovery: `/version`, `/readyz`; a body that is no JSON comes as text */
  read(path: string): Promise<unknown>;
}

/** StoreChange is one change of a store; `after` is absent when the object is gone, `before` when it is new. */
export interface StoreChange { readonly key: string; readonly before?: KubeObject; readonly after?: KubeObject }

/** KubeStore is the objects of one resource as last heard of; keys are `namespace/name` or `name`. */
export interface KubeStore {
  readonly resource: KubeResource;
  /** true once the first list is in; stays true while the server is away */
  synced(): boolean;
  size(): number;
  get(key: string): KubeObject | undefined;
  list(): Iterable<KubeObject>;
  /** objects for which the named index gives this value, in key order */
  by(index: string, value: string): readonly KubeObject[];
  /** told after the store has the change; a relist tells only the difference */
  watch(listener: (change: StoreChange) => void): { stop(): void };
}

/** KubeFollow says what a store holds: a selection, indexes (object to values), and what is left out to save memory. */
export interface KubeFollow extends KubeSelection {
  /** the server sends names, labels and the rest of the metadata, and nothing else: for objects that are large */
  readonly metadataOnly?: boolean;
  readonly indexes?: Readonly<Record<string, (object: KubeObject) => readonly string[]>>;
  /** applied before an object is stored; managedFields are always dropped */
  readonly trim?: (object: KubeObject) => KubeObject;
}

/** KubeWatcher follows resources; every store restarts by itself for as long as it runs. */
export interface KubeWatcher {
  follow(resource: KubeResource, what?: KubeFollow): KubeStore;
  /** resolves when every store followed so far has synced; rejects with the signal's reason */
  synced(signal: AbortSignal): Promise<void>;
  /** by resource (`plural.group`): restarts by cause, age of the last event, objects */
  gauges(): readonly KubeWatchGauges[];
  stop(): Promise<void>;
}

/** KubeWatchGauges is how one store is fed; faults: listeners that threw, and other mistakes of this program. */
export interface KubeWatchGauges { readonly resource: string; readonly objects: number; readonly synced: boolean; readonly lastEventUnixMs: number; readonly restarts: Readonly<Record<string, number>>; readonly faults: number }

/** Outcome is what became of one piece of work; the queue does the rest. */
export type Outcome = { readonly done: true } | { readonly after: number } | { readonly retry: SvrError } | { readonly terminal: SvrError };

/** WorkQueue runs work for keys: each key at most once at a time, each added key at least once afterwards. */
export interface WorkQueue {
  add(key: string): void;
  /** keys that nobody waits for: they run when no key waits that was added otherwise */
  addBehind(keys: Iterable<string>): void;
  /** milliseconds; the earliest of several wins */
  addAfter(key: string, ms: number): void;
  gauges(): { readonly waiting: number; readonly running: number; readonly retries: number; readonly outcomes: Readonly<Record<"done" | "after" | "retry" | "terminal", number>> };
  /** takes no more keys; resolves when what runs has ended */
  drain(): Promise<void>;
}

/** OpenQueue makes a queue; a work that throws is a retry with SVR_INTERNAL. */
export type OpenQueue = (options: { readonly name: string; readonly workers?: number; work: (key: string) => Promise<Outcome>; told?: (key: string, outcome: Outcome) => void }) => WorkQueue;

/** Leadership tells whether this process is the one that writes. */
export interface Leadership {
  /** false from the moment at which the lease may have been lost: checked before every write */
  leads(): boolean;
  watch(listener: (leads: boolean) => void): { stop(): void };
  /** gives the lease back; no write may follow */
  release(): Promise<void>;
}

/** KubeEvent repeats a change of a condition for people. */
export interface KubeEvent {
  readonly regarding: KubeObject;
  readonly related?: KubeObject;
  readonly type: "Normal" | "Warning";
  /** CamelCase, listed in docs */
  readonly reason: string;
  /** what was done, CamelCase */
  readonly action: string;
  readonly note: string;
}

/** EventSink writes events, aggregated; never rejects, what cannot be written is counted and dropped. */
export interface EventSink { emit(event: KubeEvent): void; dropped(): number }
