// From punts to arrivals: cut super-packets, parse, join fragments, choose keys, verify and decrypt all metadata of a turn in
// one call of the engine (receive order of protocol 7.3, steps 1 to 6). Drops are counted here; no session is decided.
import { TAG_BYTES } from "../svr/constants.ts";
import { isEmptyHeader, parseHeader, startsWithCookie } from "../svr/decode.ts";
import type { MetadataHeader } from "../svr/decode.ts";
import { acceptedLater, epochAt } from "../svr/epoch.ts";
import { asksForResilience } from "../svr/metadata.ts";
import { parsePacket } from "../svr/packet.ts";
import { checkSanity } from "../svr/sanity.ts";
import type { Packet } from "../svr/packet.ts";
import type { Punt } from "../ports/datapath.ts";
import type { PeerKeys } from "../svr/keys.ts";
import { cutSegments } from "../svr/superpacket.ts";
import { finishOpen, planOpen } from "../svr/open.ts";
import type { OpenJob, OpenResult } from "../svr/open.ts";
import type { SealEngine } from "../svr/seal.ts";
import { deniedAt } from "./door.ts";
import { isSealed } from "./protection.ts";
import { keyByType } from "./query.ts";
import { refuse as refuseFirst } from "./refuse.ts";
import { skewOrFailure } from "./skew.ts";
import type { PeerEntry } from "./tables.ts";
import type { Arrival, Turn } from "./turn.ts";

interface Pending {
  arrival: Arrival;
  /** absent: nothing but a tag (scope every-packet) */
  header: MetadataHeader | undefined;
  peer: PeerEntry;
  job: OpenJob;
}

/** Opening is what the packets of one turn have in common: the jobs of the engine, and the epochs of each peer by that of arrival. */
interface Opening {
  pending: Pending[];
  epochs: Map<number, Map<PeerEntry, readonly number[]>>;
}

/** openArrivals gives what is left to decide, in the order it came up. */
export function openArrivals(turn: Turn, punts: readonly Punt[], engine: SealEngine): Arrival[] {
  const arrivals: Arrival[] = [];
  const opening: Opening = { pending: [], epochs: new Map() };
  for (const punt of punts) {
    for (const data of cutSegments(punt.data, punt.gsoSize, punt.sumStart)) {
      const arrival = enter(turn, punt, data);
      if (arrival !== undefined && prepare(turn, arrival, opening)) arrivals.push(arrival);
    }
  }
  const refused = openAll(turn, opening.pending, engine);
  return refused.size === 0 ? arrivals : arrivals.filter((arrival) => !refused.has(arrival));
}

/** One wire packet; an IP fragment is kept until the rest of its packet is there. */
function enter(turn: Turn, punt: Punt, data: Uint8Array): Arrival | undefined {
  const packet = parseArrived(turn, data);
  if (!packet.ok) {
    turn.count(packet.error);
    return undefined;
  }
  const arrival = sane(turn, { punt, packet: packet.value });
  return arrival?.packet.fragment === undefined ? arrival : joined(turn, arrival);
}

/** Where sessions of ICMP are told apart by type, the flow key has it as a port (behaviour 3.7). */
function parseArrived({ tables }: Turn, data: Uint8Array): ReturnType<typeof parsePacket> {
  const packet = parsePacket(data);
  if (packet.ok && tables.icmp.byType) keyByType(packet.value);
  return packet;
}

/** Checks in front of any session, before decryption changes the bytes (behaviour 10.2). */
function sane(turn: Turn, arrival: Arrival): Arrival | undefined {
  const insane = arrival.punt.session === undefined ? checkSanity(arrival.packet) : undefined;
  if (insane === undefined) return arrival;
  refuseFirst(turn, arrival, insane);
  return undefined;
}

/** The whole of an IP packet whose last missing fragment this is; only now its ports, and so its session, are known (protocol 10.1). */
function joined(turn: Turn, fragment: Arrival): Arrival | undefined {
  const { punt } = fragment;
  const whole = turn.fragments.ip({ packet: fragment.packet, ifnum: punt.ifnum, vlan: punt.vlan }, turn.nowMs);
  if (whole === undefined) return undefined;
  const packet = parseArrived(turn, whole.data);
  if (!packet.ok) {
    turn.count(packet.error);
    return undefined;
  }
  const session = turn.find.byArrival({ punt, packet: packet.value });
  const arrival: Arrival = { punt: session === undefined ? punt : { ...punt, session }, packet: packet.value };
  if (isFiltered(turn, arrival)) return undefined;
  if (isSvrFragment(turn, arrival) && turn.handing.takes(arrival, turn.nowMs)) return undefined;
  return sane(turn, isFromPeer(arrival.punt) ? arrival : { ...arrival, original: whole.original });
}

