// One session as the admin API shows it. Pure; called by adminroutes.ts for snapshots that the data plane copied.
import type { FlowView, SessionView } from "../api/view.ts";
import { toHex } from "../base/bytes.ts";
import { Flag, Life } from "../svr/session.ts";
import type { Session, SessionSide } from "../svr/session.ts";
import { elapsedMs } from "../svr/segment.ts";
import { endReasonName, endpoint, identityFields, totals } from "./records.ts";
import type { RecordSource } from "./records.ts";

/** sessionView shows a live session or one in guard. */
export function sessionView(source: RecordSource, session: Session): SessionView {
  const now = source.clock.monotonicMs();
  return {
    router: source.router,
    ...identityFields(source, session),
    ...totals(session, { atMs: now, unixOffsetMs: source.clock.unixMs() - now }),
    sessionId: toHex(session.uuid),
    ...(session.life === Life.guard ? { life: "guard", endReason: endReasonName(session) } : { life: "live" }),
    ...metadataStates(session),
    flows: [flow(source, session, 0), flow(source, session, 1)],
    idle: Math.min(...session.seenMs.filter((seen) => seen !== 0).map((seen) => elapsedMs(now, seen)), Math.max(0, now - session.createdMs)),
  };
}

function metadataStates(session: Session): Pick<SessionView, "upstream" | "downstream"> {
  return {
    ...(session.side[0].path === 0 ? {} : { upstream: (session.flags & Flag.revMeta) === 0 ? "R-QUIET" as const : "R-META" as const }),
    ...(session.side[1].path === 0 ? {} : { downstream: (session.flags & Flag.fwdMeta) === 0 ? "I-QUIET" as const : "I-META" as const }),
  };
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
