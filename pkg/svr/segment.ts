// One segment of a session as the handshake sees it (protocol 6.1): its state, what can happen to it and what it asks
// for. Data types and the small questions about them; called by initiator.ts, responder.ts, handshake.ts and by the
// router's decisions. Must not know packets, maps or how a session is stored (segmentfields.ts does that).
import type { EndReason, WireReason } from "./reasons.ts";

/** SegmentRole tells on which half of the table of protocol 6.1 we stand. */
export type SegmentRole = "initiator" | "responder";

/** SegmentState is the state of one segment on one router; `undefined` stands for the table's "none". */
export interface SegmentState {
  readonly role: SegmentRole;
  /** I-META or R-META; false is I-QUIET or R-QUIET */
  readonly meta: boolean;
  /** our own modify waits for the answer with D=1 (protocol 6.6) */
  readonly open: boolean;
  /** the peer's modify waits for our answer, sequence modifyIn */
  readonly owed: boolean;
  /** last modify sequence sent; NO_SEQUENCE before the first */
  readonly modifyOut: number;
  /** reason of the open modify, 0 none */
  readonly modifyReason: number;
  /** last modify sequence applied; NO_SEQUENCE before the first */
  readonly modifyIn: number;
  /** initiator: reverse metadata received in I-QUIET; responder: forward metadata since the last reverse packet */
  readonly repeats: number;
  /** the S-scoped reverse TLVs are known: we may answer upstream (protocol 5) */
  readonly haveReverse: boolean;
  /** the peer keeps asking for metadata (control 2) and sends nothing itself, since controlMs */
  readonly lost: boolean;
  /** monotonic ms, low 32 bits: our last control message of this session (or begin of `lost`), 0 never */
  readonly controlMs: number;
  /** monotonic ms, low 32 bits: last forward and last reverse packet, or the start of the session */
  readonly forwardMs: number;
  readonly reverseMs: number;
}

/** NO_SEQUENCE stands for "no modify yet" where a 12-bit sequence is kept. */
export const NO_SEQUENCE = -1;

/** Modify is TLV 28 as received or to be sent (protocol 6.6). */
export interface Modify {
  /** F: the request came from the initiator */
  readonly byInitiator: boolean;
  /** D: this answers the request with that sequence */
  readonly done: boolean;
  /** 0-4095 */
  readonly sequence: number;
  /** 1-7; absent in answers and where the sender named none */
  readonly reason?: number;
}

/** MetadataArrival is what the handshake needs of metadata that carries the mandatory list of its direction (protocol 6.2). */
export interface MetadataArrival {
  /** equal to the session of this flow; of no meaning in state none */
  readonly uuidEqual: boolean;
  readonly modify?: Modify | undefined;
}

/** NewcomerFacts are what the caller knows of forward metadata that may start a segment here. */
export interface NewcomerFacts {
  /** the UUID is live here on another segment, and whether the join is permitted (third row of protocol 6.1) */
  readonly joins?: "accepted" | "refused";
  /** we are the egress: the reverse TLVs are our own */
  readonly answersHere?: boolean;
}

/** ControlArrival is a verified packet with TLV 24; it never has a body (protocol 6.4). */
export interface ControlArrival extends NewcomerFacts {
  readonly code: number;
  /** absent: the sender did not name a session */
  readonly uuidEqual?: boolean;
  /** it carries the whole mandatory list: forward for code 1, reverse and TLV 18 for code 3 */
  readonly full: boolean;
  readonly modify?: Modify | undefined;
}

/** SegmentEvent is one thing that happens to a segment; packets carry a body unless they are control messages. */
export type SegmentEvent =
  /** a packet of the opener's direction without metadata of this segment; in state none the first one, accepted by policy */
  | { readonly kind: "forwardPacket" }
  /** the opposite direction; in state none any packet without metadata to a waypoint that the table wants answered */
  | { readonly kind: "reversePacket" }
  | ({ readonly kind: "forwardMetadata" } & MetadataArrival & NewcomerFacts)
  | ({ readonly kind: "reverseMetadata" } & MetadataArrival)
  | ({ readonly kind: "control" } & ControlArrival)
  /** failover, NAT change, carrier change, restart check; with a reason it becomes a modify (protocol 6.6) */
  | { readonly kind: "trigger"; readonly reason?: number }
  /** transit only: the reverse TLVs have just become known on the next segment */
  | { readonly kind: "reverseKnown" }
  /** an initiator has metadata to deliver and no forward packet to carry it */
  | { readonly kind: "idle" }
  | { readonly kind: "end" };

/** HandshakeDrop is the constant reason of a packet that the handshake refuses. */
export type HandshakeDrop = Extract<WireReason, "no-flow" | "uuid-mismatch" | "metadata-incomplete">;

