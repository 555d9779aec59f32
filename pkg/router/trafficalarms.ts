// Alarms on what peers send: drops that mean an attack, clocks that differ. Brings together what shards, protect workers and the hearing of
// UDP 1280 counted. Called by the app once a second.
import type { AlarmView } from "../api/view.ts";
import type { AdminParts } from "./adminroutes.ts";
import { dropsOf } from "./adminroutes.ts";
import { createDropRates } from "./droprates.ts";
import { addSkews, createSkewAlarms } from "./skewalarms.ts";

/** createTrafficAlarms gives what holds at a time; each call is a second or so after the one before. */
export function createTrafficAlarms(router: string, parts: Pick<AdminParts, "datapath" | "mtus" | "counters" | "protectors">): (nowMs: number) => AlarmView[] {
  const rates = createDropRates(router), skews = createSkewAlarms();
  return (nowMs) => {
    const ofPeers = addSkews([parts.counters.skews(), parts.mtus.refused().skews, parts.protectors?.skews() ?? {}]);
    return [...rates.step(dropsOf(parts), nowMs), ...skews.step(ofPeers, nowMs)];
  };
}
