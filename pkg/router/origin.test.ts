// Which key a shard signs with while another one becomes known: configurations reach routers one after the other.
import type { OriginKeys } from "../ports/origin.ts";
import { createOriginSigner } from "./origin.ts";

const older = new Uint8Array(32).fill(1), newer = new Uint8Array(32).fill(2);

/** The first own key that is listed signs, and stands in the signature. */
function signerOf(...own: Uint8Array[]): (at: number, session: number, listed: Uint8Array[]) => number | undefined {
  const keys: OriginKeys = {
    sign: (_text, listed = own) => own.find((key) => listed.some((one) => one[0] === key[0])), verify: () => false,
  };
  const signer = createOriginSigner(keys);
  return (at, session, listed) => signer.sign({ uuid: new Uint8Array(16).fill(session) }, { nowMs: at, nowUnixMs: at }, listed)?.signature[0];
}

test("a key that is listed now signs ten seconds later, the one before it until then", () => {
  const sign = signerOf(newer, older), first = [older], both = [newer, older];
  expect(sign(0, 1, first)).toBe(1);
  expect(sign(60_000, 2, both)).toBe(1);
  expect(sign(69_999, 3, [newer, older])).toBe(1); // the same list, read again
  expect(sign(70_000, 4, both)).toBe(2);
});

test("where there is no other key, one that is listed since a moment signs", () => {
  expect(signerOf(newer, older)(0, 1, [newer, older])).toBe(2);
  const sign = signerOf(newer); // the key before was never used in this shard
  expect(sign(0, 1, [older])).toBeUndefined();
  expect(sign(20_000, 2, [newer, older])).toBe(2);
});
