// SVR fragments that were cut on their way to us (protocol 2.7, 10.2). Their IP fragments show addresses alone and meet in the shard of
// those; what they make belongs to the shard where the other SVR fragments of its packet are, and is handed to it by the app. Owned by one
// shard; called by opening.ts, which knows that a packet is such a whole, and by shard.ts. Judges no packet.
import type { Punt, ShardPort } from "../ports/datapath.ts";
import type { Held } from "./held.ts";
import type { Arrival } from "./turn.ts";

/** HandedPunt is a whole on its way to another shard: the receiver looks for its session. */
export type HandedPunt = Omit<Punt, "session" | "isCopied">;

/** Handing is one shard's part of it, both ways. */
export interface Handing {
  /** true: it belongs to another shard and will be handed over; false: it is for this one, or there were too many in this second */
  takes(arrival: Arrival, nowMs: number): boolean;
  /** what is to be handed over, once */
  leaving(): { shard: number; punt: HandedPunt }[];
  /** takes what another shard hands over; false when too many wait */
  came(punt: HandedPunt): boolean;
  /** what came, once */
  arrived(): HandedPunt[];
  held(): Held[];
}

const PER_SECOND = 10_000; // of a router: each costs the main thread two messages
const MOST_WAITING = 1_024;

/** createHanding makes the part of one of `count` shards, which share the rate evenly. */
export function createHanding(slice: { number: number; count: number }, port: Pick<ShardPort, "shardOf">): Handing {
  const leaving: { shard: number; punt: HandedPunt }[] = [], waiting: HandedPunt[] = [];
  const perSecond = Math.max(1, Math.floor(PER_SECOND / slice.count));
  let second = 0, used = 0;
  return {
    takes({ punt, packet }, nowMs) {
      const { session, isCopied: _isCopied, ...rest } = punt;
      const shard = session === undefined ? port.shardOf({ ...packet, ifnum: punt.ifnum, vlan: punt.vlan }) : session.state.shard % slice.count;
      const now = Math.floor(nowMs / 1_000);
      if (now !== second) [second, used] = [now, 0];
      if (shard === slice.number || used === perSecond) return false;
      used++;
      leaving.push({ shard, punt: { ...rest, data: packet.data, gsoSize: 0 } });
      return true;
    },
    leaving: () => leaving.splice(0),
    came: (punt) => waiting.length < MOST_WAITING && waiting.push(punt) > 0,
    arrived: () => waiting.splice(0),
    held: () => [{ name: "SVR fragments of other shards", entries: waiting.length, limit: MOST_WAITING }],
  };
}
