// Fragments as they come up (protocol 10.1, 10.2): IP fragments of hosts and SVR fragments of peers, each joined within its
// share of the router's limits. Owned by one shard; called by opening.ts, and by the shard for what time ends.
import type { Held } from "./held.ts";
import type { SvrFragment } from "../svr/svrfragments.ts";
import { joinSvr, packetOfWhole } from "../svr/svrfragments.ts";
import { joinIp } from "../svr/ipfragments.ts";
import type { IpFragment, WholeIp } from "../svr/ipfragments.ts";
import type { Packet } from "../svr/packet.ts";
import { ROUTER_LIMITS, Reassembler } from "../svr/reassembly.ts";

/** FragmentJoiner joins pieces; undefined means that more are missing, or that the packet was discarded. */
export interface FragmentJoiner {
  ip(fragment: IpFragment, nowMs: number): WholeIp | undefined;
  svr(fragment: SvrFragment, nowMs: number): Packet | undefined;
  /** discards what has waited too long */
  expire(nowMs: number): void;
  /** packets discarded since the last call, counted under `reassembly` */
  takeDiscarded(): number;
  /** packets that wait for the rest of them, and the memory that they take */
  held(): Held[];
}

/** createFragmentJoiner makes the joiner of one of `shards` shards, which share the limits evenly. */
export function createFragmentJoiner(shards: number): FragmentJoiner {
  const share = (limit: number): number => Math.max(1, Math.floor(limit / shards));
  const limits = { packets: share(ROUTER_LIMITS.packets), perRemote: share(ROUTER_LIMITS.perRemote), bytes: share(ROUTER_LIMITS.bytes) };
  const hosts = new Reassembler(limits);
  const peers = new Reassembler(limits);
  return {
    ip: (fragment, nowMs) => joinIp(hosts, fragment, nowMs),
    svr(fragment, nowMs) {
      const whole = joinSvr(peers, fragment, nowMs);
      return whole === undefined ? undefined : packetOfWhole(whole);
    },
    expire(nowMs) {
      hosts.expire(nowMs);
      peers.expire(nowMs);
    },
    takeDiscarded: () => hosts.takeDiscarded() + peers.takeDiscarded(),
    held: () => [
      { name: "incomplete packets", entries: hosts.open + peers.open, limit: 2 * limits.packets },
      { name: "incomplete packets, bytes", entries: hosts.bytes + peers.bytes, limit: 2 * limits.bytes },
    ],
  };
}
