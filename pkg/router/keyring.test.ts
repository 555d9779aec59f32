// Keys of peers over time: when the new ones are used, how long the old ones count, which ids come back (protocol 15.5).
import { writeU32 } from "../base/bytes.ts";
import type { PeerKeys } from "../svr/keys.ts";
import { createKeyRing, KEY_OVERLAP_MS, KEY_WAIT_MS } from "./keyring.ts";
import type { KeyRing } from "./keyring.ts";

const key = (keyId: number): PeerKeys => ({ keyId, hmac: new Uint8Array(32), meta: new Uint8Array(32), salt: new Uint8Array(8), sender: "a", receiver: "b", generation: 0 });
const pair = (number: number): { send: PeerKeys; receive: PeerKeys } => ({ send: key(number), receive: key(100 + number) });
const ringOf = (draws: number[] = [], taken: number[] = []): KeyRing => createKeyRing({
  random: (bytes) => {
    const drawn = new Uint8Array(bytes);
    writeU32(drawn, 0, draws.shift() ?? 7);
    return drawn;
  },
  isTaken: (id) => taken.includes(id),
});
const ids = (ring: KeyRing, peer = "west"): unknown => {
  const keys = ring.keys()[peer];
  return keys === undefined ? undefined : [keys.send?.keyId, ...keys.receive.map(({ keyId }) => keyId)];
};

test("15.5 the first keys are used at once, the next ones 30 s later; the old inbound key counts 120 s after the first packet under the new one", () => {
  const ring = ringOf();
  ring.add("west", pair(1), 0);
  expect([ids(ring), ring.isWaiting("west"), Object.keys(ring.take())]).toEqual([[1, 101], false, ["west"]]);
  ring.add("west", pair(2), 1_000);
  expect([ids(ring), ring.isWaiting("west")]).toEqual([[1, 102, 101], true]);
  expect(ring.tick(1_000 + KEY_WAIT_MS - 1)).toEqual([]);
  expect(ids(ring)).toEqual([1, 102, 101]);
  expect(ring.tick(1_000 + KEY_WAIT_MS)).toEqual(["west"]);
  expect([ids(ring), ring.isWaiting("west")]).toEqual([[2, 102, 101], false]);
  ring.tick(10_000_000);
  expect(ids(ring)).toEqual([2, 102, 101]); // no packet under the new key yet
  expect(ring.used([102], 10_000_000)).toEqual(["west"]);
  expect(ring.used([102], 10_500_000)).toEqual([]);
  ring.take();
  ring.tick(10_000_000 + KEY_OVERLAP_MS - 1);
  expect([ids(ring), ring.take()]).toEqual([[2, 102, 101], {}]);
  ring.tick(10_000_000 + KEY_OVERLAP_MS);
  expect([ids(ring), Object.keys(ring.take())]).toEqual([[2, 102], ["west"]]);
});

test("15.5 a peer that signs with the new keys already, because it has no older ones, gets them at once", () => {
  const ring = ringOf();
  ring.add("west", pair(1), 0);
  ring.used([101], 0);
  ring.add("west", pair(2), 1_000);
  ring.used([101], 1_500);
  expect(ids(ring)).toEqual([1, 102, 101]);
  expect(ring.used([102], 2_000)).toEqual(["west"]);
  expect([ids(ring), ring.isWaiting("west")]).toEqual([[2, 102, 101], false]);
});

test("a removed peer has no keys, and its ids rest for an hour; nothing is drawn that is 0, in use, resting or of a pre-shared key", () => {
  const ring = ringOf([0, 101, 55, 201, 9, 101, 8, 101], [55]);
  ring.add("west", pair(1), 0);
  ring.add("east", pair(101), 0);
  expect(ring.newKeyId(0)).toBe(9);
  ring.keepOnly(new Set(["east"]), 1_000);
  expect([ids(ring), ring.take()["west"]]).toEqual([undefined, { send: undefined, receive: [] }]);
  ring.tick(1_000 + 3_599_999);
  expect(ring.newKeyId(1_000 + 3_599_999)).toBe(8);
  ring.tick(1_000 + 3_600_000);
  expect(ring.newKeyId(1_000 + 3_600_000)).toBe(101);
  ring.remove("nobody", 0);
  expect([ring.take(), ring.sinceMs("east"), ring.sinceMs("west"), ring.isWaiting("west")]).toEqual([{}, 0, undefined, false]);
});

test("a peer that changes faster than the overlap ends keeps eight inbound keys, the newest first", () => {
  const ring = ringOf();
  for (let number = 1; number <= 10; number++) ring.add("west", pair(number), number);
  expect(ids(ring)).toEqual([1, 110, 109, 108, 107, 106, 105, 104, 103]);
  ring.tick(10 + KEY_WAIT_MS);
  expect(ids(ring)).toEqual([10, 110, 109, 108, 107, 106, 105, 104, 103]);
});
