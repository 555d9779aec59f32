// The objects of one resource as last heard of: frozen, by key, with indexes, and with listeners that are told after the store has
// the change. Fed by listwatch.ts; read by everybody else. A feed that starts again tells the difference only.
import type { KubeFollow, KubeObject, KubeResource, KubeStore, StoreChange } from "../ports/kube.ts";

/** FedStore is a store with the side that feeds it. */
export interface FedStore extends KubeStore {
  /** an object as it is stored: what is not needed is left out, and what the store has already is not there twice */
  kept(object: KubeObject): KubeObject;
  /** everything there is, as `kept` gave it; what is the same is not told */
  replace(objects: Iterable<KubeObject>): void;
  put(object: KubeObject): void;
  drop(object: KubeObject): void;
}

type Index = Map<string, Set<string>>;
const nothing: ReadonlySet<string> = new Set();

/** createStore makes an empty store that is not synced before its first `replace`; `failed` is told what a listener throws, which nobody else suffers from. */
export function createStore(resource: KubeResource, what: KubeFollow = {}, failed: (error: unknown) => void = () => undefined): FedStore {
  const objects = new Map<string, KubeObject>();
  const indexes = new Map<string, Index>(Object.keys(what.indexes ?? {}).map((name) => [name, new Map()]));
  const listeners = new Set<(change: StoreChange) => void>();
  let isSynced = false;
  const change = (key: string, after: KubeObject | undefined): void => {
    const before = objects.get(key);
    if (before === undefined && after === undefined) return;
    if (after === undefined) objects.delete(key);
    else objects.set(key, after);
    for (const [name, valuesOf] of Object.entries(what.indexes ?? {})) reindex(indexes.get(name) ?? new Map<string, Set<string>>(), { key, old: before === undefined ? [] : valuesOf(before), now: after === undefined ? [] : valuesOf(after) });
    const told: StoreChange = { key, ...(before && { before }), ...(after && { after }) };
    for (const listener of [...listeners]) tell(listener, told, failed);
  };
  const kept = (object: KubeObject): KubeObject => {
    const here = objects.get(keyOf(object));
    return here !== undefined && isSame(here, object) ? here : frozen(trimmed(object, what));
  };
  return {
    resource, kept, put: (object) => { if (isNews(objects.get(keyOf(object)), object)) change(keyOf(object), kept(object)); },
    synced: () => isSynced, size: () => objects.size, get: (key) => objects.get(key), list: () => objects.values(),
    by: (index, value) => [...indexes.get(index)?.get(value) ?? nothing].sort().flatMap((key) => objects.get(key) ?? []),
    watch(listener) {
      const own = (told: StoreChange): void => { listener(told); }; // the same function may listen twice
      listeners.add(own);
      return { stop: () => void listeners.delete(own) };
    },
    replace(all) {
      const present = new Set<string>();
      for (const object of all) {
        present.add(keyOf(object));
        if (!isSame(objects.get(keyOf(object)), object)) change(keyOf(object), object); // a list is right also where it is older: the server was restored
      }
      for (const key of [...objects.keys()]) if (!present.has(key)) change(key, undefined);
      isSynced = true;
    },
    drop(object) {
      const key = keyOf(object);
      const here = objects.get(key);
      if (here !== undefined && (here.metadata.uid === object.metadata.uid || isNews(here, object))) change(key, undefined);
    },
  };
}

/** The store has the change whatever a listener does: the others must hear of it, and it would not be told again. */
function tell(listener: (change: StoreChange) => void, told: StoreChange, failed: (error: unknown) => void): void {
  try {
    listener(told);
  } catch (error) {
    failed(error);
  }
}

function keyOf({ metadata }: KubeObject): string {
  return metadata.namespace === undefined ? metadata.name : `${metadata.namespace}/${metadata.name}`;
}

/** The same version, or an earlier one of the same object that came late, is no news. */
function isNews(before: KubeObject | undefined, after: KubeObject): boolean {
  if (before?.metadata.uid !== after.metadata.uid || before?.metadata.resourceVersion === undefined || after.metadata.resourceVersion === undefined) return true;
  return !isSame(before, after) && !isOlder(after.metadata.resourceVersion, before.metadata.resourceVersion);
}

function isSame(before: KubeObject | undefined, { metadata: { uid, resourceVersion } }: KubeObject): boolean {
  return before !== undefined && before.metadata.uid === uid && resourceVersion !== undefined && before.metadata.resourceVersion === resourceVersion;
}

/** isOlder tells whether a resourceVersion comes before another; false when they cannot be compared. */
export function isOlder(one: string, other: string): boolean {
  return /^\d{1,20}$/.test(one) && /^\d{1,20}$/.test(other) && BigInt(one) < BigInt(other);
}

function trimmed(object: KubeObject, { trim }: KubeFollow): KubeObject {
  const { managedFields: _ours, ...metadata } = object.metadata as KubeObject["metadata"] & { managedFields?: unknown };
  const own = { ...object, metadata };
  return trim === undefined ? own : trim(own);
}

function frozen<T>(value: T): T {
  if (typeof value !== "object" || value === null || Object.isFrozen(value)) return value;
  for (const one of Object.values(value)) frozen(one);
  return Object.freeze(value);
}

function reindex(index: Index, { key, old, now }: { key: string; old: readonly string[]; now: readonly string[] }): void {
  for (const value of old) {
    const keys = index.get(value);
    keys?.delete(key);
    if (keys?.size === 0) index.delete(value);
  }
  for (const value of now) {
    const keys = index.get(value) ?? new Set();
    keys.add(key);
    index.set(value, keys);
  }
}
