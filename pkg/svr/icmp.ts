// Which ICMP and ICMPv6 messages are queries with an identifier, and so sessions (protocol 3.3, 12.1). Called by the
// packet parser and the rewriter; knows no errors and builds nothing.
import type { IpFamily } from "../base/address.ts";

/** isIcmpRequest tells echo, timestamp, information and address mask requests (RFC 792, 950) and ICMPv6 echo (RFC 4443). */
export function isIcmpRequest(family: IpFamily, type: number): boolean {
  return family === 4 ? type === 8 || type === 13 || type === 15 || type === 17 : type === 128;
}

/** isIcmpReply tells the answers to those requests. */
export function isIcmpReply(family: IpFamily, type: number): boolean {
  return family === 4 ? type === 0 || type === 14 || type === 16 || type === 18 : type === 129;
}

/** isIcmpQuery tells either of them. */
export function isIcmpQuery(family: IpFamily, type: number): boolean {
  return isIcmpRequest(family, type) || isIcmpReply(family, type);
}
