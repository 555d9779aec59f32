// ICMP errors said again about the packet as another side knows it (protocol 12.2, 12.3; RB-25): addresses, ports and protocol of the
// quote, its checksums, what of it a host may see, other families (RFC 7915).
import { parseAddress } from "../base/addresstext.ts";
import type { IpAddress, IpFamily } from "../base/address.ts";
import { buildPacket } from "./build.ts";
import type { TransportSpec } from "./build.ts";
import { translateError } from "./icmptranslate.ts";
import { isTooBig, quoteIsOf, readError, requote, writeError } from "./icmpquote.ts";
import type { Quoted, QuotedError } from "./icmpquote.ts";
import { parsePacket } from "./packet.ts";
import { hasGoodChecksum } from "./sanity.ts";

const address = (text: string): IpAddress => parseAddress(text)!;
const places = { 4: ["10.1.0.1", "10.2.0.2", "192.0.2.1", "192.0.2.2"], 6: ["fd00:1::1", "fd00:2::2", "2001:db8::1", "2001:db8::2"] } as const;
const TCP = 6, UDP = 17, icmpOf = { 4: 1, 6: 58 } as const, echoOf = { 4: 8, 6: 128 } as const;
const hosts = (family: IpFamily, proto: number): Quoted => ({ source: address(places[family][0]), destination: address(places[family][1]), sourcePort: 1000, destinationPort: proto === icmpOf[family] ? 0 : 2000, proto });
const waypoints = (family: IpFamily, proto: number): Quoted => ({ source: address(places[family][2]), destination: address(places[family][3]), sourcePort: 16_384, destinationPort: 16_385, proto });
const body = new Uint8Array(40).map((_, at) => at * 7);

function packetOf(ends: Quoted, payload = body): Uint8Array {
  const { source, destination, sourcePort, destinationPort, proto } = ends;
  const spec: TransportSpec = proto === TCP ? { kind: "tcp", sourcePort, destinationPort, seq: 7, ack: 9, flags: 16 } : proto === UDP ? { kind: "udp", sourcePort, destinationPort }
    : proto === 1 || proto === 58 ? { kind: "icmp", type: echoOf[source.family], rest: sourcePort * 65_536 + 5 } : { kind: "other", proto };
  return buildPacket({ source, destination, dontFragment: true, ttl: 9, ipId: 77 }, spec, payload);
}

const errorOf = (quote: Uint8Array, family: IpFamily, change: Partial<QuotedError> = {}): QuotedError => ({ family, type: family === 4 ? 3 : 1, code: family === 4 ? 3 : 4, rest: 0, quote, ...change });
const quotedIsSound = (quote: Uint8Array): boolean => { const packet = parsePacket(quote); return packet.ok && hasGoodChecksum(packet.value); };

