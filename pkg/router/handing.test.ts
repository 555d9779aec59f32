// Who gets an SVR fragment that was joined of IP fragments, and how many of them (protocol 10.2).
import { buildPacket } from "../svr/build.ts";
import type { Session } from "../svr/session.ts";
import { address } from "../../test/lab/config.ts";
import { arrivalOf } from "../../test/support/turn.ts";
import { createHanding } from "./handing.ts";

const data = buildPacket({ source: address("192.0.2.2"), destination: address("192.0.2.1") }, { kind: "udp", sourcePort: 16384, destinationPort: 16385 }, new Uint8Array(8));
const slice = { number: 1, count: 4 };
const to = (shard: number): { shardOf: () => number } => ({ shardOf: () => shard });

test("10.2 it goes to the shard of its flow, of a known session to the session's; what is for this shard stays", () => {
  const handing = createHanding(slice, to(3));
  expect(handing.takes(arrivalOf(data), 0)).toBe(true);
  const session = { index: 5, side: 0 as const, state: { shard: 6 } as Session }; // of a process with more shards
  expect(handing.takes(arrivalOf(data, { session, isCopied: true, toWaypoint: true }), 0)).toBe(true);
  const punt = { cause: 1, ifnum: 1, vlan: 0, gsoSize: 0, data };
  expect(handing.leaving()).toEqual([{ shard: 3, punt: { ...punt, toWaypoint: false } }, { shard: 2, punt: { ...punt, toWaypoint: true } }]);
  expect(handing.leaving()).toEqual([]);
  expect(createHanding(slice, to(1)).takes(arrivalOf(data), 0)).toBe(false);
});

test("10.2 a shard of four hands over 2,500 in a second at most, and lets 1,024 wait", () => {
  const handing = createHanding(slice, to(0));
  const count = (nowMs: number): number => Array.from({ length: 3_000 }, () => handing.takes(arrivalOf(data), nowMs)).filter(Boolean).length;
  expect([count(500), count(999), count(1_000)]).toEqual([2_500, 0, 2_500]);
  const [first] = handing.leaving();
  expect(Array.from({ length: 2_000 }, () => handing.came(first!.punt)).filter(Boolean)).toHaveLength(1_024);
  expect(handing.held()).toEqual([{ name: "SVR fragments of other shards", entries: 1_024, limit: 1_024 }]);
  expect(handing.arrived()).toHaveLength(1_024);
  expect(handing.held()[0]?.entries).toBe(0);
});