/** HandshakeEffect is one thing the caller must do, in the order given. */
export type HandshakeEffect =
  /** allocate (as initiator) or authorise and create (as responder) */
  | { readonly kind: "createSession" }
  /** add this segment to the live session of that UUID and send its reverse packets here */
  | { readonly kind: "joinSegment" }
  /** end the session that holds this flow; createSession or joinSegment follows */
  | { readonly kind: "replaceSession" }
  /** send the packet on with full metadata; `retriggered` asks for TLV 42 */
  | { readonly kind: "sendForwardMetadata"; readonly retriggered: boolean; readonly modify?: Modify | undefined }
  | { readonly kind: "sendReverseMetadata"; readonly retriggered: boolean; readonly modify?: Modify | undefined }
  /** hand the body on without metadata of this segment: to the host, to the next segment, or onto the wire */
  | { readonly kind: "forwardBody" }
  /** keep the reverse attributes, or apply the changed forward ones */
  | { readonly kind: "storeReverse" }
  | { readonly kind: "applyForward" }
  | { readonly kind: "drop"; readonly reason: HandshakeDrop }
  /** code 1 with full forward metadata, 2, or 3 (a responder's with the reverse list and TLV 18) */
  | { readonly kind: "sendControl"; readonly code: 1 | 2 | 3; readonly modify?: Modify | undefined }
  | { readonly kind: "resolveGlare" }
  | { readonly kind: "deleteSession"; readonly reason: Extract<EndReason, "peer-delete" | "path-lost"> }
  /** the pair of this segment goes to quarantine */
  | { readonly kind: "release" };

/** Step is the outcome of one event: the next state (undefined: none) and what to do. */
export interface Step {
  readonly state: SegmentState | undefined;
  readonly effects: readonly HandshakeEffect[];
}

/** FORWARD_BODY is the effect shared by all rows that only pass a packet on. */
export const FORWARD_BODY: HandshakeEffect = Object.freeze({ kind: "forwardBody" });

/** stepOf pairs a state with effects. */
export function stepOf(state: SegmentState | undefined, ...effects: HandshakeEffect[]): Step {
  return { state, effects };
}

/** dropWith refuses the packet and changes nothing. */
export function dropWith(state: SegmentState | undefined, reason: HandshakeDrop): Step {
  return stepOf(state, { kind: "drop", reason });
}

/** withoutBody is the same step for a control message: nothing of it is ever handed on (protocol 6.4). */
export function withoutBody(step: Step): Step {
  return { state: step.state, effects: step.effects.filter((effect) => effect !== FORWARD_BODY) };
}

/** freshSegment is a segment that starts now in I-META or R-META (protocol 6.1 rows "none"). */
export function freshSegment(role: SegmentRole, haveReverse: boolean, now: number): SegmentState {
  const stamp = stampOf(now);
  return {
    role, meta: true, open: false, owed: false, modifyOut: NO_SEQUENCE, modifyReason: 0, modifyIn: NO_SEQUENCE,
    repeats: 0, haveReverse, lost: false, controlMs: 0, forwardMs: stamp, reverseMs: stamp,
  };
}

/** stampOf keeps the low 32 bits of a monotonic time; never 0, which means "never". */
export function stampOf(now: number): number {
  return (now >>> 0) || 1;
}

/** CLOCK_SLACK_MS: the fast path may have written a stamp after `now` was read; such differences count as zero. */
const CLOCK_SLACK_MS = 65_536;

/** elapsedMs is the time from a 32-bit stamp to now in ms, right for up to 49 days; a stamp slightly ahead gives 0. */
export function elapsedMs(now: number, stamp: number): number {
  const difference = (now - stamp) >>> 0;
  return difference > 0xffffffff - CLOCK_SLACK_MS ? 0 : difference;
}

/** needsMetadata answers rules 1, 2 and 5 of protocol 5: does the next packet in this direction carry full metadata. */
export function needsMetadata(direction: "forward" | "reverse", state: SegmentState): boolean {
  const sender: SegmentRole = direction === "forward" ? "initiator" : "responder";
  if (state.role !== sender || !(state.meta || state.owed)) return false;
  return sender === "initiator" || state.haveReverse;
}

/** PacketForm names what stands in front of a body: nothing, an empty header, header TLVs only, or full metadata. */
export type PacketForm = "none" | "empty" | "header" | "full";

/** metadataForm applies the other rules of protocol 5 to one packet: 3 and 7 need header TLVs, 8 an empty header. */
export function metadataForm(needsFull: boolean, packet: { headerTlvs: boolean; cookieBody: boolean }): PacketForm {
  if (needsFull) return "full";
  if (packet.headerTlvs) return "header";
  return packet.cookieBody ? "empty" : "none";
}

/** packetEvent turns a received packet that is no control message into its event; all but full metadata counts as plain (protocol 5). */
export function packetEvent(direction: "forward" | "reverse", form: PacketForm, metadata: MetadataArrival): SegmentEvent {
  if (form !== "full") return { kind: `${direction}Packet` };
  return { kind: `${direction}Metadata`, ...metadata };
}
