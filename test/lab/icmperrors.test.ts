// ICMP errors about packets of sessions (protocol 12.2, 12.3; behaviour 10.3): raised by hosts, between routers, by routers. What
// reaches the host is about the packet that it sent, and comes from who raised it.
import { formatAddress } from "../../pkg/base/addresstext.ts";
import type { IpAddress, IpFamily } from "../../pkg/base/address.ts";
import { buildPacket } from "../../pkg/svr/build.ts";
import { cutIp } from "../../pkg/svr/ipfragments.ts";
import { parsePacket } from "../../pkg/svr/packet.ts";
import type { Packet } from "../../pkg/svr/packet.ts";
import { hasGoodChecksum } from "../../pkg/svr/sanity.ts";
import { address, ifnumOf } from "./config.ts";
import { createLab } from "./lab.ts";
import type { Lab } from "./lab.ts";
import { ACK, connect, content, endsOf, everything, hasMetadata, parsed, tcpUp, udpDown, udpUp } from "./packets.ts";

const families: readonly IpFamily[] = [4, 6];
const chains = [["lone"], ["east", "west"], ["branch", "transit", "cloud"]];
const unreachable = { 4: { type: 3, code: 3 }, 6: { type: 1, code: 4 } } as const;
const exceeded = { 4: { type: 11, code: 0 }, 6: { type: 3, code: 0 } } as const;

/** An error that somebody sends about a packet that he got. */
function errorAbout(packet: Uint8Array, source: IpAddress, of: { type: number; code: number; rest?: number }, quoteBytes = 120): Uint8Array {
  return buildPacket({ source, destination: parsed(packet).source }, { kind: "icmp", ...of }, packet.subarray(0, quoteBytes));
}

interface Seen { from: string; type: number | undefined; code: number | undefined; quote: Packet }

/** What a host reads of an error: it must be sound, and its quote a packet. */
function errorIn(data: Uint8Array | undefined): Seen {
  const packet = parsed(data);
  const quote = Uint8Array.from({ length: 2048 }, (_, at) => packet.data[packet.payload + at] ?? 0); // room for what was not quoted
  const l4 = packet.family === 4 ? 20 : 40;
  if (quote[packet.family === 4 ? 9 : 6] === 6) quote[l4 + 12] ||= 0x50; // a TCP header that was cut
  const inner = parsePacket(quote);
  if (!inner.ok || !hasGoodChecksum(packet)) throw new Error("no sound error");
  return { from: formatAddress(packet.source), type: packet.icmpType, code: packet.data[packet.l4 + 1], quote: inner.value };
}

const endsOfQuote = ({ source, destination, proto, sourcePort, destinationPort }: Packet): unknown[] => [formatAddress(source), formatAddress(destination), proto, sourcePort, destinationPort];

/** The handshake is over and no packet carries metadata. */
function settled(lab: Lab, send: () => Uint8Array, answer: () => Uint8Array): void {
  for (let round = 0; round < 3; round++) {
    lab.fromLeft(send());
    lab.run();
    lab.fromRight(answer());
    lab.run();
  }
  lab.left.length = lab.right.length = lab.wires.length = 0;
}

