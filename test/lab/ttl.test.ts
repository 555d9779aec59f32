// The last hop of a TTL (protocol 2.7): the packet ends here, its host is told, nothing else happens; limits of what we say.
import type { IpFamily } from "../../pkg/base/address.ts";
import { address } from "./config.ts";
import { createLab } from "./lab.ts";
import type { Lab } from "./lab.ts";
import { SYN, content, endsOf, everything, parsed, tcpUp, udpDown, udpUp } from "./packets.ts";

const families: readonly IpFamily[] = [4, 6];
const names = ["branch", "transit", "cloud"];

function errorsAt(lab: Lab): (number | undefined)[][] {
  return lab.left.map(parsed).filter((packet) => packet.icmpType !== undefined).map((packet) => [packet.icmpType, packet.data[packet.l4 + 1]]);
}

describe.each(families)("IPv%i", (family) => {
  const ends = endsOf(family);
  const exceeded = family === 4 ? [11, 0] : [3, 0];

  test.each([0, 1])("2.7 a first packet with TTL %i opens nothing, and its host is told", (ttl) => {
    const lab = createLab(names, { services: [everything] });
    lab.fromLeft(udpUp(ends, content(10), { ip: { ttl } }));
    lab.run();
    expect([lab.wires.length, lab.routers[0]!.sessions().length]).toEqual([0, 0]);
    expect(errorsAt(lab)).toEqual([exceeded]);
    expect([parsed(lab.left[0]).source, parsed(lab.left[0]).destination]).toEqual([address(family === 4 ? "10.1.0.1" : "2001:db8:1::1"), ends.client]);
    expect(lab.routers[0]!.drops()).toEqual({ ttl: 1 });
  });

  test("RB-25 2.7 each router takes one; beyond the ingress the host is told over SVR, by the router where it ended", () => {
    for (const [ttl, at] of [[2, 1], [3, 2]] as const) {
      const lab = createLab(names, { services: [everything] });
      lab.fromLeft(udpUp(ends, content(10), { ip: { ttl } }));
      lab.run();
      expect(lab.right).toEqual([]);
      expect(lab.routers.map((router) => router.drops())).toEqual(names.map((_, index) => (index === at ? { ttl: 1 } : {})));
      expect(lab.routers[at]!.sessions()).toEqual([]);
      expect(errorsAt(lab)).toEqual([exceeded]);
      expect(parsed(lab.left[0]).source).toEqual(lab.routers[at]!.config.locals.find(({ waypoint, interface: name, address: one }) => waypoint && name === "left" && one.family === family)?.address);
    }
    const lab = createLab(names, { services: [everything] });
    lab.fromLeft(udpUp(ends, content(10), { ip: { ttl: 4 } }));
    lab.run();
    expect(lab.right.map((data) => parsed(data).ttl)).toEqual([1]);
  });

  test("2.7 the packet of an established session, and one that waits for metadata", () => {
    const lab = createLab(names, { services: [everything] });
    lab.fromLeft(udpUp(ends, content(10)));
    lab.run();
    lab.fromLeft(udpUp(ends, content(10), { ip: { ttl: 1 } })); // still I-META
    lab.run();
    expect(errorsAt(lab)).toEqual([exceeded]);
    for (let round = 0; round < 2; round++) {
      lab.fromRight(udpDown(ends, content(10)));
      lab.run();
      lab.fromLeft(udpUp(ends, content(10)));
      lab.run();
    }
    const before = lab.right.length;
    lab.fromLeft(udpUp(ends, content(10), { ip: { ttl: 1 } }));
    lab.run();
    expect(errorsAt(lab)).toEqual([exceeded, exceeded]);
    expect(lab.right.length).toBe(before);
  });

  test("10.3 errors are limited to 100 a second and interface", () => {
    const lab = createLab(names, { services: [everything] });
    for (let port = 1; port <= 250; port++) lab.fromLeft(udpUp(ends, content(10), { from: port, ip: { ttl: 1 } }));
    lab.run();
    expect(lab.left.length).toBe(100);
    lab.wait(1000);
    lab.fromLeft(tcpUp(ends, { seq: 1, flags: SYN, ip: { ttl: 1 } }));
    lab.run();
    expect(lab.left.length).toBe(101);
  });

  test("6.4 a control message ends here whatever its TTL", () => {
    const lab = createLab(names, { services: [everything] });
    lab.onWire = (wire) => lowerTtl(wire.data);
    lab.fromLeft(udpUp(ends, content(10)));
    lab.run();
    expect(lab.routers[1]!.drops()).toEqual({ ttl: 1 }); // with a body it goes nowhere
    lab.onWire = (wire) => wire.data;
    lab.fromLeft(udpUp(ends, content(10)));
    lab.run();
    lab.routers[0]!.shards[0]!.tell({ kind: "end", refs: [{ index: 0, uuid: lab.routers[0]!.sessions()[0]!.uuid }], reason: 101 });
    for (const flight of lab.flights) lowerTtl(flight.data);
    lab.run();
    expect(lab.routers[1]!.sessions().map((session) => session.endReason)).toEqual([102]);
  });
});

function lowerTtl(data: Uint8Array): Uint8Array {
  if (data[0]! >>> 4 === 6) {
    data[7] = 1;
    return data;
  }
  const checksum = ((data[10]! << 8) | data[11]!) + ((data[8]! - 1) << 8); // RFC 1624
  const folded = (checksum & 0xffff) + (checksum >>> 16);
  data[8] = 1;
  data[10] = folded >>> 8;
  data[11] = folded & 0xff;
  return data;
}
