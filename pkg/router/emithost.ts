// Packets as hosts expect them: inner addresses, right checksums, nothing of ours, and no larger than the link or the
// fragments their sender chose (protocol 10.2). Called by relay.ts; tells what is too big, and leaves the answer to it.
import { IP_LENGTH_MAX, IPV6_HEADER } from "../svr/constants.ts";
import { cutIp, decideEgress } from "../svr/ipfragments.ts";
import type { EgressFate } from "../svr/ipfragments.ts";
import type { LayoutOptions } from "../svr/layout.ts";
import { rewritePacket } from "../svr/rewrite.ts";
import type { SessionContext, SessionSide, SideIndex } from "../svr/session.ts";
import { endpoints, innerEnds } from "./emit.ts";
import { hasOwnPorts, isQuery } from "./query.ts";
import type { Carried, Turn } from "./turn.ts";

/** Leaving is a body on its way to a host; isDirect: it came from a host of this router, so its IP header is the host's own. */
export interface Leaving {
  side: SessionSide;
  context: SessionContext;
  /** which of the two sides it is */
  toward: SideIndex;
  carried: Carried;
  isDirect: boolean;
  /** clamp of the MSS option: what the way back to the peer carries (protocol 10.4); 0 none */
  mss: number;
}

/** emitToHost sends a body out of a host side; the MTU of that link when the packet does not fit and must not be cut. */
export function emitToHost(turn: Turn, leaving: Leaving): number | undefined {
  const { side, carried, isDirect, toward, context } = leaving;
  const { packet, original } = carried;
  if (!isDirect && !hasOwnPorts(carried, context, toward === 1)) {
    turn.count("filter");
    return undefined;
  }
  if (!isQuery(carried, context, { family: side.family, proto: side.proto, side: toward === 1 ? 0 : 1 })) {
    turn.count("state");
    return undefined;
  }
  const data = rewritePacket(packet, endpoints(side), optionsToward(turn, leaving));
  if (!data.ok) {
    turn.count(data.error);
    return undefined;
  }
  const mtu = turn.tables.mtuOf(side.nexthop) || IP_LENGTH_MAX + IPV6_HEADER;
  const known = original ?? (isDirect ? { ipId: packet.ipId, largest: 0, dontFragment: packet.dontFragment } : undefined);
  const fate = decideEgress(data.value.length, side.family, { mtu, ...(known === undefined ? {} : { original: known }) });
  if (fate.kind === "too-big") return mtu;
  for (const piece of piecesOf(turn, data.value, { fate, leaving })) turn.batch.outputs.push({ frame: { nexthop: side.nexthop, data: piece } });
  return undefined;
}

/** What TLV 1 told of the original header is restored. */
function optionsToward(turn: Turn, { side, context, toward, carried, mss }: Leaving): LayoutOptions {
  const { original, tlvs, bodyAt, bodyEnd } = carried;
  return {
    carrier: side.proto, inner: innerEnds(context, toward === 1), take: turn.take, mss, bodyAt: tlvs === undefined ? undefined : bodyAt, bodyEnd: tlvs === undefined ? undefined : bodyEnd,
    dontFragment: original?.dontFragment, ipId: original === undefined || original.largest === 0 ? undefined : original.ipId,
  };
}

function piecesOf(turn: Turn, data: Uint8Array, of: { fate: Exclude<EgressFate, { kind: "too-big" }>; leaving: Leaving }): Uint8Array[] {
  const { fate, leaving } = of;
  if (fate.kind === "whole") return [data];
  const { side, carried, isDirect } = leaving;
  if (side.family === 4 && carried.original === undefined && !isDirect) data[6]! &= ~IPV4_DF_BIT; // our own, set toward peers (protocol 2.7)
  return cutIp(data, { size: fate.size, id: identification(turn, fate, leaving) });
}

const IPV4_DF_BIT = 0x40;

/** The host's own identification where it is known, else a fresh one. */
function identification(turn: Turn, fate: Extract<EgressFate, { kind: "fragment" }>, leaving: Leaving): number {
  const { carried, isDirect } = leaving;
  if (fate.id === "original" && carried.original !== undefined) return carried.original.ipId;
  return isDirect && carried.packet.family === 4 ? carried.packet.ipId : turn.ids.next();
}
