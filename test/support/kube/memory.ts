// An API server in memory, for unit tests of what stands above the ports: objects by resource, generations, merged applies, stores
// that hear of a change before the call returns. It passes the same suite as the real one (test/ports/kube.ts). No validation, no
// field ownership, no watch that breaks: those are the real server's and the fake server's.
import { SvrError } from "../../../pkg/base/errors.ts";
import type { KubeApply, KubeFollow, KubeObject, KubePort, KubeResource, KubeSelection, KubeStore, KubeWatcher, StoreChange } from "../../../pkg/ports/kube.ts";

type Listener = (change: StoreChange) => void;
interface Table { objects: Map<string, KubeObject>; listeners: Set<Listener> }

/** MemoryKube is the server, and the watcher on it; `calls` counts writes by verb. */
export class MemoryKube implements KubePort, KubeWatcher {
  readonly calls: string[] = [];
  /** called before each write; what it throws is the answer */
  fault: (call: string) => void = () => undefined;
  readonly #tables = new Map<string, Table>();
  #version = 0;

  get(resource: KubeResource, at: { name: string; namespace?: string }): Promise<KubeObject | undefined> {
    return Promise.resolve(this.#table(resource).objects.get(keyFor(at)));
  }

  list(resource: KubeResource, selection: KubeSelection = {}): Promise<readonly KubeObject[]> {
    return Promise.resolve(sortedObjects(this.#table(resource)).filter((object) => fits(object, selection)));
  }

  apply(resource: KubeResource, object: KubeObject, how: KubeApply): Promise<KubeObject> {
    return this.#write(`apply ${resource.plural}${how.status === true ? "/status" : ""} ${keyFor(object.metadata)}`, () => {
      const before = this.#table(resource).objects.get(keyFor(object.metadata));
      if (how.status === true && before === undefined) throw fault("SVR_NOT_FOUND", object);
      const { apiVersion, kind, metadata, ...rest } = object;
      const merged = { ...before, apiVersion, kind, ...rest, metadata: { ...before?.metadata, ...metadata } };
      return how.dryRun === true ? merged : this.#put(resource, merged);
    });
  }

  create(resource: KubeResource, object: KubeObject): Promise<KubeObject> {
    return this.#write(`create ${resource.plural} ${keyFor(object.metadata)}`, () => {
      if (this.#table(resource).objects.has(keyFor(object.metadata))) throw fault("SVR_KUBE_CONFLICT", object);
      return this.#put(resource, object);
    });
  }

