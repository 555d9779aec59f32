// Sessions of ICMP as the differential fuzz varies them by round: told apart by type too, or begun with an answer (behaviour 3.7). Nothing
// is drawn, so that a seed keeps its packets. Called by differential.ts.
import { answersFirst, requestOf } from "../../pkg/svr/icmp.ts";
import { PROTO_ICMP, PROTO_ICMPV6 } from "../../pkg/svr/constants.ts";
import type { Session, SessionSide, SideIndex } from "../../pkg/svr/session.ts";
import { queryType } from "../support/flows.ts";

/** IcmpWorld says how the ICMP sessions of a round are. */
export interface IcmpWorld { byType: boolean; answers: boolean }

/** icmpWorld turns through the four kinds. */
export function icmpWorld(round: number): IcmpWorld {
  return { byType: round % 4 >= 2, answers: round % 8 >= 4 };
}

/** icmpSessions gives the sessions of a round as its world has them; every third one of ICMP begins with an answer where some do. */
export function icmpSessions(sessions: readonly Session[], { byType, answers }: IcmpWorld): Session[] {
  return sessions.map((session, index) => {
    if (!isIcmp(session.context.proto)) return session;
    const turned = answers && index % 3 === 0 ? turn(session) : session;
    return byType ? keyed(turned) : turned;
  });
}

/** isIcmp tells both. */
export function isIcmp(proto: number): boolean {
  return proto === PROTO_ICMP || proto === PROTO_ICMPV6;
}

function onHosts(session: Session, change: (side: SessionSide, at: SideIndex) => Partial<SessionSide>): Session["side"] {
  const [first, second] = session.side;
  const changed = (side: SessionSide, at: SideIndex): SessionSide => (side.path === 0 && isIcmp(side.proto) ? { ...side, ...change(side, at) } : side);
  return [changed(first, 0), changed(second, 1)];
}

function turn(session: Session): Session {
  const { context } = session;
  const side = onHosts(session, ({ remotePort, localPort }) => ({ remotePort: localPort, localPort: remotePort }));
  return { ...session, side, context: { ...context, sourcePort: context.destinationPort, destinationPort: context.sourcePort } };
}

/** The type stands in the port of whoever is asked. */
function keyed(session: Session): Session {
  const askedAt: SideIndex = answersFirst(session.context) ? 0 : 1;
  const side = onHosts(session, ({ family }, at) => {
    const kind = requestOf(family, queryType(family, 0));
    return at === askedAt ? { remotePort: kind } : { localPort: kind };
  });
  return { ...session, side };
}
