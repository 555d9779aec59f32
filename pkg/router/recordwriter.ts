// Session records of this boot, numbered, as batches of lines: of the sweeper, of refusals, of losses (behaviour 13.1). Called by the
// app's record pump; holds only the number of the next record. Writing them anywhere is the sink's job.
import { formatAddress } from "../base/addresstext.ts";
import type { IpAddress } from "../base/address.ts";
import type { SessionRecord } from "../api/record.ts";
import type { DatapathRecord } from "../ports/datapath.ts";
import { bytesOf, LineBytes } from "./linebytes.ts";
import { createRecordLines, createTimeWriter } from "./recordlines.ts";
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
  const out = new LineBytes();
  const lines = createRecordLines(source, out);
  const time = createTimeWriter(out);
  const maker = `,"boot":${JSON.stringify(source.boot)},"router":${JSON.stringify(source.router)},"sequence":`;
  const opening = (type: SessionRecord["recordType"]): Uint8Array => bytesOf(`{"recordType":"${type}"${maker}`);
  const openings = { start: opening("start"), interim: opening("interim"), end: opening("end"), modify: opening("modify"), deny: opening("deny"), loss: opening("loss") };
  let sequence = 0;
  const stamp = (type: SessionRecord["recordType"], unixMs: number): void => {
    out.piece(openings[type]);
    out.number(sequence++);
    out.piece(timeMember);
    time(unixMs);
    out.piece(quote);
  };
  const line = (type: SessionRecord["recordType"], fields: Partial<SessionRecord>): void => {
    stamp(type, source.clock.unixMs());
    out.text(`,${JSON.stringify(fields).slice(1)}\n`);
  };
  return {
    fromDatapath(records) {
      const offset = source.clock.unixMs() - source.clock.monotonicMs();
      let count = 0;
      out.clear();
      for (const record of records) {
        if (record.type === "release") continue;
        stamp(record.type, offset + record.timeMs);
        lines.session(record, offset);
        out.piece(lineEnd);
        count++;
      }
      return count === 0 ? undefined : { lines: out.take(), count };
    },
    denials(denials) {
      out.clear();
      for (const denial of denials) line("deny", denialFields(source, denial));
      return { lines: out.take(), count: denials.length };
    },
    loss(lost) {
      out.clear();
      line("loss", { lost });
      return { lines: out.take(), count: 1, declares: lost };
    },
  };
}

const timeMember = bytesOf(',"time":"'), quote = bytesOf('"'), lineEnd = bytesOf("}\n");

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
