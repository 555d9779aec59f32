// What clients of watched sessions said first, while it is too little to tell what it is (protocol 8.3): held for a second at most. Owned by a
// shard; bounded. Called by adapting.ts, and by shard.ts when the second is over.
import type { HandedPunt } from "./handing.ts";
import type { Held } from "./held.ts";
import { ADAPTIVE_HOLD_MS } from "../svr/adaptive.ts";

/** HeldPayload is a packet of a client as it arrived. */
export interface HeldPayload { punt: HandedPunt; sequence: number; payload: Uint8Array }

/** FirstPayloads are those of sessions that are not decided yet. */
export interface FirstPayloads {
  /** false: there are too many, the host says it again */
  hold(uuid: Uint8Array, one: HeldPayload): boolean;
  /** what is held of a session, in the order in which it came */
  of(uuid: Uint8Array): readonly HeldPayload[];
  /** the same, and it is held no more */
  take(uuid: Uint8Array): readonly HeldPayload[];
  /** sessions whose second is over: all of theirs in the order of their bytes, once. Only those are looked at, and one more. */
  due(nowMs: number): HandedPunt[];
  held(): Held[];
}

const MOST_HELD = 1_024, MOST_OF_SESSION = 8; // packets

/** createFirstPayloads holds none. */
export function createFirstPayloads(): FirstPayloads {
  const kept = new Map<string, HeldPayload[]>(); // a session comes behind those that began to wait before it: in the order in which they are due
  const nameOf = (uuid: Uint8Array): string => Buffer.from(uuid).toString("latin1");
  let count = 0;
  const take = (name: string): HeldPayload[] => {
    const all = kept.get(name) ?? [];
    kept.delete(name);
    count -= all.length;
    return all;
  };
  return {
    hold(uuid, one) {
      const all = kept.get(nameOf(uuid)) ?? [];
      if (count >= MOST_HELD || all.length >= MOST_OF_SESSION) return false;
      kept.set(nameOf(uuid), [...all, one]);
      count++;
      return true;
    },
    of: (uuid) => kept.get(nameOf(uuid)) ?? [],
    take: (uuid) => take(nameOf(uuid)),
    due(nowMs) {
      const over: HandedPunt[] = [];
      for (const [name, [first]] of kept) {
        if (nowMs - (first?.punt.arrivedMs ?? 0) < ADAPTIVE_HOLD_MS) break;
        over.push(...take(name).toSorted((one, next) => one.sequence - next.sequence | 0).map(({ punt }) => punt));
      }
      return over;
    },
    held: () => [{ name: "first payloads that wait for more", entries: count, limit: MOST_HELD }],
  };
}
