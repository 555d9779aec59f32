// What may travel in a session of a protocol. ICMP: requests travel forward and answers back, or the other way round in a session
// that began with an answer; nothing else does (protocol 3.3, 12.1; behaviour 3.7). Called where a
// session begins and where a body leaves to a host; errors belong to the sessions they quote and are not handled here.
import type { IpFamily } from "../base/address.ts";
import { contextEnds, hasEnds, isPorted, portedHeader } from "../svr/carried.ts";
import { ICMP_HEADER, PROTO_ICMP, PROTO_ICMPV6 } from "../svr/constants.ts";
import { answersFirst, isIcmpQuery, isIcmpReply, isIcmpRequest, requestOf } from "../svr/icmp.ts";
import type { Packet } from "../svr/packet.ts";
import type { SessionContext, SideIndex } from "../svr/session.ts";
import type { Carried, Turn } from "./turn.ts";

/** isQuery tells whether a body may travel in a session, by the side where it arrived; always true for what is not ICMP. */
export function isQuery(carried: Carried, context: SessionContext, of: { family: IpFamily; proto: number; side: SideIndex }): boolean {
  const { family, proto, side } = of;
  if (!isIcmpOf(family, proto)) return true;
  const type = typeOf(carried);
  if (type === undefined) return false;
  return (side === 0) !== answersFirst(context) ? isIcmpRequest(family, type) : isIcmpReply(family, type);
}

/** mayBegin tells whether a body may begin the session of its context: an answer only where the configuration says so. */
export function mayBegin({ tables }: Pick<Turn, "tables">, carried: Carried, context: SessionContext): boolean {
  if (answersFirst(context) && !tables.icmp.asyncReply) return false;
  return isQuery(carried, context, { family: context.family, proto: context.proto, side: 0 });
}

/** contextPorts are the ports of a packet without the type that its key may have: routers tell each other the identifier alone. */
export function contextPorts({ family, icmpType, sourcePort, destinationPort }: Packet): Pick<SessionContext, "sourcePort" | "destinationPort"> {
  if (icmpType === undefined || !isIcmpQuery(family, icmpType)) return { sourcePort, destinationPort };
  return isIcmpRequest(family, icmpType) ? { sourcePort, destinationPort: 0 } : { sourcePort: 0, destinationPort };
}

/** keyByType gives the ports of an ICMP query the type of its request beside the identifier, as the data plane does. */
export function keyByType(packet: Packet): void {
  const { family, icmpType } = packet;
  if (icmpType === undefined || !isIcmpQuery(family, icmpType)) return;
  if (isIcmpRequest(family, icmpType)) packet.destinationPort = requestOf(family, icmpType);
  else packet.sourcePort = requestOf(family, icmpType);
}

/** hostPorts are the ports of a session toward the host that it leads to. What carries no message (a keep-alive) stands for an echo. */
export function hostPorts(context: SessionContext, icmpType: number | undefined, byType: boolean): { remote: number; local: number } {
  const { family, proto, sourcePort, destinationPort } = context;
  if (!byType || !isIcmpOf(family, proto)) return { remote: destinationPort, local: sourcePort };
  const kind = requestOf(family, icmpType ?? ECHO_REQUEST[family]);
  return answersFirst(context) ? { remote: destinationPort, local: kind } : { remote: kind, local: sourcePort };
}

const ECHO_REQUEST = { 4: 8, 6: 128 } as const;

/** icmpTypeOf is the type of the ICMP message that a peer delivered for a session; undefined for other protocols, and when there is none. */
export function icmpTypeOf(carried: Carried, { family, proto }: SessionContext): number | undefined {
  return isIcmpOf(family, proto) ? typeOf(carried) : undefined;
}

function isIcmpOf(family: IpFamily, proto: number): boolean {
  return proto === (family === 4 ? PROTO_ICMP : PROTO_ICMPV6);
}

function typeOf({ packet, bodyAt, bodyEnd }: Carried): number | undefined {
  return bodyEnd - bodyAt < ICMP_HEADER ? undefined : packet.data[bodyAt];
}

/** hasOwnPorts tells whether a body that a peer delivered has the ports of its session: SCTP, DCCP and UDP-Lite bring their own (protocol 3.3). */
export function hasOwnPorts(carried: Carried, context: SessionContext, forward: boolean): boolean {
  if (!isPorted(context.proto)) return true;
  const { packet, bodyAt, bodyEnd } = carried;
  return bodyEnd - bodyAt >= portedHeader(context.proto) && hasEnds(packet.data, bodyAt, contextEnds(context, forward));
}
