// Which ICMP and ICMPv6 messages are queries with an identifier, and so sessions (protocol 3.3, 12.1), and which are errors
// about a packet (12.2). Called by the packet parser, the rewriter and whoever judges errors; builds nothing.
import type { IpFamily } from "../base/address.ts";
import { PROTO_ICMP, PROTO_ICMPV6 } from "./constants.ts";

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

/** requestOf is the type of the request that a query or an answer belongs to. */
export function requestOf(family: IpFamily, type: number): number {
  if (isIcmpRequest(family, type)) return type;
  return type === 0 ? ECHO : type - 1;
}

const ECHO = 8;

/** PortPair is what stands for ports in the flow key of an ICMP message. */
export interface PortPair { source: number; destination: number }

/**
 * queryPorts gives the ports of a query or an answer: the identifier is that of whoever asks, the other one is 0, or the type of the
 * request where sessions are told apart by it (behaviour 3.7). Undefined for every other message.
 */
export function queryPorts(message: { family: IpFamily; type: number; identifier: number }, byType: boolean): PortPair | undefined {
  const { family, type, identifier } = message;
  if (!isIcmpQuery(family, type)) return undefined;
  const kind = byType ? requestOf(family, type) : 0;
  return isIcmpRequest(family, type) ? { source: identifier, destination: kind } : { source: kind, destination: identifier };
}

/** answersFirst tells the context of an ICMP session that began with an answer: the identifier is the destination port then. */
export function answersFirst(context: { proto: number; sourcePort: number; destinationPort: number }): boolean {
  return (context.proto === PROTO_ICMP || context.proto === PROTO_ICMPV6) && context.sourcePort === 0 && context.destinationPort !== 0;
}

/** isIcmpQuery tells either of them. */
export function isIcmpQuery(family: IpFamily, type: number): boolean {
  return isIcmpRequest(family, type) || isIcmpReply(family, type);
}
