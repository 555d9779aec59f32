// What a Router's status tells of its certificate and of what is wrong: alarms as the router reported them last, and condition Certified of the
// operator. Called by routers.ts and status.ts. Total: a status is written by others and may be anything.
import type { AlarmView } from "../api/view.ts";
import type { KubeObject } from "../ports/kube.ts";
import type { ConditionView } from "./objectstate.ts";
import { isRecord, statusOf } from "./objectstate.ts";
import type { Cell } from "./table.ts";

/** RouterCertificate is the certificate of a router as it reported it. */
export interface RouterCertificate { serial: string; authority: string; notAfter: string }

/** RouterTells is what the status tells of both. */
export interface RouterTells { certificate?: RouterCertificate; /** absent: it does not tell */ alarms?: AlarmView[] }

/** severities are those of alarms, worst first. */
export const severities = ["critical", "major", "minor"] as const;

/** tellsOf reads them. */
export function tellsOf(object: KubeObject): RouterTells {
  const { certificate, alarms } = statusOf(object);
  return {
    ...(isRecord(certificate) && { certificate: { serial: textOf(certificate["serial"]), authority: textOf(certificate["authority"]), notAfter: textOf(certificate["notAfter"]) } }),
    ...(Array.isArray(alarms) && { alarms: alarms.flatMap((one: unknown) => alarmOf(one)) }),
  };
}

function alarmOf(one: unknown): AlarmView[] {
  const severity = isRecord(one) ? severities.find((word) => word === one["severity"]) : undefined;
  return isRecord(one) && severity !== undefined ? [{ severity, name: textOf(one["name"]), object: textOf(one["object"]), text: textOf(one["text"]) }] : [];
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}

/** certifiedOf gives condition Certified where the router needs a certificate; good: there is nothing to do about it. */
export function certifiedOf({ conditions }: { conditions: readonly ConditionView[] }): { condition: ConditionView; isGood: boolean } | undefined {
  const condition = conditions.find(({ type }) => type === "Certified");
  if (condition === undefined || condition.reason === "CertificateNotNeeded") return undefined;
  return { condition, isGood: condition.status === "True" && condition.reason !== "RenewalLate" };
}

/** alarmRows are rows of a table of alarms, worst first. */
export function alarmRows(items: readonly (AlarmView & { router: string })[], isNamed: boolean): Cell[][] {
  return items.map((one) => [...(isNamed ? [one.router] : []), { text: one.severity, tone: "bad" }, one.name, one.object, one.text]);
}

/** worstFirst orders alarms. */
export function worstFirst<T extends AlarmView>(alarms: readonly T[]): T[] {
  return alarms.toSorted((a, b) => severities.indexOf(a.severity) - severities.indexOf(b.severity));
}