describe.each([4, 6] as const)("IPv%i", (family) => {
  test.each([["TCP", TCP], ["UDP", UDP]])("%s quoted whole: as the host sent it, checksums right", (_name, proto) => {
    const error = errorOf(packetOf(waypoints(family, proto)), family);
    const said = requote(error, hosts(family, proto))!;
    expect([quoteIsOf(error, waypoints(family, proto)), quoteIsOf(error, hosts(family, proto)), quoteIsOf(said, hosts(family, proto))]).toEqual([true, false, true]);
    expect([said.type, said.code, quotedIsSound(said.quote), [...said.quote]]).toEqual([error.type, error.code, true, [...packetOf(hosts(family, proto))]]);
  });

  test.each([["TCP", TCP, 18], ["UDP", UDP, 8], ["UDP", UDP, 20], ["TCP", TCP, 8]])("%s %#: quoted in part: the checksum is that of the whole packet, where it is quoted", (_name, proto, bytes) => {
    const header = family === 4 ? 20 : 40;
    const said = requote(errorOf(packetOf(waypoints(family, proto)).slice(0, header + bytes), family), hosts(family, proto))!;
    expect([...said.quote]).toEqual([...packetOf(hosts(family, proto)).slice(0, header + bytes)]);
  });

  test("UDP without a checksum keeps none", () => {
    if (family === 6) return;
    const { source, destination, sourcePort, destinationPort } = waypoints(4, UDP);
    const data = buildPacket({ source, destination }, { kind: "udp", sourcePort, destinationPort, noChecksum: true }, body).slice(0, 36);
    const said = requote(errorOf(data, 4), hosts(4, UDP))!;
    expect([said.quote[26], said.quote[27]]).toEqual([0, 0]);
  });

  test("metadata in the quote is never shown, a body behind it neither", () => {
    const cookie = [0x4c, 0x48, 0xdb, 0xc6, 0xdd, 0xf6, 0x67, 0x0c];
    const metadata = Uint8Array.of(...cookie, 0x10, 16, 0, 4, 1, 2, 3, 4, 5, 6, 7, 8, ...body);
    const header = family === 4 ? 20 : 40;
    for (const proto of [TCP, UDP]) {
      const l4 = proto === TCP ? 20 : 8;
      const said = requote(errorOf(packetOf(waypoints(family, proto), metadata), family), hosts(family, proto))!;
      expect([said.quote.length, quoteIsOf(said, hosts(family, proto))]).toEqual([header + l4, true]);
      const cut = requote(errorOf(packetOf(waypoints(family, proto), metadata).slice(0, header + l4 + 10), family), hosts(family, proto))!;
      expect(cut.quote.length).toBe(header + l4);
    }
  });

  test("ICMP carried in UDP: the host sees its query, made up where the quote ends before it", () => {
    const proto = icmpOf[family], query = packetOf(hosts(family, proto));
    const header = family === 4 ? 20 : 40, carrier = waypoints(family, UDP);
    const carried = packetOf(carrier, query.slice(header));
    const said = requote(errorOf(carried, family), hosts(family, proto))!;
    expect([said.quote.length, quoteIsOf(said, { ...hosts(family, proto) }), [...said.quote.slice(header, header + 2)]]).toEqual([query.length, true, [echoOf[family], 0]]);
    const minimal = requote(errorOf(carried.slice(0, header + 8), family), hosts(family, proto))!;
    expect([...minimal.quote.slice(header)]).toEqual([echoOf[family], 0, 0, 0, 1000 >> 8, 1000 & 255, 0, 0]);
    const answer = requote(errorOf(carried.slice(0, header + 8), family), { ...hosts(family, proto), sourcePort: 0, destinationPort: 1000 })!;
    expect(answer.quote[header]).toBe(family === 4 ? 0 : 129);
    const other = requote(errorOf(carried.slice(0, header + 8), family), { ...hosts(family, 47), sourcePort: 0, destinationPort: 0 })!;
    expect([other.quote.length, other.quote[header]]).toEqual([header + 8, 0]);
  });

  test("the other family: RFC 7915, sizes grow or shrink by the header", () => {
    const other = family === 4 ? 6 : 4;
    const tooBig = family === 4 ? { type: 3, code: 4 } : { type: 2, code: 0 };
    const said = requote(errorOf(packetOf(waypoints(family, UDP)), family, { ...tooBig, rest: 1400 }), hosts(other, UDP))!;
    expect([said.family, isTooBig(said), said.rest, quotedIsSound(said.quote), quoteIsOf(said, hosts(other, UDP))]).toEqual([other, true, family === 4 ? 1420 : 1380, true, true]);
    expect(requote(errorOf(packetOf(waypoints(family, UDP)), family, { type: family === 4 ? 5 : 137, code: 0 }), hosts(other, UDP))).toBeUndefined();
  });

  test("written and read back", () => {
    const error = errorOf(packetOf(waypoints(family, UDP)), family, { rest: 0 });
    const message = writeError(error, 1_000);
    expect(readError(message, { at: 0, end: message.length }, family)).toEqual(error);
    expect(writeError(error, 60).length).toBe(60);
    const tooBig = errorOf(error.quote, family, family === 4 ? { type: 3, code: 4, rest: 1300 } : { type: 2, code: 0, rest: 1300 });
    const written = writeError(tooBig, 1_000);
    expect(readError(written, { at: 0, end: written.length }, family)).toEqual(tooBig);
    const pointer = errorOf(error.quote, family, { type: family === 4 ? 12 : 4, code: 0, rest: family === 4 ? 0 : 40 });
    const pointed = writeError(pointer, 1_000);
    expect(readError(pointed, { at: 0, end: pointed.length }, family)).toMatchObject({ rest: pointer.rest });
  });

  test("extensions behind the quote are left out (RFC 4884)", () => {
    const error = errorOf(packetOf(waypoints(family, UDP)), family, family === 4 ? { type: 11, code: 0 } : { type: 3, code: 0 });
    const message = Uint8Array.of(...writeError(error, 1_000), 9, 9, 9, 9);
    const header = family === 4 ? 48 : 64;
    message[family === 4 ? 5 : 4] = family === 4 ? header / 4 : header / 8;
    expect(readError(message, { at: 0, end: message.length }, family)?.quote.length).toBe(header);
  });

  test("what is no error, is cut, is about an error, or is a later fragment is not read", () => {
    const good = writeError(errorOf(packetOf(waypoints(family, UDP)), family), 1_000);
    const header = family === 4 ? 20 : 40;
    const read = (data: Uint8Array): unknown => readError(data, { at: 0, end: data.length }, family);
    const changed = (at: number, value: number): Uint8Array => { const data = good.slice(); data[at] = value; return data; };
    expect([good.slice(0, 7), changed(0, echoOf[family]), good.slice(0, 8 + header + 7), good.slice(0, 20), changed(8, 0x55)].map(read)).toEqual([undefined, undefined, undefined, undefined, undefined]);
    const about = buildPacket({ source: address(places[family][0]), destination: address(places[family][1]) }, { kind: "icmp", type: family === 4 ? 3 : 1, rest: 0 }, body);
    expect(read(writeError(errorOf(about, family), 1_000))).toBeUndefined();
    if (family === 6) return;
    expect([changed(8, 0x44), changed(8 + 7, 1)].map(read)).toEqual([undefined, undefined]);
    expect([requote(errorOf(new Uint8Array(4), 4), hosts(4, UDP)), quoteIsOf(errorOf(new Uint8Array(4), 4), hosts(4, UDP))]).toEqual([undefined, false]);
  });
});

test.each([
  [{ family: 4, type: 3, code: 2 }, { family: 6, type: 4, code: 1, rest: 6 }], [{ family: 4, type: 3, code: 3 }, { family: 6, type: 1, code: 4, rest: 0 }], [{ family: 4, type: 11, code: 5 }, { family: 6, type: 3, code: 1, rest: 0 }],
  [{ family: 4, type: 3, code: 14 }, undefined], [{ family: 4, type: 5, code: 0 }, undefined], [{ family: 6, type: 3, code: 0 }, { family: 4, type: 11, code: 0, rest: 0 }], [{ family: 6, type: 4, code: 1 }, { family: 4, type: 3, code: 2, rest: 0 }],
  [{ family: 6, type: 1, code: 1 }, { family: 4, type: 3, code: 10, rest: 0 }], [{ family: 6, type: 1, code: 9 }, undefined], [{ family: 6, type: 4, code: 0 }, undefined],
] as const)("RFC 7915 %j", (said, expected) => {
  expect(translateError({ ...said, rest: 0 })).toEqual(expected);
});
