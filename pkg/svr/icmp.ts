// Which ICMP and ICMPv6 messages are queries with an identifier, and so sessions (protocol 3.3, 12.1), and which are errors
// about a packet (12.2). Called by the packet parser, the rewriter and whoever judges errors; builds nothing.
import type { IpFamily } from "../base/address.ts";

/** isIcmpRequest tells echo, timestamp, information and address mask requests (RFC 792, 950) and ICMPv6 echo (RFC 4443). */
export function isIcmpRequest(family: IpFamily, type: number): boolean {
  return family === 4 ? type === 8 || type === 13 || type === 15 || type === 17 : type === 128;
}

/** isIcmpReply tells the answers to those requests. */
export function isIcmpReply(family: IpFamily, type: number): boolean {
  return family === 4 ? type === 0 || type === 14 || type === 16 || type === 18 : type === 129;
}

/** isIcmpError tells what quotes a packet that could not go on: unreachable, too big, time exceeded, parameter problem (RFC 792, 4443). */
export function isIcmpError(family: IpFamily, type: number): boolean {
  return family === 4 ? type === 3 || type === 11 || type === 12 : type >= 1 && type <= 4;
}

/** isIcmpQuery tells either of them. */
export function isIcmpQuery(family: IpFamily, type: number): boolean {
  return isIcmpRequest(family, type) || isIcmpReply(family, type);
}
