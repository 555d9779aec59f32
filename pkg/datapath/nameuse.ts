// Numbers of names that nobody uses any more are given back when a router starts and half of them are taken: no shard runs then, so
// nobody remembers a number. What a session, a record or a refusal that was not read yet carries keeps its meaning. Called by open.ts.
import type { DatapathRecord, DatapathRefusal } from "../ports/datapath.ts";
import type { Session } from "../svr/session.ts";
import { keyOf } from "./entries.ts";
import type { BpfMap } from "./maps.ts";
import { NAME_NUMBERS, numbersBefore } from "./names.ts";
import type { Reader } from "./rings.ts";

/** PRUNE_AT is how many names there must be before any is forgotten. */
export const PRUNE_AT = Math.floor(NAME_NUMBERS / 2);

/** NameUsers is all that carries numbers of names over a restart. */
export interface NameUsers {
  /** every session in the table, whatever its life, page by page */
  sessions(): Iterable<Session>;
  records: Reader<DatapathRecord>;
  refusals: Reader<DatapathRefusal>;
}

/** Unread gives back what was read to see which numbers it carries. */
export interface Unread { records: Reader<DatapathRecord>; refusals: Reader<DatapathRefusal> }

/** pruneNames forgets names without users if there are at least `from`; the readers in its result go on where the given ones were. */
export function pruneNames(names: BpfMap, users: NameUsers, from: number): Unread {
  const known = namesIn(names);
  if (known.size < from) return users;
  const used = new Set<number>();
  for (const session of users.sessions()) addSession(used, session);
  // The table first: a session that went meanwhile left a record.
  const records = users.records.take(MOST), refusals = users.refusals.take(MOST);
  for (const { session } of records) addSession(used, session);
  for (const { tenant, service, path } of refusals) for (const id of [tenant, service, path]) used.add(id);
  names.delete(unusedNames(known, used).map((id) => keyOf(id)));
  return { records: readerAfter(records, users.records), refusals: readerAfter(refusals, users.refusals) };
}

const MOST = 1_000_000; // more than a ring holds

/** unusedNames are the numbers that can be given back: not used, and not tried on the way to a name that stays, which would get a second number. */
export function unusedNames(known: ReadonlyMap<number, string>, used: ReadonlySet<number>): number[] {
  const kept = new Set<number>();
  const waiting = [...used].filter((id) => known.has(id));
  for (let id = waiting.pop(); id !== undefined; id = waiting.pop()) {
    if (kept.has(id)) continue;
    kept.add(id);
    waiting.push(...numbersBefore(known.get(id) ?? "", id).filter((one) => known.has(one)));
  }
  return [...known.keys()].filter((id) => !kept.has(id));
}

/** createNameCount tells how many numbers are taken, counted at most once a minute: shards take some too, and the map is large. */
export function createNameCount(names: Pick<BpfMap, "dump">): () => { used: number; limit: number } {
  let used = 0, dueMs = 0;
  return () => {
    if (performance.now() >= dueMs) {
      used = names.dump().length;
      dueMs = performance.now() + RECOUNT_MS;
    }
    return { used, limit: NAME_NUMBERS };
  };
}

const RECOUNT_MS = 60_000;

/** The whole map: names by number. */
function namesIn(names: Pick<BpfMap, "dump">): Map<number, string> {
  const decoder = new TextDecoder();
  return new Map(names.dump().map(({ key, value }) => [new DataView(key.buffer, key.byteOffset).getUint32(0, true), decoder.decode(value.subarray(0, value.indexOf(0)))]));
}

function addSession(used: Set<number>, { tenant, service, sourceRouter, route, handshake, side }: Session): void {
  for (const id of [tenant, service, sourceRouter, route, handshake.reverseService, handshake.egressRouter, ...side.flatMap(({ path, nexthop }) => [path, nexthop])]) used.add(id);
}

function readerAfter<T>(waiting: T[], rest: Reader<T>): Reader<T> {
  return {
    take(max) {
      const first = waiting.splice(0, max);
      return first.length === 0 ? rest.take(max) : first;
    },
    close: () => { rest.close(); },
  };
}
