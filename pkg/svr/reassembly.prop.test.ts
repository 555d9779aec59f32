// The reassembler against a slow model that keeps every byte in an array of its own.
import fc from "fast-check";
import { Reassembler } from "./reassembly.ts";
import type { Piece } from "./reassembly.ts";

const limits = { packets: 64, perRemote: 64, bytes: 1_000_000 };

/** Cuts a body at unit borders. */
function cut(body: Uint8Array, borders: readonly number[]): Piece[] {
  const at = [...new Set([0, ...borders.map((border) => 8 * border).filter((border) => border > 0 && border < body.length)])].sort((a, b) => a - b);
  return at.map((from, index) => {
    const to = at[index + 1] ?? body.length;
    const more = to < body.length;
    return { key: "p", remote: 1, offset: from, more, head: Uint8Array.of(1), slice: body.subarray(from, to), tail: more ? new Uint8Array(0) : Uint8Array.of(2), size: to - from, marked: false };
  });
}

const body = fc.uint8Array({ minLength: 1, maxLength: 400 });
const borders = fc.array(fc.integer({ min: 1, max: 50 }), { maxLength: 12 });

test("M-5 any cut in any order with any copies gives the body, exactly once", () => {
  fc.assert(fc.property(body, borders, fc.infiniteStream(fc.nat(1_000)), (bytes, at, random) => {
    const pieces = cut(bytes, at);
    const order = [...pieces, ...pieces.slice(1)].map((piece) => ({ piece, rank: random.next().value as number })).sort((a, b) => a.rank - b.rank);
    const into = new Reassembler(limits);
    const wholes = order.map(({ piece }, time) => into.accept(piece, time)).filter((whole) => whole !== undefined);
    expect(wholes).toHaveLength(1);
    for (const whole of wholes) expect([...whole.data]).toEqual([1, ...bytes, 2]);
    expect(into.takeDiscarded()).toBe(0);
  }));
});

/** What the wire could bring: pieces of a body, some shifted or cut short by an attacker. */
const hostile = fc.array(fc.record({ offset: fc.nat(12), length: fc.integer({ min: 0, max: 40 }), more: fc.boolean(), fill: fc.nat(3) }), { maxLength: 25 });

test("M-5 hostile pieces: a packet comes out only when every byte has one source and there is one end", () => {
  fc.assert(fc.property(hostile, (pieces) => {
    const into = new Reassembler(limits);
    const taken: { offset: number; slice: Uint8Array; more: boolean }[] = [];
    let bad = false;
    pieces.forEach(({ offset, length, more, fill }, time) => {
      const piece: Piece = { key: "p", remote: 1, offset: 8 * offset, more, head: new Uint8Array(0), slice: new Uint8Array(length).fill(fill), tail: new Uint8Array(0), size: length, marked: false };
      const whole = into.accept(piece, time);
      const copy = taken.some((one) => one.offset === piece.offset && Buffer.compare(one.slice, piece.slice) === 0);
      const sound = length > 0 && (!more || length % 8 === 0) && taken.every((one) =>
        (one.offset + one.slice.length <= piece.offset || piece.offset + length <= one.offset) && (one.more || piece.offset < one.offset) && (more || one.offset < piece.offset));
      if (!bad && !(length > 0 && (!more || length % 8 === 0) && copy)) {
        if (sound) taken.push({ offset: piece.offset, slice: piece.slice, more });
        else bad = true;
      }
      const received = taken.reduce((sum, one) => sum + one.slice.length, 0);
      const end = taken.find((one) => !one.more);
      const complete = !bad && end !== undefined && received === end.offset + end.slice.length;
      expect(whole !== undefined).toBe(complete);
      if (whole !== undefined) {
        expect(whole.data.length).toBe(received);
        for (const one of taken) expect(Buffer.compare(whole.data.subarray(one.offset, one.offset + one.slice.length), one.slice)).toBe(0);
        taken.length = 0; // the next piece opens a new packet
      }
    });
    into.expire(1_000_000);
    expect([into.open, into.bytes]).toEqual([0, 0]);
  }), { numRuns: 500 });
});
