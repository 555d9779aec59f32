// ICMP queries as sessions in both families, what is no query, and forward metadata that does not fit its carrier (protocol 3.3, 12.1,
// behaviour 3.7, 10.3).
import { toHex } from "../../pkg/base/bytes.ts";
import type { IpFamily } from "../../pkg/base/address.ts";
import { buildPacket } from "../../pkg/svr/build.ts";
import { hasGoodChecksum } from "../../pkg/svr/sanity.ts";
import { address, ifnumOf } from "./config.ts";
import { createLab } from "./lab.ts";
import type { Lab } from "./lab.ts";
import { authentic, bodyOf, content, endsOf, everything, hasMetadata, parsed, readWire, udpUp } from "./packets.ts";
import type { Ends } from "./packets.ts";

const families: readonly IpFamily[] = [4, 6];
const chains = [["east", "west"], ["branch", "transit", "cloud"]];
const types = { 4: { request: 8, reply: 0, error: 3 }, 6: { request: 128, reply: 129, error: 1 } } as const;

const up = (ends: Ends, type: number, id = 0x1234, body = content(30)): Uint8Array => buildPacket({ source: ends.client, destination: ends.server }, { kind: "icmp", type, rest: ((id << 16) | 1) >>> 0 }, body);
const down = (ends: Ends, type: number, id = 0x1234, body = content(30)): Uint8Array => buildPacket({ source: ends.server, destination: ends.client }, { kind: "icmp", type, rest: ((id << 16) | 1) >>> 0 }, body);
const message = (data: Uint8Array): string => toHex(data.subarray(parsed(data).l4));

describe.each(families.flatMap((family) => chains.map((names) => [family, names] as const)))("IPv%i through %j", (family, names) => {
  const ends = endsOf(family);
  const { request, reply, error } = types[family];

  test("W-1 12.1 echo crosses in UDP and leaves as it was; metadata goes off; two pings are two sessions", () => {
    const lab = createLab(names, { services: [everything] });
    for (let round = 0; round < 3; round++) {
      for (const id of [1, 2]) {
        lab.fromLeft(up(ends, request, id));
        lab.run();
        lab.fromRight(down(ends, reply, id));
        lab.run();
      }
    }
    expect(lab.right.map(message)).toEqual(Array.from({ length: 6 }, (_, at) => message(up(ends, request, 1 + (at % 2)))));
    expect(lab.left.map(message)).toEqual(Array.from({ length: 6 }, (_, at) => message(down(ends, reply, 1 + (at % 2)))));
    expect([...lab.left, ...lab.right].map(parsed).every(hasGoodChecksum)).toBe(true);
    expect(lab.wires.every(({ data }) => parsed(data).proto === 17)).toBe(true);
    expect(lab.routers.map((router) => router.live().length)).toEqual(names.map(() => 2));
    lab.wires.length = 0;
    lab.fromLeft(up(ends, request, 1));
    lab.run();
    expect(lab.wires.some(hasMetadata)).toBe(false);
  });

  test("N-1 source NAT translates the identifier and brings it back", () => {
    const lab = createLab(names, { services: [{ ...everything, sourceNat: true }] });
    for (const id of [7, 8]) lab.fromLeft(up(ends, request, id));
    lab.run();
    const arrived = lab.right.map(parsed);
    expect(arrived.map((packet) => packet.source)).toEqual([0, 1].map(() => address(family === 4 ? "10.2.0.1" : "2001:db8:2::1")));
    expect(new Set(arrived.map((packet) => packet.sourcePort)).size).toBe(2);
    expect(arrived.every((packet) => packet.sourcePort >= 16384 && hasGoodChecksum(packet))).toBe(true);
    for (const packet of arrived) lab.fromRight(buildPacket({ source: packet.destination, destination: packet.source }, { kind: "icmp", type: reply, rest: ((packet.sourcePort << 16) | 1) >>> 0 }, content(30)));
    lab.run();
    expect(lab.left.map(message)).toEqual([7, 8].map((id) => message(down(ends, reply, id))));
  });

  test.each([["a reply that nobody asked for", reply], ["an error that quotes no session", error]])("3.7 12.4 %s opens nothing", (_desc, type) => {
    const lab = createLab(names, { services: [everything] });
    lab.fromLeft(up(ends, type));
    lab.run();
    expect([lab.wires, lab.left, lab.routers[0]!.sessions()]).toEqual([[], [], []]);
    expect(lab.routers[0]!.drops()).toEqual({ [type === error ? "icmp-error" : "state"]: 1 });
  });
});

