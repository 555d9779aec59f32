// What may travel in an ICMP session (protocol 3.3, 12.1).
import { PROTO_ICMP, PROTO_ICMPV6, PROTO_UDP } from "../svr/constants.ts";
import type { Packet } from "../svr/packet.ts";
import { isQuery } from "./query.ts";

const cases: [string, 4 | 6, number, 0 | 1, number[], boolean][] = [
  ["echo request forward", 4, PROTO_ICMP, 0, [8], true], ["echo reply back", 4, PROTO_ICMP, 1, [0], true], ["request back", 4, PROTO_ICMP, 1, [8], false],
  ["reply forward", 4, PROTO_ICMP, 0, [0], false], ["timestamp request", 4, PROTO_ICMP, 0, [13], true], ["redirect", 4, PROTO_ICMP, 0, [5], false], ["unreachable back", 4, PROTO_ICMP, 1, [3], false],
  ["ICMPv6 request", 6, PROTO_ICMPV6, 0, [128], true], ["ICMPv6 reply back", 6, PROTO_ICMPV6, 1, [129], true], ["too big", 6, PROTO_ICMPV6, 1, [2], false], ["router advertisement", 6, PROTO_ICMPV6, 1, [134], false],
  ["ICMPv6 in IPv4 is another protocol", 4, PROTO_ICMPV6, 0, [2], true], ["UDP", 4, PROTO_UDP, 0, [5], true],
];

test.each(cases)("12.1 %s", (_desc, family, proto, side, head, expected) => {
  const data = Uint8Array.of(9, 9, ...head, 0, 0, 0, 0, 0, 0, 0, 9);
  expect(isQuery({ packet: { data } as Packet, bodyAt: 2, bodyEnd: 10, tlvs: undefined }, { family, proto, side })).toBe(expected);
});

test("12.1 a message shorter than its header", () => {
  expect(isQuery({ packet: { data: Uint8Array.of(8, 0, 0, 0, 0, 0, 0) } as Packet, bodyAt: 0, bodyEnd: 7, tlvs: undefined }, { family: 4, proto: PROTO_ICMP, side: 0 })).toBe(false);
});
