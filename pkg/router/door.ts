// What stands before any decision: the filter of the interface that a packet came by, and whether its source is known there. The data
// plane judges every packet so; the router does it for packets that it joined from fragments, and for `svrctl trace`. Pure.
// Called by opening.ts and adminroutes.ts.
import type { InterfaceConfig, RouterConfig } from "../plan/config.ts";
import { deniedBy, dscpOf, writtenPlace } from "../svr/filter.ts";
import type { FilterRule } from "../svr/filter.ts";
import type { Packet } from "../svr/packet.ts";
import { checkSanity } from "../svr/sanity.ts";
import { isKnownSource } from "./sources.ts";

/** deniedAt gives the place of the rule that denies a whole packet, undefined when none does. */
export function deniedAt(rules: readonly FilterRule[], vlan: number, packet: Packet): number | undefined {
  if (rules.length === 0) return undefined;
  const { family, source, destination, proto, sourcePort, destinationPort } = packet;
  return deniedBy(rules, {
    family, vlan, source, destination, proto, sourcePort, destinationPort, tcpFlags: packet.tcp?.flags ?? 0, icmpType: packet.icmpType ?? 0,
    dscp: dscpOf(packet.data, family), length: packet.end, isCut: false,
  });
}

/** filterRefusal says which rule denies a packet, of a session or not; undefined when none does. */
export function filterRefusal({ name, filter }: InterfaceConfig, vlan: number, packet: Packet): string | undefined {
  const place = deniedAt(filter?.rules ?? [], vlan, packet);
  return place === undefined ? undefined : `rule ${writtenPlace(filter ?? {}, place)} of the filter of interface ${name} denies it (the first one is 0)`;
}

/** sourceRefusal says why a first packet is refused where sources are checked; undefined when it is not, or when it is refused for its form before. */
export function sourceRefusal(config: RouterConfig, { name, ifnum, sourceCheck }: InterfaceConfig, at: { vlan: number; packet: Packet }): string | undefined {
  const { vlan, packet } = at;
  if (sourceCheck !== true || checkSanity(packet) !== undefined) return undefined;
  return isKnownSource(config, { ifnum, vlan }, packet.source) ? undefined : `interface ${name} checks sources, and no network, tenant or service there has this one`;
}
