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

/** ADAPTIVE_HOLD_MS: a client payload too short to tell is held for as long. */
export const ADAPTIVE_HOLD_MS = 1_000;

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

/** AdaptiveEnd is the router that judges: the ingress what clients say, the egress what a server says first. */
export type AdaptiveEnd = "ingress" | "egress";

/** AdaptiveEvent is payload of a session that is not decided: a client's from its first byte on, which was held for a time, or a server's. */
export type AdaptiveEvent =
  | { kind: "client"; payload: Uint8Array; heldMs: number }
  | { kind: "server" };

/** AdaptiveVerdict: the packet passes as it is and decides nothing, the session is TLS and stays as it is, the packet is held for more, or encrypted with what this end sends from now on. */
export type AdaptiveVerdict = "pass" | "tls" | "hold" | "switch";

/** judgePayload runs the table of protocol 8.3 for a session in state INSPECT. Its other states are in the session: decided, and encrypted by direction. */
export function judgePayload(event: AdaptiveEvent, end: AdaptiveEnd): AdaptiveVerdict {
  if (event.kind === "server") return end === "egress" ? "switch" : "pass";
  const look = lookAt(event.payload);
  if (look === "tls") return "tls";
  if (end === "egress") return "pass"; // the ingress has judged it
  return look === "more" && event.heldMs < ADAPTIVE_HOLD_MS ? "hold" : "switch";
}
