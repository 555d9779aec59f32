// Reassembly of SVR fragments within its bounds: time, number, overlap, open packets.
import { FRAGMENTS_MAX, KEY_EXCHANGE_LIMITS, ROUTER_LIMITS, Reassembler, isMarked, markWhole } from "./reassembly.ts";
import type { Joined, Piece, ReassemblyLimits } from "./reassembly.ts";

const limits: ReassemblyLimits = { packets: 8, perRemote: 4, bytes: 10_000 };
const bytes = (length: number, fill = 0): Uint8Array => new Uint8Array(length).fill(fill);
const piece = (offset: number, length: number, more: boolean, change: Partial<Piece> = {}): Piece =>
  ({ key: "a", remote: 1, offset, more, head: Uint8Array.of(1, 2), slice: bytes(length, offset / 8 + 1), tail: more ? bytes(0) : Uint8Array.of(9), size: length + 30, marked: false, ...change });

/** Feeds pieces one ms apart and gives the last answer. */
function feed(into: Reassembler, pieces: readonly Piece[], from = 0): Joined | undefined {
  let last: Joined | undefined;
  pieces.forEach((one, at) => { last = into.accept(one, from + at); });
  return last;
}

const three = [piece(0, 16, true), piece(16, 8, true), piece(24, 5, false)];
const orders = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];

test.each(orders)("M-5 pieces in the order %i %i %i give the packet: head of the first, slices, tail of the last", (...order) => {
  const into = new Reassembler(limits);
  const whole = feed(into, order.map((at) => three[at]!));
  expect(whole).toMatchObject({ headLength: 2, tailLength: 1, largest: 46, marked: false });
  expect([...whole!.data]).toEqual([1, 2, ...bytes(16, 1), ...bytes(8, 3), ...bytes(5, 4), 9]);
  expect([into.open, into.bytes, into.takeDiscarded()]).toEqual([0, 0, 0]);
});

test("M-5 what is given back does not share memory with the fragments", () => {
  const into = new Reassembler(limits);
  const first = piece(0, 8, true);
  into.accept(first, 0);
  first.slice.fill(77);
  first.head.fill(77);
  expect([...into.accept(piece(8, 1, false), 1)!.data]).toEqual([1, 2, ...bytes(8, 1), 2, 9]);
  expect(into.accept(piece(0, 4, false, { key: "single" }), 2)?.data.length).toBe(7);
});

test("M-5 one missing fragment: discarded after 5 s, not before", () => {
  const into = new Reassembler(limits);
  feed(into, [three[0]!, three[2]!], 1_000);
  into.expire(5_999);
  expect([into.open, into.takeDiscarded()]).toEqual([1, 0]);
  into.expire(6_000);
  expect([into.open, into.bytes, into.takeDiscarded(), into.takeDiscarded()]).toEqual([0, 0, 1, 0]);
  expect(into.accept(three[1]!, 6_001)).toBeUndefined(); // too late: it opens a new packet
});

test("M-5 the timeout runs from the first fragment, whatever comes later", () => {
  const into = new Reassembler(limits);
  into.accept(three[0]!, 0);
  into.accept(three[1]!, 4_999);
  expect(into.accept(three[2]!, 5_000)).toBeUndefined();
  expect(into.takeDiscarded()).toBe(1);
});

test.each<{ desc: string; pieces: Piece[] }>([
  { desc: "an overlap with the one before", pieces: [piece(0, 16, true), piece(8, 16, true)] },
  { desc: "an overlap with the one behind", pieces: [piece(8, 16, true), piece(0, 16, true)] },
  { desc: "the same place with other bytes", pieces: [piece(0, 16, true), piece(0, 16, true, { slice: bytes(16, 99) })] },
  { desc: "the same place, longer", pieces: [piece(0, 16, true), piece(0, 24, true)] },
  { desc: "two ends", pieces: [piece(16, 5, false), piece(24, 5, false)] },
  { desc: "an end in front of known pieces", pieces: [piece(24, 8, true), piece(8, 5, false)] },
  { desc: "a piece behind the end", pieces: [piece(8, 8, false), piece(16, 8, true)] },
  { desc: "a slice that is no whole unit", pieces: [piece(0, 12, true)] },
  { desc: "an empty slice", pieces: [piece(0, 0, true)] },
  { desc: "an end above 65,535 bytes", pieces: [piece(65_528, 8, false)] },
])("M-5 discarded at once and the rest swallowed: $desc", ({ pieces }) => {
  const into = new Reassembler(limits);
  feed(into, pieces);
  expect([into.takeDiscarded(), into.bytes, into.open]).toEqual([1, 0, 1]);
  expect(feed(into, three, 10)).toBeUndefined();
  expect(into.takeDiscarded()).toBe(0);
  into.expire(5_000);
  expect([into.open, into.takeDiscarded()]).toEqual([0, 0]);
  expect(feed(into, three, 5_001)).toBeDefined();
});

