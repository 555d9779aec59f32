// ICMP errors to hosts whose packets cannot go on: too big (protocol 10.2, 10.5) and TTL exhausted (2.7). Called by decide.ts
// and relay.ts for packets of hosts of this router; what peers deliver is answered over SVR (icmperrors.ts).
import { buildIcmpError } from "../svr/icmperror.ts";
import type { IcmpError } from "../svr/icmperror.ts";
import type { Packet } from "../svr/packet.ts";
import type { Turn } from "./turn.ts";

/** Complaint is a packet as its host sent it, and the interface and VLAN it came by. */
export interface Complaint {
  packet: Packet;
  ifnum: number;
  vlan: number;
}

/** complain tells the host that sent a packet what is wrong with it, within the limit of its interface. */
export function complain(turn: Turn, about: Complaint, error: IcmpError): void {
  const { packet, ifnum, vlan } = about;
  const source = turn.tables.addressOn(ifnum, vlan, packet.family);
  const nexthop = turn.tables.nexthopTo(ifnum, vlan, packet.source);
  if (source === undefined || nexthop === 0) return;
  const data = buildIcmpError(packet, source, error);
  if (data !== undefined && turn.errorGate.permits(ifnum, turn.nowMs)) turn.batch.outputs.push({ frame: { nexthop, data } });
}
