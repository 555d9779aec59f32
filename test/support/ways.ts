// What two captures say about the way between them: what was lost, and how long the slowest packet took. Called by tests of
// routers that go and come back: the answer does not depend on how busy the hosts are.
import { innerKey } from "./wire.ts";
import type { WirePacket } from "./wire.ts";

/** Way sums up the packets of one direction. */
export interface Way { packets: number; lost: number; longestMs: number }

/** compareWays gives the longest way of a packet from one capture to the other in milliseconds, and what never arrived. Retransmissions count as packets of their own. */
export function compareWays(sent: readonly WirePacket[], arrived: readonly WirePacket[]): Way {
  const keyOf = (one: WirePacket): string => [one.source, one.packet.sourcePort, one.packet.destinationPort, innerKey(one)].join(" ");
  const waiting = Map.groupBy(arrived, keyOf);
  let lost = 0, longest = 0n;
  for (const one of sent) {
    const there = waiting.get(keyOf(one))?.shift();
    if (there === undefined) lost++;
    else if (there.unixNs - one.unixNs > longest) longest = there.unixNs - one.unixNs;
  }
  return { packets: sent.length, lost, longestMs: Number(longest / 1_000_000n) };
}
