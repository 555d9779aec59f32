// A bounded first-in first-out queue that counts what it refuses. Used wherever a producer may outrun its consumer;
// never grows, never blocks.

/** BoundedQueue holds at most `capacity` items; `dropped` counts refused pushes since creation. */
export class BoundedQueue<T> {
  readonly capacity: number;
  dropped = 0;
  readonly #items: (T | undefined)[];
  #head = 0;
  #size = 0;

  /** Capacity below 1 is a programming fault and throws RangeError. */
  constructor(capacity: number) {
    if (!Number.isInteger(capacity) || capacity < 1) throw new RangeError(`queue capacity ${capacity} is not a positive integer`);
    this.capacity = capacity;
    this.#items = new Array<T | undefined>(capacity);
  }

  get size(): number {
    return this.#size;
  }

  /** push appends, or counts a drop and returns false when the queue is full. */
  push(item: T): boolean {
    if (this.#size === this.capacity) {
      this.dropped++;
      return false;
    }
    this.#items[(this.#head + this.#size) % this.capacity] = item;
    this.#size++;
    return true;
  }

  /** shift removes the oldest item; undefined when empty. */
  shift(): T | undefined {
    if (this.#size === 0) return undefined;
    const item = this.#items[this.#head];
    this.#items[this.#head] = undefined; // let the item be collected
    this.#head = (this.#head + 1) % this.capacity;
    this.#size--;
    return item;
  }
}
