// Which key set stands in which slot of the native engine. Called by native-engine.ts for every job; the least recently
// used set makes room, and the library wipes its slot before the next one is put there. Keeps no copy of a secret.
import { writeU32 } from "../base/bytes.ts";
import * as wire from "../svr/constants.ts";
import type { PeerKeys } from "../svr/keys.ts";

const SECRET_BYTES = 4 + 2 * wire.KEY_BYTES + wire.SALT_BYTES; // struct svr_engine_secret

/** Load puts a secret into a slot; it may be wiped afterwards. */
export type Load = (slot: number, secret: Uint8Array) => void;

/** KeySlots gives each PeerKeys object a slot; an object is one key set for good. */
export class KeySlots {
  readonly capacity: number;
  readonly #load: Load;
  readonly #slots = new Map<PeerKeys, number>(); // oldest use first
  #last: PeerKeys | undefined;
  #lastSlot = 0;

  constructor(capacity: number, load: Load) {
    this.capacity = capacity;
    this.#load = load;
  }

  /** slotOf gives the slot of a key set, loading it first if need be. The last `capacity` calls never lose theirs to each other. */
  slotOf(keys: PeerKeys): number {
    if (keys === this.#last) return this.#lastSlot;
    const known = this.#slots.get(keys);
    const slot = known ?? this.#freeSlot();
    if (known === undefined) this.#put(slot, keys);
    else this.#slots.delete(keys);
    this.#slots.set(keys, slot);
    this.#last = keys;
    this.#lastSlot = slot;
    return slot;
  }

  #freeSlot(): number {
    if (this.#slots.size < this.capacity) return this.#slots.size;
    const [oldest, slot] = this.#slots.entries().next().value!;
    this.#slots.delete(oldest);
    return slot;
  }

  #put(slot: number, keys: PeerKeys): void {
    const secret = new Uint8Array(SECRET_BYTES);
    writeU32(secret, 0, keys.keyId);
    secret.set(keys.hmac, 4);
    secret.set(keys.meta, 4 + wire.KEY_BYTES);
    secret.set(keys.salt, 4 + 2 * wire.KEY_BYTES);
    this.#load(slot, secret);
    secret.fill(0);
  }
}
