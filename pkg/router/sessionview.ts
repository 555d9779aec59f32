// One session as the admin API shows it. Pure; called by adminroutes.ts for snapshots that the data plane copied.
import type { FlowView, SessionView } from "../api/view.ts";
import { Flag, Life } from "../svr/session.ts";
import type { Session, SessionSide } from "../svr/session.ts";
import { elapsedMs } from "../svr/segment.ts";
import { endReasonName, endpoint, fillIdentity, fillTotals } from "./records.ts";
import type { RecordSource } from "./records.ts";

/** sessionView shows a live session or one in guard. A page has a thousand: fields are put into one object, as in records.ts. */
export function sessionView(source: RecordSource, session: Session): SessionView {
  const now = source.clock.monotonicMs();
  const view: Partial<SessionView> = { router: source.router };
  fillIdentity(view, source, session);
  fillTotals(view, session, { atMs: now, unixOffsetMs: source.clock.unixMs() - now });
  return fillState(view, source, session, now);
}

function fillState(view: Partial<SessionView>, source: RecordSource, session: Session, now: number): SessionView {
  const isGuard = session.life === Life.guard;
  view.life = isGuard ? "guard" : "live";
  if (isGuard) view.endReason = endReasonName(session);
  if (session.side[0].path !== 0) view.upstream = (session.flags & Flag.revMeta) === 0 ? "R-QUIET" : "R-META";
  if (session.side[1].path !== 0) view.downstream = (session.flags & Flag.fwdMeta) === 0 ? "I-QUIET" : "I-META";
  view.flows = [flow(source, session, 0), flow(source, session, 1)];
  view.idle = idleOf(session, now);
  return view as SessionView;
}

/** Since the last packet of either direction, or since it began. */
function idleOf(session: Session, now: number): number {
  let idle = Math.max(0, now - session.createdMs);
  for (const seen of session.seenMs) if (seen !== 0) idle = Math.min(idle, elapsedMs(now, seen));
  return idle;
}

function flow(source: RecordSource, session: Session, index: 0 | 1): FlowView {
  const side: SessionSide = session.side[index];
  const slow = index === 0 ? Flag.fwdMeta | Flag.fwdSlow : Flag.revMeta | Flag.revSlow;
  return {
    direction: index === 0 ? "forward" : "reverse",
    interface: source.interfaceName(side.ifnum), vlan: side.vlan, protocol: side.proto,
    source: endpoint(side.remote, side.remotePort), destination: endpoint(side.local, side.localPort),
    fast: (session.flags & slow) === 0, packets: Number(session.packets[index]), bytes: Number(session.bytes[index]),
  };
}
