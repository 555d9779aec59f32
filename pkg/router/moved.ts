// Sessions whose way out changed under them: another own address, gateway or peer address in the configuration (behaviour 7.5). The
// app marks them after a reload; a forward packet that has had no answer for 5 s takes new addresses into use. Where only the next hop
// toward hosts is gone nothing is kept that the other end knows: the session takes the new one at once.
// Called by live.ts for the question, by shard.ts for the mark, by arrive.ts for the change.
import { sameAddress } from "../base/address.ts";
import type { SessionRef } from "../ports/datapath.ts";
import { isUnheard, nextRequest } from "../svr/health.ts";
import { reasonNumber } from "../svr/reasons.ts";
import { Flag, Life, TcpState } from "../svr/session.ts";
import type { Session, SessionSide, SideIndex } from "../svr/session.ts";
import { changeFields, changeFlags, handleOf } from "./batch.ts";
import type { Handle } from "./batch.ts";
import { endByDecision } from "./ending.ts";
import { stepSegment } from "./segments.ts";
import type { PathEntry, Tables } from "./tables.ts";
import type { Turn } from "./turn.ts";

const NAT_CHANGED = 5; // reason of a modify (protocol 6.6)

/** hasMoved tells whether a way of a session is not what the configuration says now. */
export function hasMoved(tables: Tables, session: Session): boolean {
  return hasMovedOut(tables, session) || session.side.some((side) => hasLostHop(tables, side));
}

function hasMovedOut(tables: Tables, session: Session): boolean {
  const [, out] = session.side;
  if (out.path === 0) return (session.flags & Flag.snat) !== 0 && lostOwnAddress(tables, session);
  const path = tables.pathById(out.path);
  return path !== undefined && !isOn(out, path);
}

/** That is gone. Addresses of pools and outside ones of static NAT are nobody's own; a session keeps the one it began with (behaviour 1.2). */
function lostOwnAddress(tables: Tables, { service, side: [, out] }: Session): boolean {
  return tables.serviceById(service)?.sourceNat === "Interface" && !tables.isOwn(out.local) && tables.nat.insideOf(out.local) === undefined;
}

function isOn(side: SessionSide, path: PathEntry): boolean {
  return side.ifnum === path.ifnum && side.vlan === path.vlan && side.family === path.family && side.nexthop === path.nexthop
    && sameAddress(side.local, path.local) && sameAddress(side.remote, path.remote);
}

/** The next hop of a path keeps its number whatever its gateway is; one toward hosts is another one with another gateway. */
function hasLostHop(tables: Tables, side: SessionSide): boolean {
  return side.path === 0 && tables.mtuOf(side.nexthop) === 0;
}

/** markMoved gives sessions their new next hops toward hosts, and asks the data plane to send forward packets of others up when nothing comes back. */
export function markMoved(turn: Turn, refs: readonly SessionRef[]): void {
  for (const { uuid } of refs) {
    const found = turn.find.byUuid(uuid);
    if (found?.state.life !== Life.live) continue;
    const handle = handleOf(turn.batch, found.index, found.state);
    const isDone = replaceHops(turn, handle) && !hasMovedOut(turn.tables, handle.state);
    if (!isDone) changeFlags(turn.batch, handle, { set: Flag.moved });
  }
}

/** Whether a next hop was replaced. */
function replaceHops(turn: Turn, handle: Handle): boolean {
  const { state, ref } = handle;
  const lost = ([0, 1] as const).filter((index) => hasLostHop(turn.tables, state.side[index]));
  for (const index of lost) {
    const to = { ...state.side[index], nexthop: hopNow(turn.tables, state, index) };
    if (ref !== undefined) turn.batch.ops.push({ kind: "replaceSide", ref, side: index, to });
    state.side[index] = to;
  }
  return lost.length > 0;
}

/** That of its route, where it has one on the same network, else the one toward the address; 0: there is none, and its packets are dropped. */
function hopNow(tables: Tables, session: Session, index: SideIndex): number {
  const side = session.side[index];
  const routes = index === 0 ? [] : tables.serviceById(session.service)?.routes[side.family] ?? [];
  const route = routes.find((one) => one.kind === "local" && one.limits?.id === session.route && one.ifnum === side.ifnum && one.vlan === side.vlan);
  return route?.kind === "local" ? route.nexthop[side.family] : tables.nexthopTo(side.ifnum, side.vlan, side.remote);
}

/** Refreshed: nothing to do; the session has its new way; or it ended, and the packet opens another one (`reopen`) or none (`ended`). */
export type Refreshed = "unchanged" | "moved" | "ended" | "reopen";

/** refreshMoved changes the way out of a marked session, when a forward packet finds that nothing came back. */
export function refreshMoved(turn: Turn, handle: Handle): Refreshed {
  const { state } = handle;
  if ((state.flags & Flag.moved) === 0) return "unchanged";
  if (!hasMovedOut(turn.tables, state)) return unmark(turn, handle); // changed back meanwhile
  if (!isUnheard(state, 0, { nowMs: turn.nowMs, limitMs: turn.tables.inactivityMs })) return "unchanged";
  return state.side[1].path === 0 ? endTranslated(turn, handle) : movePair(turn, handle);
}

function unmark(turn: Turn, handle: Handle): "unchanged" {
  changeFlags(turn.batch, handle, { clear: Flag.moved });
  return "unchanged";
}

/** Its server knows another address: TCP cannot go on, anything else begins anew as another binding. */
function endTranslated(turn: Turn, handle: Handle): "ended" | "reopen" {
  const isTcp = handle.state.tcpState !== TcpState.none;
  if (handle.ref !== undefined) endByDecision(turn, [handle.ref], reasonNumber("nat-changed"));
  return isTcp ? "ended" : "reopen";
}

/** New waypoints on the path as it is now; the peer learns of them by the metadata of this packet. */
function movePair(turn: Turn, handle: Handle): "moved" | "unchanged" {
  const old = handle.state.side[1];
  const path = turn.tables.pathById(old.path);
  const pair = path === undefined ? undefined : turn.ports.pair(path, turn.nowMs);
  if (path === undefined || pair === undefined || handle.ref === undefined) return tryLater(turn, handle);
  const to: SessionSide = {
    ...old, local: path.local, remote: path.remote, ifnum: path.ifnum, vlan: path.vlan, nexthop: path.nexthop, family: path.family,
    localPort: pair.local, remotePort: pair.remote,
  };
  turn.batch.ops.push({ kind: "replaceSide", ref: handle.ref, side: 1, to });
  handle.state.side[1] = to;
  turn.ports.giveBack(path, { local: old.localPort, remote: old.remotePort });
  changeFlags(turn.batch, handle, { clear: Flag.moved });
  stepSegment(turn, handle, 1, { kind: "trigger", reason: NAT_CHANGED });
  return "moved";
}

/** Every pair is used or rests: once more after a second, as with requests that are not answered. */
function tryLater(turn: Turn, handle: Handle): "unchanged" {
  turn.count("nat");
  const next = nextRequest({ ...handle.state, health: 0 }, 0, turn.nowMs);
  if (next.kind === "request") changeFields(turn.batch, handle, { health: next.health });
  return "unchanged";
}
