// Refused packets as the eBPF programs tell them: struct svr_refusal to the type of the port, and how many have no record. Called by
// rings.ts and open.ts; which of them are reported is the router's business.
import type { Native } from "../native/binding.ts";
import type { DatapathRefusal } from "../ports/datapath.ts";
import { reasonOf, refusalReasons } from "../svr/reasons.ts";
import type { DropReason } from "../svr/reasons.ts";
import { sum } from "./counters.ts";
import { keyOf } from "./entries.ts";
import { keyLayout, offsetOf, refusalLayout, refusedLayout } from "./layouts.ts";
import { openMap } from "./maps.ts";
import type { Pins } from "./pins.ts";
import { readAddress } from "./sessioncodec.ts";
import type { Bytes } from "./sessioncodec.ts";

const at = (name: string): number => offsetOf(refusalLayout, name);
const key = (name: string): number => at("key") + offsetOf(keyLayout, name);
const REASON = at("reason"), TENANT = at("tenant"), SERVICE = at("service"), PATH = at("path");
const SOURCE = key("source"), DESTINATION = key("destination"), SOURCE_PORT = key("source_port_be"), DESTINATION_PORT = key("destination_port_be");
const IFNUM = key("ifnum"), VLAN = key("vlan"), PROTO = key("proto"), FAMILY = key("family");
const UNTOLD = offsetOf(refusedLayout, "untold");

/** readRefusal reads struct svr_refusal; absent for a reason of another release. */
export function readRefusal({ view }: Bytes, from: number): DatapathRefusal | undefined {
  const reason = reasonOf(view.getUint32(from + REASON, true))?.name as DropReason | undefined;
  const family = view.getUint8(from + FAMILY) === 6 ? 6 : 4;
  return reason && {
    reason, tenant: view.getUint16(from + TENANT, true), service: view.getUint16(from + SERVICE, true), path: view.getUint16(from + PATH, true),
    source: readAddress(view, from + SOURCE, family), destination: readAddress(view, from + DESTINATION, family),
    sourcePort: view.getUint16(from + SOURCE_PORT), destinationPort: view.getUint16(from + DESTINATION_PORT),
    ifnum: view.getUint16(from + IFNUM, true), vlan: view.getUint16(from + VLAN, true), proto: view.getUint8(from + PROTO),
  };
}

/** UntoldReader reads how many refused packets had no record, by reason name, since the maps were made. */
export interface UntoldReader {
  read(): Record<string, number>;
  close(): void;
}

/** openUntold opens the map of refused packets; throws SVR_BPF_LAYOUT. */
export function openUntold(native: Native, pins: Pins): UntoldReader {
  const refused = openMap(native, pins.map("refused"));
  return {
    read: () => Object.fromEntries(refusalReasons.flatMap(({ name, number }): [string, number][] => {
      const value = refused.lookup(keyOf(number)), untold = value === undefined ? 0 : Number(sum(value, refused.cpus, UNTOLD));
      return untold === 0 ? [] : [[name, untold]];
    })),
    close: () => { refused.close(); },
  };
}
