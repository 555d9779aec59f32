// SVR fragments of a capture, joined as their receiver does (protocol 10.2), so that the one tag of all can be judged. Called by
// tests on captures of links that are too small for what crosses them.
import { Reassembler, ROUTER_LIMITS } from "../../pkg/svr/reassembly.ts";
import { joinSvr, packetOfWhole } from "../../pkg/svr/svrfragments.ts";
import { TAG_BYTES } from "../../pkg/svr/constants.ts";
import { readPacket } from "./wire.ts";
import type { PairKeys, WirePacket } from "./wire.ts";

/** Whole is a packet that crossed in fragments: these, in the order they were seen, and what they make together. */
export interface Whole { fragments: WirePacket[]; packet: WirePacket }

/** wholesOf joins the fragments among captured packets, oldest packet first; rejects fragments that make no whole. */
export function wholesOf(packets: readonly WirePacket[], keys: PairKeys): Whole[] {
  const fragments = packets.filter((one) => one.metadata?.tlvs.fragment !== undefined);
  const groups = Map.groupBy(fragments, (one) => `${one.source} ${one.packet.sourcePort} ${one.packet.destinationPort} ${one.metadata?.tlvs.fragment?.extId}`);
  return [...groups].map(([name, of]) => ({ fragments: of, packet: join(name, of, keys) }));
}

function join(name: string, fragments: readonly WirePacket[], keys: PairKeys): WirePacket {
  const reassembler = new Reassembler(ROUTER_LIMITS);
  for (const { packet, metadata, unixNs, vlan } of fragments) {
    const fragment = metadata!.tlvs.fragment!;
    const body = packet.payload + metadata!.headerLength + metadata!.payloadLength;
    const whole = joinSvr(reassembler, { packet, ifnum: 1, vlan, fragment, body, tag: TAG_BYTES }, 0);
    const joined = whole === undefined ? undefined : packetOfWhole(whole);
    if (joined !== undefined) return readPacket({ unixNs, vlan, packet: joined }, keys);
  }
  throw new Error(`${fragments.length} fragments of ${name} make no packet`);
}
