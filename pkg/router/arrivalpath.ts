// The path by which a packet of a peer came. Called by accept.ts and icmperrors.ts. Looks only.
import { sameAddress } from "../base/address.ts";
import type { PathEntry } from "./tables.ts";
import type { OpenedArrival, Turn } from "./turn.ts";

/** arrivalPath is the path of a packet: of the key's owner, on this interface, by its address if configuration knows it. */
export function arrivalPath(arrival: OpenedArrival): PathEntry | undefined {
  const { packet, punt, opened } = arrival;
  const here = opened.peer.paths.filter((path) => path.ifnum === punt.ifnum && path.vlan === punt.vlan && path.family === packet.family);
  return here.find((path) => sameAddress(path.remote, packet.source)) ?? here[0];
}

/** knownPath is the path of a packet whose source is an address where its peer is known; a copy of it comes from anywhere (protocol 6.1). */
export function knownPath(turn: Turn, { packet, punt, opened }: OpenedArrival): PathEntry | undefined {
  return turn.tables.pathsAt(punt.ifnum, punt.vlan, packet.source).find((path) => path.peer === opened.peer);
}
