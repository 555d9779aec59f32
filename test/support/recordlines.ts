// Session records out of the lines that a sink takes. Called by tests of the record path.
import type { SessionRecord } from "../../pkg/api/record.ts";
import type { RecordBatch } from "../../pkg/ports/records.ts";

/** recordsIn parses a batch and proves its form: a line feed behind each record, as many records as it says. */
export function recordsIn({ lines, count }: RecordBatch): SessionRecord[] {
  const texts = Buffer.from(lines).toString().split("\n");
  if (texts.pop() !== "" || texts.length !== count) throw new Error(`a batch of ${count} records has ${texts.length} lines`);
  return texts.map((text) => JSON.parse(text) as SessionRecord);
}
