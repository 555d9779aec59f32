// Two ends that open the same conversation, or choose the same waypoint ports, at the same moment (protocol 6.5). Called
// by the router when forward metadata meets a session of its own; both ends reach opposite verdicts without talking.
// Pure decisions: ending, joining and re-allocating is the caller's.
import { sameAddress } from "../base/address.ts";
import { compareBytes } from "../base/bytes.ts";
import type { SessionContext } from "./session.ts";

/** Contender is one of two sessions that want the same flow. */
export interface Contender {
  /** 16 bytes */
  readonly uuid: Uint8Array;
  readonly context: SessionContext;
  /** name number of the tenant */
  readonly tenant: number;
}

/** OwnContender is the session we opened on the segment. */
export interface OwnContender extends Contender {
  /** valid reverse metadata has arrived: the other end knows it, or knew it */
  readonly answered: boolean;
  /** we are its ingress: the rule does not run elsewhere */
  readonly ingress: boolean;
}

/** TheirContender is the session that a peer asks for. */
export interface TheirContender extends Contender {
  /** its metadata is re-triggered (TLV 42): it was answered before, and we lost it or never had it */
  readonly answered: boolean;
  /** it comes from where ours was answered; true while ours was not */
  readonly fromOurEgress: boolean;
}

/** isLowerUuid compares two UUIDs as 128-bit numbers; the lower one stays. */
export function isLowerUuid(a: Uint8Array, b: Uint8Array): boolean {
  return compareBytes(a, b) < 0;
}

/** isMirrored tells whether one context is the other seen from the opposite end. */
export function isMirrored(a: SessionContext, b: SessionContext): boolean {
  return a.proto === b.proto && a.sourcePort === b.destinationPort && a.destinationPort === b.sourcePort
    && sameAddress(a.source, b.destination) && sameAddress(a.destination, b.source);
}

/** GlareVerdict: ours stays and their body is a reverse packet of it; theirs stays, we join it as responder and end ours
 * with control 6; or no glare, and the collision rule of behaviour 3.2 decides. */
export type GlareVerdict = "deliver-as-reverse" | "join" | "collision";

/** decideGlare runs where both sessions would share a flow toward a host. A session that was answered stays against one that
 * was not (a router that lost the answered one opened the other meanwhile); else the lower UUID does. */
export function decideGlare(ours: OwnContender, theirs: TheirContender): GlareVerdict {
  if (!ours.ingress || !theirs.fromOurEgress || ours.tenant !== theirs.tenant || !isMirrored(ours.context, theirs.context)) return "collision";
  const stays = ours.answered === theirs.answered ? isLowerUuid(ours.uuid, theirs.uuid) : ours.answered;
  return stays ? "deliver-as-reverse" : "join";
}

/** WaypointVerdict: we keep the 5-tuple and drop their packet, or we take a new pair (the old one without quarantine) and theirs is a new session here. */
export type WaypointVerdict = "keep" | "reallocate";

/** decideWaypoint settles one waypoint 5-tuple chosen by both sides, possible only with port ranges. */
export function decideWaypoint(ours: Uint8Array, theirs: Uint8Array): WaypointVerdict {
  return isLowerUuid(ours, theirs) ? "keep" : "reallocate";
}
