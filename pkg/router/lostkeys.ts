// Other payload keys for sessions that have none here any more, because an earlier process took them along, or whose key is old (protocol 8.2): the
// ingress makes one, every other router has the one before it say metadata again, with a key that nobody has used yet. Called by shard.ts for
// what the app saw, by relay.ts for what it could not encrypt.
import type { SessionRef } from "../ports/datapath.ts";
import { CONTROL_ENABLE_METADATA } from "../svr/constants.ts";
import { IDLE_MS } from "../svr/handshaketimers.ts";
import { elapsedMs } from "../svr/segment.ts";
import { Life, Role } from "../svr/session.ts";
import { handleOf } from "./batch.ts";
import type { Handle } from "./batch.ts";
import { beginKey } from "./rekeying.ts";
import { sayNow, sendControl } from "./say.ts";
import type { Turn } from "./turn.ts";

/** renewKeys asks for new keys of live sessions. */
export function renewKeys(turn: Turn, refs: readonly SessionRef[]): void {
  for (const { uuid } of refs) {
    const found = turn.find.byUuid(uuid);
    if (found?.state.life === Life.live) askKey(turn, handleOf(turn.batch, found.index, found.state));
  }
}

/** The next forward packet says the new key; where a host only listens there is none. What a protect worker still has of a host that speaks must not come under a key that nobody was told. */
function renewNow(turn: Turn, handle: Handle): void {
  beginKey(turn, handle);
  if (elapsedMs(turn.nowMs, handle.state.seenMs[0]) >= IDLE_MS) sayNow(turn, handle);
}

/** askKey asks for a new key of a session, once a second. */
export function askKey(turn: Turn, handle: Handle): void {
  if (handle.ref === undefined || !turn.protection.mayAsk(handle.ref.index, turn.nowMs)) return;
  if (handle.state.role === Role.ingress) renewNow(turn, handle);
  else sendControl(turn, handle, { side: 0, code: CONTROL_ENABLE_METADATA });
}
