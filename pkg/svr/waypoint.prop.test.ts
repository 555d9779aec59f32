// The pool against a slow honest model: an array of released pairs with their times.
import fc from "fast-check";
import { WaypointPool, waypointNumber, waypointPair } from "./waypoint.ts";
import type { PortRange, WaypointPair } from "./waypoint.ts";

class Model {
  readonly used = new Set<string>();
  unused: { pair: WaypointPair; at: number }[];
  readonly rest: number;
  constructor(pairs: readonly WaypointPair[], rest: number) {
    this.rest = rest;
    this.unused = pairs.map((pair) => ({ pair, at: Number.NEGATIVE_INFINITY }));
  }
  allocate(now: number): WaypointPair | undefined {
    const first = this.unused[0];
    if (first === undefined || first.at > now - this.rest) return undefined;
    this.unused.shift();
    this.used.add(JSON.stringify(first.pair));
    return first.pair;
  }
  release(pair: WaypointPair, now: number): boolean {
    if (!this.used.delete(JSON.stringify(pair))) return false;
    this.unused.push({ pair, at: now });
    return true;
  }
  adopt(pair: WaypointPair): boolean {
    const at = this.unused.findIndex((entry) => JSON.stringify(entry.pair) === JSON.stringify(pair));
    if (at < 0) return false;
    this.unused.splice(at, 1);
    this.used.add(JSON.stringify(pair));
    return true;
  }
  counts(now: number): { used: number; free: number; quarantined: number; size: number } {
    const free = this.unused.filter((entry) => entry.at <= now - this.rest).length;
    return { used: this.used.size, free, quarantined: this.unused.length - free, size: this.used.size + this.unused.length };
  }
}

const move = fc.record({ kind: fc.constantFrom("allocate", "allocate", "release", "release", "adopt", "adopt"), which: fc.nat(40), wait: fc.nat(12_000) });

test("RB-1 RB-3 W-2 same pairs, refusals and counts as the model, in any order of calls", () => {
  fc.assert(fc.property(
    fc.integer({ min: 1, max: 12 }), fc.integer({ min: 1, max: 3 }), fc.boolean(), fc.array(move, { maxLength: 120 }),
    (size, count, ranged, moves) => {
      const peerPorts: PortRange | undefined = ranged ? { first: 7000, last: 7003 } : undefined;
      const pairs = Array.from({ length: size }, (_, number) => waypointPair(number, peerPorts)).filter((_, number) => number % count === 0);
      const pool = new WaypointPool({ size, slice: { number: 0, count }, quarantineMs: 30_000, ...(peerPorts === undefined ? {} : { peerPorts }) });
      const model = new Model(pairs, 30_000);
      let now = 0;
      for (const { kind, which, wait } of moves) {
        now += wait;
        const pair = waypointPair(which % (size + 1), peerPorts);
        if (kind === "allocate") {
          const result = pool.allocate(now);
          expect(result.ok ? result.value : undefined).toEqual(model.allocate(now));
        } else if (kind === "release") expect(pool.release(pair, now)).toBe(model.release(pair, now));
        else expect(pool.adopt(pair)).toBe(model.adopt(pair));
        expect(pool.counts(now)).toEqual(model.counts(now));
      }
    },
  ), { numRuns: 300 });
});

test("W-2 number and ports are a bijection", () => {
  const range = fc.option(fc.tuple(fc.integer({ min: 1025, max: 65535 }), fc.nat(2_000)), { nil: undefined });
  fc.assert(fc.property(fc.nat(999_999), range, (number, ends) => {
    const peerPorts = ends === undefined ? undefined : { first: ends[0], last: Math.min(65535, ends[0] + ends[1]) };
    const most = peerPorts === undefined ? 1_000_000 : 24_576 * (peerPorts.last - peerPorts.first + 1);
    expect(waypointNumber(waypointPair(number % most, peerPorts), peerPorts)).toBe(number % most);
  }));
});
