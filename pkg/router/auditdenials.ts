// Refused first packets for the audit log: counted by tenant, service, peer and reason, and written once a minute, so that a flood of them is a few
// lines. Owned by the app; what does not fit into the table is one line of its own.
import type { AuditLog } from "../ports/audit.ts";
import type { Denial } from "./recordwriter.ts";

/** auditFile is the name of the audit log in the state directory. */
export const auditFile = "audit.jsonl";

/** AuditDenials counts until the minute is over; stop writes what it has. */
export interface AuditDenials {
  take(denials: readonly Denial[]): void;
  stop(): void;
}

const EVERY_MS = 60_000;
const MOST = 256; // lines a minute

/** createAuditDenials begins to count. */
export function createAuditDenials({ audit, every }: { audit: Pick<AuditLog, "write">; every: (ms: number, work: () => void) => { stop(): void } }): AuditDenials {
  const counts = new Map<string, { denial: Denial; count: number }>();
  let others = 0;
  const write = (): void => {
    for (const { denial, count } of counts.values()) audit.write(eventOf(denial, count));
    if (others > 0) audit.write({ kind: "denial", action: "refused", object: "others", detail: { count: others } });
    counts.clear();
    others = 0;
  };
  const timer = every(EVERY_MS, write);
  return {
    take(denials) {
      for (const denial of denials) {
        const { reason, tenant = "", service = "", peer = "", suppressed = 0 } = denial;
        const key = JSON.stringify([reason, tenant, service, peer]), found = counts.get(key);
        if (found !== undefined) found.count += 1 + suppressed;
        else if (counts.size < MOST) counts.set(key, { denial, count: 1 + suppressed });
        else others += 1 + suppressed;
      }
    },
    stop() {
      timer.stop();
      write();
    },
  };
}

function eventOf({ reason, tenant, service, peer }: Denial, count: number): Parameters<AuditLog["write"]>[0] {
  const object = service === undefined ? peer === undefined ? "hosts" : `peer ${peer}` : `Service ${service}`;
  return { kind: "denial", action: "refused", object, detail: { reason, count, ...(tenant !== undefined && { tenant }), ...(peer !== undefined && { peer }) } };
}
