// W-11: inner and outer IPv4 and IPv6 in all four combinations, for TCP, UDP and ICMP, through two routers and through a transit
// router that changes the outer family. Each packet leaves as it came; no byte is added once the handshake is over.
import { toHex } from "../../pkg/base/bytes.ts";
import type { IpFamily } from "../../pkg/base/address.ts";
import { buildPacket } from "../../pkg/svr/build.ts";
import { hasGoodChecksum } from "../../pkg/svr/sanity.ts";
import { readMss } from "../../pkg/svr/tcp.ts";
import { ACK, backwards, connect, content, endsOf, everything, FIN, hasMetadata, headerOf, parsed, PSH, tcpDown, tcpUp, udpDown, udpUp } from "./packets.ts";
import type { Ends } from "./packets.ts";
import { createLab } from "./lab.ts";
import type { Lab } from "./lab.ts";

const services = [everything, backwards];
const ways: { names: string[]; outer: IpFamily[] }[] = [
  { names: ["east", "west"], outer: [4] }, { names: ["east", "west"], outer: [6] },
  { names: ["branch", "transit", "cloud"], outer: [4, 6] }, { names: ["branch", "transit", "cloud"], outer: [6, 4] },
];
const cases = ([4, 6] as const).flatMap((family) => ways.map(({ names, outer }) => ({ family, names, outer })));

/** From the L4 header on: what both hosts must see alike. */
const layFour = (data: Uint8Array): string => toHex(data.subarray(parsed(data).l4));
const outerFamilies = (lab: Lab): string[] => [...new Set(lab.wires.map(({ link, data }) => `${link}:${parsed(data).family}`))].sort();
const expectedFamilies = (outer: readonly IpFamily[]): string[] => outer.map((family, link) => `${link}:${family}`);
const headers = { 4: 20, 6: 40 } as const;

describe.each(cases)("inner IPv$family, outer $outer", ({ family, names, outer }) => {
  const ends = endsOf(family);
  const lab = (change: { mtu?: number } = {}): Lab => createLab(names, { services, outer, ...change });
  const quiet = (on: Lab): void => void (on.wires.length = 0);

  test("W-11 TCP: numbers and options stay, MSS fits the outer header, then no metadata, and no packet goes up", () => {
    const chain = lab();
    connect(chain, ends);
    expect(outerFamilies(chain)).toEqual(expectedFamilies(outer));
    const mss = 1500 - Math.max(...outer.map((one) => headers[one])) - 20;
    expect([...chain.left, ...chain.right].map((data) => readMss(data, parsed(data).l4)).filter((value) => value !== 0)).toEqual([mss, mss]);
    chain.fromRight(tcpDown(ends, { seq: 5001, ack: 1001, flags: ACK, body: content(5) }));
    chain.run();
    quiet(chain);
    const punts = chain.routers.map((router) => router.counters().map((one) => one.punts));
    const up = tcpUp(ends, { seq: 1001, ack: 5006, flags: PSH | ACK, body: content(900) });
    const down = tcpDown(ends, { seq: 5006, ack: 1901, flags: ACK | FIN, body: content(31) });
    chain.fromLeft(up);
    chain.run();
    chain.fromRight(down);
    chain.run();
    expect([layFour(chain.right.at(-1)!), layFour(chain.left.at(-1)!)]).toEqual([layFour(up), layFour(down)]);
    expect(chain.wires.some(hasMetadata)).toBe(false);
    expect(chain.wires.map(({ data }) => data.length - headers[parsed(data).family])).toEqual([...names.slice(1).map(() => up.length - headers[family]), ...names.slice(1).map(() => down.length - headers[family])]);
    expect(chain.routers.map((router) => router.counters().map((one) => one.punts))).toEqual(punts);
    expect([...chain.left, ...chain.right].map(parsed).every(hasGoodChecksum)).toBe(true);
  });

  test("W-11 UDP: bytes, DSCP and hop limit; a host's checksum 0 becomes a checksum over IPv6", () => {
    const chain = lab();
    const sent = [0, 1, 2, 3].map((n) => udpUp(ends, content(100 + n), { ip: { tos: 0xb9, ttl: 50 } }));
    for (const data of sent) {
      chain.fromLeft(data);
      chain.run();
      chain.fromRight(udpDown(ends, content(77)));
      chain.run();
    }
    expect(chain.right.map(layFour)).toEqual(sent.map(layFour));
    expect(chain.right.map((data) => [parsed(data).tos, parsed(data).ttl])).toEqual(sent.map(() => [0xb9, 50 - names.length]));
    expect(chain.left.map(layFour)).toEqual(sent.map(() => layFour(udpDown(ends, content(77)))));
    expect([...chain.left, ...chain.right, ...chain.wires.map(({ data }) => data)].map(parsed).every(hasGoodChecksum)).toBe(true);
    if (family === 6) return;
    const bare = buildPacket({ source: ends.client, destination: ends.server }, { kind: "udp", sourcePort: 40000, destinationPort: 53, noChecksum: true }, content(40));
    quiet(chain);
    chain.fromLeft(bare);
    chain.run();
    expect(toHex(chain.right.at(-1)!.subarray(28))).toBe(toHex(content(40)));
    expect(chain.wires.every(({ data }) => parsed(data).family === 4 || hasGoodChecksum(parsed(data)))).toBe(true);
  });

  test("W-11 ICMP query: request and reply as they were", () => {
    const chain = lab();
    const [request, reply] = family === 4 ? [8, 0] : [128, 129];
    const ping = (from: keyof Ends, type: number, n: number): Uint8Array => buildPacket(
      { source: ends[from], destination: ends[from === "client" ? "server" : "client"] }, { kind: "icmp", type, rest: 0x12340000 + n }, content(56));
    for (let n = 0; n < 4; n++) {
      chain.fromLeft(ping("client", request, n));
      chain.run();
      chain.fromRight(ping("server", reply, n));
      chain.run();
    }
    expect(chain.right.map(layFour)).toEqual([0, 1, 2, 3].map((n) => layFour(ping("client", request, n))));
    expect(chain.left.map(layFour)).toEqual([0, 1, 2, 3].map((n) => layFour(ping("server", reply, n))));
    expect([...chain.left, ...chain.right].map(parsed).every(hasGoodChecksum)).toBe(true);
    expect(chain.wires.every(({ data }) => parsed(data).proto === 17)).toBe(true);
    expect(outerFamilies(chain)).toEqual(expectedFamilies(outer));
  });

  test("RB-18 M-1 a first packet of 1,500 bytes, and a later one, over 1,400: each fragment fits, the host gets the original", () => {
    const chain = createLab(names, { services, outer, mtu: 1400, lanMtu: 1500 });
    const up = [0, 1, 2].map((n) => udpUp(ends, content(1500 - headers[family] - 8, n)));
    for (const data of up) {
      chain.fromLeft(data);
      chain.run();
      chain.fromRight(udpDown(ends, content(8)));
      chain.run();
    }
    expect(chain.right.map(layFour)).toEqual(up.map(layFour));
    expect([...chain.right].map(parsed).every(hasGoodChecksum)).toBe(true);
    expect(chain.wires.every(({ data }) => data.length <= 1400)).toBe(true);
    expect(chain.wires.filter(hasMetadata).filter((wire) => headerOf(wire).metadata.fragment !== undefined).length).toBeGreaterThanOrEqual(3 * 2 * outer.length);
    expect(outerFamilies(chain)).toEqual(expectedFamilies(outer));
  });
});
