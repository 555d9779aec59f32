// Resets that this router sends to hosts: for first packets that are no SYN (behaviour 3.4) and for sessions that policy
// or a peer ends (behaviour 3.9). Called by admit.ts and ending.ts.
import { buildPacket } from "../svr/build.ts";
import { TCP_ACK, TCP_RST } from "../svr/constants.ts";
import { Flag, TcpState } from "../svr/session.ts";
import type { Session, SideIndex } from "../svr/session.ts";
import { sequenceAfter } from "./newsession.ts";
import { carriedOf } from "./turn.ts";
import type { Arrival, Turn } from "./turn.ts";

/** refuseWithReset answers a segment that may not open a session (RFC 9293 3.10.7.1); a RST is never answered. */
export function refuseWithReset(turn: Turn, arrival: Arrival): void {
  const { packet, punt } = arrival;
  const tcp = packet.tcp;
  if (tcp === undefined || (tcp.flags & TCP_RST) !== 0) return;
  const nexthop = turn.tables.nexthopTo(punt.ifnum, punt.vlan, packet.source);
  if (nexthop === 0) return;
  const answersAck = (tcp.flags & TCP_ACK) !== 0;
  const data = buildPacket({ source: packet.destination, destination: packet.source }, {
    kind: "tcp", sourcePort: packet.destinationPort, destinationPort: packet.sourcePort,
    seq: answersAck ? tcp.ack : 0, ack: answersAck ? 0 : sequenceAfter(carriedOf(arrival)),
    flags: answersAck ? TCP_RST : TCP_RST | TCP_ACK,
  });
  turn.batch.outputs.push({ frame: { nexthop, data } });
}

/** resetHosts sends RST with the next sequence of its direction to each host of a TCP session that is, or was until now, live and ends by decision. */
export function resetHosts(turn: Turn, session: Session): void {
  if (session.tcpState === TcpState.none || (session.flags & Flag.rstOnEnd) === 0) return;
  for (const side of [0, 1] as const) {
    if (session.side[side].path === 0) turn.batch.outputs.push({ frame: resetToward(session, side) });
  }
}

function resetToward(session: Session, side: SideIndex): { nexthop: number; data: Uint8Array } {
  const to = session.side[side];
  const opposite = side === 0 ? 1 : 0;
  const data = buildPacket({ source: to.local, destination: to.remote }, {
    kind: "tcp", sourcePort: to.localPort, destinationPort: to.remotePort,
    seq: session.nextSeq[opposite], ack: session.nextSeq[side], flags: TCP_RST | TCP_ACK,
  });
  return { nexthop: to.nexthop, data };
}
