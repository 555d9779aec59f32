// How many sessions one turn lets in on top of what the data plane has (behaviour 3.8).
import { addressOfWords } from "../base/address.ts";
import { buildPacket } from "../svr/build.ts";
import type { Packet } from "../svr/packet.ts";
import { arrivalOf, configOfChain, newTurn, tablesOf } from "../../test/support/turn.ts";
import { isWithinLimits } from "./limits.ts";

const ends = { source: addressOfWords(4, 1), destination: addressOfWords(4, 2) };
const udp = arrivalOf(buildPacket(ends, { kind: "udp", sourcePort: 1, destinationPort: 2 })).packet;
const tcp = (flags: number): Packet => arrivalOf(buildPacket(ends, { kind: "tcp", sourcePort: 1, destinationPort: 2, flags })).packet;
const syn = tcp(2), data = tcp(0x10);

test.each<{ desc: string; limits: { sessions: number; halfOpen: number }; load: { live: number; halfOpen: number }; asks: Packet[]; let: boolean[] }>([
  { desc: "room for two", limits: { sessions: 10, halfOpen: 0 }, load: { live: 8, halfOpen: 0 }, asks: [udp, syn, udp], let: [true, true, false] },
  { desc: "full", limits: { sessions: 10, halfOpen: 0 }, load: { live: 10, halfOpen: 0 }, asks: [udp, syn], let: [false, false] },
  { desc: "half-open connections without a limit", limits: { sessions: 100, halfOpen: 0 }, load: { live: 8, halfOpen: 8 }, asks: [syn, syn], let: [true, true] },
  { desc: "one more half open", limits: { sessions: 100, halfOpen: 9 }, load: { live: 8, halfOpen: 8 }, asks: [syn, syn, udp, data, syn], let: [true, false, true, true, false] },
  { desc: "a SYN that is refused takes no room", limits: { sessions: 10, halfOpen: 1 }, load: { live: 8, halfOpen: 1 }, asks: [syn, syn, syn, udp, data, udp], let: [false, false, false, true, true, false] },
])("3.8 $desc", ({ limits, load, asks, let: expected }) => {
  const turn = newTurn(tablesOf(configOfChain({ limits })), { load });
  expect(asks.map((packet) => isWithinLimits(turn, packet, 0))).toEqual(expected);
});
