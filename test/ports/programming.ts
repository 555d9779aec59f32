// The part of the conformance suite about configurations: changes take effect, sessions stay. Called by datapathsuite.ts.
import { FILL_ROWS, PUNT_ROW } from "../../pkg/datapath/fillrows.ts";
import { buildPacket } from "../../pkg/svr/build.ts";
import { ifnum, nexthop, packetOn, place } from "../support/flows.ts";
import type { FlowKind } from "../support/flows.ts";
import type { OpenWorld } from "./datapathsuite.ts";
import { arriveOn } from "./forwarding.ts";
import { dropped, freshSession, install, punts } from "./world.ts";

const udp: FlowKind = { family: 4, proto: "udp", role: "ingress" };

function datagram(n: number): Uint8Array {
  return buildPacket({ source: place(4, "host", n), destination: place(4, "server", n) }, { kind: "udp", sourcePort: 5000, destinationPort: 443 });
}

/** programTests declares them. */
export function programTests(open: OpenWorld): void {
  decisionTests(open);
  addressTests(open);
  describe("a configuration", () => {
    test("in force again, unchanged, changes nothing", async () => {
      const world = await open();
      const session = freshSession(world, udp, 1);
      install(world, session);
      world.datapath.program(world.config);
      await arriveOn(world, session, 0);
      expect(await world.left(1)).toHaveLength(1);
      expect(world.datapath.gauges().live).toBe(1);
    });

    test("is counted, map by map, and what waits in the ring of a shard", async () => {
      const world = await open();
      const entriesOf = (name: string): number | undefined => world.datapath.fill().find((row) => row.name === name)?.entries;
      expect([FILL_ROWS.nexthops, FILL_ROWS.interfaces, FILL_ROWS.filters].map(entriesOf)).toEqual([world.config.nexthops.length, world.config.interfaces.length, 0]);
      const waiting = (): number => [0, 1].reduce((sum, shard) => sum + (entriesOf(`${PUNT_ROW} ${shard}`) ?? NaN), 0);
      expect(waiting()).toBe(0);
      await world.receive({ ifnum: ifnum.lan }, datagram(1));
      await world.until("it waits in a ring", () => waiting() > 0);
      await punts(world, 1);
      expect(waiting()).toBe(0);
    });

    test("with another way of a next hop moves its sessions at once", async () => {
      const world = await open();
      const session = freshSession(world, udp, 1);
      install(world, session);
      const lan = world.config.nexthops.find((hop) => hop.index === nexthop.lan)!;
      world.datapath.program({ ...world.config, nexthops: world.config.nexthops.map((hop) => (hop.index === nexthop.wan ? { ...lan, index: nexthop.wan } : hop)) });
      await arriveOn(world, session, 0);
      expect((await world.left(1)).map((one) => one.ifnum)).toEqual([ifnum.lan]);
    });

    test("without a next hop drops what would leave by it, with it again forwards", async () => {
      const world = await open();
      const session = freshSession(world, udp, 1);
      install(world, session);
      world.datapath.program({ ...world.config, nexthops: world.config.nexthops.filter((hop) => hop.index !== nexthop.wan) });
      await arriveOn(world, session, 0);
      await dropped(world, "no-nexthop", 1n);
      world.datapath.program(world.config);
      await arriveOn(world, session, 0);
      expect(await world.left(1)).toHaveLength(1);
    });
  });
}

function decisionTests(open: OpenWorld): void {
  describe("a configuration that changed", () => {
    test("without an interface leaves its packets to the kernel, with it again takes them", async () => {
      const world = await open({ shards: 1 });
      world.datapath.program({ ...world.config, interfaces: world.config.interfaces.filter((one) => one.ifnum !== ifnum.lan) });
      await world.receive({ ifnum: ifnum.lan }, datagram(1));
      world.datapath.program(world.config);
      await world.receive({ ifnum: ifnum.lan }, datagram(2));
      expect((await punts(world, 1, 1)).map((punt) => punt.data.slice(24, 32))).toEqual(["0a010002"]);
    });

    test("with hosts elsewhere drops first packets where no hosts are any more", async () => {
      const world = await open({ shards: 1 });
      const interfaces = world.config.interfaces.map((one) => ({ ...one, hosts: one.ifnum === ifnum.wan }));
      world.datapath.program({ ...world.config, interfaces });
      await world.receive({ ifnum: ifnum.lan }, datagram(1));
      await dropped(world, "no-service", 1n);
      await world.receive({ ifnum: ifnum.wan }, datagram(2));
      expect(await punts(world, 1, 1)).toMatchObject([{ cause: 1, ifnum: ifnum.wan }]);
    });

    test("with other addresses decides anew what is ours", async () => {
      const world = await open({ shards: 1 });
      const to = place(4, "waypoint"), packet = buildPacket({ source: place(4, "peer"), destination: to }, { kind: "udp", sourcePort: 5000, destinationPort: 20000 });
      world.datapath.program({ ...world.config, locals: [] });
      await world.receive({ ifnum: ifnum.wan }, packet);
      await dropped(world, "no-service", 1n);
      world.datapath.program(world.config);
      await world.receive({ ifnum: ifnum.wan }, packet);
      expect(await punts(world, 1, 1)).toMatchObject([{ cause: 3, toWaypoint: true }]);
    });
  });
}

