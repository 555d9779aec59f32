// Keys that change under live sessions, and peers without any: what is sent, accepted and refused (protocol 15.5).
import { buildPacket } from "../../pkg/svr/build.ts";
import type { PeerKeys } from "../../pkg/svr/keys.ts";
import type { PeerKeyPair } from "../../pkg/router/tables.ts";
import { address } from "./config.ts";
import { createLab, keysOf } from "./lab.ts";
import type { Lab } from "./lab.ts";

const services = [{ name: "shop/dns", prefixes: ["10.2.0.0/24"], proto: 17, ports: { first: 53, last: 53 } }];
const ask = (port: number): Uint8Array => buildPacket({ source: address("10.1.0.10"), destination: address("10.2.0.20") }, { kind: "udp", sourcePort: port, destinationPort: 53 }, new Uint8Array(5));
const fresh = (sender: string, receiver: string): PeerKeys => ({ ...keysOf(sender, receiver), keyId: (keysOf(sender, receiver).keyId ^ 1) >>> 0, hmac: new Uint8Array(32).fill(9) });
const rekey = (lab: Lab, index: number, keys: Record<string, PeerKeyPair>): void => { for (const shard of lab.routers[index]!.shards) shard.tell({ kind: "keys", keys }); };
const arrived = (lab: Lab, port: number): number => {
  const before = lab.right.length;
  lab.fromLeft(ask(port));
  lab.run();
  return lab.right.length - before;
};
const usedAt = (lab: Lab, index: number): number[] => lab.routers[index]!.reports().flatMap((message) => (message.kind === "keysUsed" ? message.keyIds : []));

test("RB-21 keys change under live sessions and nothing fails: the new inbound key first, then the outbound one, then the old one ends", () => {
  const lab = createLab(["east", "west"], { services });
  const old = keysOf("east", "west"), next = fresh("east", "west");
  expect([arrived(lab, 1), usedAt(lab, 1)]).toEqual([1, [old.keyId]]);
  rekey(lab, 1, { east: { send: keysOf("west", "east"), receive: [next, old] } });
  expect([arrived(lab, 1), arrived(lab, 2), usedAt(lab, 1)]).toEqual([1, 1, [old.keyId]]);
  rekey(lab, 0, { west: { send: next, receive: [keysOf("west", "east")] } });
  expect([arrived(lab, 1), arrived(lab, 3), usedAt(lab, 1)]).toEqual([1, 1, [next.keyId]]);
  rekey(lab, 1, { east: { send: keysOf("west", "east"), receive: [next] } });
  expect([arrived(lab, 2), arrived(lab, 4), usedAt(lab, 1)]).toEqual([1, 1, []]);
  expect(lab.routers.map((router) => [router.live().length, router.drops()])).toEqual([[4, {}], [4, {}]]);
});

test("without keys new sessions are refused as no-key and established clear ones go on; with keys they begin", () => {
  const lab = createLab(["east", "west"], { services });
  expect(arrived(lab, 1)).toBe(1);
  lab.fromRight(buildPacket({ source: address("10.2.0.20"), destination: address("10.1.0.10") }, { kind: "udp", sourcePort: 53, destinationPort: 1 }, new Uint8Array(3)));
  lab.run();
  expect([lab.left.length, arrived(lab, 1)]).toEqual([1, 1]); // the handshake is over
  rekey(lab, 0, { west: { send: undefined, receive: [] } });
  expect([arrived(lab, 1), arrived(lab, 2)]).toEqual([1, 0]);
  expect(lab.routers[0]!.drops()).toEqual({ "no-key": 1 });
  rekey(lab, 0, { west: { send: keysOf("east", "west"), receive: [keysOf("west", "east")] } });
  expect(arrived(lab, 3)).toBe(1);
});
