// What may travel in an ICMP session (protocol 3.3, 12.1).
import { PROTO_ICMP, PROTO_ICMPV6, PROTO_UDP } from "../svr/constants.ts";
import { addressOfWords } from "../base/address.ts";
import type { Packet } from "../svr/packet.ts";
import type { SessionContext } from "../svr/session.ts";
import type { Carried, Turn } from "./turn.ts";
import { contextPorts, hostPorts, isQuery, keyByType, mayBegin } from "./query.ts";

const asked = (family: 4 | 6, proto: number): SessionContext => contextWith(family, proto, { sourcePort: 9, destinationPort: 0 });
const answered = (family: 4 | 6, proto: number): SessionContext => contextWith(family, proto, { sourcePort: 0, destinationPort: 9 });
const contextWith = (family: 4 | 6, proto: number, ports: Pick<SessionContext, "sourcePort" | "destinationPort">): SessionContext => ({
  source: addressOfWords(family, 1), destination: addressOfWords(family, 2), ...ports, proto, family,
});
const message = (...bytes: number[]): Carried => ({ packet: { data: Uint8Array.of(...bytes, 0, 0, 0, 0, 0, 0, 0) } as Packet, bodyAt: 0, bodyEnd: bytes.length + 7, tlvs: undefined });
const icmp = (family: 4 | 6, icmpType: number, ports: { sourcePort: number; destinationPort: number }): Packet => ({ family, icmpType, ...ports }) as Packet;

const cases: [string, 4 | 6, number, 0 | 1, number[], boolean][] = [
  ["echo request forward", 4, PROTO_ICMP, 0, [8], true], ["echo reply back", 4, PROTO_ICMP, 1, [0], true], ["request back", 4, PROTO_ICMP, 1, [8], false],
  ["reply forward", 4, PROTO_ICMP, 0, [0], false], ["timestamp request", 4, PROTO_ICMP, 0, [13], true], ["redirect", 4, PROTO_ICMP, 0, [5], false], ["unreachable back", 4, PROTO_ICMP, 1, [3], false],
  ["ICMPv6 request", 6, PROTO_ICMPV6, 0, [128], true], ["ICMPv6 reply back", 6, PROTO_ICMPV6, 1, [129], true], ["too big", 6, PROTO_ICMPV6, 1, [2], false], ["router advertisement", 6, PROTO_ICMPV6, 1, [134], false],
  ["ICMPv6 in IPv4 is another protocol", 4, PROTO_ICMPV6, 0, [2], true], ["UDP", 4, PROTO_UDP, 0, [5], true],
];

test.each(cases)("12.1 %s", (_desc, family, proto, side, head, expected) => {
  const data = Uint8Array.of(9, 9, ...head, 0, 0, 0, 0, 0, 0, 0, 9);
  expect(isQuery({ packet: { data } as Packet, bodyAt: 2, bodyEnd: 10, tlvs: undefined }, asked(family, proto), { family, proto, side })).toBe(expected);
});

test("12.1 a message shorter than its header", () => {
  expect(isQuery({ packet: { data: Uint8Array.of(8, 0, 0, 0, 0, 0, 0) } as Packet, bodyAt: 0, bodyEnd: 7, tlvs: undefined }, asked(4, PROTO_ICMP), { family: 4, proto: PROTO_ICMP, side: 0 })).toBe(false);
});

test.each([
  ["a request", [8], asked(4, PROTO_ICMP), [true, true]], ["an answer in the context of a request", [0], asked(4, PROTO_ICMP), [false, false]],
  ["an answer", [0], answered(4, PROTO_ICMP), [false, true]], ["an ICMPv6 answer", [129], answered(6, PROTO_ICMPV6), [false, true]],
  ["a request in the context of an answer", [8], answered(4, PROTO_ICMP), [false, false]], ["UDP", [5], answered(4, PROTO_UDP), [true, true]],
] as const)("3.7 %s begins a session, without and with async replies", (_desc, bytes, context, expected) => {
  const begins = [false, true].map((asyncReply) => mayBegin({ tables: { icmp: { byType: false, asyncReply } } } as unknown as Turn, message(...bytes), context));
  expect(begins).toEqual(expected);
});

test("3.7 in a session that began with an answer, answers go forward and requests back", () => {
  const of = (side: 0 | 1) => ({ family: 4, proto: PROTO_ICMP, side }) as const;
  const travels = ([[0, 0], [8, 0], [0, 1], [8, 1]] as const).map(([type, side]) => isQuery(message(type), answered(4, PROTO_ICMP), of(side)));
  expect(travels).toEqual([true, false, false, true]);
});

test.each([
  ["echo", 4, 8, { sourcePort: 9, destinationPort: 0 }, 8], ["its answer", 4, 0, { sourcePort: 0, destinationPort: 9 }, 8], ["timestamp", 4, 13, { sourcePort: 9, destinationPort: 0 }, 13],
  ["its answer", 4, 14, { sourcePort: 0, destinationPort: 9 }, 13], ["ICMPv6 echo", 6, 128, { sourcePort: 9, destinationPort: 0 }, 128], ["its answer", 6, 129, { sourcePort: 0, destinationPort: 9 }, 128],
] as const)("3.7 by type: %s (IPv%i, type %i)", (_desc, family, type, ports, kind) => {
  const packet = icmp(family, type, ports);
  keyByType(packet);
  expect(packet).toMatchObject(ports.sourcePort === 0 ? { sourcePort: kind, destinationPort: 9 } : { sourcePort: 9, destinationPort: kind });
  expect(contextPorts(packet)).toEqual(ports);
  const context = contextWith(family, family === 4 ? PROTO_ICMP : PROTO_ICMPV6, ports);
  expect(hostPorts(context, type, true)).toEqual({ local: packet.sourcePort, remote: packet.destinationPort });
  expect(hostPorts(context, type, false)).toEqual({ local: ports.sourcePort, remote: ports.destinationPort });
});

test("3.7 what is no query keeps its ports; what carries no message stands for an echo", () => {
  const error = icmp(4, 3, { sourcePort: 0, destinationPort: 0 });
  keyByType(error);
  expect(contextPorts(error)).toEqual({ sourcePort: 0, destinationPort: 0 });
  expect([hostPorts(asked(4, PROTO_ICMP), undefined, true), hostPorts(asked(6, PROTO_ICMPV6), undefined, true), hostPorts(asked(4, PROTO_UDP), undefined, true)])
    .toEqual([{ local: 9, remote: 8 }, { local: 9, remote: 128 }, { local: 9, remote: 0 }]);
});
