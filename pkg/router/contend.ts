// Two routers chose the same waypoint 5-tuple, each for a session of its own (protocol 6.5; only with port ranges). Called by
// arrive.ts when forward metadata of another session arrives on a segment that we opened; both routers reach opposite verdicts.
import { decideWaypoint } from "../svr/glare.ts";
import { Flag } from "../svr/session.ts";
import type { SessionSide } from "../svr/session.ts";
import type { Handle } from "./batch.ts";
import { sayNow } from "./say.ts";
import { stepSegment } from "./segments.ts";
import type { PathEntry } from "./tables.ts";
import type { OpenedArrival, Opener, Turn } from "./turn.ts";

/** resolveWaypoint keeps the 5-tuple for our session, or takes a new pair for it and lets theirs in. */
export function resolveWaypoint(turn: Turn, arrival: OpenedArrival, ours: { handle: Handle; opener: Opener }): void {
  const { handle, opener } = ours;
  if (decideWaypoint(handle.state.uuid, arrival.opened.tlvs.uuid as Uint8Array) === "keep") return keep(turn, arrival, handle);
  const path = turn.tables.pathById(handle.state.side[1].path);
  if (path === undefined || !takeNewPair(turn, handle, path)) return turn.count("nat", arrival.opened.peer);
  announce(turn, handle);
  opener(turn, arrival);
}

/** The peer gives way when it sees our metadata, which a quiet session has to send once more. */
function keep(turn: Turn, arrival: OpenedArrival, handle: Handle): void {
  turn.count("uuid-mismatch", arrival.opened.peer);
  if ((handle.state.flags & Flag.fwdMeta) === 0) announce(turn, handle);
}

/** Says who we are at once, without waiting for a packet of the host. */
function announce(turn: Turn, handle: Handle): void {
  stepSegment(turn, handle, 1, { kind: "trigger" });
  sayNow(turn, handle);
}

/** The pair given up is the peer's now, so it needs no rest (protocol 6.5). */
function takeNewPair(turn: Turn, handle: Handle, path: PathEntry): boolean {
  const pair = turn.ports.pair(path, turn.nowMs);
  if (pair === undefined || handle.ref === undefined) return false;
  const old = handle.state.side[1];
  const to: SessionSide = { ...old, localPort: pair.local, remotePort: pair.remote };
  turn.batch.ops.push({ kind: "replaceSide", ref: handle.ref, side: 1, to });
  handle.state.side[1] = to;
  turn.ports.giveBack(path, { local: old.localPort, remote: old.remotePort });
  return true;
}
