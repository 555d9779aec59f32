// The part of the conformance suite about interface filters and source checks (behaviour 10). Called by datapathsuite.ts.
import { buildPacket } from "../../pkg/svr/build.ts";
import type { FilterRule, InterfaceFilter } from "../../pkg/svr/filter.ts";
import { ifnum, packetOn, place } from "../support/flows.ts";
import type { FlowKind } from "../support/flows.ts";
import type { OpenWorld } from "./datapathsuite.ts";
import { arriveOn } from "./forwarding.ts";
import { dropped, freshSession, install, punts } from "./world.ts";
import type { PortWorld } from "./world.ts";

const udp: FlowKind = { family: 4, proto: "udp", role: "ingress" };
const tcp: FlowKind = { family: 4, proto: "tcp", role: "ingress" };

function programFilter(world: PortWorld, filter: InterfaceFilter | undefined): void {
  world.datapath.program({ ...world.config, interfaces: world.config.interfaces.map((one) => (one.ifnum === ifnum.lan && filter !== undefined ? { ...one, filter } : one)) });
}

function datagram(n: number, port: number): Uint8Array {
  return buildPacket({ source: place(4, "host", n), destination: place(4, "server", n) }, { kind: "udp", sourcePort: 5000, destinationPort: port });
}

/** filteringTests declares them. */
export function filteringTests(open: OpenWorld): void {
  ruleTests(open);
  sourceTests(open);
  refusalTests(open);
}

function ruleTests(open: OpenWorld): void {
  describe("Q-4 the filter of an interface", () => {
    test("judges first packets, the first rule that matches decides, and counts for the rule", async () => {
      const world = await open({ shards: 1 });
      const rules: FilterRule[] = [{ permit: true, proto: 17, destinationPorts: { first: 53, last: 53 } }, { permit: false, proto: 6 }, { permit: false, source: { address: place(4, "host", 0), length: 24 } }];
      programFilter(world, { rules });
      await world.receive({ ifnum: ifnum.lan }, datagram(1, 53), datagram(2, 54), datagram(3, 55));
      await dropped(world, "filter", 2n);
      expect((await punts(world, 1, 1)).map((punt) => punt.data.slice(24, 32))).toEqual(["0a010001"]);
      expect([...world.datapath.denied(ifnum.lan)]).toEqual([[2, 2]]);
    });

    test("acts on live flows at once, whatever was permitted before, and no more when it is gone", async () => {
      const world = await open();
      const session = freshSession(world, udp, 1);
      install(world, session);
      for (const rules of [[{ permit: true, proto: 17 }], [], [{ permit: true }]]) {
        programFilter(world, { rules });
        await arriveOn(world, session, 0);
        await arriveOn(world, session, 0);
        expect(await world.left(2)).toHaveLength(2);
      }
      programFilter(world, { rules: [{ permit: false, proto: 17 }] });
      await arriveOn(world, session, 0);
      await dropped(world, "filter", 1n);
      programFilter(world, undefined);
      await arriveOn(world, session, 0);
      expect(await world.left(1)).toHaveLength(1);
    });

    test("looks at every packet of a flow where a rule is about packets", async () => {
      const world = await open();
      const session = freshSession(world, tcp, 1);
      install(world, session);
      programFilter(world, { rules: [{ permit: false, proto: 6, length: { first: 200, last: 65_535 } }] });
      await arriveOn(world, session, 0, { payload: new Uint8Array(10) });
      await arriveOn(world, session, 0, { payload: new Uint8Array(300) });
      await dropped(world, "filter", 1n);
      expect(await world.left(1)).toHaveLength(1);
    });

    test("drops IPv4 options but for exceptions, on live flows too", async () => {
      const world = await open();
      const session = freshSession(world, udp, 1);
      install(world, session);
      programFilter(world, { rules: [], options: { except: [148] } });
      const withOption = (kind: number): Uint8Array => optioned(packetOn(session, 0), kind);
      await world.receive(session.side[0], withOption(148), withOption(7), packetOn(session, 0));
      await dropped(world, "filter", 1n);
      expect(await world.left(2)).toHaveLength(2);
    });
  });
}

function sourceTests(open: OpenWorld): void {
  test("behaviour 10 hosts must send from an address that is known on their network, where sources are checked", async () => {
    const world = await open({ shards: 1 });
    const interfaces = world.config.interfaces.map((one) => ({ ...one, sourceCheck: one.ifnum === ifnum.lan }));
    const members = [{ ifnum: ifnum.lan, vlan: 0, prefix: { address: place(4, "host", 0), length: 24 } }];
    world.datapath.program({ ...world.config, interfaces, members });
    const forged = buildPacket({ source: place(4, "server", 9), destination: place(4, "server", 1) }, { kind: "udp", sourcePort: 5000, destinationPort: 53 });
    await world.receive({ ifnum: ifnum.lan }, forged, datagram(1, 53));
    await dropped(world, "filter", 1n);
    expect((await punts(world, 1, 1)).map((punt) => punt.data.slice(24, 32))).toEqual(["0a010001"]);
  });
}

function refusalTests(open: OpenWorld): void {
  test("behaviour 2.6 refused packets are told once a tuple, with tenant and service where they are known; the rest is counted", async () => {
    const world = await open();
    const session = freshSession(world, tcp, 1);
    install(world, session);
    const members = [{ ifnum: ifnum.lan, vlan: 0, prefix: { address: place(4, "host", 0), length: 24 }, tenant: world.datapath.nameId("tenant/blue") }];
    world.datapath.program({ ...world.config, members });
    const illegal = buildPacket({ source: place(4, "host", 7), destination: place(4, "server", 7) }, { kind: "tcp", sourcePort: 5000, destinationPort: 80, flags: 3, window: 1 });
    await world.receive({ ifnum: ifnum.lan }, illegal, illegal);
    await arriveOn(world, session, 0, { flags: 3 });
    await dropped(world, "state", 3n);
    const told = await world.until("two are told", () => { const all = world.datapath.refusals(64); return all.length > 0 && all; });
    const { context } = session;
    expect(told).toEqual([
      { reason: "state", tenant: members[0]?.tenant, service: 0, path: 0, source: place(4, "host", 7), destination: place(4, "server", 7), sourcePort: 5000, destinationPort: 80, proto: 6, ifnum: ifnum.lan, vlan: 0 },
      { reason: "state", tenant: session.tenant, service: session.service, path: 0, source: context.source, destination: context.destination, sourcePort: context.sourcePort, destinationPort: context.destinationPort, proto: 6, ifnum: ifnum.lan, vlan: 0 },
    ]);
    expect([world.datapath.refusals(64), world.datapath.untold()]).toEqual([[], { state: 1 }]);
  });
}

/** A packet with one option of four bytes. */
function optioned(packet: Uint8Array, kind: number): Uint8Array {
  const out = new Uint8Array(packet.length + 4);
  out.set(packet.subarray(0, 20));
  out.set([kind, 4, 0, 0], 20);
  out.set(packet.subarray(20), 24);
  out[0] = 0x46;
  const view = new DataView(out.buffer);
  view.setUint16(2, out.length);
  view.setUint16(10, 0);
  let sum = 0;
  for (let at = 0; at < 24; at += 2) sum += view.getUint16(at);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  view.setUint16(10, ~sum & 0xffff);
  return out;
}