function addressTests(open: OpenWorld): void {
  describe("addresses and rates of a configuration", () => {
    test("peers only are answered, on an interface that is shared with the host", async () => {
      const world = await open({ shards: 1 });
      const unknown = (n: number): Uint8Array => buildPacket({ source: place(4, "peer", n), destination: place(4, "waypoint") }, { kind: "udp", sourcePort: 5000, destinationPort: 20000 });
      const at = { ifnum: ifnum.shared, vlan: 7 };
      await world.receive(at, unknown(1));
      world.datapath.program({ ...world.config, peers: [place(4, "peer", 2), place(4, "waypoint")] });
      await world.receive(at, unknown(3), unknown(2));
      expect((await punts(world, 1, 1)).map((punt) => [punt.cause, punt.toWaypoint, punt.data.slice(24, 32)])).toEqual([[3, true, "cb007102"]]);
    });

    test("an address that is given twice counts as given last, again and again", async () => {
      const world = await open({ shards: 1 });
      const address = place(4, "waypoint"), packet = buildPacket({ source: place(4, "peer"), destination: address }, { kind: "udp", sourcePort: 5000, destinationPort: 20000 });
      const config = { ...world.config, locals: [{ address, waypoint: false }, { address, waypoint: true }] };
      for (let turn = 0; turn < 3; turn++) world.datapath.program(config);
      await world.receive({ ifnum: ifnum.wan }, packet);
      expect(await punts(world, 1, 1)).toMatchObject([{ cause: 3, toWaypoint: true }]);
    });

    test("first packets of a tenant are bounded, by the longest prefix, and those of a remote address", async () => {
      const world = await open({ shards: 1 });
      const all = { address: place(4, "host", 0), length: 8 }, few = { address: place(4, "host", 0), length: 24 };
      world.datapath.program({
        ...world.config, remoteRate: { perSecond: 1, burst: 3 }, rates: [{ tenant: 5, perSecond: 1, burst: 2 }],
        members: [{ ifnum: ifnum.lan, vlan: 0, prefix: all, tenant: 6 }, { ifnum: ifnum.lan, vlan: 0, prefix: few, tenant: 5 }],
      });
      await world.receive({ ifnum: ifnum.lan }, ...[1, 2, 3, 4].map(datagram));
      const unknown = buildPacket({ source: place(4, "peer"), destination: place(4, "waypoint") }, { kind: "udp", sourcePort: 5000, destinationPort: 20000 });
      await world.receive({ ifnum: ifnum.wan }, ...Array<Uint8Array>(6).fill(unknown));
      await dropped(world, "rate", 4n);
      const causes = (await punts(world, 5, 1)).map((punt) => punt.cause).toSorted();
      expect([causes.filter((cause) => cause === 1).length, causes.filter((cause) => cause === 3).length].map((count) => count >= 2 && count <= 4)).toEqual([true, true]);
    });

    test("counts received packets by interface", async () => {
      const world = await open();
      const session = freshSession(world, udp, 1);
      install(world, session);
      await arriveOn(world, session, 0);
      await world.left(1);
      const { length } = packetOn(session, 0);
      expect(world.datapath.counters().interfaces[ifnum.lan]).toMatchObject({ rxPackets: 1n, rxBytes: BigInt(length) });
      expect(world.datapath.counters().interfaces[ifnum.wan]).toMatchObject({ txPackets: 1n, txBytes: BigInt(length) });
    });
  });
}
