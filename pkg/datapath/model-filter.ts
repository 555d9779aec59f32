// The filter of the interface a packet came by, on every packet: eBPF remembers for a flow what it decided, this does not. Called by
// model-forward.ts.
import { IPV4_HEADER } from "../svr/constants.ts";
import { deniedBy, dscpOf, refusesOptions } from "../svr/filter.ts";
import { wireHeaders } from "./model-parse.ts";
import type { PacketIn, ParsedPacket } from "./model-parse.ts";
import type { Model } from "./model-state.ts";

/** isFiltered tells whether the filter of its interface drops a packet, and counts for the rule. */
export function isFiltered(model: Model, packet: PacketIn, parsed: ParsedPacket): boolean {
  const filter = model.interfaces.get(packet.ifnum)?.filter;
  if (filter === undefined) return false;
  if (parsed.family === 4 && refusesOptions(filter, packet.data.subarray(IPV4_HEADER, parsed.l4))) return true;
  const isCut = parsed.shape !== "ok";
  const length = parsed.segments > 1 ? wireHeaders(parsed) + parsed.gsoSize : parsed.length;
  const rule = deniedBy(filter.rules, { ...parsed, vlan: packet.vlan, dscp: dscpOf(packet.data, parsed.family), length, isCut });
  if (rule === undefined) return false;
  const counts = model.denied.get(packet.ifnum) ?? new Map<number, number>();
  model.denied.set(packet.ifnum, counts.set(rule, (counts.get(rule) ?? 0) + 1));
  return true;
}
