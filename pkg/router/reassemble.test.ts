// Fragments at one shard: its share of the router's limits, what is discarded is counted once, time ends what stays incomplete (10.2).
import { addressOfWords } from "../base/address.ts";
import { buildPacket } from "../svr/build.ts";
import { cutIp } from "../svr/ipfragments.ts";
import { arrivalOf } from "../../test/support/turn.ts";
import { createFragmentJoiner } from "./reassemble.ts";

/** First halves of packets: `n` picks the source, `id` the packet. */
function half(n: number, id: number): Parameters<ReturnType<typeof createFragmentJoiner>["ip"]>[0] {
  const whole = buildPacket({ source: addressOfWords(4, 0x0a000000 + n), destination: addressOfWords(4, 0x0b000001), dontFragment: false }, { kind: "udp", sourcePort: 1, destinationPort: 2 }, new Uint8Array(64));
  return { packet: arrivalOf(cutIp(whole, { size: 60, id: id & 0xffff })[0]!).packet, ifnum: 1 + (id >>> 16), vlan: 0 };
}

test.each<{ desc: string; shards: number; packets: number; source: (n: number) => number; open: number }>([
  { desc: "one source, one shard", shards: 1, packets: 5000, source: () => 1, open: 4096 },
  { desc: "one source, one of four shards", shards: 4, packets: 5000, source: () => 1, open: 1024 },
  { desc: "many sources, one shard", shards: 1, packets: 17_000, source: (n) => n % 100, open: 16_384 },
  { desc: "many sources, one of eight shards", shards: 8, packets: 5000, source: (n) => n % 100, open: 2048 },
])("10.2 open packets are bounded: $desc", ({ shards, packets, source, open }) => {
  const joiner = createFragmentJoiner(shards);
  for (let n = 0; n < packets; n++) expect(joiner.ip(half(source(n), n), 0)).toBeUndefined();
  expect([joiner.held()[0]!.entries, joiner.takeDiscarded(), joiner.takeDiscarded()]).toEqual([open, packets - open, 0]);
  joiner.expire(4999);
  expect(joiner.held()[0]!.entries).toBe(open);
  joiner.expire(5000);
  expect([joiner.held()[0]!.entries, joiner.takeDiscarded()]).toEqual([0, open]);
});
