// Who has programmed what: the operator numbers its compilations (revisions); an object has the revision of its last change, a
// router the one up to which it has acknowledged. Pure bookkeeping without clocks; called by planning.ts, heads.ts and statuses.ts.
// After a restart everything counts as changed in revision 0: a router that has what it should have has programmed it all.

/** Progress is how far an object is on the routers that use it. */
export interface Progress { done: number; all: number; /** the first few that are not done, in name order */ waiting: string[] }

/** Book is the bookkeeping. */
export interface Book {
  /** objects changed: they get the next revision */
  changed: (ids: Iterable<string>) => void;
  forget(id: string): void;
  /** the configuration of a router changed in this revision; its hash is not known yet */
  planned(router: string): void;
  /** what a router should have now; undefined: the router is gone */
  wanted(router: string, hash: string | undefined): void;
  wantedHash(router: string): string | undefined;
  /** what a router says that it has; undefined: nothing */
  acked(router: string, hash: string | undefined): void;
  isCurrent(router: string): boolean;
  /** the object changed after the first compilation: somebody waits for it */
  isEdited(id: string): boolean;
  progress(id: string, routers: readonly string[]): Progress;
}

interface Line {
  /** hashes with the revision from which on they were wanted, oldest first */
  history: { hash: string; from: number }[];
  /** first revision whose configuration has no hash yet */
  pending?: number;
  acked?: string;
}

const longestHistory = 16;
const mostNamed = 3;

/** createBook makes an empty book. */
export function createBook(): Book {
  const lines = new Map<string, Line>();
  const changes = new Map<string, number>();
  let revision = 0;
  const lineOf = (router: string): Line => {
    const line = lines.get(router) ?? { history: [] };
    lines.set(router, line);
    return line;
  };
  return {
    changed(ids) {
      revision += 1;
      for (const id of ids) changes.set(id, revision);
    },
    forget: (id) => void changes.delete(id),
    planned: (router) => void (lineOf(router).pending ??= revision),
    wanted(router, hash) {
      if (hash === undefined) return void lines.delete(router);
      const line = lineOf(router);
      const from = line.pending ?? revision;
      delete line.pending;
      if (line.history.at(-1)?.hash === hash) return;
      line.history.push({ hash, from });
      if (line.history.length > longestHistory) line.history.shift();
    },
    wantedHash: (router) => lines.get(router)?.history.at(-1)?.hash,
    acked(router, hash) {
      const line = lineOf(router);
      if (hash === undefined) delete line.acked;
      else line.acked = hash;
    },
    isCurrent: (router) => reached(lines.get(router)) === Infinity,
    isEdited: (id) => (changes.get(id) ?? 0) > 1,
    progress(id, routers) {
      const since = changes.get(id) ?? 0;
      const waiting = routers.filter((router) => reached(lines.get(router)) < since);
      return { done: routers.length - waiting.length, all: routers.length, waiting: waiting.slice(0, mostNamed) };
    },
  };
}

/** The last revision of which a router has everything; -1 when it has nothing that we know. */
function reached(line: Line | undefined): number {
  if (line?.acked === undefined) return -1;
  const place = line.history.findLastIndex(({ hash }) => hash === line.acked);
  if (place < 0) return -1;
  const next = line.history[place + 1]?.from ?? line.pending;
  return next === undefined ? Infinity : next - 1;
}