describe.each(families.flatMap((family) => chains.map((names) => [family, names] as const)))("IPv%i through %j", (family, names) => {
  const ends = endsOf(family);

  test.each([["first packet", false], ["established", true]])("RB-25 12.3 port unreachable of the far host about a UDP packet, %s", (_desc, isSettled) => {
    const lab = createLab(names, { services: [everything] });
    if (isSettled) settled(lab, () => udpUp(ends, content(10)), () => udpDown(ends, content(9)));
    lab.fromLeft(udpUp(ends, content(10)));
    lab.run();
    lab.fromRight(errorAbout(lab.right.at(-1)!, ends.server, unreachable[family]));
    lab.run();
    const seen = errorIn(lab.left.at(-1));
    expect({ ...seen, quote: endsOfQuote(seen.quote) }).toEqual({ from: formatAddress(ends.server), ...unreachable[family], quote: [formatAddress(ends.client), formatAddress(ends.server), 17, 40000, 53] });
    expect(hasGoodChecksum(seen.quote)).toBe(true); // all of it was quoted
    expect(lab.routers.map((router) => router.drops())).toEqual(names.map(() => ({})));
  });

  test("RB-25 12.3 through NAT at the far end: TCP, from the server and from a router beyond; the quote is what the client sent", () => {
    const lab = createLab(names, { services: [{ ...everything, sourceNat: true }] });
    connect(lab, ends);
    lab.fromLeft(tcpUp(ends, { seq: 1001, ack: 5001, flags: ACK, body: content(600) }));
    lab.run();
    const beyond = address(family === 4 ? "203.0.113.9" : "2001:db8:ffff::9");
    for (const source of [ends.server, beyond]) lab.fromRight(errorAbout(lab.right.at(-1)!, source, { ...unreachable[family], code: 1 }, 100));
    lab.left.length = lab.wires.length = 0;
    lab.run();
    expect(lab.left.map((data) => errorIn(data).from)).toEqual([ends.server, beyond].map((one) => formatAddress(one)));
    for (const data of lab.left) {
      const { quote } = errorIn(data);
      expect(endsOfQuote(quote)).toEqual([formatAddress(ends.client), formatAddress(ends.server), 6, 40000, 80]);
      expect(quote.tcp?.seq).toBe(1001);
    }
    expect(lab.wires.every(({ data }) => parsed(data).proto === 17 && hasMetadata({ data }))).toBe(true);
  });

  test("10.3 at most 100 a second of one session; the next second again", () => {
    const lab = createLab(names, { services: [everything] });
    settled(lab, () => udpUp(ends, content(10)), () => udpDown(ends, content(9)));
    lab.fromLeft(udpUp(ends, content(10)));
    lab.run();
    const error = errorAbout(lab.right.at(-1)!, ends.server, unreachable[family]);
    for (let count = 0; count < 150; count++) lab.fromRight(error);
    lab.run();
    expect([lab.left.length, lab.routers.at(-1)!.drops()]).toEqual([100, { "icmp-error": 50 }]);
    lab.wait(1000);
    lab.fromRight(error);
    lab.run();
    expect(lab.left.length).toBe(101);
  });

  test("12.4 errors about errors, about nobody's packet, damaged ones: dropped and counted", () => {
    const lab = createLab(names, { services: [everything] });
    settled(lab, () => udpUp(ends, content(10)), () => udpDown(ends, content(9)));
    lab.fromLeft(udpUp(ends, content(10)));
    lab.run();
    const got = lab.right.at(-1)!;
    const good = errorAbout(got, ends.server, unreachable[family]);
    const damaged = good.slice();
    damaged[damaged.length - 1]! ^= 1;
    const bad = [errorAbout(good, ends.server, unreachable[family]), errorAbout(udpUp(ends, content(10), { from: 9 }), ends.server, unreachable[family]), errorAbout(got, ends.server, unreachable[family], family === 4 ? 27 : 47), damaged];
    for (const data of bad) lab.fromRight(data);
    lab.run();
    expect([lab.left, lab.routers.at(-1)!.drops()]).toEqual([[], { "icmp-error": bad.length }]);
  });
});

