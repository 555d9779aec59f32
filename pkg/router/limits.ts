// Limits of the router (behaviour 3.8): sessions, and TCP connections that are half open. Called by admit.ts and accept.ts for
// packets that would open a session; live ones are never touched.
import type { Packet } from "../svr/packet.ts";
import { isOpeningSyn } from "./newsession.ts";
import type { Turn } from "./turn.ts";

/** isWithinLimits lets one more session in, or says that there is no room; what was let in counts at once. */
export function isWithinLimits(turn: Turn, packet: Packet): boolean {
  const { load, batch, tables } = turn;
  const { opened } = batch;
  const halfOpen = isOpeningSyn(packet) ? 1 : 0;
  const limit = tables.limits.halfOpen;
  if (load.live + opened.live >= tables.limits.live) return false;
  if (halfOpen === 1 && limit !== 0 && load.halfOpen + opened.halfOpen >= limit) return false;
  opened.live += 1;
  opened.halfOpen += halfOpen;
  return true;
}
