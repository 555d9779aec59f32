// The flow key of a received packet as a string, for the drafts of one batch. Called by admit.ts, accept.ts, decide.ts.
import type { IpAddress } from "../base/address.ts";
import type { FlowKey } from "../ports/datapath.ts";
import type { Arrival } from "./turn.ts";

/** arrivalKey is equal for packets that would hit the same flow. */
export function arrivalKey(arrival: Arrival): string {
  return (arrival.key ??= keyText(arrival));
}

function keyText({ packet, punt }: Arrival): string {
  return `${punt.ifnum}.${punt.vlan}.${packet.proto}.${packet.sourcePort}.${packet.destinationPort}.${words(packet.source)}.${words(packet.destination)}`;
}

function words(address: IpAddress): string {
  return address.family === 4 ? `${address.w0}` : `${address.w0},${address.w1},${address.w2},${address.w3}`;
}

/** flowKey is the key of a received packet as the data plane wants it. */
export function flowKey(arrival: Arrival): FlowKey {
  const { packet, punt } = arrival;
  return {
    source: packet.source, destination: packet.destination, sourcePort: packet.sourcePort, destinationPort: packet.destinationPort,
    ifnum: punt.ifnum, vlan: punt.vlan, proto: packet.proto,
  };
}
