// Room for the packets that leave with a turn: one piece of memory used again and again, because a buffer of its own costs a
// small packet more than its contents. Owned by one shard; pkg/svr lays packets out in it (LayoutOptions.take).

/** Slab gives out memory for one turn at a time. */
export interface Slab {
  /** zeroed bytes, the caller's until clear */
  take(length: number): Uint8Array;
  /** everything given out is free again */
  clear(): void;
}

const SLAB_BYTES = 1 << 19; // a full batch of packets of 1,500 bytes

/** createSlab makes an empty slab; what does not fit into it gets memory of its own. */
export function createSlab(bytes: number = SLAB_BYTES): Slab {
  const memory = new Uint8Array(bytes);
  let used = 0;
  return {
    take(length) {
      if (used + length > bytes) return new Uint8Array(length);
      const from = used;
      used += length;
      return memory.subarray(from, used);
    },
    clear() {
      memory.fill(0, 0, used); // once for all packets of a turn
      used = 0;
    },
  };
}
