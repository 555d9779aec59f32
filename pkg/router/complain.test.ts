// ICMP errors to hosts: from our address on their network, by their next hop, within the limit, or not at all.
import { buildPacket } from "../svr/build.ts";
import { parsePacket } from "../svr/packet.ts";
import { address } from "../../test/lab/config.ts";
import { configOfChain, arrivalOf, newTurn, tablesOf } from "../../test/support/turn.ts";
import { complain } from "./complain.ts";
import type { Tables } from "./tables.ts";

const tables = tablesOf(configOfChain());
const from = (source: string, destination = "10.2.0.1"): ReturnType<typeof arrivalOf>["packet"] =>
  arrivalOf(buildPacket({ source: address(source), destination: address(destination) }, { kind: "udp", sourcePort: 1, destinationPort: 2 }, new Uint8Array(50))).packet;

test.each<{ desc: string; source: string; ifnum: number; vlan: number; change?: Partial<Tables>; sent: number }>([
  { desc: "a host on link", source: "10.1.0.7", ifnum: 1, vlan: 0, sent: 1 },
  { desc: "a host behind nothing we know", source: "10.77.0.7", ifnum: 1, vlan: 0, sent: 0 },
  { desc: "a network without an address of ours", source: "10.1.0.7", ifnum: 1, vlan: 0, change: { addressOn: () => undefined }, sent: 0 },
  { desc: "a VLAN that is not configured", source: "10.1.0.7", ifnum: 1, vlan: 9, sent: 0 },
  { desc: "a multicast source", source: "224.0.0.5", ifnum: 1, vlan: 0, change: { nexthopTo: () => 1 }, sent: 0 },
])("10.3 $desc", ({ source, ifnum, vlan, change, sent }) => {
  const turn = newTurn({ ...tables, ...change });
  complain(turn, { packet: from(source), ifnum, vlan }, { kind: "time-exceeded" });
  expect(turn.batch.outputs).toHaveLength(sent);
  for (const { frame } of turn.batch.outputs) {
    const packet = parsePacket(frame.data);
    expect(packet).toMatchObject({ ok: true, value: { source: address("10.1.0.1"), destination: address(source), icmpType: 11 } });
    expect(frame.nexthop).toBe(tables.nexthopTo(1, 0, address(source)));
  }
});

test("10.3 what may not be answered takes nothing of the limit", () => {
  const turn = newTurn(tables);
  const error = arrivalOf(buildPacket({ source: address("10.1.0.7"), destination: address("10.2.0.1") }, { kind: "icmp", type: 3 }, new Uint8Array(30))).packet;
  for (let n = 0; n < 200; n++) complain(turn, { packet: error, ifnum: 1, vlan: 0 }, { kind: "time-exceeded" });
  for (let n = 0; n < 150; n++) complain(turn, { packet: from("10.1.0.7"), ifnum: 1, vlan: 0 }, { kind: "too-big", mtu: 1300 });
  expect(turn.batch.outputs).toHaveLength(100);
});
