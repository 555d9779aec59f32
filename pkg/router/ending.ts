// The end of a session by decision: policy, administrator, peer. Tells the peers and the hosts, then asks the data plane; of what the
// app ended there itself it tells alone. Called by control.ts for code 6 and by shard.ts for what the app asks.
import type { SessionRef } from "../ports/datapath.ts";
import { changeFields, endSession, handleOf } from "./batch.ts";
import type { Handle } from "./batch.ts";
import type { Retimed } from "./live.ts";
import { sendDelete } from "./say.ts";
import { Life } from "../svr/session.ts";
import { resetHosts } from "./enforce.ts";
import type { Turn } from "./turn.ts";
import { refsOf } from "./untold.ts";
import type { EndedPage } from "./untold.ts";

/** endByDecision ends sessions with a reason number; those that are gone meanwhile are left out. */
export function endByDecision(turn: Turn, refs: readonly SessionRef[], reason: number): void {
  for (const ref of refs) {
    const found = turn.find.byUuid(ref.uuid);
    if (found?.state.life !== Life.live) continue;
    const handle = handleOf(turn.batch, found.index, found.state);
    tellPeersAndHosts(turn, handle);
    endSession(turn.batch, handle, reason, true);
  }
}

/** tellEnded tells peers and hosts of sessions that the app ended, of those that the data plane still remembers. */
export function tellEnded(turn: Turn, ended: EndedPage): void {
  for (const ref of refsOf(ended)) {
    const state = turn.find.ended(ref);
    if (state === undefined) continue;
    const handle: Handle = { state, ref: undefined, waiting: [], patch: undefined };
    tellPeersAndHosts(turn, handle);
  }
}

function tellPeersAndHosts(turn: Turn, handle: Handle): void {
  for (const side of [0, 1] as const) if (handle.state.side[side].path !== 0) sendDelete(turn, handle, side);
  resetHosts(turn, handle.state);
}

/** retime gives sessions the timeouts of a new configuration; those that are gone meanwhile are left out. */
export function retime(turn: Turn, sessions: readonly Retimed[]): void {
  for (const { ref, idleMs, initialMs } of sessions) {
    const found = turn.find.byUuid(ref.uuid);
    if (found?.state.life !== Life.live) continue;
    changeFields(turn.batch, handleOf(turn.batch, found.index, found.state), { idleMs, ...(initialMs === undefined ? {} : { isn: initialMs }) });
  }
}
