// From punts to arrivals: cut super-packets, parse, choose keys, verify and decrypt all metadata of a turn in one call of
// the engine (receive order of protocol 7.3, steps 1 to 6). Drops are counted here; nothing is decided about sessions.
import { isEmptyHeader, parseHeader, startsWithCookie } from "../svr/decode.ts";
import type { MetadataHeader } from "../svr/decode.ts";
import { acceptedEpochs, epochAt, skewEpochs } from "../svr/epoch.ts";
import { parsePacket } from "../svr/packet.ts";
import { checkSanity } from "../svr/sanity.ts";
import type { Packet } from "../svr/packet.ts";
import type { Punt } from "../ports/datapath.ts";
import { cutSegments } from "../svr/superpacket.ts";
import { finishOpen, planOpen } from "../svr/open.ts";
import type { OpenJob, OpenResult } from "../svr/open.ts";
import type { SealEngine } from "../svr/seal.ts";
import { refuse as refuseFirst } from "./admit.ts";
import type { PeerEntry } from "./tables.ts";
import type { Arrival, Turn } from "./turn.ts";

interface Pending {
  arrival: Arrival;
  header: MetadataHeader;
  peer: PeerEntry;
  job: OpenJob;
}

/** openArrivals gives what is left to decide, in the order it came up. */
export function openArrivals(turn: Turn, punts: readonly Punt[], engine: SealEngine): Arrival[] {
  const arrivals: Arrival[] = [];
  const pending: Pending[] = [];
  for (const punt of punts) {
    for (const data of cutSegments(punt.data, punt.gsoSize)) {
      const packet = parsePacket(data);
      if (!packet.ok) {
        turn.count(packet.error);
        continue;
      }
      const insane = punt.session === undefined ? checkSanity(packet.value) : undefined; // before decryption changes the bytes
      if (insane !== undefined) {
        refuseFirst(turn, { punt, packet: packet.value }, insane);
        continue;
      }
      const arrival: Arrival = { punt, packet: packet.value };
      if (!carriesMetadata(punt, packet.value)) arrivals.push(arrival);
      else if (prepare(turn, arrival, pending)) arrivals.push(arrival);
    }
  }
  const refused = openAll(turn, pending, engine);
  return arrivals.filter((arrival) => !refused.has(arrival));
}

/** Metadata arrives on waypoint addresses only; a host's body that starts with the cookie is just a body. */
function carriesMetadata(punt: Punt, packet: Packet): boolean {
  const fromPeer = punt.session === undefined ? punt.toWaypoint : punt.session.state.side[punt.session.side].path !== 0;
  return fromPeer && startsWithCookie(packet.data, packet.payload, packet.end);
}

/** Steps 1 and 2: base header, header TLVs, keys. */
function prepare(turn: Turn, arrival: Arrival, pending: Pending[]): boolean {
  const { packet, punt } = arrival;
  const header = parseHeader(packet.data, packet.payload, packet.end);
  if (!header.ok) return refuse(turn, header.error);
  const peer = ownerOf(turn, punt, header.value);
  if (peer === undefined) return refuse(turn, header.value.metadata.keyId === undefined ? "metadata-incomplete" : "unknown-key");
  const job = planOpen(packet, header.value, {
    mode: peer.mode, keys: [peer.receive], epochs: acceptedEpochs(peer.mode, epochAt(turn.nowUnixMs / 1000), peer.window),
  });
  if (!job.ok) return refuse(turn, job.error, peer);
  pending.push({ arrival, header: header.value, peer, job: job.value });
  return true;
}

/** TLV 16 selects the key set; without it the flow's peer counts (protocol 7.3). */
function ownerOf(turn: Turn, punt: Punt, header: MetadataHeader): PeerEntry | undefined {
  const keyId = header.metadata.keyId;
  if (keyId !== undefined) return turn.tables.peerByKeyId(keyId);
  if (punt.session === undefined) return undefined;
  return turn.tables.pathById(punt.session.state.side[punt.session.side].path)?.peer;
}

function refuse(turn: Turn, reason: Parameters<Turn["count"]>[0], peer?: PeerEntry): false {
  turn.count(reason, peer);
  return false;
}

/** Steps 3 to 6 for the whole turn; returns the arrivals that are dropped. */
function openAll(turn: Turn, pending: readonly Pending[], engine: SealEngine): Set<Arrival> {
  const refused = new Set<Arrival>();
  if (pending.length === 0) return refused;
  const results = engine.open(pending.map((one) => one.job));
  for (const [index, one] of pending.entries()) {
    if (!finish(turn, one, results[index], engine)) refused.add(one.arrival);
  }
  return refused;
}

function finish(turn: Turn, one: Pending, result: OpenResult | undefined, engine: SealEngine): boolean {
  const { arrival, header, peer, job } = one;
  if (result === undefined) return refuse(turn, "hmac-failure", peer);
  if (!result.ok && result.reason === "hmac-failure") return refuse(turn, skewOrFailure(turn, one, engine), peer);
  const finished = finishOpen({ packet: arrival.packet, header, job, requireEncryption: peer.requireEncryption }, result);
  if (!finished.ok) return refuse(turn, finished.error, peer);
  const { metadata, bodyAt, bodyEnd, epoch, tag } = finished.value;
  arrival.opened = {
    peer, tlvs: metadata, empty: isEmptyHeader(header), headerOnly: header.payloadLength === 0, bodyAt, bodyEnd, epoch,
    ...(tag === undefined ? {} : { tag }),
  };
  return true;
}

/** A tag that is right within 30 epochs means that clocks differ; tried for a few failures a second only (protocol 7.1). */
function skewOrFailure(turn: Turn, one: Pending, engine: SealEngine): "hmac-clock-skew" | "hmac-failure" {
  const { peer, job } = one;
  if (peer.mode !== "time-based" || !turn.skewGate.permits(peer, turn.nowMs)) return "hmac-failure";
  const epochs = skewEpochs(epochAt(turn.nowUnixMs / 1000), peer.window);
  return engine.open([{ ...job, epochs, suite: 0 }])[0]?.ok === true ? "hmac-clock-skew" : "hmac-failure";
}
