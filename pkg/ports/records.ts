// Where session records go. Implemented by pkg/files (a file) and later by the bus; never blocks a packet.

/** RecordBatch is some session records (pkg/api/record.ts) in sequence, as lines of JSON. */
export interface RecordBatch {
  /** UTF-8, a line feed behind each record */
  lines: Uint8Array;
  /** records in it, at least one */
  count: number;
}

/** RecordSink takes records in order, all of a call or none. */
export interface RecordSink {
  write(batches: readonly RecordBatch[]): Promise<void>;
  close(): Promise<void>;
}