describe.each(families)("between routers over IPv%i", (family) => {
  const ends = endsOf(family);
  const middle = address(family === 4 ? "203.0.113.1" : "2001:db8:ffff::1");
  const names = ["branch", "transit", "cloud"];

  /** The last packet on the link is lost there; the node in the middle complains to whoever sent it. */
  function lostOn(lab: Lab, link: number, of: { type: number; code: number; rest?: number }, quoteBytes?: number): void {
    const lost = lab.wires.findLast((wire) => wire.link === link)!;
    lab.left.length = 0;
    lab.inject(link, lost.forward ? ifnumOf.right : ifnumOf.left, errorAbout(lost.data, middle, of, quoteBytes));
    lab.run();
  }

  test.each([0, 1])("RB-25 time exceeded on link %i about UDP, TCP and ICMP, with metadata in the packet and without", (link) => {
    const echo = (seq: number): Uint8Array => buildPacket({ source: ends.client, destination: ends.server }, { kind: "icmp", type: family === 4 ? 8 : 128, rest: 0x1234_0000 + seq }, content(20));
    const reply = (seq: number): Uint8Array => buildPacket({ source: ends.server, destination: ends.client }, { kind: "icmp", type: family === 4 ? 0 : 129, rest: 0x1234_0000 + seq }, content(20));
    const kinds = [
      { up: () => udpUp(ends, content(30)), down: () => udpDown(ends, content(30)), ends: [17, 40000, 53] },
      { up: () => echo(7), down: () => reply(7), ends: [family === 4 ? 1 : 58, 0x1234, 0] },
    ];
    for (const kind of kinds) {
      const lab = createLab(names, { services: [everything] });
      for (const withMetadata of [true, false]) {
        if (!withMetadata) settled(lab, kind.up, kind.down);
        lab.fromLeft(kind.up());
        lab.run();
        expect(hasMetadata(lab.wires.at(-1)!)).toBe(withMetadata);
        lostOn(lab, link, exceeded[family], 400);
        const seen = errorIn(lab.left[0]);
        expect([seen.from, seen.type, seen.code, endsOfQuote(seen.quote)]).toEqual([formatAddress(middle), exceeded[family].type, 0, [formatAddress(ends.client), formatAddress(ends.server), ...kind.ends]]);
        expect(seen.quote.data.subarray(seen.quote.l4 + 8, seen.quote.l4 + 200).indexOf(0x4c)).not.toBe(0); // no metadata is shown
      }
    }
    const lab = createLab(names, { services: [everything] });
    connect(lab, ends);
    lab.fromLeft(tcpUp(ends, { seq: 1001, ack: 5001, flags: ACK, body: content(100) }));
    lab.run();
    lostOn(lab, link, exceeded[family], family === 4 ? 28 : 48); // the least that must be quoted
    const seen = errorIn(lab.left[0]);
    expect([seen.from, endsOfQuote(seen.quote).slice(0, 2)]).toEqual([formatAddress(middle), [formatAddress(ends.client), formatAddress(ends.server)]]);
  });

  test("M-4 too big about a waypoint packet reaches the host with the size that passes", () => {
    const lab = createLab(names, { services: [everything] });
    settled(lab, () => udpUp(ends, content(10)), () => udpDown(ends, content(9)));
    lab.fromLeft(udpUp(ends, content(1400)));
    lab.run();
    lostOn(lab, 0, family === 4 ? { type: 3, code: 4, rest: 1300 } : { type: 2, code: 0, rest: 1300 });
    const packet = parsed(lab.left[0]);
    expect([packet.icmpType, (packet.data[packet.l4 + 6]! << 8) | packet.data[packet.l4 + 7]!]).toEqual([family === 4 ? 3 : 2, 1300]);
  });

  test("12.3 hidden topology: the host sees its own router, and still the far host's own errors from the far host", () => {
    const lab = createLab(names, { services: [everything] });
    for (const router of lab.routers) router.config.services = router.config.services.map((service) => ({ ...service, hideTopology: true as const }));
    lab.routers.forEach((_, index) => { lab.reconfigure(index); });
    settled(lab, () => udpUp(ends, content(10)), () => udpDown(ends, content(9)));
    lab.fromLeft(udpUp(ends, content(10)));
    lab.run();
    lostOn(lab, 0, exceeded[family]);
    expect(errorIn(lab.left[0]).from).toBe(family === 4 ? "10.1.0.1" : "2001:db8:1::1");
    lab.fromRight(errorAbout(lab.right.at(-1)!, ends.server, unreachable[family]));
    lab.run();
    expect(errorIn(lab.left.at(-1)).from).toBe(formatAddress(ends.server));
  });

  test("10.2 too big at the egress for a packet that must not be cut: the host is told the size", () => {
    const lab = createLab(["east", "west"], { services: [everything], mtu: 1400 }, (index) => ({ lanMtu: index === 1 ? 1280 : 1500 })); // it crosses in fragments, which tell DF
    settled(lab, () => udpUp(ends, content(10)), () => udpDown(ends, content(9)));
    lab.fromLeft(udpUp(ends, content(1480 - (family === 4 ? 20 : 40)), { ip: { dontFragment: true } }));
    lab.run();
    const packet = parsed(lab.left[0]);
    expect([packet.icmpType, (packet.data[packet.l4 + 6]! << 8) | packet.data[packet.l4 + 7]!]).toEqual([family === 4 ? 3 : 2, 1280]);
    expect(lab.routers[1]!.drops()).toEqual({ "too-big": 1 });
  });
});

