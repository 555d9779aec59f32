// Refusals of a first packet, by name and with the inner addresses (behaviour 2.6). Called wherever a session is not let in; leaves no
// state behind but a counter and a bounded event.
import type { DenyReason } from "../svr/reasons.ts";
import type { SessionContext } from "../svr/session.ts";
import type { ServiceEntry } from "./tables.ts";
import { contextPorts } from "./query.ts";
import type { Arrival, Turn } from "./turn.ts";

/** contextOf is the inner 5-tuple of a packet as its host sent it. */
export function contextOf(packet: Arrival["packet"]): SessionContext {
  const { source, destination, proto, family } = packet;
  return { source, destination, ...contextPorts(packet), proto, family };
}

/** refuse counts a refusal and reports it with the inner addresses (behaviour 2.6). */
export function refuse(turn: Turn, arrival: Arrival, reason: DenyReason, service?: ServiceEntry): void {
  turn.count(reason, arrival.opened?.peer);
  report(turn, arrival, reason, service);
}

/** report tells of a refusal that has another counter than its reason. */
export function report(turn: Turn, arrival: Arrival, reason: DenyReason, service?: ServiceEntry): void {
  const { punt, opened } = arrival;
  const context = opened?.tlvs.forwardContext ?? contextOf(arrival.packet);
  const tenant = opened?.tlvs.tenant ?? turn.tables.tenantOf(punt.ifnum, punt.vlan, arrival.packet.source).name;
  const { source, destination, sourcePort, destinationPort, proto } = context;
  turn.deny({
    reason, tenant, source, destination, sourcePort, destinationPort, proto, ifnum: punt.ifnum, vlan: punt.vlan,
    ...(service === undefined ? {} : { service: service.name }), ...(opened === undefined ? {} : { peer: opened.peer.name }),
  });
}
