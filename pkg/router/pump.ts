// Moves records from the data plane to the sink, in sequence, and tells the shards which pairs may be used again. Driven by
// the app's timer; a slow or failing sink costs records, which are declared as lost, never packets.
import type { SessionRecord } from "../api/record.ts";
import type { RouterConfig } from "../plan/config.ts";
import type { Clock } from "../ports/clock.ts";
import type { Datapath } from "../ports/datapath.ts";
import type { Log } from "../ports/log.ts";
import type { RecordSink } from "../ports/records.ts";
import { pairOf } from "./adopt.ts";
import type { PairUse } from "./ports.ts";
import { createRecordWriter } from "./records.ts";
import type { Denial, RecordSource } from "./records.ts";

const PER_RUN = 8192;
const MAX_QUEUED = 65_536;

/** RecordPump owns the queue in front of the sink. */
export interface RecordPump {
  run(): void;
  denials(denials: readonly Denial[]): void;
  follow(config: RouterConfig): void;
  flush(): Promise<void>;
  totals(): { created: number; lost: number };
  source: RecordSource;
}

interface PumpOptions {
  name: string;
  boot: string;
  clock: Clock;
  sink: RecordSink;
  log: Log;
}

/** createRecordPump makes a pump; `release` hears of waypoint pairs whose quarantine is over. */
export function createRecordPump(options: PumpOptions, datapath: Datapath, release: (uses: PairUse[]) => void): RecordPump {
  let interfaces = new Map<number, string>();
  const source: RecordSource = {
    router: options.name, boot: options.boot, clock: options.clock,
    nameOf: (id) => datapath.nameOf(id), interfaceName: (ifnum) => interfaces.get(ifnum) ?? `interface-${ifnum}`,
  };
  const writer = createRecordWriter(source);
  let queue: SessionRecord[] = [];
  let writing: Promise<void> = Promise.resolve();
  let created = 0;
  let lost = 0;
  const declare = (count: number): void => {
    lost += count;
    created += count + 1;
    queue.push(writer.loss(count));
  };
  const enqueue = (record: SessionRecord): void => {
    created++;
    if (queue.length < MAX_QUEUED) queue.push(record);
    else lost++;
  };
  const write = async (): Promise<void> => {
    while (queue.length > 0) {
      const batch = queue;
      queue = [];
      try {
        await options.sink.write(batch);
      } catch (error) {
        options.log.error({ error, records: batch.length }, "records lost: the sink refused them");
        declare(batch.length);
        return;
      }
    }
  };
  return {
    source,
    run() {
      const uses: PairUse[] = [];
      for (const record of datapath.records(PER_RUN)) {
        const pair = record.type === "release" ? pairOf(record.session) : undefined;
        if (pair !== undefined) uses.push(pair);
        const text = writer.fromDatapath(record);
        if (text !== undefined) enqueue(text);
      }
      if (uses.length > 0) release(uses);
      const gone = datapath.takeRecordsLost();
      if (gone > 0) declare(gone);
      writing = writing.then(write);
    },
    denials: (denials) => denials.forEach((denial) => enqueue(writer.denial(denial))),
    follow(config) {
      interfaces = new Map(config.interfaces.map((one) => [one.ifnum, one.name]));
    },
    flush: () => (writing = writing.then(write)),
    totals: () => ({ created, lost }),
  };
}