  replace(resource: KubeResource, object: KubeObject): Promise<KubeObject> {
    return this.#write(`replace ${resource.plural} ${keyFor(object.metadata)}`, () => {
      const before = this.#table(resource).objects.get(keyFor(object.metadata));
      if (before === undefined) throw fault("SVR_NOT_FOUND", object);
      if (object.metadata.resourceVersion !== before.metadata.resourceVersion) throw fault("SVR_KUBE_CONFLICT", object);
      return this.#put(resource, object);
    });
  }

  remove(resource: KubeResource, at: { name: string; namespace?: string }, uid?: string): Promise<boolean> {
    return this.#write(`remove ${resource.plural} ${keyFor(at)}`, () => {
      const table = this.#table(resource);
      const before = table.objects.get(keyFor(at));
      if (before === undefined) return false;
      if (uid !== undefined && before.metadata.uid !== uid) throw fault("SVR_KUBE_CONFLICT", before);
      table.objects.delete(keyFor(at));
      for (const listener of table.listeners) listener({ key: keyFor(at), before });
      return true;
    });
  }

  read(path: string): Promise<unknown> {
    return path === "/version" ? Promise.resolve({ gitVersion: "v0.0.0-memory" }) : Promise.reject(new SvrError("SVR_NOT_FOUND", { object: path, attempted: `${path} is not served`, fix: "ask for /version" }));
  }

  follow(resource: KubeResource, what: KubeFollow = {}): KubeStore {
    const table = this.#table(resource);
    const trim = what.trim ?? ((object: KubeObject): KubeObject => object);
    const sent = ({ apiVersion, kind, metadata, ...rest }: KubeObject): KubeObject => ({ apiVersion, kind, metadata, ...(what.metadataOnly !== true && rest) });
    const shown = (object: KubeObject | undefined): KubeObject | undefined => (object === undefined || !fits(object, what) ? undefined : trim(sent(object)));
    const all = (): KubeObject[] => sortedObjects(table).flatMap((object) => shown(object) ?? []);
    return {
      resource, synced: () => true, size: () => all().length, get: (key) => shown(table.objects.get(key)), list: all,
      by: (index, value) => all().filter((object) => what.indexes?.[index]?.(object).includes(value) ?? false),
      watch(listener) {
        const tell: Listener = ({ key, before, after }) => {
          const [old, now] = [shown(before), shown(after)];
          if (old !== undefined || now !== undefined) listener({ key, ...(old && { before: old }), ...(now && { after: now }) });
        };
        table.listeners.add(tell);
        return { stop: () => void table.listeners.delete(tell) };
      },
    };
  }

  synced(): Promise<void> { return Promise.resolve(); }
  gauges(): [] { return []; }
  stop(): Promise<void> { return Promise.resolve(); }

  /** status writes a status as somebody else would. */
  async status(resource: KubeResource, at: { name: string; namespace?: string }, status: unknown): Promise<void> {
    const before = this.#table(resource).objects.get(keyFor(at));
    if (before === undefined) throw new Error(`there is no ${keyFor(at)}`);
    this.#put(resource, { ...before, status });
    return Promise.resolve();
  }

  #table(resource: KubeResource): Table {
    const name = `${resource.plural}.${resource.group}`;
    const table = this.#tables.get(name) ?? { objects: new Map<string, KubeObject>(), listeners: new Set<Listener>() };
    this.#tables.set(name, table);
    return table;
  }

  async #write<T>(call: string, work: () => T): Promise<T> {
    await Promise.resolve();
    this.calls.push(call);
    this.fault(call);
    return work();
  }

  #put(resource: KubeResource, object: KubeObject): KubeObject {
    const table = this.#table(resource);
    const key = keyFor(object.metadata);
    const before = table.objects.get(key);
    const isEdit = before === undefined || JSON.stringify(before["spec"]) !== JSON.stringify(object["spec"]);
    this.#version += 1;
    const { generation = 0, uid = `uid-${this.#version}` } = before?.metadata ?? {};
    const metadata = { ...object.metadata, uid, resourceVersion: String(this.#version), generation: isEdit ? generation + 1 : generation };
    const after = structuredClone({ ...object, metadata });
    table.objects.set(key, after);
    for (const listener of [...table.listeners]) listener({ key, ...(before && { before }), after });
    return after;
  }
}

function keyFor({ name, namespace }: { name: string; namespace?: string }): string {
  return namespace === undefined ? name : `${namespace}/${name}`;
}

function sortedObjects(table: Table): KubeObject[] {
  return [...table.objects].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, object]) => object);
}

function fits(object: KubeObject, { namespace, labelSelector, fieldSelector }: KubeSelection): boolean {
  const { metadata } = object;
  if (namespace !== undefined && metadata.namespace !== namespace) return false;
  const pairs = (selector = ""): string[][] => selector.split(",").filter((one) => one !== "").map((one) => one.split("="));
  return pairs(labelSelector).every(([key = "", value]) => metadata.labels?.[key] === value) && pairs(fieldSelector).every(([path = "", value]) => fieldOf(object, path) === value);
}

/** The field at a path with dots; "" when it is absent, as selectable fields have it. */
function fieldOf(object: unknown, path: string): unknown {
  return path.split(".").reduce<unknown>((inner, field) => (inner as Record<string, unknown> | undefined)?.[field], object) ?? "";
}

function fault(code: "SVR_NOT_FOUND" | "SVR_KUBE_CONFLICT", { kind, metadata }: KubeObject): SvrError {
  return new SvrError(code, { object: `${kind} ${keyFor(metadata)}`, attempted: `${kind} ${keyFor(metadata)} ${code === "SVR_NOT_FOUND" ? "does not exist" : "is there already"}`, fix: "look at it" });
}
