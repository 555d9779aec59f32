// Waypoint port pairs of one peer path, one worker's slice of them (protocol 2.2, 2.4, 2.5; behaviour RB-1, RB-3).
// Called by the shard that opens a session and when one ends. Knows no addresses: a pool outlives a change of them.
// Memory is fixed at construction, 17 bytes a pair; no packet or record is looked at here.
import { fail, ok } from "../base/result.ts";
import type { Result } from "../base/result.ts";
import { EVEN_PORT_COUNT, EVEN_PORT_FIRST, EVEN_PORT_LAST, ODD_PORT_COUNT, ODD_PORT_FIRST, ODD_PORT_LAST } from "./constants.ts";

/** WaypointPair is our own port and the peer's on one segment that we open. */
export interface WaypointPair {
  readonly local: number;
  readonly remote: number;
}

/** PortRange is a range of ports, both ends included. */
export interface PortRange {
  readonly first: number;
  readonly last: number;
}

/** WaypointOptions describe a pool; the slices of all workers together are the pool. */
export interface WaypointOptions {
  /** pairs of the whole pool, 1-1,000,000; a short port range lowers it */
  readonly size: number;
  /** this worker's slice: number 0 ... count - 1 */
  readonly slice: { readonly number: number; readonly count: number };
  /** how long a released pair rests, ms; 30,000-600,000, or 0 where the data plane counts the rest itself */
  readonly quarantineMs: number;
  /** ports that the peer announces; absent: odd ports */
  readonly peerPorts?: PortRange;
  /** which pair of the slice comes first, default 0; random where the pairs of an earlier pool may still be in use elsewhere */
  readonly first?: number;
}

/** WaypointCounts always add up to `size`, the pairs of this slice. */
export interface WaypointCounts {
  readonly used: number;
  readonly free: number;
  readonly quarantined: number;
  readonly size: number;
}

/** WAYPOINT_PAIRS_MAX is the largest pool of one peer path (behaviour 1.3). */
export const WAYPOINT_PAIRS_MAX = 1_000_000;

const USED = 0, FREE = 1, RESTING = 2;

/** waypointPair is the pair with a number; consecutive numbers differ in both ports, and no two give the same pair. */
export function waypointPair(number: number, peerPorts?: PortRange): WaypointPair {
  if (peerPorts === undefined) {
    // 24,576 and 24,575 have no common factor, so the two remainders name the number (Chinese remainder theorem)
    return { local: EVEN_PORT_FIRST + 2 * (number % EVEN_PORT_COUNT), remote: ODD_PORT_FIRST + 2 * (number % ODD_PORT_COUNT) };
  }
  const count = countOf(peerPorts);
  const turn = number % count;
  const even = (Math.floor(number / count) + turn) % EVEN_PORT_COUNT;
  return { local: EVEN_PORT_FIRST + 2 * even, remote: peerPorts.first + turn };
}

/** waypointNumber is the inverse of waypointPair; undefined for ports that no pair has. */
export function waypointNumber(pair: WaypointPair, peerPorts?: PortRange): number | undefined {
  const even = (pair.local - EVEN_PORT_FIRST) / 2;
  if (!Number.isInteger(even) || even < 0 || pair.local > EVEN_PORT_LAST) return undefined;
  if (peerPorts === undefined) {
    const odd = (pair.remote - ODD_PORT_FIRST) / 2;
    if (!Number.isInteger(odd) || odd < 0 || pair.remote > ODD_PORT_LAST) return undefined;
    return even + EVEN_PORT_COUNT * remainder(odd - even, ODD_PORT_COUNT);
  }
  const count = countOf(peerPorts);
  const turn = pair.remote - peerPorts.first;
  if (!Number.isInteger(turn) || turn < 0 || turn >= count) return undefined;
  return remainder(even - turn, EVEN_PORT_COUNT) * count + turn;
}

function countOf(range: PortRange): number {
  return range.last - range.first + 1;
}

function remainder(value: number, modulus: number): number {
  return ((value % modulus) + modulus) % modulus;
}

/** WaypointPool hands out the pairs of a slice, least recently released first. Owner: one worker; every call is O(1). */
export class WaypointPool {
  readonly #slice: { readonly number: number; readonly count: number };
  readonly #peerPorts: PortRange | undefined;
  readonly #size: number;
  /** Ring of unused pairs in order of release, closed by the entry #size: first the free ones, then those that rest. */
  readonly #next: Uint32Array;
  readonly #previous: Uint32Array;
  readonly #releasedAt: Float64Array;
  /** USED, FREE or RESTING */
  readonly #use: Uint8Array;
  #quarantineMs: number;
  /** first pair of the ring that still rests */
  #resting: number;
  #free: number;
  #quarantined = 0;

  /** Throws RangeError when the size or the slice makes no sense: configuration is checked before. */
  constructor(options: WaypointOptions) {
    const { slice, peerPorts } = options;
    const most = peerPorts === undefined ? WAYPOINT_PAIRS_MAX : EVEN_PORT_COUNT * countOf(peerPorts);
    if (!(options.size >= 1 && options.size <= WAYPOINT_PAIRS_MAX && most >= 1)) throw new RangeError(`a waypoint pool cannot have ${options.size} pairs`);
    if (!(slice.number >= 0 && slice.number < slice.count)) throw new RangeError(`no slice ${slice.number} of ${slice.count}`);
    this.#slice = slice;
    this.#peerPorts = peerPorts;
    this.#quarantineMs = options.quarantineMs;
    this.#size = Math.max(0, Math.ceil((Math.min(options.size, most) - slice.number) / slice.count));
    const entries = this.#size + 1;
    this.#next = new Uint32Array(entries);
    this.#previous = new Uint32Array(entries);
    this.#closeRing(this.#size === 0 ? 0 : (options.first ?? 0) % this.#size);
    this.#releasedAt = new Float64Array(entries).fill(Number.NEGATIVE_INFINITY);
    this.#use = new Uint8Array(this.#size).fill(FREE);
    this.#resting = this.#size;
    this.#free = this.#size;
  }

