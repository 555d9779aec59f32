// How full the bounded things of a shard and of the main thread are. Each thing that keeps something from one turn to the next tells it of
// itself; shards report theirs, counters.ts adds them up, fill.ts shows them. What lives for one turn alone needs no row.

/** Held is one bounded thing: `entries` of at most `limit`, in what its name says. */
export interface Held { name: string; entries: number; limit: number }

/** sumHeld adds entries and limits of one name, in the order in which the names come. */
export function sumHeld(all: readonly Held[]): Held[] {
  const sums = new Map<string, Held>();
  for (const { name, entries, limit } of all) {
    const sum = sums.get(name) ?? { name, entries: 0, limit: 0 };
    sums.set(name, { name, entries: sum.entries + entries, limit: sum.limit + limit });
  }
  return [...sums.values()];
}
