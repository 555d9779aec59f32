// Which payload keys are too old (protocol 8.2): by the age that the policy of the service allows, or by 2^31 packets. Judged where interim records
// come by, by the ingress. Owned by protectors.ts; bounded by the sessions of the router, of which it remembers those that are old enough.
import type { DatapathRecord } from "../ports/datapath.ts";
import { PAYLOAD_REKEY_PACKETS } from "../svr/payload.ts";
import { Protect, Role } from "../svr/session.ts";
import type { Session } from "../svr/session.ts";

/** KeyAges tells once for each period that its key should be another one. */
export interface KeyAges { isDue(record: DatapathRecord): boolean }

/** createKeyAges asks for the period of a service in milliseconds, by its number; 0 is never by age. */
export function createKeyAges(rotationMs: (service: number) => number): KeyAges {
  const periods = new Map<number, number>(); // by slot: those that were seen
  return {
    isDue({ type, index, timeMs, session }) {
      if (type === "end") periods.delete(index);
      if (type !== "interim" || session.role !== Role.ingress || (session.protect & Protect.encrypted) === 0) return false;
      const now = periodOf(session, timeMs, rotationMs(session.service));
      if (now <= (periods.get(index) ?? 0)) return false;
      periods.set(index, now);
      return true;
    },
  };
}

function periodOf({ createdMs, packets: [forward, reverse] }: Session, timeMs: number, rotationMs: number): number {
  const byAge = rotationMs === 0 ? 0 : Math.floor((timeMs - createdMs) / rotationMs);
  return byAge + Math.floor(Number(forward > reverse ? forward : reverse) / PAYLOAD_REKEY_PACKETS);
}