  /** allocate takes the pair that was released longest ago; `nat` when none has rested long enough. */
  allocate(now: number): Result<WaypointPair, "nat"> {
    this.#mature(now);
    if (this.#free === 0) return fail("nat");
    const entry = this.#next[this.#size]!;
    this.#take(entry);
    return ok(this.#pairOf(entry));
  }

  /** inUse lists the used pairs, for a pool of another size that takes their place; costs time in proportion to the size. */
  inUse(): WaypointPair[] {
    return Array.from(this.#use).flatMap((use, entry) => (use === USED ? [this.#pairOf(entry)] : []));
  }

  /** peek is the pair that allocate would take, which stays free. */
  peek(now: number): WaypointPair | undefined {
    this.#mature(now);
    return this.#free === 0 ? undefined : this.#pairOf(this.#next[this.#size]!);
  }

  /** page lists the used pairs among `count` pairs of the slice from the one numbered `from` on; `next` is absent at the end. */
  page(from: number, count: number): { used: WaypointPair[]; size: number; next?: number } {
    const end = Math.min(from + count, this.#size);
    const used: WaypointPair[] = [];
    for (let entry = from; entry < end; entry++) if (this.#use[entry] === USED) used.push(this.#pairOf(entry));
    return { used, size: this.#size, ...(end < this.#size ? { next: end } : {}) };
  }

  /** release puts a used pair into quarantine from `at` (ms) on; false: not a used pair of this slice. */
  release(pair: WaypointPair, at: number): boolean {
    const entry = this.#entryOf(pair);
    if (entry === undefined || this.#use[entry] !== USED) return false;
    this.#append(entry, at);
    return true;
  }

  /** surrender gives back a pair that no packet of a kept session used (glare, protocol 6.5): no quarantine. */
  surrender(pair: WaypointPair): boolean {
    const entry = this.#entryOf(pair);
    if (entry === undefined || this.#use[entry] !== USED) return false;
    this.#link(entry, this.#next[this.#size]!);
    this.#releasedAt[entry] = Number.NEGATIVE_INFINITY;
    this.#use[entry] = FREE;
    this.#free++;
    return true;
  }

  /** adopt marks a pair as used by a session that was found at start; false: not an unused pair of this slice. */
  adopt(pair: WaypointPair): boolean {
    const entry = this.#entryOf(pair);
    if (entry === undefined || this.#use[entry] === USED) return false;
    this.#take(entry);
    return true;
  }

  /** adoptResting marks a pair as released at a time; out of order it rests as long as the latest one before it. */
  adoptResting(pair: WaypointPair, releasedAt: number): boolean {
    return this.adopt(pair) && this.release(pair, releasedAt);
  }

  /** setQuarantine changes the rest of pairs that have not finished theirs. */
  setQuarantine(quarantineMs: number): void {
    this.#quarantineMs = quarantineMs;
  }

  /** counts tells how the slice is used at `now`. */
  counts(now: number): WaypointCounts {
    this.#mature(now);
    return { used: this.#size - this.#free - this.#quarantined, free: this.#free, quarantined: this.#quarantined, size: this.#size };
  }

  #pairOf(entry: number): WaypointPair {
    return waypointPair(this.#slice.number + entry * this.#slice.count, this.#peerPorts);
  }

  /** All pairs in the order of their numbers, beginning anywhere. */
  #closeRing(first: number): void {
    let last = this.#size;
    for (let turn = 0; turn < this.#size; turn++) {
      const entry = (first + turn) % this.#size;
      this.#next[last] = entry;
      this.#previous[entry] = last;
      last = entry;
    }
    this.#next[last] = this.#size;
    this.#previous[this.#size] = last;
  }

  #entryOf(pair: WaypointPair): number | undefined {
    const number = waypointNumber(pair, this.#peerPorts);
    if (number === undefined) return undefined;
    const entry = (number - this.#slice.number) / this.#slice.count;
    return Number.isInteger(entry) && entry >= 0 && entry < this.#size ? entry : undefined;
  }

  /** Moves the border between free and resting pairs; each pair passes it once, so the cost is one step a release. */
  #mature(now: number): void {
    while (this.#resting !== this.#size && this.#releasedAt[this.#resting]! <= now - this.#quarantineMs) {
      this.#use[this.#resting] = FREE;
      this.#resting = this.#next[this.#resting]!;
      this.#quarantined--;
      this.#free++;
    }
  }

  #append(entry: number, at: number): void {
    const last = this.#previous[this.#size]!;
    this.#releasedAt[entry] = last === this.#size ? at : Math.max(at, this.#releasedAt[last]!);
    this.#link(entry, this.#size);
    if (this.#resting === this.#size) this.#resting = entry;
    this.#use[entry] = RESTING;
    this.#quarantined++;
  }

  #link(entry: number, before: number): void {
    const previous = this.#previous[before]!;
    this.#next[previous] = entry;
    this.#previous[entry] = previous;
    this.#next[entry] = before;
    this.#previous[before] = entry;
  }

  #take(entry: number): void {
    const next = this.#next[entry]!;
    const previous = this.#previous[entry]!;
    if (this.#use[entry] === FREE) this.#free--;
    else this.#quarantined--;
    if (this.#resting === entry) this.#resting = next;
    this.#next[previous] = next;
    this.#previous[next] = previous;
    this.#use[entry] = USED;
  }
}
