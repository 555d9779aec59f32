// First packets that are always dropped (behaviour 10.2), and those that must not be.
import { parseAddress } from "../base/addresstext.ts";
import type { IpAddress } from "../base/address.ts";
import { writeU16 } from "../base/bytes.ts";
import { buildPacket, type TransportSpec } from "./build.ts";
import { finishIpv4Header, pseudoSum } from "./checksum.ts";
import { parsePacket } from "./packet.ts";
import { checkSanity } from "./sanity.ts";

const at = (text: string): IpAddress => parseAddress(text) as IpAddress;
const udp: TransportSpec = { kind: "udp", sourcePort: 1, destinationPort: 2 };
const body = Uint8Array.of(1, 2, 3);

function verdict(data: Uint8Array): string | undefined {
  const packet = parsePacket(data);
  return packet.ok ? checkSanity(packet.value) : packet.error;
}
const between = (source: string, destination: string, spec: TransportSpec = udp): Uint8Array => buildPacket({ source: at(source), destination: at(destination) }, spec, body);

describe("checkSanity", () => {
  test.each([
    ["10.0.0.1", "10.0.0.2", undefined], ["2001:db8::1", "2001:db8::2", undefined], ["10.0.0.1", "224.0.0.1", undefined],
    ["224.0.0.1", "10.0.0.2", "filter"], ["255.255.255.255", "10.0.0.2", "filter"], ["0.0.0.0", "10.0.0.2", "filter"], ["127.0.0.1", "10.0.0.2", "filter"],
    ["10.0.0.1", "127.0.0.1", "filter"], ["10.0.0.1", "10.0.0.1", "filter"], ["ff02::1", "2001:db8::2", "filter"], ["::1", "2001:db8::2", "filter"], ["::", "2001:db8::2", "filter"],
  ])("from %s to %s: %s", (source, destination, expected) => {
    expect(verdict(between(source, destination))).toBe(expected);
  });

  test.each([
    ["none", 0, "state"], ["none but ECN", 0xc0, "state"], ["SYN+FIN", 0x03, "state"], ["SYN+RST", 0x06, "state"], ["FIN without ACK", 0x01, "state"], ["RST+FIN", 0x05, "state"],
    ["all", 0x3f, "state"], ["SYN", 0x02, undefined], ["SYN+ACK", 0x12, undefined], ["FIN+ACK", 0x11, undefined], ["RST", 0x04, undefined], ["RST+ACK", 0x14, undefined], ["PSH", 0x08, undefined],
    ["SYN+ECN", 0xc2, undefined],
  ])("TCP flags %s", (_name, flags, expected) => {
    expect(verdict(between("10.0.0.1", "10.0.0.2", { kind: "tcp", sourcePort: 1, destinationPort: 2, flags }))).toBe(expected);
  });

  test.each([["tcp", 16], ["udp", 6], ["icmp", 2]] as const)("a bad checksum of %s is dropped, over both families", (kind, field) => {
    const spec: TransportSpec = kind === "tcp" ? { kind, sourcePort: 1, destinationPort: 2, flags: 2 } : kind === "udp" ? udp : { kind, type: 8 };
    for (const [source, destination, l4] of [["10.0.0.1", "10.0.0.2", 20], ["2001:db8::1", "2001:db8::2", 40]] as const) {
      const data = between(source, destination, kind === "icmp" && l4 === 40 ? { kind, type: 128 } : spec);
      expect(verdict(data)).toBeUndefined();
      data[l4 + field]! ^= 1;
      expect(verdict(data)).toBe("filter");
    }
  });

  test("a checksum left to offload is good, for ICMP over IPv4 there is no such thing", () => {
    for (const [source, destination, l4] of [["10.0.0.1", "10.0.0.2", 20], ["2001:db8::1", "2001:db8::2", 40]] as const) {
      const data = between(source, destination);
      writeU16(data, l4 + 6, pseudoSum({ source: at(source), destination: at(destination), proto: 17 }, data.length - l4));
      expect(verdict(data)).toBeUndefined();
    }
    const echo = between("10.0.0.1", "10.0.0.2", { kind: "icmp", type: 8 });
    writeU16(echo, 22, 0);
    expect(verdict(echo)).toBe("filter");
  });

  test("UDP without checksum passes over IPv4 only", () => {
    expect(verdict(between("10.0.0.1", "10.0.0.2", { ...udp, noChecksum: true }))).toBeUndefined();
    expect(verdict(between("2001:db8::1", "2001:db8::2", { ...udp, noChecksum: true }))).toBe("filter");
  });

  test("a UDP length that is not the IP length, or a bad IPv4 header checksum, is dropped", () => {
    const data = between("10.0.0.1", "10.0.0.2", { ...udp, noChecksum: true });
    writeU16(data, 24, 10);
    expect(verdict(data)).toBe("filter");
    const other = between("10.0.0.1", "10.0.0.2");
    other[8]!--;
    expect(verdict(other)).toBe("filter");
  });

  test("a fragment is judged by its addresses only; other protocols have no checksum that we know", () => {
    const fragment = between("10.0.0.1", "10.0.0.2");
    writeU16(fragment, 6, 0x2000);
    fragment[26]! ^= 1;
    finishIpv4Header(fragment);
    expect(verdict(fragment)).toBeUndefined();
    expect(verdict(between("10.0.0.1", "10.0.0.2", { kind: "other", proto: 47 }))).toBeUndefined();
    expect(verdict(between("10.0.0.1", "10.0.0.2", { kind: "other", proto: 58 }))).toBeUndefined();
    expect(verdict(between("2001:db8::1", "2001:db8::2", { kind: "other", proto: 1 }))).toBeUndefined();
  });

  test("IPv6 extension headers are dropped with their packet", () => {
    const data = buildPacket({ source: at("2001:db8::1"), destination: at("2001:db8::2") }, { kind: "other", proto: 60 }, Uint8Array.of(59, 0, 0, 0, 0, 0, 0, 0));
    expect(verdict(data)).toBe("filter");
  });
});
