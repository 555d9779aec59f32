// Where session records go. Implemented by pkg/files (a file) and later by the bus; never blocks a packet.
import type { SessionRecord } from "../api/record.ts";

/** RecordSink takes records in order; a full or failing sink reports how many it lost. */
export interface RecordSink {
  write(records: readonly SessionRecord[]): Promise<void>;
  close(): Promise<void>;
}