/** Of a packet whose other SVR fragments came whole, to the shard of its flow; only a peer sends such. */
function isSvrFragment(turn: Turn, { punt, packet }: Arrival): boolean {
  if (!carriesMetadata(punt, packet) || turn.tables.pathsAt(punt.ifnum, punt.vlan, packet.source).length === 0) return false;
  const header = parseHeader(packet.data, packet.payload, packet.end);
  return header.ok && header.value.metadata.fragment !== undefined;
}

/** The data plane judged fragments by what each of them shows; ports and flags are known only now (behaviour 3.1, 10.1). */
function isFiltered(turn: Turn, arrival: Arrival): boolean {
  const { packet, punt } = arrival;
  const filtered = deniedAt(turn.tables.rulesAt(punt.ifnum), punt.vlan, packet) !== undefined;
  if (filtered) refuseFirst(turn, arrival, "filter");
  return filtered;
}

/** Between routers an IP header is theirs: what fragments of it looked like says nothing about the host's (TLV 1 does). */
function isFromPeer({ session, toWaypoint }: Punt): boolean {
  return session === undefined ? toWaypoint : session.state.side[session.side].path !== 0;
}

/** Metadata arrives on waypoint addresses only; a host's body that starts with the cookie is just a body, and so is what a protect worker opened. */
function carriesMetadata(punt: Punt, packet: Packet): boolean {
  return punt.isOpened !== true && isFromPeer(punt) && startsWithCookie(packet.data, packet.payload, packet.end);
}

/** Steps 1 and 2: base header, header TLVs, keys; false when nothing is left to decide. */
function prepare(turn: Turn, arrival: Arrival, opening: Opening): boolean {
  if (!carriesMetadata(arrival.punt, arrival.packet)) return !isSealed(arrival) || prepareSealed(turn, arrival, opening);
  const header = headerOf(turn, arrival);
  if (header === undefined) return false;
  const { punt } = arrival;
  const peer = ownerOf(turn, arrival, header);
  if (peer === undefined && punt.session === undefined && isEmptyHeader(header)) return true; // counts as without metadata (protocol 5)
  if (peer === undefined) return refuse(turn, header.metadata.keyId === undefined ? "metadata-incomplete" : "unknown-key");
  return enqueue(turn, { arrival, header, peer, keys: keysFor(peer, header) }, opening);
}

/** A packet of a session whose packets all have tags, that no protect worker saw: it came in fragments. */
function prepareSealed(turn: Turn, arrival: Arrival, opening: Opening): boolean {
  const { session } = arrival.punt;
  const peer = turn.tables.pathById(session?.state.side[session.side].path ?? 0)?.peer;
  if (peer === undefined) return refuse(turn, "no-path");
  return peer.mode === "disabled" || enqueue(turn, { arrival, header: undefined, peer, keys: peer.receive }, opening);
}

function enqueue(turn: Turn, one: Omit<Pending, "job"> & { keys: readonly PeerKeys[] }, opening: Opening): boolean {
  const { arrival, header, peer, keys } = one;
  const { punt, packet } = arrival;
  const epochs = epochsOf(turn, peer, { punt, opening });
  if (epochs.length === 0) return refuse(turn, "ring-full", peer);
  if (peer.receive.length === 0) return refuse(turn, "no-key", peer);
  const job = planOpen(packet, header, { mode: peer.mode, keys, epochs });
  if (!job.ok) return refuse(turn, job.error, peer);
  if (punt.session === undefined || !turn.capturing.isIdle) arrival.raw = kept(turn, packet.data);
  opening.pending.push({ arrival, header, peer, job: job.value });
  return true;
}

/** TLV 16 names the key; without it all that may be in use are tried (protocol 7.3). */
function keysFor({ receive }: PeerEntry, { metadata: { keyId } }: MetadataHeader): readonly PeerKeys[] {
  return keyId === undefined ? receive : receive.filter((one) => one.keyId === keyId);
}

/** The bytes as they came, until the turn ends: opening changes them, and a capture wants them. */
function kept(turn: Turn, data: Uint8Array): Uint8Array {
  const copy = turn.take(data.length);
  copy.set(data);
  return copy;
}

/** By when it arrived: a shard that is behind must not take for forged, or for another clock, what waited for it. */
function epochsOf(turn: Turn, peer: PeerEntry, { punt, opening }: { punt: Punt; opening: Opening }): readonly number[] {
  const arrived = arrivalEpoch(turn, punt);
  const ofPeers = opening.epochs.get(arrived) ?? new Map<PeerEntry, readonly number[]>();
  const epochs = ofPeers.get(peer) ?? acceptedLater(peer.mode, { arrived, epoch: epochAt(turn.nowUnixMs / 1000) }, peer.window);
  opening.epochs.set(arrived, ofPeers.set(peer, epochs));
  return epochs;
}

