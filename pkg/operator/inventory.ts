// What the API server has for the compiler: changes of the stores are gathered, and taken as one edit. Called by planning.ts.
// An object is looked at again only when its generation changed: statuses and labels are nothing to compile.
import type { ParsedObject } from "../api/document.ts";
import { checkObject } from "../api/objectcheck.ts";
import type { Problem } from "../api/problem.ts";
import type { PlanEdit } from "../plan/planner.ts";
import type { KubeObject, KubeStore, StoreChange } from "../ports/kube.ts";
import { idOf, specOnly, splitId } from "../api/resources.ts";

/** Inventory gathers changes until they are taken. */
export interface Inventory {
  /** everything that changed since the last time; undefined when nothing did */
  take(): (PlanEdit & { changed: string[] }) | undefined;
  /** what was taken could not be compiled: it is taken again */
  giveBack(edit: PlanEdit & { changed: readonly string[] }): void;
  /** generation that was taken last, 0 when the object is not there */
  generationOf(id: string): number;
  object(id: string): KubeObject | undefined;
  /** every object there is */
  ids(): Iterable<string>;
  stop(): void;
}

/** InventoryOptions: stores by kind, that of namespaces, and what is told of each change. */
export interface InventoryOptions { stores: ReadonlyMap<string, KubeStore>; namespaces: KubeStore; changed: () => void }

/** createInventory follows the stores; what they hold already counts as changed. */
export function createInventory({ stores, namespaces, changed }: InventoryOptions): Inventory {
  const dirty = new Set<string>();
  const generations = new Map<string, number>();
  let areNamespacesDirty = true;
  const find = (id: string): KubeObject | undefined => {
    const parts = splitId(id);
    return parts === undefined ? undefined : stores.get(parts.kind)?.get(parts.key);
  };
  const hear = (change: StoreChange): void => {
    if (!isEdit(change)) return;
    const object = change.after ?? change.before;
    if (object !== undefined) dirty.add(idOf(object));
    changed();
  };
  const hearNamespace = ({ before, after }: StoreChange): void => {
    if (before !== undefined && after !== undefined && sameLabels(before, after)) return;
    areNamespacesDirty = true;
    changed();
  };
  const watches = [...[...stores.values()].map((store) => store.watch(hear)), namespaces.watch(hearNamespace)];
  for (const store of stores.values()) for (const object of store.list()) dirty.add(idOf(object));
  return {
    take() {
      if (dirty.size === 0 && !areNamespacesDirty) return undefined;
      const edit = { put: [] as ParsedObject[], remove: [] as string[], refused: [] as Problem[], changed: [...dirty], ...(areNamespacesDirty && { namespaces: labelsOf(namespaces) }) };
      for (const id of dirty) takeOne(id, find(id), edit, generations);
      dirty.clear();
      areNamespacesDirty = false;
      return edit;
    },
    giveBack({ changed: ids, namespaces: given }) {
      for (const id of ids) dirty.add(id);
      areNamespacesDirty ||= given !== undefined;
    },
    generationOf: (id) => generations.get(id) ?? 0,
    object: find,
    ids: function* () { for (const store of stores.values()) for (const object of store.list()) yield idOf(object); },
    stop() { for (const watch of watches) watch.stop(); },
  };
}

function takeOne(id: string, object: KubeObject | undefined, edit: { put: ParsedObject[]; remove: string[]; refused: Problem[] }, generations: Map<string, number>): void {
  if (object === undefined) {
    edit.remove.push(id);
    generations.delete(id);
    return;
  }
  generations.set(id, object.metadata.generation ?? 0);
  const checked = checkObject(specOnly(object));
  if (checked.ok) edit.put.push({ id, object: checked.object });
  else edit.refused.push(...checked.findings.map((finding): Problem => ({ ...finding, object: id })));
}

function isEdit({ before, after }: StoreChange): boolean {
  if (before === undefined || after === undefined) return true;
  return before.metadata.generation !== after.metadata.generation || before.metadata.uid !== after.metadata.uid;
}

function sameLabels(a: KubeObject, b: KubeObject): boolean {
  const [one, other] = [a.metadata.labels ?? {}, b.metadata.labels ?? {}];
  return Object.keys(one).length === Object.keys(other).length && Object.entries(one).every(([key, value]) => other[key] === value);
}

function labelsOf(store: KubeStore): Map<string, Readonly<Record<string, string>>> {
  return new Map([...store.list()].map(({ metadata }) => [metadata.name, metadata.labels ?? {}]));
}
