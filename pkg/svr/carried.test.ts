// Protocols that ride in UDP whole: which have ports, and a checksum that follows addresses and ports (protocol 3.3).
import { parseAddress } from "../base/addresstext.ts";
import type { IpAddress } from "../base/address.ts";
import { contextEnds, hasCoveringSum, hasEnds, isPorted, portedHeader, turnEnds } from "./carried.ts";
import { pseudoSum, checksumOf, sumBytes } from "./checksum.ts";
import { buildPacket } from "./build.ts";
import { parsePacket } from "./packet.ts";
import { rewritePacket } from "./rewrite.ts";
import { PROTO_DCCP, PROTO_SCTP, PROTO_UDP_LITE } from "./constants.ts";

const address = (text: string): IpAddress => parseAddress(text)!;

test.each([
  { name: "SCTP", proto: PROTO_SCTP, header: 12, covers: false },
  { name: "DCCP", proto: PROTO_DCCP, header: 12, covers: true },
  { name: "UDP-Lite", proto: PROTO_UDP_LITE, header: 8, covers: true },
])("$name has ports, a header of $header bytes, a checksum over addresses: $covers", ({ proto, header, covers }) => {
  expect([isPorted(proto), portedHeader(proto), hasCoveringSum(proto)]).toEqual([true, header, covers]);
});

test("GRE and ESP have no ports", () => {
  expect([47, 50].map((proto) => [isPorted(proto), hasCoveringSum(proto)])).toEqual([[false, false], [false, false]]);
});

const context = { source: address("10.1.0.1"), destination: address("10.2.0.2"), sourcePort: 1000, destinationPort: 2000, proto: PROTO_UDP_LITE, family: 4 as const };

test("ends of the inner packet, forward and back", () => {
  const { source, destination } = context;
  expect(contextEnds(context, true)).toEqual({ source, destination, sourcePort: 1000, destinationPort: 2000 });
  expect(contextEnds(context, false)).toEqual({ source: destination, destination: source, sourcePort: 2000, destinationPort: 1000 });
});

test("UDP-Lite with other ends, alone and carried in UDP: its checksum follows", () => {
  const data = buildPacket({ source: address("10.1.0.1"), destination: address("10.2.0.2") }, { kind: "other", proto: PROTO_UDP_LITE }, new Uint8Array([0x03, 0xe8, 0x07, 0xd0, 0, 12, 0, 0, 1, 2, 3, 4]));
  const sum = (ends: { source: IpAddress; destination: IpAddress }, packet: Uint8Array, at: number): number => {
    const copy = packet.slice();
    copy.set([0, 0], at + 6);
    return checksumOf(pseudoSum({ ...ends, proto: PROTO_UDP_LITE }, 12) + sumBytes(copy, at, at + 12)) || 0xffff;
  };
  const inside = { source: address("10.1.0.1"), destination: address("10.2.0.2") }, out = { source: address("192.0.2.1"), destination: address("192.0.2.2"), sourcePort: 3000, destinationPort: 4000 };
  const first = sum(inside, data, 20);
  data.set([first >> 8, first & 255], 26);
  const packet = parsePacket(data);
  if (!packet.ok) throw new Error(packet.error);
  const alone = rewritePacket(packet.value, out), carried = rewritePacket(packet.value, out, { carrier: 17, inner: { ...context, sourcePort: 5000, destinationPort: 6000 } });
  if (!alone.ok || !carried.ok) throw new Error("refused");
  expect((alone.value[26]! << 8) | alone.value[27]!).toBe(sum(out, alone.value, 20));
  expect([[...carried.value.slice(28, 32)], (carried.value[34]! << 8) | carried.value[35]!]).toEqual([[5000 >> 8, 5000 & 255, 6000 >> 8, 6000 & 255], sum(inside, carried.value, 28)]);
});

describe.each([["10.1.0.1", "10.2.0.2", "192.0.2.1", "192.0.2.2"], ["fd00:1::1", "fd00:2::2", "2001:db8::1", "2001:db8::2"]])("%s to %s as %s to %s", (a, b, c, d) => {
  test.each([0, 1, 0xfffe, 0xffff, 0x1234])("other ports, and a checksum as made anew (body %i)", (word) => {
    const data = new Uint8Array([0xaa, 0x03, 0xe8, 0x07, 0xd0, 0, 12, 0, 0, word >> 8, word & 255, 9, 9]); // one byte before the packet
    const whole = (from: IpAddress, to: IpAddress): number => checksumOf(pseudoSum({ source: from, destination: to, proto: PROTO_UDP_LITE }, 12) + sumBytes(data, 1, 13)) || 0xffff;
    const put = (value: number): void => { data[7] = value >> 8; data[8] = value & 255; };
    put(whole(address(a), address(b)));
    turnEnds(data, 1, { source: address(a), destination: address(b) }, { source: address(c), destination: address(d), sourcePort: 3000, destinationPort: 4000 });
    const got = (data[7]! << 8) | data[8]!;
    put(0);
    expect([hasEnds(data, 1, { source: address(c), destination: address(d), sourcePort: 3000, destinationPort: 4000 }), got]).toEqual([true, whole(address(c), address(d))]);
    expect(hasEnds(data, 1, { source: address(c), destination: address(d), sourcePort: 3000, destinationPort: 4001 })).toBe(false);
  });
});
