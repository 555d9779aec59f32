// Parsing of IPv4 and IPv6 packets, and the packets a router builds itself.
import { parseAddress } from "../base/addresstext.ts";
import type { IpAddress } from "../base/address.ts";
import { concatBytes, fromHex, writeU16 } from "../base/bytes.ts";
import { buildPacket, type TransportSpec } from "./build.ts";
import { TCP_ACK, TCP_PSH, TCP_SYN } from "./constants.ts";
import { isIcmpQuery } from "./icmp.ts";
import { parsePacket, type Packet } from "./packet.ts";

const at = (text: string): IpAddress => parseAddress(text) as IpAddress;
const hex = (text: string): Uint8Array => fromHex(text) as Uint8Array;
const v4 = { source: at("10.1.1.10"), destination: at("10.2.2.20") };
const v6 = { source: at("2001:db8::1"), destination: at("2001:db8::2") };
const udp: TransportSpec = { kind: "udp", sourcePort: 40000, destinationPort: 53 };

function parsed(data: Uint8Array): Packet {
  const packet = parsePacket(data);
  if (!packet.ok) throw new Error("refused");
  return packet.value;
}

describe("parsePacket", () => {
  test("TCP over IPv4 with options", () => {
    const data = buildPacket({ ...v4, ttl: 17, tos: 0xb9, ipId: 0x1234, dontFragment: false },
      { kind: "tcp", sourcePort: 1000, destinationPort: 443, seq: 0xfedcba98, ack: 7, flags: TCP_SYN | TCP_ACK, window: 64240, options: hex("020405640103") }, hex("aabb"));
    expect(parsed(data)).toMatchObject({
      family: 4, ...v4, proto: 6, ttl: 17, tos: 0xb9, ipId: 0x1234, dontFragment: false, l4: 20, payload: 48, end: 50,
      sourcePort: 1000, destinationPort: 443, tcp: { seq: 0xfedcba98, ack: 7, flags: 0x12, window: 64240 }, fragment: undefined, hasOptions: false,
    });
  });

  test("UDP over IPv6, traffic class and padding behind the packet", () => {
    const data = concatBytes(buildPacket({ ...v6, tos: 0x2e, flowLabel: 0xabcde }, udp, hex("70696e67")), new Uint8Array(6));
    expect(parsed(data)).toMatchObject({ family: 6, ...v6, proto: 17, ttl: 64, tos: 0x2e, l4: 40, payload: 48, end: 52, sourcePort: 40000, destinationPort: 53, dontFragment: true, ipId: 0 });
    expect([...data.subarray(0, 4)]).toEqual([0x62, 0xea, 0xbc, 0xde]);
  });

  test.each([
    [v4, 8, [77, 0]], [v4, 0, [0, 77]], [v4, 13, [77, 0]], [v4, 14, [0, 77]], [v4, 15, [77, 0]], [v4, 16, [0, 77]], [v4, 17, [77, 0]], [v4, 18, [0, 77]],
    [v4, 3, [0, 0]], [v6, 128, [77, 0]], [v6, 129, [0, 77]], [v6, 1, [0, 0]],
  ])("ICMP type: identifier in place of ports (%#)", (ip, type, ports) => {
    const packet = parsed(buildPacket(ip, { kind: "icmp", type, rest: 77 << 16 }, hex("01")));
    expect([packet.icmpType, packet.sourcePort, packet.destinationPort]).toEqual([type, ...ports]);
    expect(packet.payload).toBe(packet.l4 + 8);
    expect(isIcmpQuery(packet.family, type)).toBe(ports.some((port) => port !== 0));
  });

  test.each([
    ["SCTP", 132, [0x0102, 0x0304]], ["DCCP", 33, [0x0102, 0x0304]], ["UDP-Lite", 136, [0x0102, 0x0304]], ["GRE", 47, [0, 0]], ["ICMPv6 over IPv4", 58, [0, 0]],
  ])("%s: ports as they are, whole packet as payload", (_name, proto, ports) => {
    const packet = parsed(buildPacket(v4, { kind: "other", proto }, hex("0102030400000000000000aa")));
    expect([packet.sourcePort, packet.destinationPort, packet.payload, packet.icmpType]).toEqual([...ports, 20, undefined]);
  });

  test("ICMP over IPv6 is another protocol", () => {
    expect(parsed(buildPacket(v6, { kind: "other", proto: 1 }, hex("08")))).toMatchObject({ proto: 1, icmpType: undefined, payload: 40 });
  });

  test("IPv4 options and fragments", () => {
    const plain = buildPacket(v4, udp, hex("0102"));
    const options = concatBytes(plain.subarray(0, 20), hex("01010100"), plain.subarray(20));
    options[0] = 0x46;
    writeU16(options, 2, options.length);
    expect(parsed(options)).toMatchObject({ l4: 24, payload: 32, hasOptions: true, sourcePort: 40000 });
    const fragment = plain.slice();
    writeU16(fragment, 6, 0x2003);
    expect(parsed(fragment)).toMatchObject({ l4: 20, payload: 20, sourcePort: 0, fragment: { offset: 24, more: true, id: 0 } });
  });

  test("IPv6 extension headers: options, fragment, atomic fragment", () => {
    const plain = buildPacket(v6, udp, hex("0102"));
    const withHeaders = (...headers: { proto: number; body: string }[]): Uint8Array => {
      const data = concatBytes(plain.subarray(0, 40), ...headers.map(({ body }) => hex(body)), plain.subarray(40));
      data[6] = headers[0]!.proto;
      writeU16(data, 4, data.length - 40);
      return data;
    };
    expect(parsed(withHeaders({ proto: 0, body: "3c00000000000000" }, { proto: 60, body: "110100000000000000000000 00000000" }))).toMatchObject({ proto: 17, l4: 64, payload: 72, hasOptions: true, sourcePort: 40000 });
    expect(parsed(withHeaders({ proto: 44, body: "1100000101020304" }))).toMatchObject({ proto: 17, l4: 48, payload: 48, fragment: { offset: 0, more: true, id: 0x01020304 }, sourcePort: 0 });
    expect(parsed(withHeaders({ proto: 44, body: "1100000001020304" }))).toMatchObject({ l4: 48, fragment: undefined, sourcePort: 40000, hasOptions: false });
    const chain = (count: number): Uint8Array => withHeaders(...Array.from({ length: count }, (_, index) => ({ proto: 60, body: `${index === count - 1 ? "11" : "3c"}00000000000000` })));
    expect(parsed(chain(8)).sourcePort).toBe(40000);
    expect(parsePacket(chain(9))).toEqual({ ok: false, error: "filter" });
    expect(parsePacket(withHeaders({ proto: 43, body: "11ff000000000000" }))).toEqual({ ok: false, error: "filter" });
  });

  test.each([
    ["nothing", ""], ["version 5", `5${"0".repeat(79)}`], ["header length 16", `44000014${"0".repeat(32)}`], ["total length below the header", `45000013${"0".repeat(32)}`],
    ["total length above the bytes", `45000015${"0".repeat(32)}`],
  ])("%s is refused", (_name, text) => {
    expect(parsePacket(hex(text))).toEqual({ ok: false, error: "filter" });
  });

  test("a TCP header that ends behind the packet, or before its fixed part, is refused", () => {
    const data = buildPacket(v4, { kind: "tcp", sourcePort: 1, destinationPort: 2, flags: TCP_PSH });
    for (const words of [4, 6]) {
      data[32] = words << 4;
      expect(parsePacket(data).ok).toBe(false);
    }
  });
});
