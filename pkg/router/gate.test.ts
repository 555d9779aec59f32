// Limits of what others can make a shard do: each window anew, each key by itself, each shard its share.
import { buildPacket } from "../svr/build.ts";
import { arrivalOf } from "../../test/support/turn.ts";
import { addressOfWords } from "../base/address.ts";
import { createEnableGate, createErrorGate, createSkewGate } from "./gate.ts";
import type { PeerEntry } from "./tables.ts";

const peer = (id: number): PeerEntry => ({ id, name: `peer-${id}` }) as PeerEntry;
const arrival = (port: number): ReturnType<typeof arrivalOf> => arrivalOf(buildPacket({ source: addressOfWords(4, 1), destination: addressOfWords(4, 2) }, { kind: "udp", sourcePort: port & 0xffff, destinationPort: port >>> 16 }));
const passed = (count: number, ask: (turn: number) => boolean): number => Array.from({ length: count }, (_, turn) => ask(turn)).filter(Boolean).length;

test("6.4 code 2 once per 5-tuple, peer and second", () => {
  const gate = createEnableGate(1);
  const asks: [number, number, number, boolean][] = [[1, 1, 1000, true], [1, 1, 1999, false], [2, 1, 1999, true], [1, 2, 1999, true], [1, 1, 2000, true], [1, 1, 2001, false]];
  expect(asks.map(([port, of, now]) => gate.permits(arrival(port), peer(of), now))).toEqual(asks.map(([, , , permitted]) => permitted));
});

test.each([[1, 1000], [4, 250]])("6.4 1,000 per peer and second, %i shards: %i in each", (shards, limit) => {
  const gate = createEnableGate(shards);
  expect(passed(1500, (port) => gate.permits(arrival(port), peer(1), 1000))).toBe(limit);
});

test("6.4 16,384 tuples of all peers", () => {
  const gate = createEnableGate(1);
  expect(passed(1500, (port) => gate.permits(arrival(port), peer(1), 1000))).toBe(1000);
  expect(passed(40_000, (port) => gate.permits(arrival(port), peer(2 + (port % 30)), 1000))).toBe(16_384 - 1000);
  expect(gate.held(1999)).toMatchObject([{ entries: 16_384, limit: 16_384 }]);
  expect(gate.held(2000)).toMatchObject([{ entries: 0 }]); // though nobody asked since
  expect(passed(10, (port) => gate.permits(arrival(port), peer(1), 2000))).toBe(10);
});

test.each([[1, 10], [2, 5], [64, 1]])("7.1 the search for a clock skew 10 times per peer and second, %i shards: %i in each", (shards, limit) => {
  const gate = createSkewGate(shards);
  expect([passed(15, () => gate.permits(peer(1), 1000)), passed(15, () => gate.permits(peer(2), 1500)), passed(15, () => gate.permits(peer(1), 2000))]).toEqual([limit, limit, limit]);
  expect([gate.held(2999), gate.held(3000)]).toMatchObject([[{ entries: 1, limit: 16_384 }], [{ entries: 0 }]]);
});

test.each([[1, 100], [4, 25], [500, 1]])("10.3 ICMP errors, %i shards: %i per interface, shard and second", (shards, limit) => {
  const gate = createErrorGate(shards);
  expect([passed(200, () => gate.permits(1, 1000)), passed(200, () => gate.permits(2, 1000)), passed(200, () => gate.permits(1, 2000))]).toEqual([limit, limit, limit]);
});
