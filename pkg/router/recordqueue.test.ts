// The queue of records: order, batches, what is lost and declared, and the sum that must hold whatever happens.
import fc from "fast-check";
import type { SessionRecord } from "../api/record.ts";
import type { RecordBatch } from "../ports/records.ts";
import { recordsIn } from "../../test/support/recordlines.ts";
import { createRecordQueue } from "./recordqueue.ts";
import type { QueuedBatch, RecordQueue } from "./recordqueue.ts";

/** push appends `batches` batches of `size` records each. */
interface Made { queue: RecordQueue; push(batches?: number, size?: number): void }

function make(capacity: number, write: number): Made {
  let sequence = 0;
  const line = (more: Partial<SessionRecord>): string => `${JSON.stringify({ recordType: "start", boot: "b", router: "r", time: "t", sequence: sequence++, ...more } satisfies SessionRecord)}\n`;
  const batch = (lines: string[]): QueuedBatch => ({ lines: Buffer.from(lines.join("")), count: lines.length });
  const queue = createRecordQueue({ capacity, write }, (lost) => ({ ...batch([line({ recordType: "loss", lost })]), declares: lost }));
  return { queue, push: (batches = 1, size = 1) => { for (let n = 0; n < batches; n++) queue.push(batch(Array.from({ length: size }, () => line({})))); } };
}

const short = (batches: readonly RecordBatch[]): string[] => batches.flatMap(recordsIn).map((one) => (one.lost === undefined ? String(one.sequence) : `${one.sequence}:lost ${one.lost}`));

test("records leave in sequence, in batches, each once", () => {
  const { queue, push } = make(10, 2);
  push(3);
  expect(short(queue.take())).toEqual(["0", "1"]);
  queue.delivered();
  push();
  expect(short(queue.take())).toEqual(["2", "3"]);
  queue.delivered();
  expect(queue.take()).toEqual([]);
  expect(queue.totals()).toEqual({ created: 4, lost: 0, waiting: 0 });
});

test("a refused batch comes again, before what came later", () => {
  const { queue, push } = make(10, 3);
  push(2);
  expect(short(queue.take())).toEqual(["0", "1"]);
  push(2);
  expect(short(queue.take())).toEqual(["0", "1", "2"]);
  expect(queue.totals()).toEqual({ created: 4, lost: 0, waiting: 4 });
});

test("a full queue loses the oldest and declares it as soon as there is room", () => {
  const { queue, push } = make(3, 2);
  push(5);
  expect(queue.totals()).toEqual({ created: 5, lost: 2, waiting: 3 });
  expect(short(queue.take())).toEqual(["2", "3"]);
  queue.delivered();
  expect(short(queue.take())).toEqual(["4", "5:lost 2"]);
});

test("batches are lost and taken as a whole; a write takes one that is larger than it", () => {
  const { queue, push } = make(5, 2);
  push(2, 3);
  expect(queue.totals()).toEqual({ created: 6, lost: 3, waiting: 3 });
  expect(short(queue.take())).toEqual(["3", "4", "5"]);
  queue.delivered();
  expect(short(queue.take())).toEqual(["6:lost 3"]);
});

test("losses below are declared although nothing else waits", () => {
  const { queue } = make(3, 2);
  queue.lose(7);
  expect(short(queue.take())).toEqual(["0:lost 7"]);
  queue.delivered();
  expect(queue.totals()).toEqual({ created: 8, lost: 7, waiting: 0 });
});

test("a declaration that is lost itself is declared again with what it declared", () => {
  const { queue, push } = make(1, 1);
  push();
  queue.take();
  queue.lose(4);
  expect(short(queue.take())).toEqual(["0"]);
  push();
  queue.delivered();
  expect(short(queue.take())).toEqual(["2"]);
  queue.delivered();
  expect(short(queue.take())).toEqual(["3:lost 5"]);
});

test("O-1 received and declared lost are what was created, whatever the sink and the crowd do", () => {
  const step = fc.oneof(
    fc.record({ kind: fc.constant("push" as const), count: fc.integer({ min: 1, max: 9 }), size: fc.integer({ min: 1, max: 4 }) }), fc.record({ kind: fc.constant("lose" as const), count: fc.integer({ min: 1, max: 9 }) }),
    fc.record({ kind: fc.constantFrom("accept" as const, "refuse" as const), count: fc.constant(0) }),
  );
  fc.assert(fc.property(fc.array(step, { maxLength: 60 }), fc.integer({ min: 1, max: 6 }), fc.integer({ min: 1, max: 6 }), (steps, capacity, write) => {
    const { queue, push } = make(capacity, write);
    const received: SessionRecord[] = [];
    const accept = (): number => {
      const taken = queue.take().flatMap(recordsIn);
      received.push(...taken);
      queue.delivered();
      return taken.length;
    };
    for (const step of steps) {
      if (step.kind === "push") push(step.count, Math.min(step.size, capacity));
      else if (step.kind === "lose") queue.lose(step.count);
      else if (step.kind === "refuse") queue.take();
      else accept();
      expect(queue.totals().waiting).toBeLessThan(capacity + write + 4);
    }
    for (let rest = 1; rest > 0;) rest = accept();
    const declared = received.reduce((sum, one) => sum + (one.lost ?? 0), 0);
    expect(received.length + declared).toBe(queue.totals().created);
    expect(received.map((one) => one.sequence)).toEqual(received.map((one) => one.sequence).toSorted((a, b) => a - b));
    expect(new Set(received.map((one) => one.sequence)).size).toBe(received.length);
  }));
});
