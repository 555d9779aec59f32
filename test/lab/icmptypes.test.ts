// Sessions of ICMP told apart by type, and sessions that begin with an answer (behaviour 3.7), in both families.
import { toHex } from "../../pkg/base/bytes.ts";
import type { IpFamily } from "../../pkg/base/address.ts";
import { buildPacket } from "../../pkg/svr/build.ts";
import { hasGoodChecksum } from "../../pkg/svr/sanity.ts";
import { address } from "./config.ts";
import { createLab } from "./lab.ts";
import type { Lab } from "./lab.ts";
import { content, endsOf, everything, hasMetadata, parsed } from "./packets.ts";

const families: readonly IpFamily[] = [4, 6];
const chains = [["lone"], ["east", "west"], ["branch", "transit", "cloud"]];
const types = { 4: { request: 8, reply: 0, unreachable: 3 }, 6: { request: 128, reply: 129, unreachable: 1 } } as const;
const TIMESTAMP = 13, TIMESTAMP_REPLY = 14, ID = 0x1234;
const byType = { byType: true, asyncReply: false }, asyncReply = { byType: false, asyncReply: true }, both = { byType: true, asyncReply: true };

const message = (data: Uint8Array | undefined): string => (data === undefined ? "none" : toHex(data.subarray(parsed(data).l4)));

/** Messages of the client and of the server, with the identifier of the host that asks. */
function talk(family: IpFamily): Record<"up" | "down", (type: number, id?: number) => Uint8Array> {
  const { client, server } = endsOf(family);
  const icmp = (type: number, id: number) => ({ kind: "icmp", type, rest: ((id << 16) | 1) >>> 0 }) as const;
  return {
    up: (type, id = ID) => buildPacket({ source: client, destination: server }, icmp(type, id), content(30)),
    down: (type, id = ID) => buildPacket({ source: server, destination: client }, icmp(type, id), content(30)),
  };
}

const liveAt = (lab: Lab): number[] => lab.routers.map((router) => router.live().length);
const dropsAt = (lab: Lab): Record<string, number>[] => lab.routers.map((router) => router.drops());

describe.each(chains.map((names) => [names] as const))("through %j", (names) => {
  const { up, down } = talk(4);

  test.each([["identifier", undefined, 1], ["identifier and type", byType, 2]] as const)("3.7 matched by %s, echo and timestamp with one identifier are as many sessions as kinds told apart", (_desc, icmp, sessions) => {
    const lab = createLab(names, { services: [everything], ...(icmp && { icmp }) });
    for (let round = 0; round < 3; round++) {
      for (const [request, reply] of [[8, 0], [TIMESTAMP, TIMESTAMP_REPLY]] as const) {
        lab.fromLeft(up(request));
        lab.run();
        lab.fromRight(down(reply));
        lab.run();
      }
    }
    expect(liveAt(lab)).toEqual(names.map(() => sessions));
    expect(lab.right.map(message)).toEqual([0, 1, 2].flatMap(() => [up(8), up(TIMESTAMP)].map(message)));
    expect(lab.left.map(message)).toEqual([0, 1, 2].flatMap(() => [down(0), down(TIMESTAMP_REPLY)].map(message)));
    expect(lab.routers[0]!.live()[0]!.context).toMatchObject({ sourcePort: ID, destinationPort: 0 }); // routers tell each other the identifier alone
    expect(dropsAt(lab)).toEqual(names.map(() => ({})));
  });
});

describe.each(families.flatMap((family) => chains.map((names) => [family, names] as const)))("IPv%i through %j", (family, names) => {
  const { request, reply, unreachable } = types[family];
  const { up, down } = talk(family);
  const ends = endsOf(family);

  test("3.7 by type: source NAT, and an error about a packet of such a session", () => {
    const lab = createLab(names, { services: [{ ...everything, sourceNat: true }], icmp: byType });
    lab.fromLeft(up(request));
    lab.run();
    const asked = parsed(lab.right[0]);
    expect([asked.source, asked.sourcePort >= 16384, hasGoodChecksum(asked)]).toEqual([address(family === 4 ? "10.2.0.1" : "2001:db8:2::1"), true, true]);
    lab.fromRight(buildPacket({ source: ends.server, destination: asked.source }, { kind: "icmp", type: unreachable, code: 1 }, lab.right[0]!.subarray(0, 100)));
    lab.fromRight(buildPacket({ source: ends.server, destination: asked.source }, { kind: "icmp", type: reply, rest: ((asked.sourcePort << 16) | 1) >>> 0 }, content(30)));
    lab.run();
    expect(lab.left.map((data) => parsed(data).icmpType)).toEqual([unreachable, reply]);
    expect(message(lab.left[1])).toBe(message(down(reply)));
    expect(dropsAt(lab)).toEqual(names.map(() => ({})));
  });

  test.each([["by identifier", asyncReply], ["by identifier and type", both]])("3.7 an answer begins a session where it may, %s; requests come back in it", (_desc, icmp) => {
    const lab = createLab(names, { services: [everything], icmp });
    for (let round = 0; round < 3; round++) {
      lab.fromLeft(up(reply));
      lab.run();
      lab.fromRight(down(request));
      lab.run();
    }
    expect(lab.right.map(message)).toEqual([0, 1, 2].map(() => message(up(reply))));
    expect(lab.left.map(message)).toEqual([0, 1, 2].map(() => message(down(request))));
    expect(liveAt(lab)).toEqual(names.map(() => 1));
    lab.wires.length = 0;
    lab.fromLeft(up(reply));
    lab.run();
    expect([lab.right.length, lab.wires.some(hasMetadata), dropsAt(lab)]).toEqual([4, false, names.map(() => ({}))]);
  });

  test("3.7 an answer with source NAT keeps its identifier: one session a remote address", () => {
    const lab = createLab(names, { services: [{ ...everything, sourceNat: true }], icmp: asyncReply });
    lab.fromLeft(up(reply));
    lab.run();
    const seen = parsed(lab.right[0]);
    expect([seen.source, seen.destinationPort, hasGoodChecksum(seen)]).toEqual([address(family === 4 ? "10.2.0.1" : "2001:db8:2::1"), ID, true]);
    lab.fromRight(buildPacket({ source: ends.server, destination: seen.source }, { kind: "icmp", type: request, rest: ((ID << 16) | 1) >>> 0 }, content(30)));
    lab.run();
    expect(lab.left.map(message)).toEqual([message(down(request))]);
  });
});

describe.each(families)("IPv%i", (family) => {
  const { reply } = types[family];
  const { up } = talk(family);

  test("3.7 every router judges for itself: the far one does not take the answer that the near one let in", () => {
    const lab = createLab(["east", "west"], { services: [everything] }, (index) => (index === 0 ? { icmp: asyncReply } : {}));
    lab.fromLeft(up(reply));
    lab.run();
    expect([lab.right, lab.routers[1]!.sessions(), dropsAt(lab)]).toEqual([[], [], [{}, { state: 1 }]]);
  });

  test("3.7 identifier 0 is that of a request: an answer with it begins nothing", () => {
    const lab = createLab(["east", "west"], { services: [everything], icmp: asyncReply });
    lab.fromLeft(up(reply, 0));
    lab.run();
    expect([lab.right, lab.wires, dropsAt(lab)]).toEqual([[], [], [{ state: 1 }, {}]]);
  });
});
