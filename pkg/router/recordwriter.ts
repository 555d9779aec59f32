// Session records of this boot, numbered, as batches of lines: of the sweeper, of refusals, of losses (behaviour 13.1). Called by the
// app's record pump; holds only the number of the next record. Writing them anywhere is the sink's job.
import { formatAddress } from "../base/addresstext.ts";
import type { IpAddress } from "../base/address.ts";
import type { SessionRecord } from "../api/record.ts";
import type { DatapathRecord } from "../ports/datapath.ts";
import { createRecordLines, createTimeText } from "./recordlines.ts";
import type { QueuedBatch } from "./recordqueue.ts";
import type { RecordSource } from "./records.ts";

/** RecordWriter numbers and writes records; one per process, so (router, boot, sequence) is unique and gap-free. */
export interface RecordWriter {
  /** undefined when none of them is reported */
  fromDatapath(records: readonly DatapathRecord[]): QueuedBatch | undefined;
  /** at least one */
  denials(denials: readonly Denial[]): QueuedBatch;
  loss(lost: number): QueuedBatch;
}

/** Denial is one refused first packet that is reported (behaviour 2.6). */
export interface Denial {
  reason: string;
  /** absent: not known, as of a packet of a peer that no session holds */
  tenant?: string;
  service?: string;
  source: IpAddress;
  destination: IpAddress;
  sourcePort: number;
  destinationPort: number;
  proto: number;
  ifnum: number;
  vlan: number;
  /** the peer that delivered it, absent for hosts */
  peer?: string;
  /** refusals for the same reason since the last such record that have none of their own */
  suppressed?: number;
}

/** createRecordWriter makes the writer of this boot. */
export function createRecordWriter(source: RecordSource): RecordWriter {
  const lines = createRecordLines(source);
  const time = createTimeText();
  const maker = `"boot":${JSON.stringify(source.boot)},"router":${JSON.stringify(source.router)}`;
  let sequence = 0;
  const stamp = (type: SessionRecord["recordType"], unixMs: number): string => `"recordType":"${type}",${maker},"sequence":${sequence++},"time":"${time(unixMs)}"`;
  const line = (type: SessionRecord["recordType"], fields: Partial<SessionRecord>): string => `{${stamp(type, source.clock.unixMs())},${JSON.stringify(fields).slice(1)}\n`;
  return {
    fromDatapath(records) {
      const offset = source.clock.unixMs() - source.clock.monotonicMs();
      const all: string[] = [];
      for (const record of records) {
        if (record.type !== "release") all.push(`{${stamp(record.type, offset + record.timeMs)}${lines.session(record, offset)}}\n`);
      }
      return all.length === 0 ? undefined : batchOf(all);
    },
    denials: (denials) => batchOf(denials.map((denial) => line("deny", denialFields(source, denial)))),
    loss: (lost) => ({ ...batchOf([line("loss", { lost })]), declares: lost }),
  };
}

function batchOf(lines: readonly string[]): QueuedBatch {
  return { lines: Buffer.from(lines.join("")), count: lines.length };
}

function denialFields(source: RecordSource, denial: Denial): Partial<SessionRecord> {
  return {
    denyReason: denial.reason, protocol: denial.proto, vlan: denial.vlan,
    sourceAddress: formatAddress(denial.source), sourcePort: denial.sourcePort,
    destinationAddress: formatAddress(denial.destination), destinationPort: denial.destinationPort,
    ingressInterface: source.interfaceName(denial.ifnum),
    ...(denial.tenant === undefined ? {} : { tenant: denial.tenant }),
    ...(denial.service === undefined ? {} : { service: denial.service }),
    ...(denial.peer === undefined ? {} : { peer: denial.peer }),
    ...(denial.suppressed === undefined ? {} : { suppressed: denial.suppressed }),
  };
}