describe.each(families)("what a peer may not put into an IPv%i session", (family) => {
  const ends = endsOf(family);
  const { request, reply, error } = types[family];
  const names = ["east", "west"];

  function caught(packet: Uint8Array): { lab: Lab; data: Uint8Array } {
    const lab = createLab(names, { services: [everything] });
    lab.onWire = () => undefined;
    lab.fromLeft(packet);
    lab.run();
    lab.onWire = (wire) => wire.data;
    return { lab, data: lab.wires.splice(0)[0]!.data };
  }

  test.each([["a reply", reply], ["an error", error], ["a redirect", 5]])("12.1 %s as the first body of an ICMP session", (_desc, type) => {
    const { lab, data } = caught(up(ends, request));
    const tlvs = { ...readWire(lab, { link: 0, forward: true, data })!, iv: undefined };
    const body = bodyOf(up(ends, request));
    lab.inject(1, ifnumOf.left, authentic(lab, { link: 0, forward: true, like: data, tlvs, body: Uint8Array.of(type, 0, 0, 0, 0x12, 0x34, 0, 1, ...body) }));
    lab.run();
    expect([lab.right, lab.routers[1]!.sessions()]).toEqual([[], []]);
    expect(lab.routers[1]!.drops()).toEqual({ state: 1 });
  });

  test("12.1 and later, with metadata or without", () => {
    const { lab, data } = caught(up(ends, request));
    lab.inject(1, ifnumOf.left, data.slice());
    lab.run();
    const tlvs = { ...readWire(lab, { link: 0, forward: true, data })!, iv: undefined };
    const bad = Uint8Array.of(error, 0, 0, 0, 0x12, 0x34, 0, 1, ...content(20));
    lab.inject(1, ifnumOf.left, authentic(lab, { link: 0, forward: true, like: data, tlvs, body: bad }));
    lab.inject(1, ifnumOf.left, authentic(lab, { link: 0, forward: true, like: data, tlvs: { keyId: undefined }, body: bad }));
    lab.run();
    expect([lab.right.length, lab.routers[1]!.drops()]).toEqual([1, { state: 2 }]);
  });

  test.each([
    ["TCP inside UDP", { proto: 6 }], ["UDP inside TCP", { proto: 17 }], ["ICMP of the other family", { proto: family === 4 ? 58 : 1 }],
  ] as const)("3.3 a context that its carrier does not fit: %s", (_desc, change) => {
    const tcp = buildPacket({ source: ends.client, destination: ends.server }, { kind: "tcp", sourcePort: 1, destinationPort: 80, seq: 1, flags: 2 });
    const { lab, data } = caught("proto" in change && change.proto === 17 ? tcp : udpUp(ends, content(9)));
    const tlvs = readWire(lab, { link: 0, forward: true, data })!;
    const context = { ...tlvs.forwardContext!, ...change };
    lab.inject(1, ifnumOf.left, authentic(lab, { link: 0, forward: true, like: data, tlvs: { ...tlvs, iv: undefined, forwardContext: context }, body: content(9) }));
    lab.run();
    expect([lab.right, lab.routers[1]!.sessions(), lab.routers[1]!.drops()]).toEqual([[], [], { filter: 1 }]);
  });

  test.each([[0, 1000], [77, 77_000], [0xffffffff, 1_900_000]])("6.4 remaining time %i s becomes %i ms", (remainingSeconds, idleMs) => {
    const { lab, data } = caught(udpUp(ends, content(9)));
    const tlvs = { ...readWire(lab, { link: 0, forward: true, data })!, iv: undefined, remainingSeconds };
    lab.inject(1, ifnumOf.left, authentic(lab, { link: 0, forward: true, like: data, tlvs, body: content(9) }));
    lab.run();
    expect(lab.routers[1]!.live().map((session) => session.idleMs)).toEqual([idleMs]);
    lab.wait(900);
    expect(lab.routers[1]!.live()).toHaveLength(1);
  });

  test("2.6 a denied tenant or service takes no number of the table of names", () => {
    const { lab, data } = caught(udpUp(ends, content(9)));
    const tlvs = { ...readWire(lab, { link: 0, forward: true, data })!, iv: undefined };
    const before = lab.routers[1]!.datapath.nameId("probe/1");
    for (let n = 0; n < 5; n++) {
      const context = { ...tlvs.forwardContext!, destination: address(family === 4 ? "10.9.9.9" : "2001:db8:9::9") };
      lab.inject(1, ifnumOf.left, authentic(lab, { link: 0, forward: true, like: data, tlvs: { ...tlvs, forwardContext: context, tenant: `t${n}.corp`, sourceRouter: `r${n}` }, body: content(9) }));
    }
    lab.run();
    expect(lab.routers[1]!.drops()).toEqual({ "no-service": 5 });
    expect(lab.routers[1]!.datapath.nameId("probe/2")).toBe(before + 1);
  });
});
