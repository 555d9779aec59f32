// Cells of the service lookup: what one tenant finds at one prefix, by class. Called by lookup.ts only.
// Built once; a look-up in a cell is two map reads and a binary search and allocates nothing.
import { compareNames } from "./entries.ts";
import type { Matcher } from "./entries.ts";

/** Cell answers for one (tenant, prefix): class 1 by protocol and port, class 2 by protocol, class 3 for the rest. */
export interface Cell<T> {
  ports: Map<number, PortSegments<T>> | undefined;
  protocols: Map<number, T> | undefined;
  any: T | undefined;
}

/** PortSegments are disjoint stretches of the port space: `starts` ascending, each with its winner or nothing. */
export interface PortSegments<T> {
  starts: Int32Array;
  winners: (T | undefined)[];
}

/** Ranked is a matcher with what it stands for; of equal matchers the one with the lower service name wins. */
export interface Ranked<T> {
  matcher: Matcher;
  winner: T;
}

interface Stretch<T> {
  first: number;
  last: number;
  ranked: Ranked<T>;
}

/** createCell builds the cell of one tenant and prefix from its matchers, in any order. */
export function createCell<T>(list: readonly Ranked<T>[]): Cell<T> {
  const sorted = [...list].sort((a, b) => compareNames(a.matcher.service.name, b.matcher.service.name));
  const protocols = new Map<number, T>();
  const stretches = new Map<number, Stretch<T>[]>();
  let any: T | undefined;
  for (const ranked of sorted) {
    const { protocol, ports } = ranked.matcher;
    if (protocol === undefined) any ??= ranked.winner;
    else if (ports !== undefined) push(stretches, protocol, { ...ports, ranked });
    else if (!protocols.has(protocol)) protocols.set(protocol, ranked.winner);
  }
  const segments = new Map([...stretches].map(([protocol, one]) => [protocol, createSegments(one)]));
  return { any, protocols: protocols.size === 0 ? undefined : protocols, ports: segments.size === 0 ? undefined : segments };
}

/** findInSegments gives the winner for a port, or undefined. */
export function findInSegments<T>(segments: PortSegments<T>, port: number): T | undefined {
  const { starts, winners } = segments;
  let low = 0;
  let high = starts.length - 1;
  while (low <= high) {
    const middle = (low + high) >>> 1;
    if ((starts[middle] ?? 0) <= port) low = middle + 1;
    else high = middle - 1;
  }
  return high < 0 ? undefined : winners[high];
}

/** Sweep over the port space: at each border the narrowest open range wins, then the lower service name. */
function createSegments<T>(stretches: Stretch<T>[]): PortSegments<T> {
  const opening = new Map<number, Stretch<T>[]>();
  const closing = new Map<number, Stretch<T>[]>();
  for (const stretch of stretches) {
    push(opening, stretch.first, stretch);
    push(closing, stretch.last + 1, stretch);
  }
  const starts = [...new Set([...opening.keys(), ...closing.keys()])].sort((a, b) => a - b);
  const open: Stretch<T>[] = [];
  const winners = starts.map((start) => {
    for (const stretch of closing.get(start) ?? []) open.splice(placeOf(open, stretch), 1);
    for (const stretch of opening.get(start) ?? []) open.splice(placeOf(open, stretch), 0, stretch);
    return open[0]?.ranked.winner;
  });
  return { starts: Int32Array.from(starts), winners };
}

/** First place in the ordered list whose stretch is not before this one. */
function placeOf<T>(open: readonly Stretch<T>[], stretch: Stretch<T>): number {
  let low = 0;
  let high = open.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const other = open[middle];
    if (other !== undefined && compareStretches(other, stretch) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}

function compareStretches<T>(a: Stretch<T>, b: Stretch<T>): number {
  return a.last - a.first - (b.last - b.first) || compareNames(a.ranked.matcher.service.name, b.ranked.matcher.service.name) || a.first - b.first;
}

function push<K, V>(map: Map<K, V[]>, key: K, value: V): void {
  const list = map.get(key);
  if (list === undefined) map.set(key, [value]);
  else list.push(value);
}
