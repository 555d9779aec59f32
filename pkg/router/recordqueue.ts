// The bounded queue of records in front of the sink, and the books of what was lost. Owned by the record pump. Keeps the sum
// that behaviour 13.1 asks for: records received + records declared as lost = records created. Does no I/O.
import { BoundedQueue } from "../base/queue.ts";
import type { RecordBatch } from "../ports/records.ts";

/** RecordTotals are counts of this boot; `waiting` records are neither delivered nor lost. */
export interface RecordTotals { created: number; lost: number; waiting: number }

/** QueuedBatch is a batch with the number of lost records that it declares; absent when it declares none. */
export interface QueuedBatch extends RecordBatch { declares?: number }

/** RecordQueue hands out batches in sequence; what the sink refused comes again. */
export interface RecordQueue {
  /** Appends; when there is no room the oldest batches are lost. */
  push(batch: QueuedBatch): void;
  /** Counts records that were lost before they could be written down. */
  lose(count: number): void;
  /** The next batches, the refused ones again until `delivered`; empty when nothing waits. */
  take(): readonly RecordBatch[];
  delivered(): void;
  totals(): RecordTotals;
}

/** createRecordQueue makes a queue of `capacity` records beside those of one write, which takes at most `write` of them but always a batch; `loss` writes the record that declares losses. */
export function createRecordQueue(bounds: { capacity: number; write: number }, loss: (lost: number) => QueuedBatch): RecordQueue {
  const queue = new BoundedQueue<QueuedBatch>(bounds.capacity);
  let flight: QueuedBatch[] = [];
  let waiting = 0, flying = 0; // records in the queue and in flight
  let created = 0, lost = 0, undeclared = 0;
  const shift = (): QueuedBatch | undefined => {
    const oldest = queue.shift();
    waiting -= oldest?.count ?? 0;
    return oldest;
  };
  const evict = (): void => {
    const oldest = shift();
    lost += oldest?.count ?? 0;
    undeclared += (oldest?.count ?? 0) + (oldest?.declares ?? 0); // a lost declaration is declared again with what it declared
  };
  const push = (batch: QueuedBatch): void => {
    created += batch.count;
    while (queue.size > 0 && waiting + batch.count > bounds.capacity) evict();
    queue.push(batch);
    waiting += batch.count;
  };
  const fill = (): void => {
    while (queue.size > 0 && flying < bounds.write) {
      const next = shift() as QueuedBatch;
      flight.push(next);
      flying += next.count;
    }
  };
  return {
    push,
    lose(count) {
      created += count;
      lost += count;
      undeclared += count;
    },
    take() {
      fill();
      if (undeclared > 0 && waiting < bounds.capacity) {
        const declared = undeclared;
        undeclared = 0;
        push(loss(declared));
        fill();
      }
      return flight;
    },
    delivered() {
      flight = [];
      flying = 0;
    },
    totals: () => ({ created, lost, waiting: waiting + flying }),
  };
}