describe.each(families)("fragments to the router itself over IPv%i", (family) => {
  const ends = endsOf(family);
  const gateway = address(family === 4 ? "10.1.0.1" : "2001:db8:1::1");

  test("10.1 the kernel gets the whole of what belongs to no session; source NAT answers in fragments reach their host", () => {
    const lab = createLab(["lone"], { services: [{ ...everything, sourceNat: true }] });
    const { datapath } = lab.routers[0]!;
    const ping = buildPacket({ source: ends.client, destination: gateway, dontFragment: false }, { kind: "icmp", type: family === 4 ? 8 : 128, rest: 7 }, content(3000));
    for (const piece of cutIp(ping, { size: 1280, id: 5 })) lab.fromLeft(piece);
    lab.run();
    expect(datapath.kernel.map((data) => Buffer.from(data).toString("hex").slice(family === 4 ? 40 : 80))).toEqual([Buffer.from(ping).toString("hex").slice(family === 4 ? 40 : 80)]);
    lab.fromLeft(udpUp(ends, content(10)));
    lab.run();
    const asked = parsed(lab.right[0]);
    const answer = buildPacket({ source: asked.destination, destination: asked.source, dontFragment: false }, { kind: "udp", sourcePort: 53, destinationPort: asked.sourcePort }, content(3000));
    for (const piece of cutIp(answer, { size: 1280, id: 6 })) lab.fromRight(piece);
    lab.left.length = 0;
    lab.run();
    expect([datapath.kernel.length, lab.left.length > 1, lab.routers[0]!.drops()]).toEqual([1, true, {}]);
  });
});

describe.each(families)("W-11 inner IPv%i over the other family", (family) => {
  const ends = endsOf(family);
  const outer: IpFamily = family === 4 ? 6 : 4;
  const middle = address(outer === 4 ? "203.0.113.1" : "2001:db8:ffff::1");
  const gateway = family === 4 ? "10.1.0.1" : "2001:db8:1::1";

  test.each([
    ["time exceeded", exceeded, {}, exceeded], ["too big", { 4: { type: 3, code: 4 }, 6: { type: 2, code: 0 } }, { rest: 1380 }, { 4: { type: 3, code: 4 }, 6: { type: 2, code: 0 } }],
  ] as const)("RB-25 RFC 7915: %s between the routers is the host's own family's, from its router", (_desc, raised, more, expected) => {
    const lab = createLab(["east", "west"], { services: [everything], outer: [outer] });
    settled(lab, () => udpUp(ends, content(10)), () => udpDown(ends, content(9)));
    lab.fromLeft(udpUp(ends, content(700)));
    lab.run();
    lab.inject(0, ifnumOf.right, errorAbout(lab.wires.at(-1)!.data, middle, { ...raised[outer], ...more }));
    lab.run();
    const seen = errorIn(lab.left[0]);
    expect([seen.from, seen.type, seen.code, endsOfQuote(seen.quote)]).toEqual([gateway, expected[family].type, expected[family].code, [formatAddress(ends.client), formatAddress(ends.server), 17, 40000, 53]]);
    const packet = parsed(lab.left[0]);
    if ("rest" in more) expect((packet.data[packet.l4 + 6]! << 8) | packet.data[packet.l4 + 7]!).toBe(1380 + (family === 4 ? -20 : 20));
  });

  test("RB-25 the far host's port unreachable crosses the other family unchanged", () => {
    const lab = createLab(["east", "west"], { services: [everything], outer: [outer] });
    lab.fromLeft(udpUp(ends, content(10)));
    lab.run();
    lab.fromRight(errorAbout(lab.right.at(-1)!, ends.server, unreachable[family]));
    lab.run();
    expect(errorIn(lab.left[0])).toMatchObject({ from: formatAddress(ends.server), ...unreachable[family] });
  });
});
