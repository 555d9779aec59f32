// Sessions whose payload key is gone with an earlier process of this router (protocol 8.2): the ingress makes a new one, every other router has the
// one before it say metadata again, with a key that nobody has used yet. Called by shard.ts for what protect workers missed.
import type { SessionRef } from "../ports/datapath.ts";
import { CONTROL_ENABLE_METADATA } from "../svr/constants.ts";
import { Life, Role } from "../svr/session.ts";
import { handleOf } from "./batch.ts";
import { beginKey } from "./rekeying.ts";
import { sendControl } from "./say.ts";
import type { Turn } from "./turn.ts";

/** recoverKeys asks for new keys of live sessions, once a second each. */
export function recoverKeys(turn: Turn, refs: readonly SessionRef[]): void {
  for (const { uuid } of refs) {
    const found = turn.find.byUuid(uuid);
    if (found?.state.life !== Life.live || !turn.protection.mayAsk(found.index, turn.nowMs)) continue;
    const handle = handleOf(turn.batch, found.index, found.state);
    if (found.state.role === Role.ingress) beginKey(turn, handle);
    else sendControl(turn, handle, { side: 0, code: CONTROL_ENABLE_METADATA });
  }
}
