// Moves records from the data plane to the sink, in sequence, and tells the shards which pairs may be used again. Driven by
// the app's timer. While a slow sink has much to do, records wait in the data plane; a sink that fails or hangs is tried again, and
// costs records, declared as lost, never packets: pairs and slots come free by what is read here.
import type { RouterConfig } from "../plan/config.ts";
import type { Clock } from "../ports/clock.ts";
import type { Datapath } from "../ports/datapath.ts";
import type { Log } from "../ports/log.ts";
import type { RecordSink } from "../ports/records.ts";
import { pairOf } from "./adopt.ts";
import type { PairUse } from "./ports.ts";
import { createRecordQueue } from "./recordqueue.ts";
import type { RecordQueue, RecordTotals } from "./recordqueue.ts";
import { createRecordWriter } from "./recordwriter.ts";
import type { Denial } from "./recordwriter.ts";
import type { RecordSource } from "./records.ts";
import { createRefusalReports } from "./refusals.ts";

const PER_RUN = 8192, PER_BATCH = 256; // a batch is written down before the next is read: what waits is bytes, not objects
/** MAX_QUEUED is how many records wait at most for the sink. */
export const MAX_QUEUED = 65_536;
const PER_WRITE = 4096;
const READ_BELOW = 1 / 2;    // of the queue: the other half is for what the shards refuse meanwhile
const HANGS_MS = 5_000;      // a sink that took nothing for so long is not waited for
const KEPT = 64;             // as SVR_SWEEP_KEPT: one slot in so many is not held for records that wait

/** RecordPump owns the queue in front of the sink. */
export interface RecordPump {
  /** takes what waits in the data plane, at most so many records, PER_RUN by default */
  run(most?: number): void;
  denials(denials: readonly Denial[]): void;
  follow(config: RouterConfig): void;
  flush(): Promise<void>;
  totals(): RecordTotals;
  /** packets that the data plane refused and that have no record, by reason */
  suppressed(): Record<string, number>;
  source: RecordSource;
}

interface PumpOptions {
  name: string;
  boot: string;
  clock: Clock;
  sink: RecordSink;
  log: Log;
  /** hears of every denial that is reported */
  denied?(denials: readonly Denial[]): void;
  /** records that wait at most for the sink, MAX_QUEUED by default */
  capacity?: number;
}

/** What the pump needs of the data plane. */
type Source = Pick<Datapath, "records" | "takeRecordsLost" | "refusals" | "untold" | "nameOf" | "gauges">;

/** createRecordPump makes a pump; `release` hears of waypoint pairs whose quarantine is over. */
export function createRecordPump(options: PumpOptions, datapath: Source, release: (uses: PairUse[]) => void): RecordPump {
  let interfaces = new Map<number, string>();
  const source: RecordSource = {
    router: options.name, boot: options.boot, clock: options.clock,
    nameOf: (id) => datapath.nameOf(id), interfaceName: (ifnum) => interfaces.get(ifnum) ?? `interface-${ifnum}`,
  };
  const writer = createRecordWriter(source);
  const { capacity = MAX_QUEUED } = options;
  const queue = createRecordQueue({ capacity, write: PER_WRITE }, (lost) => writer.loss(lost));
  const { deliver, isMoving } = createDelivery(options, queue);
  const mayRead = (): boolean => queue.totals().waiting < capacity * READ_BELOW || !isMoving() || isTight(datapath);
  const refusals = createRefusalReports(datapath);
  const report = (denials: readonly Denial[]): void => {
    if (denials.length === 0) return;
    options.denied?.(denials);
    queue.push(writer.denials(denials));
  };
  return {
    source,
    run(most = PER_RUN) {
      const uses: PairUse[] = [];
      for (let taken = 0; taken < most && mayRead(); taken += PER_BATCH) {
        const records = datapath.records(PER_BATCH);
        if (records.length === 0) break;
        for (const { type, session } of records) {
          const pair = type === "release" ? pairOf(session) : undefined;
          if (pair !== undefined) uses.push(pair);
        }
        const batch = writer.fromDatapath(records);
        if (batch !== undefined) queue.push(batch);
      }
      if (uses.length > 0) release(uses);
      report(refusals.take(options.clock.monotonicMs()));
      const gone = datapath.takeRecordsLost();
      if (gone > 0) queue.lose(gone);
      void deliver();
    },
    denials: report,
    follow(config) {
      interfaces = new Map(config.interfaces.map((one) => [one.ifnum, one.name]));
      refusals.follow(config);
    },
    async flush() {
      await deliver(); // what is on its way
      await deliver(); // what came meanwhile
      const { waiting } = queue.totals();
      if (waiting > 0) options.log.error({ records: waiting }, "records lost: the sink refuses them and the router stops");
    },
    totals: () => queue.totals(),
    suppressed: () => refusals.suppressed(),
  };
}

/** Whether sessions that ended and wait for their records may keep others from a slot. */
function isTight(datapath: Source): boolean {
  const { slotsUsed, sessionLimit } = datapath.gauges();
  return slotsUsed >= sessionLimit - sessionLimit / KEPT;
}

/** Delivery hands the queue to the sink; `isMoving` unless the sink refuses or hangs. */
interface Delivery { deliver(this: void): Promise<void>; isMoving(this: void): boolean }

/** One writer at a time; it ends when nothing waits, or at a refusal, and the next run tries again. Never rejects. */
function createDelivery({ clock, sink, log }: Pick<PumpOptions, "clock" | "sink" | "log">, queue: RecordQueue): Delivery {
  let running: Promise<void> | undefined;
  let refusing = false, sinceMs = 0;
  const write = async (): Promise<void> => {
    for (let batch = queue.take(); batch.length > 0; batch = queue.take()) {
      sinceMs = clock.monotonicMs();
      try {
        await sink.write(batch);
      } catch (error) {
        if (!refusing) log.error({ error, ...queue.totals() }, "the sink refuses records; they wait, and the oldest are lost when too many do");
        refusing = true;
        return;
      }
      queue.delivered();
      if (refusing) log.info(queue.totals(), "the sink takes records again");
      refusing = false;
    }
  };
  return {
    deliver: () => (running ??= write().finally(() => { running = undefined; })),
    isMoving: () => !refusing && (running === undefined || clock.monotonicMs() - sinceMs < HANGS_MS),
  };
}
