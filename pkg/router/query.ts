// What may travel in a session of a protocol. ICMP: requests travel forward and answers back, nothing else does (protocol 3.3, 12.1; behaviour 3.7). Called where a
// session begins and where a body leaves to a host; errors belong to the sessions they quote and are not handled here.
import type { IpFamily } from "../base/address.ts";
import { contextEnds, hasEnds, isPorted, portedHeader } from "../svr/carried.ts";
import { ICMP_HEADER, PROTO_ICMP, PROTO_ICMPV6 } from "../svr/constants.ts";
import { isIcmpReply, isIcmpRequest } from "../svr/icmp.ts";
import type { SessionContext, SideIndex } from "../svr/session.ts";
import type { Carried } from "./turn.ts";

/** isQuery tells whether a body may travel in a session of a protocol, from the side where it arrived; always true for what is not ICMP. */
export function isQuery(carried: Carried, of: { family: IpFamily; proto: number; side: SideIndex }): boolean {
  const { family, proto, side } = of;
  if (proto !== (family === 4 ? PROTO_ICMP : PROTO_ICMPV6)) return true;
  const { packet, bodyAt, bodyEnd } = carried;
  if (bodyEnd - bodyAt < ICMP_HEADER) return false;
  const type = packet.data[bodyAt] as number;
  return side === 0 ? isIcmpRequest(family, type) : isIcmpReply(family, type);
}

/** hasOwnPorts tells whether a body that a peer delivered has the ports of its session: SCTP, DCCP and UDP-Lite bring their own (protocol 3.3). */
export function hasOwnPorts(carried: Carried, context: SessionContext, forward: boolean): boolean {
  if (!isPorted(context.proto)) return true;
  const { packet, bodyAt, bodyEnd } = carried;
  return bodyEnd - bodyAt >= portedHeader(context.proto) && hasEnds(packet.data, bodyAt, contextEnds(context, forward));
}
