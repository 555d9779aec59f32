// The objects that are compiled, as steps of the compiler read them: by name, in lists by what they name, and services by address. What a
// step reads is remembered (memo.ts). Called by graph.ts. Pure.
import { formatPrefix, networkOf } from "../base/prefix.ts";
import type { ParsedObject } from "../api/document.ts";
import { kindNames } from "../api/kinds.ts";
import type { Kind } from "../api/kinds.ts";
import { acceptedPrefix } from "./accepted.ts";
import { compareNames } from "./entries.ts";
import { factsOf } from "./facts.ts";
import { inputName } from "./inputs.ts";
import type { Input, Names, PlanInputs, Table } from "./inputs.ts";
import type { Memo } from "./memo.ts";
import { createOverlapIndex } from "./overlap.ts";
import type { Broken } from "./report.ts";
import { without } from "./same.ts";

/** NamespaceLabels is all namespaces with their labels; undefined: files, which have none. */
export type NamespaceLabels = ReadonlyMap<string, Readonly<Record<string, string>>> | undefined;

/** Objects is what steps read. */
export interface Objects {
  inputs: PlanInputs;
  /** refused by their schema */
  broken: Broken;
  /** names of the objects of a list (facts.ts), in name order */
  list: (name: string) => readonly string[];
  /** every interface of every Router */
  interfaceNames: Names;
  /** services with an address in common with a prefix, and those with exactly it, in name order */
  overlapping: (text: string) => string[];
  sharing: (text: string) => string[];
  /** labels of a namespace; undefined: there is none of that name */
  namespace: (name: string) => Readonly<Record<string, string>> | undefined;
  /** whether namespaces have owners, as in a cluster */
  hasNamespaces: () => boolean;
}

/** ObjectsEdit sets what they read; `flush` makes it seen. */
export interface ObjectsEdit {
  /** Gives the version that was there. */
  set(id: string, one: ParsedObject | undefined): ParsedObject | undefined;
  setBroken(id: string, isBroken: boolean): void;
  setNamespaces(namespaces: NamespaceLabels): void;
  flush(): void;
}

/** createObjects makes an empty set. */
export function createObjects(memo: Memo): { objects: Objects; edit: ObjectsEdit } {
  const byId = memo.inputs<ParsedObject>();
  const present = memo.inputs<true>();
  const refused = memo.inputs<true>();
  const labels = memo.inputs<Readonly<Record<string, string>>>();
  const scope = memo.inputs<true>();
  const names = new Map<string, Set<string>>(kindNames.map((kind) => [kind, new Set()]));
  const lists = createLists(memo);
  const addresses = createAddresses(memo);
  const known = new Map<string, ParsedObject>();
  let spaces: NamespaceLabels;
  const table = <K extends Kind>(kind: K): Table<K> => ({
    get: (name) => byId.get(`${kind} ${name}`) as Input<K> | undefined,
    has: (name) => present.get(`${kind} ${name}`) === true,
    [Symbol.iterator]: () => (names.get(kind) ?? []).values(),
  });
  return {
    objects: {
      inputs: { Tenant: table("Tenant"), Service: table("Service"), ServiceRoute: table("ServiceRoute"), ServicePolicy: table("ServicePolicy"), SecurityPolicy: table("SecurityPolicy"), Router: table("Router") },
      broken: { has: (id) => refused.get(id) === true }, list: lists.read, interfaceNames: { has: (name) => lists.read(`interface ${name}`).length > 0, [Symbol.iterator]: () => lists.after("interface ") },
      overlapping: addresses.overlapping, sharing: addresses.sharing, namespace: labels.get, hasNamespaces: () => scope.get("") === true,
    },
    edit: {
      set(id, one) {
        const before = known.get(id);
        if (one === undefined) known.delete(id);
        else known.set(id, one);
        byId.set(id, one);
        present.set(id, one === undefined ? undefined : true);
        lists.move(before, one);
        addresses.move(before, one);
        names.get(id.slice(0, id.indexOf(" ")))?.[one === undefined ? "delete" : "add"](nameOf(before, one));
        return before;
      },
      setBroken: (id, isBroken) => refused.set(id, isBroken ? true : undefined),
      setNamespaces(next) {
        scope.set("", next === undefined ? undefined : true);
        for (const name of new Set([...(spaces?.keys() ?? []), ...(next?.keys() ?? [])])) labels.set(name, next?.get(name));
        spaces = next;
      },
      flush() {
        lists.flush();
        addresses.flush();
      },
    },
  };
}

function nameOf(before: ParsedObject | undefined, after: ParsedObject | undefined): string {
  const one = before ?? after;
  return one === undefined ? "" : inputName(one);
}

interface Moves { move(before: ParsedObject | undefined, after: ParsedObject | undefined): void; flush(): void }

function createLists(memo: Memo): Moves & { read: (name: string) => readonly string[]; after: (start: string) => IterableIterator<string> } {
  const read = memo.inputs<readonly string[]>();
  const sets = new Map<string, Set<string>>();
  const changed = new Set<string>();
  const change = (list: string, name: string, isIn: boolean): void => {
    const set = sets.get(list) ?? new Set();
    sets.set(list, set);
    set[isIn ? "add" : "delete"](name);
    if (set.size === 0) sets.delete(list);
    changed.add(list);
  };
  return {
    read: (name) => read.get(name) ?? [],
    after: (start) => [...sets.keys()].filter((list) => list.startsWith(start)).map((list) => list.slice(start.length)).values(),
    move(before, after) {
      const listsOf = (one: ParsedObject | undefined): ReadonlySet<string> => (one === undefined ? new Set() : factsOf(one));
      const [old, next, name] = [listsOf(before), listsOf(after), nameOf(before, after)];
      for (const list of without(old, next)) change(list, name, false);
      for (const list of without(next, old)) change(list, name, true);
    },
    flush() {
      for (const list of changed) read.set(list, sets.has(list) ? [...(sets.get(list) ?? [])].sort(compareNames) : undefined);
      changed.clear();
    },
  };
}

function createAddresses(memo: Memo): Moves & Pick<Objects, "overlapping" | "sharing"> {
  const index = createOverlapIndex();
  const moved = memo.inputs<never>();
  const changed = new Set<string>();
  const addressesOf = (one: ParsedObject | undefined): Set<string> => new Set(one?.object.kind === "Service" ? one.object.spec.addresses : []);
  return {
    overlapping(text) {
      moved.get(text);
      return [...new Set(index.overlapping(acceptedPrefix(text)).flatMap(({ owners }) => [...owners]))].sort(compareNames);
    },
    sharing(text) {
      moved.get(text);
      return [...index.ownersOf(text)].sort(compareNames);
    },
    move(before, after) {
      const [old, next, name] = [addressesOf(before), addressesOf(after), nameOf(before, after)];
      const gone = without(old, next);
      for (const text of gone) index.remove(acceptedPrefix(text), name);
      for (const text of next) index.add(acceptedPrefix(text), name); // also what is there, which a second way to write it may have removed
      for (const text of [...gone, ...without(next, old)]) changed.add(text);
    },
    flush() {
      for (const text of changed) {
        const prefix = acceptedPrefix(text);
        for (const slot of index.overlapping(prefix)) moved.touch(slot.text);
        moved.touch(formatPrefix(networkOf(prefix)));
      }
      changed.clear();
    },
  };
}
