// The bounded queue of records in front of the sink, and the books of what was lost. Owned by the record pump. Keeps the sum
// that behaviour 13.1 asks for: records received + records declared as lost = records created. Does no I/O.
import type { SessionRecord } from "../api/record.ts";
import { BoundedQueue } from "../base/queue.ts";

/** RecordTotals are counts of this boot; `waiting` records are neither delivered nor lost. */
export interface RecordTotals { created: number; lost: number; waiting: number }

/** RecordQueue hands out batches in sequence; a batch that the sink refused comes again. */
export interface RecordQueue {
  /** Appends; when the queue is full the oldest record is lost. */
  push(record: SessionRecord): void;
  /** Counts records that were lost before they could be written down. */
  lose(count: number): void;
  /** The next batch, the refused one again until `delivered`; empty when nothing waits. */
  take(): readonly SessionRecord[];
  delivered(): void;
  totals(): RecordTotals;
}

/** createRecordQueue makes a queue of `capacity` records beside one batch; `loss` writes the record that declares losses. */
export function createRecordQueue(bounds: { capacity: number; batch: number }, loss: (lost: number) => SessionRecord): RecordQueue {
  const queue = new BoundedQueue<SessionRecord>(bounds.capacity);
  let flight: SessionRecord[] = [];
  let created = 0;
  let lost = 0;
  let undeclared = 0;
  const push = (record: SessionRecord): void => {
    created++;
    if (queue.size === queue.capacity) {
      const oldest = queue.shift();
      lost++;
      undeclared += 1 + (oldest?.lost ?? 0); // a lost declaration is declared again with what it declared
    }
    queue.push(record);
  };
  const fill = (): void => {
    while (flight.length < bounds.batch && queue.size > 0) flight.push(queue.shift() as SessionRecord);
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
      if (undeclared > 0 && queue.size < queue.capacity) {
        const declared = undeclared;
        undeclared = 0;
        push(loss(declared));
        fill();
      }
      return flight;
    },
    delivered() {
      flight = [];
    },
    totals: () => ({ created, lost, waiting: queue.size + flight.length }),
  };
}
