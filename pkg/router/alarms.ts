// What is wrong now and what an operator should look at: raised and cleared in the log and the audit log, listed by the admin API. Owned by the app, which says
// every second what holds; nothing is remembered here but what was said.
import type { AlarmView } from "../api/view.ts";
import type { AuditLog } from "../ports/audit.ts";
import type { Log } from "../ports/log.ts";

/** Alarms are those that hold now. */
export interface Alarms {
  /** these hold, and no others */
  follow(alarms: readonly AlarmView[]): void;
  list(): readonly AlarmView[];
}

/** createAlarms starts with none. */
export function createAlarms(log: Log, audit: Pick<AuditLog, "write">): Alarms {
  let now: readonly AlarmView[] = [];
  const tell = (action: "raised" | "cleared", { severity, name, object }: AlarmView): void => { audit.write({ kind: "alarm", action, object, detail: { name, severity } }); };
  return {
    follow(next) {
      const before = new Map(now.map((one) => [keyOf(one), one])), after = new Set(next.map(keyOf));
      for (const one of next) {
        if (before.has(keyOf(one))) continue;
        log[one.severity === "critical" ? "error" : "warn"]({ event: "alarm.raised", ...one }, `alarm raised: ${one.object}: ${one.text}`);
        tell("raised", one);
      }
      for (const [key, one] of before) {
        if (after.has(key)) continue;
        log.info({ event: "alarm.cleared", ...one }, `alarm cleared: ${one.object}: ${one.name}`);
        tell("cleared", one);
      }
      now = next;
    },
    list: () => now,
  };
}

/** The text may change while the alarm holds. */
function keyOf({ severity, name, object }: AlarmView): string {
  return `${severity} ${name} ${object}`;
}