function arrivalEpoch(turn: Turn, { arrivedMs = turn.nowMs }: Punt): number {
  return epochAt((turn.nowUnixMs - Math.max(0, turn.nowMs - arrivedMs)) / 1000);
}

/** The header of a packet, or of the whole that an SVR fragment completes: it then takes the place of the fragment. */
function headerOf(turn: Turn, arrival: Arrival): MetadataHeader | undefined {
  const header = headerIn(turn, arrival.packet);
  if (header?.metadata.fragment === undefined) return header;
  const { punt, packet } = arrival;
  const { ifnum, vlan } = punt;
  const whole = turn.fragments.svr({ packet, ifnum, vlan, fragment: header.metadata.fragment, body: header.body, tag: tagBytes(turn, arrival, header) }, turn.nowMs);
  if (whole === undefined) return undefined;
  arrival.packet = whole;
  return headerIn(turn, whole);
}

function headerIn(turn: Turn, packet: Packet): MetadataHeader | undefined {
  const header = parseHeader(packet.data, packet.payload, packet.end);
  if (header.ok) return header.value;
  turn.count(header.error);
  return undefined;
}

/** Only the first fragment has TLV 16; the others belong to the peer of the flow, or to one that may be at their source. */
function tagBytes(turn: Turn, arrival: Arrival, header: MetadataHeader): number {
  const { punt, packet } = arrival;
  const peer = ownerOf(turn, arrival, header) ?? turn.tables.pathsAt(punt.ifnum, punt.vlan, packet.source)[0]?.peer;
  return peer?.mode === "disabled" ? 0 : TAG_BYTES;
}

/** TLV 16 selects the key set; without it the flow's peer counts (protocol 7.3), or the one at the source whose packets need no key. */
function ownerOf(turn: Turn, { punt, packet }: Arrival, header: MetadataHeader): PeerEntry | undefined {
  const keyId = header.metadata.keyId;
  if (keyId !== undefined) return turn.tables.peerByKeyId(keyId);
  if (punt.session === undefined) {
    const isKeyless = (peer: PeerEntry): boolean => peer.mode === "disabled" && header.suite === 0;
    return turn.tables.pathsAt(punt.ifnum, punt.vlan, packet.source).find(({ peer }) => isKeyless(peer))?.peer;
  }
  return turn.tables.pathById(punt.session.state.side[punt.session.side].path)?.peer;
}

function refuse(turn: Turn, reason: Parameters<Turn["count"]>[0], peer?: PeerEntry, skew?: number): false {
  turn.count(reason, peer, skew);
  return false;
}

/** Steps 3 to 6 for the whole turn; returns the arrivals that are dropped. */
function openAll(turn: Turn, pending: readonly Pending[], engine: SealEngine): Set<Arrival> {
  const refused = new Set<Arrival>();
  if (pending.length === 0) return refused;
  const results = engine.open(pending.map((one) => one.job));
  pending.forEach((one, index) => {
    if (!finish(turn, one, results[index], engine)) refused.add(one.arrival);
  });
  return refused;
}

function finish(turn: Turn, one: Pending, result: OpenResult | undefined, engine: SealEngine): boolean {
  const { arrival, header, peer, job } = one;
  if (result === undefined) return refuse(turn, "hmac-failure", peer);
  if (!result.ok && result.reason === "hmac-failure") {
    const { reason, skew } = wrongTag(turn, one, engine);
    return refuse(turn, reason, peer, skew);
  }
  const finished = finishOpen({ packet: arrival.packet, header, job, requireEncryption: peer.requireEncryption }, result);
  if (!finished.ok) return refuse(turn, finished.error, peer);
  if (asksForResilience(finished.value.metadata)) return refuse(turn, "metadata-unknown-critical", peer); // known, but not kept here
  const { metadata, bodyAt, bodyEnd, epoch, tag, key } = finished.value;
  if (tag !== undefined) turn.keyUsed(key);
  arrival.opened = {
    peer, tlvs: metadata, empty: header === undefined || isEmptyHeader(header), headerOnly: header === undefined || header.payloadLength === 0, bodyAt, bodyEnd, epoch, tag,
  };
  return true;
}

function wrongTag(turn: Turn, { arrival, peer, job }: Pending, engine: SealEngine): ReturnType<typeof skewOrFailure> {
  const { mode, window } = peer;
  return skewOrFailure({ job, mode, window, epoch: arrivalEpoch(turn, arrival.punt), permits: () => turn.skewGate.permits(peer, turn.nowMs) }, engine);
}
