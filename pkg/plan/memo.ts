// Values that are computed from others and remembered. Each value knows what it read, so a change makes anew only what depends on it, and
// stops where a value comes out equal. Called by graph.ts, which has the steps of the compiler. Pure, single-threaded; what nobody reads
// any more is forgotten, except what is watched. Values must not depend on themselves.
import { sameValue } from "./same.ts";

/** Inputs is a table of values that are set from outside. */
export interface Inputs<T> {
  get: (key: string) => T | undefined;
  /** An equal value changes nothing. */
  set: (key: string, value: T | undefined) => void;
  /** Says that something outside changed that readers of this key have looked at. */
  touch: (key: string) => void;
}

/** Derived is a table of values that are computed. */
export interface Derived<T> {
  get: (key: string) => T;
  /** Keeps the value up to date at each settle, until it is dropped. */
  watch: (key: string) => void;
  drop: (key: string) => void;
}

/** Changed hears of a watched value that came out another one; undefined: there was none, or there is none now. */
export type Changed<T> = (key: string, before: T | undefined, after: T | undefined) => void;

/** Memo makes tables; each watched one belongs to a stage. */
export interface Memo {
  inputs: <T>() => Inputs<T>;
  derived: <T>(compute: (key: string) => T, watched?: { stage: number; changed: Changed<T> }) => Derived<T>;
  /** Brings every watched value of a stage up to date. */
  settle: (stage: number) => void;
}

/** fresh: is right; doubtful: something far below changed; stale: something that it read changed. */
const fresh = 0, doubtful = 1, stale = 2;

interface Node {
  key: string;
  value: unknown;
  state: 0 | 1 | 2;
  reads: Set<Node>;
  users: Set<Node>;
  /** absent: an input */
  compute?: (key: string) => unknown;
  /** where it is waited for when it is not right */
  queue?: Set<Node> | undefined;
  changed?: Changed<unknown>;
  forget: () => void;
}

interface Engine { active: Node | undefined; stages: Map<number, Set<Node>> }

/** createMemo makes an empty memory. */
export function createMemo(): Memo {
  const engine: Engine = { active: undefined, stages: new Map() };
  const queueOf = (stage: number): Set<Node> => {
    const known = engine.stages.get(stage) ?? new Set();
    engine.stages.set(stage, known);
    return known;
  };
  return {
    inputs: () => createInputs(engine),
    derived: (compute, watched) => createDerived(engine, compute, watched === undefined ? undefined : { queue: queueOf(watched.stage), changed: watched.changed as Changed<unknown> }),
    settle(stage) {
      const queue = queueOf(stage);
      for (const node of queue) refresh(engine, node);
      queue.clear();
    },
  };
}

function createInputs<T>(engine: Engine): Inputs<T> {
  const nodes = new Map<string, Node>();
  return {
    get: (key) => {
      if (engine.active === undefined) return nodes.get(key)?.value as T | undefined;
      const node = nodes.get(key) ?? inputNode(nodes, key);
      note(engine, node);
      return node.value as T | undefined;
    },
    set(key, value) {
      const node = nodes.get(key) ?? inputNode(nodes, key);
      if (sameValue(node.value, value)) return forgetUnused(node);
      node.value = value;
      for (const user of node.users) mark(user, stale);
      forgetUnused(node);
    },
    touch(key) {
      for (const user of nodes.get(key)?.users ?? []) mark(user, stale);
    },
  };
}

function inputNode(nodes: Map<string, Node>, key: string): Node {
  const node: Node = { key, value: undefined, state: fresh, reads: new Set(), users: new Set(), forget: () => nodes.delete(key) };
  nodes.set(key, node);
  return node;
}

function createDerived<T>(engine: Engine, compute: (key: string) => T, watched: { queue: Set<Node>; changed: Changed<unknown> } | undefined): Derived<T> {
  const nodes = new Map<string, Node>();
  const nodeOf = (key: string): Node => {
    const known = nodes.get(key);
    if (known !== undefined) return known;
    const node: Node = { key, value: undefined, state: stale, reads: new Set(), users: new Set(), compute, forget: () => nodes.delete(key) };
    nodes.set(key, node);
    return node;
  };
  return {
    get(key) {
      const node = nodeOf(key);
      note(engine, node);
      refresh(engine, node);
      const { value } = node;
      forgetUnused(node); // asked from outside
      return value as T;
    },
    watch(key) {
      const node = nodeOf(key);
      if (node.queue !== undefined || watched === undefined) return;
      node.queue = watched.queue;
      node.changed = watched.changed;
      if (node.state === fresh) watched.changed(key, undefined, node.value);
      else watched.queue.add(node);
    },
    drop(key) {
      const node = nodes.get(key);
      if (node === undefined) return;
      node.queue?.delete(node);
      node.queue = undefined;
      node.changed?.(key, node.value, undefined);
      delete node.changed;
      forgetUnused(node);
    },
  };
}

/** The value that is being computed has read this one. */
function note({ active }: Engine, node: Node): void {
  if (active === undefined) return;
  active.reads.add(node);
  node.users.add(active);
}

/** Marks a value, and as doubtful all that depend on it. */
function mark(node: Node, state: 1 | 2): void {
  const wasFresh = node.state === fresh;
  if (node.state < state) node.state = state;
  if (!wasFresh) return;
  node.queue?.add(node);
  for (const user of node.users) mark(user, doubtful);
}

function refresh(engine: Engine, node: Node): void {
  if (node.state === fresh) return;
  if (node.state === doubtful) {
    for (const one of node.reads) {
      refresh(engine, one);
      if (isStale(node)) break;
    }
  }
  if (isStale(node)) recompute(engine, node);
  else node.state = fresh;
}

/** Asked by a function, since the state may have changed behind the compiler's back. */
function isStale(node: Node): boolean {
  return node.state === stale;
}

function recompute(engine: Engine, node: Node): void {
  const { active } = engine;
  const before = node.reads;
  node.reads = new Set();
  engine.active = node;
  let value: unknown;
  try {
    value = node.compute?.(node.key);
  } finally {
    engine.active = active;
    for (const one of before) {
      if (node.reads.has(one)) continue;
      one.users.delete(node);
      forgetUnused(one);
    }
  }
  node.state = fresh;
  if (sameValue(node.value, value)) return;
  const old = node.value;
  node.value = value;
  for (const user of node.users) user.state = stale; // they are doubtful already; one that is being computed is fresh afterwards
  node.changed?.(node.key, old, value);
}

/** What nobody reads and nobody watches is forgotten, and so on downwards. An input with a value stays. */
function forgetUnused(node: Node): void {
  if (node.users.size > 0 || node.queue !== undefined || (node.compute === undefined && node.value !== undefined)) return;
  node.forget();
  for (const one of node.reads) {
    one.users.delete(node);
    forgetUnused(one);
  }
  node.reads = new Set();
  node.state = stale;
}
