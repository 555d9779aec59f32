// Adaptive encryption (protocol 8.3): what is encrypted already is left as it is, the rest is encrypted. How a session begins by its first
// packet, and the table that ingress and egress both run over the packets of a TCP session. Pure; time is passed in.
import { readU32 } from "../base/bytes.ts";
import * as wire from "./constants.ts";

/** AdaptiveStart is how a session begins: armed is TCP, of which nothing is known yet. */
export type AdaptiveStart = "armed" | "encrypted" | "quic" | "ipsec" | "tls";

/** Opening is what is known of a session by its first packet; `payload` is what its host said in it. */
export interface Opening { proto: number; destinationPort: number; sourcePort: number; payload: Uint8Array }

const PROTO_ESP = 50, PROTO_AH = 51;
const IKE_PORT = 500, IPSEC_NAT_PORT = 4500; // RFC 7296, RFC 3948
const QUIC_LONG = 0xc0, QUIC_V1 = 1, QUIC_V2 = 0x6b3343cf, QUIC_INITIAL = 1_200; // RFC 9000 14.1, 17.2; RFC 9369
const TLS_HANDSHAKE = 0x16, TLS_MAJOR = 3, TLS_MINOR_MAX = 4, CLIENT_HELLO = 1, TLS_LOOK = 6; // RFC 8446 4, 5.1

/** How long a client payload too short to tell is held, and how long late clear packets are taken after a switch. */
export const ADAPTIVE_HOLD_MS = 1_000, LATE_CLEAR_MS = 5_000;

/** Look is what the first bytes of a client say. */
export type Look = "tls" | "other" | "more";

/** lookAt reads the first payload of a TCP client: a TLS record with ClientHello, another one, or too few bytes to tell. */
export function lookAt(payload: Uint8Array): Look {
  const right = [
    (byte: number) => byte === TLS_HANDSHAKE, (byte: number) => byte === TLS_MAJOR, (byte: number) => byte <= TLS_MINOR_MAX,
    undefined, undefined, (byte: number) => byte === CLIENT_HELLO,
  ];
  const known = payload.subarray(0, TLS_LOOK);
  if (known.some((byte, at) => right[at]?.(byte) === false)) return "other";
  return known.length < TLS_LOOK ? "more" : "tls";
}

/** startOf says how a session of a service with adaptive encryption begins. */
export function startOf(opening: Opening): AdaptiveStart {
  const { proto, payload } = opening;
  if (proto === PROTO_ESP || proto === PROTO_AH) return "ipsec";
  if (proto === wire.PROTO_TCP) return payload.length === 0 ? "armed" : lookAt(payload) === "tls" ? "tls" : "encrypted";
  if (proto !== wire.PROTO_UDP) return "encrypted";
  if ([opening.sourcePort, opening.destinationPort].some((port) => port === IKE_PORT || port === IPSEC_NAT_PORT)) return "ipsec";
  return isQuic(payload) ? "quic" : "encrypted";
}

function isQuic(payload: Uint8Array): boolean {
  if (payload.length < QUIC_INITIAL || (payload[0]! & QUIC_LONG) !== QUIC_LONG) return false;
  const version = readU32(payload, 1);
  return version === QUIC_V1 || version === QUIC_V2;
}

/** AdaptiveState is where a TCP session stands at one of its ends; `switching` until the peer has answered the modify. */
export type AdaptiveState = "inspect" | "clear-tls" | "switching" | "encrypted";

/** AdaptiveEnd is the router that runs the table: the ingress judges what clients say, the egress what a server says first. */
export type AdaptiveEnd = "ingress" | "egress";

/** AdaptiveEvent: payload of a host or of the network side in the clear, a client's payload that was held to the end, a modify with TLV 11, its answer. */
export type AdaptiveEvent =
  | { kind: "client"; payload: Uint8Array; heldMs: number }
  | { kind: "server" }
  | { kind: "peer-switched" }
  | { kind: "answered" };

/** AdaptiveStep is the next state, and what becomes of the packet: passed as it is, held for more, or sent encrypted with a modify. */
export interface AdaptiveStep { state: AdaptiveState; packet: "pass" | "hold" | "switch" }

const pass = (state: AdaptiveState): AdaptiveStep => ({ state, packet: "pass" });

/** adaptiveStep runs the table of protocol 8.3 for one event. */
export function adaptiveStep(state: AdaptiveState, event: AdaptiveEvent, end: AdaptiveEnd): AdaptiveStep {
  if (event.kind === "peer-switched") return pass("encrypted"); // encryption wins, whatever we thought
  if (event.kind === "answered") return pass(state === "switching" ? "encrypted" : state);
  if (state !== "inspect") return { state, packet: state === "switching" ? "switch" : "pass" };
  if (event.kind === "server") return end === "egress" ? { state: "switching", packet: "switch" } : pass(state);
  const look = lookAt(event.payload);
  if (look === "tls") return pass("clear-tls");
  if (end === "egress") return pass(state); // the ingress has judged it
  return look === "more" && event.heldMs < ADAPTIVE_HOLD_MS ? { state, packet: "hold" } : { state: "switching", packet: "switch" };
}

/** isLateClear tells whether a packet in the clear behind a switch was sent before it: for 5 s, and only what comes before the first encrypted byte (RFC 1982 compare). */
export function isLateClear(packet: { sequence: number; nowMs: number }, first: { sequence: number; switchedMs: number }): boolean {
  return packet.nowMs - first.switchedMs <= LATE_CLEAR_MS && (packet.sequence - first.sequence | 0) < 0;
}
