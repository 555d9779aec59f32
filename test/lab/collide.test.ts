// Two services of one router whose addresses lead to the same host: one client on the same ports needs the same flow toward it
// (behaviour 3.2, N-5, L-4). No peer is involved, so there is nobody else who could settle it.
import type { IpFamily } from "../../pkg/base/address.ts";
import { address } from "./config.ts";
import { createLab } from "./lab.ts";
import type { Lab } from "./lab.ts";
import { ACK, RST, SYN, endsOf, parsed, tcpDown, tcpUp } from "./packets.ts";

const families: readonly IpFamily[] = [4, 6];

describe.each(families)("IPv%i", (family) => {
  const ends = endsOf(family);
  const front = (number: number): string => (family === 4 ? `10.2.9.${number}` : `2001:db8:2::9:${number}`);
  const target = family === 4 ? "10.2.0.20" : "2001:db8:2::20";

  /** Both fronts lead to the server; each of its own tenant where two are named. */
  function fronts(tenants: [string] | [string, string]): Lab {
    const services = [1, 2].map((number) => ({ name: `shop/front${number}`, prefixes: [`${front(number)}/${family === 4 ? 32 : 128}`], target, allow: [tenants[number - 1] ?? tenants[0]] }));
    return createLab(["only"], { services, tenants });
  }

  const at = (number: number): typeof ends => ({ ...ends, server: address(front(number)) });

  test("L-4 3.2 the session in GUARD yields", () => {
    const lab = fronts(["corp"]);
    lab.fromLeft(tcpUp(at(1), { seq: 1000, flags: SYN }));
    lab.run();
    lab.fromRight(tcpDown(ends, { seq: 0, ack: 1001, flags: RST | ACK }));
    lab.run();
    lab.fromLeft(tcpUp(at(2), { seq: 2000, flags: SYN }));
    lab.run();
    expect([lab.right.map((data) => parsed(data).tcp?.seq), lab.routers[0]!.drops()]).toEqual([[1000, 2000], {}]);
    lab.fromRight(tcpDown(ends, { seq: 5000, ack: 2001, flags: SYN | ACK }));
    lab.run();
    expect(parsed(lab.left.at(-1)).source).toEqual(address(front(2)));
  });

  test("3.2 the live one of the same tenant ends, `evicted`", () => {
    const lab = fronts(["corp"]);
    lab.fromLeft(tcpUp(at(1), { seq: 1000, flags: SYN }));
    lab.run();
    lab.fromLeft(tcpUp(at(2), { seq: 2000, flags: SYN }));
    lab.run();
    expect([lab.routers[0]!.live().map((session) => session.context.destination), lab.routers[0]!.drops()]).toEqual([[address(front(2))], {}]);
    lab.routers[0]!.datapath.tick();
    const ended = lab.routers[0]!.datapath.records(100).filter((record) => record.type === "end");
    expect(ended.map((record) => record.session.endReason)).toEqual([105]);
  });

  test("3.2 the one of another tenant stays, and the new one is refused", () => {
    const lab = fronts(["corp", "guest"]);
    lab.fromLeft(tcpUp(at(1), { seq: 1000, flags: SYN }));
    lab.run();
    lab.fromLeft(tcpUp(at(2), { seq: 2000, flags: SYN }), 0, 1);
    lab.run();
    expect([lab.right.length, lab.routers[0]!.live().map((session) => session.context.destination), lab.routers[0]!.drops()]).toEqual([1, [address(front(1))], { nat: 1 }]);
  });
});
