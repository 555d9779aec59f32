// First-packet replay (protocol 6.3): which session-creating packets were seen, by tag, for as long as their epoch can
// still verify. Called after the tag was verified and only when the packet would create a session (a live session with
// its UUID makes it a repeat instead). Tags do not cover ports, so a copy may reach another shard: all shards share one
// memory, lock-free. Fixed size, no timers; not used in regular mode.
import { readU32 } from "../base/bytes.ts";

/** ReplayVerdict: "full" means that too many sessions were created in this epoch; refuse with `limit`. */
export type ReplayVerdict = "new" | "replay" | "full";

/** ReplayOptions: window in epochs (1-5), slots per epoch (a power of two), and the memory that shards share. */
export interface ReplayOptions {
  readonly window: number;
  readonly slots: number;
  readonly memory: ArrayBufferLike;
}

/** PROBE_LIMIT is how many neighbouring slots may be taken before an epoch counts as full. */
const PROBE_LIMIT = 64;
/** An entry is 44 bits of the tag and 20 bits of the epoch; it is void once another epoch uses its part of the table. */
const ENTRY_BYTES = 8, EPOCH_BITS = 20;
const EPOCHS = 2 ** EPOCH_BITS - 1;
const EPOCH_MASK = BigInt(EPOCHS);
const TAG_LOW_MASK = 0xfff00000;

/** replayBytes is the size of the memory for a window and a number of slots: 2 x window + 1 epochs are live at once. */
export function replayBytes(window: number, slots: number): number {
  return (2 * window + 1) * slots * ENTRY_BYTES;
}

/** ReplayWindow is one shard's view of the shared memory; zeroed memory is an empty window. */
export class ReplayWindow {
  readonly #table: BigInt64Array;
  readonly #generations: number;
  readonly #slots: number;

  /** Throws RangeError when the memory does not fit the options. */
  constructor(options: ReplayOptions) {
    const { window, slots, memory } = options;
    if (slots < 1 || (slots & (slots - 1)) !== 0) throw new RangeError(`${slots} slots are not a power of two`);
    if (memory.byteLength < replayBytes(window, slots)) throw new RangeError(`a replay window of ${slots} slots needs ${replayBytes(window, slots)} bytes`);
    this.#table = new BigInt64Array(memory);
    this.#generations = 2 * window + 1;
    this.#slots = slots;
  }

  /** check books the tag (16 bytes) of a packet that verified in `epoch` and tells whether it was there before. */
  check(tag: Uint8Array, epoch: number): ReplayVerdict {
    const entry = entryOf(tag, epoch);
    const base = (epoch % this.#generations) * this.#slots;
    const start = readU32(tag, 8);
    for (let probe = 0; probe < Math.min(PROBE_LIMIT, this.#slots); probe++) {
      const at = base + ((start + probe) & (this.#slots - 1));
      const found = Atomics.load(this.#table, at);
      const usable = isVoid(found, entry);
      const before = usable ? Atomics.compareExchange(this.#table, at, found, entry) : found;
      if (before === entry) return "replay";
      if (usable && before === found) return "new";
    }
    return "full";
  }

  /** taken estimates how many tags of an epoch are booked, from at most `looks` slots spread over all of them, and tells how many there is room for. */
  taken(epoch: number, looks: number): { taken: number; slots: number } {
    const step = Math.max(1, Math.floor(this.#slots / looks));
    const base = (epoch % this.#generations) * this.#slots, mark = BigInt(1 + (epoch % EPOCHS));
    let found = 0;
    for (let at = 0; at < this.#slots; at += step) if ((Atomics.load(this.#table, base + at) & EPOCH_MASK) === mark) found++;
    return { taken: found * step, slots: this.#slots };
  }
}

/** Epochs are kept as 1 ... 2^20 - 1, so that zeroed memory is void in every epoch. */
function entryOf(tag: Uint8Array, epoch: number): bigint {
  const low = (readU32(tag, 4) & TAG_LOW_MASK) >>> 0;
  return BigInt.asIntN(64, (BigInt(readU32(tag, 0)) << 32n) | BigInt(low + 1 + (epoch % EPOCHS)));
}

function isVoid(found: bigint, entry: bigint): boolean {
  return ((found ^ entry) & EPOCH_MASK) !== 0n;
}
