// Payload keys that a shard says again: one a session, bounded, overwritten when they go.
import type { PayloadKey } from "../svr/metadata.ts";
import { createPayloadKeys } from "./payloadkeys.ts";

const uuid = (n: number): Uint8Array => new Uint8Array(new Uint32Array([n, 0, 0, 0]).buffer);
const keyOf = (index: number): PayloadKey => ({ suite: 2, index, key: new Uint8Array(32).fill(9) });

test("8.2 a session has the key that was kept last; one that is dropped is overwritten", () => {
  const keys = createPayloadKeys(), first = keyOf(1), second = keyOf(2);
  keys.keep(uuid(1), first);
  keys.keep(uuid(2), second);
  expect([keys.of(uuid(1)), keys.of(uuid(2)), keys.of(uuid(3))]).toEqual([first, second, undefined]);
  keys.drop(uuid(1));
  keys.drop(uuid(3));
  expect([keys.of(uuid(1)), first.key.every((byte) => byte === 0), second.key.every((byte) => byte === 9)]).toEqual([undefined, true, true]);
});

test("14 the list is bounded: the oldest key makes room, and is overwritten", () => {
  const keys = createPayloadKeys(), oldest = keyOf(0), limit = keys.held()[0]!.limit;
  keys.keep(uuid(0), oldest);
  for (let n = 1; n < limit; n++) keys.keep(uuid(n), keyOf(n & 0xff));
  expect([keys.held()[0]?.entries, keys.of(uuid(0))]).toEqual([limit, oldest]);
  keys.keep(uuid(limit), keyOf(1));
  expect([keys.held()[0]?.entries, keys.of(uuid(0)), oldest.key.some((byte) => byte !== 0), keys.of(uuid(1))?.index]).toEqual([limit, undefined, false, 1]);
});
