// A packet on its way to a peer before its size is known: what it says and with which keys. Shared by sealing.ts, which
// sends it in one piece, and cutting.ts, which sends it in fragments.
import { epochAt } from "../svr/epoch.ts";
import type { Endpoints, LayoutOptions } from "../svr/layout.ts";
import type { Metadata } from "../svr/metadata.ts";
import type { Packet } from "../svr/packet.ts";
import type { Signing } from "../svr/seal.ts";
import type { Cover } from "./protection.ts";
import type { PathEntry, PeerEntry } from "./tables.ts";
import type { Original, Turn } from "./turn.ts";

/** OutputPlan is a packet toward a peer. */
export interface OutputPlan {
  packet: Packet;
  to: Endpoints;
  options: LayoutOptions;
  /** body in packet.data */
  body: { at: number; end: number };
  path: PathEntry;
  /** absent: it goes without metadata where it fits; EMPTY_HEADER: nothing is said, but the body looks like metadata */
  tlvs?: Metadata | undefined;
  nexthop: number;
  /** the bytes were authentic, or are our own: the L4 checksum need not be looked at before a new one is made */
  isVerified: boolean;
  /** how its session wants it covered; absent: a tag with metadata only */
  cover?: Cover | undefined;
  /** how its host sent it, when that is known */
  original?: Original | undefined;
}

/** EMPTY_HEADER is the empty header of protocol 3.4, which has no TLV 16 either. */
export const EMPTY_HEADER: Metadata = Object.freeze({});

/** contentOf is the metadata of a plan with its key id (TLV 16); undefined when it has none. */
export function contentOf(plan: OutputPlan): Metadata | undefined {
  const { tlvs, path } = plan;
  if (tlvs === undefined) return undefined;
  return tlvs === EMPTY_HEADER ? EMPTY_HEADER : { ...tlvs, keyId: path.peer.send?.keyId };
}

/** nextIpId is an identification for a packet that may be cut on its way (protocol 2.7). */
export function nextIpId(turn: Turn): number {
  return turn.ids.next() & 0xffff;
}

/** Refusal is why a packet cannot leave to a peer. */
export type Refusal = "limit" | "too-big" | "filter" | "no-key";

/** signingOf takes a fresh counter under the keys of a peer; undefined while there are none. */
export function signingOf(turn: Turn, peer: PeerEntry): Signing | undefined {
  return peer.send === undefined ? undefined : { key: peer.send, mode: peer.mode, epoch: epochAt(turn.nowUnixMs / 1000), counter: turn.seals.nextCounter() };
}
