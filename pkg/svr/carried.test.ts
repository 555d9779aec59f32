// Protocols that ride in UDP whole: which have ports, and a checksum that follows addresses and ports (protocol 3.3).
import { parseAddress } from "../base/addresstext.ts";
import type { IpAddress } from "../base/address.ts";
import { contextEnds, hasCoveringSum, hasEnds, isPorted, portedHeader, turnEnds } from "./carried.ts";
import { pseudoSum, checksumOf, sumBytes } from "./checksum.ts";
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