test("M-5 an exact copy is no overlap", () => {
  const into = new Reassembler(limits);
  expect(feed(into, [three[0]!, three[0]!, three[1]!, three[1]!, three[2]!])?.data.length).toBe(2 + 29 + 1);
  expect(into.takeDiscarded()).toBe(0);
});

test("M-5 fragments beyond the 128th of one packet discard it", () => {
  const into = new Reassembler({ ...limits, bytes: 1_000_000 });
  const many = Array.from({ length: FRAGMENTS_MAX }, (_, at) => piece(8 * at, 8, true));
  feed(into, many);
  expect([into.open, into.takeDiscarded()]).toEqual([1, 0]);
  into.accept(piece(8 * FRAGMENTS_MAX, 8, false), 200);
  expect(into.takeDiscarded()).toBe(1);
  const fits = [...many.slice(0, -1), piece(8 * (FRAGMENTS_MAX - 1), 8, false)].map((one) => ({ ...one, key: "b" }));
  expect(feed(into, fits, 300)).toBeDefined();
});

test("M-5 packets beyond the limit of a remote address are refused, others are not", () => {
  const into = new Reassembler(limits);
  for (let at = 0; at < 5; at++) into.accept(piece(0, 8, true, { key: `a${at}` }), at);
  expect([into.open, into.takeDiscarded()]).toEqual([4, 1]);
  into.accept(piece(0, 8, true, { key: "b", remote: "2" }), 10);
  expect([into.open, into.takeDiscarded()]).toEqual([5, 0]);
  expect(into.accept(piece(8, 8, false, { key: "a0" }), 11)).toBeDefined();
  into.accept(piece(0, 8, true, { key: "a5" }), 12);
  expect(into.takeDiscarded()).toBe(0); // room again
});

test("M-5 packets beyond the limit of the router are refused", () => {
  const into = new Reassembler(limits);
  for (let at = 0; at < 9; at++) into.accept(piece(0, 8, true, { key: `${at}`, remote: at }), at);
  expect([into.open, into.takeDiscarded()]).toEqual([8, 1]);
});

test("M-5 bytes beyond the limit discard the packet that brings them", () => {
  const into = new Reassembler(limits);
  into.accept(piece(0, 6_000, true), 0);
  into.accept(piece(0, 4_000, true, { key: "b" }), 1);
  expect([into.bytes, into.takeDiscarded()]).toEqual([6_002, 1]);
  into.accept(piece(0, 3_992, true, { key: "c" }), 2);
  expect([into.bytes, into.takeDiscarded()]).toEqual([6_002 + 3_994, 0]);
});

test("M-5 the limits of a router are those of protocol 10.2", () => {
  expect([ROUTER_LIMITS.packets, ROUTER_LIMITS.perRemote, KEY_EXCHANGE_LIMITS.packets, FRAGMENTS_MAX]).toEqual([16_384, 4_096, 256, 128]);
});

test("a congestion mark on any fragment is on the whole", () => {
  expect([0, 1, 2, 3, 0xb8, 0xbb].map(isMarked)).toEqual([false, false, false, true, false, true]);
  const into = new Reassembler(limits);
  const marked = feed(into, [three[0]!, { ...three[1]!, marked: true }, three[2]!])!;
  const v4 = { ...marked, data: Uint8Array.of(0x45, 0xb8) };
  const v6 = { ...marked, data: Uint8Array.of(0x6b, 0x80) };
  const none = { ...marked, marked: false, data: Uint8Array.of(0x45, 0xb8) };
  for (const one of [v4, v6, none]) markWhole(one);
  expect([v4.data[1], v6.data[1], none.data[1]]).toEqual([0xbb, 0xb0, 0xb8]);
});
