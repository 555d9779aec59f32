// ICMP in sessions: requests travel forward and answers back, nothing else does (protocol 3.3, 12.1; behaviour 3.7). Called where a
// session begins and where a body leaves to a host; errors belong to the sessions they quote and are not handled here.
import type { IpFamily } from "../base/address.ts";
import { ICMP_HEADER, PROTO_ICMP, PROTO_ICMPV6 } from "../svr/constants.ts";
import { isIcmpReply, isIcmpRequest } from "../svr/icmp.ts";
import type { SideIndex } from "../svr/session.ts";
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
