// What metadata says, as one typed object: a field per TLV of protocol 4. Made by decode.ts, written by encode.ts, filled
// by the router. Holds the rules about contents (protocol 6.2) and scope (protocol 4); knows no bytes and no keys.
import type { IpAddress } from "../base/address.ts";
import type { Modify } from "./segment.ts";
import type { SessionContext } from "./session.ts";
import { payloadRows, reservedTypes, tlvTable, type MetadataKey } from "./tlv.ts";

/** FragmentTlv is TLV 1: where the slice of this fragment belongs (protocol 10.2). */
export interface FragmentTlv {
  /** 32 bits, unique per peer path for 60 s */
  extId: number;
  /** IP identification of the original, 0 when it arrived whole */
  ipId: number;
  /** DF of the original */
  dontFragment: boolean;
  more: boolean;
  /** bytes, a multiple of 8 up to 65,528 */
  offset: number;
  /** bytes of the largest fragment seen, 0 when it arrived whole */
  largest: number;
}

/** PathMetrics is TLV 26 (protocol 9.5); times are milliseconds since boot modulo 2^28. */
export interface PathMetrics { txColour: number; txTime: number; rxColour: number; rxTime: number; drop: boolean; previousCount: number }

/** PayloadKey is TLV 46 of the payload section (protocol 8.2). */
export interface PayloadKey { suite: number; index: number; /** 32 bytes */ key: Uint8Array }

/** UnknownTlv is a payload TLV without meaning here; a transit router passes it on (protocol 3.2). */
export interface UnknownTlv { type: number; value: Uint8Array }

/** Metadata is the content of the header and payload sections; a field is absent when its TLV is. Read from a packet, uuid, span and IV are views of it, other byte fields copies. */
export interface Metadata {
  fragment?: FragmentTlv | undefined;
  forwardContext?: SessionContext | undefined;
  reverseContext?: SessionContext | undefined;
  /** 16 bytes, never all zero */
  uuid?: Uint8Array | undefined;
  tenant?: string | undefined;
  globalInterface?: number | undefined;
  service?: string | undefined;
  payloadEncrypted?: true | undefined;
  tcpSyn?: true | undefined;
  sessionsInService?: bigint | undefined;
  sourceRouter?: string | undefined;
  securityPolicy?: string | undefined;
  /** unsigned 32 bits */
  keyId?: number | undefined;
  destinationRouter?: string | undefined;
  disableForward?: true | undefined;
  peerPath?: string | undefined;
  icmpLocation?: IpAddress | undefined;
  /** CONTROL_* or any other byte */
  control?: number | undefined;
  natSource?: IpAddress | undefined;
  pathMetrics?: PathMetrics | undefined;
  modify?: Modify | undefined;
  application?: string | undefined;
  remainingSeconds?: number | undefined;
  /** 1 request, 2 repeated request */
  healthCheck?: number | undefined;
  payloadKey?: PayloadKey | undefined;
  /** as received; encodeMetadata makes room for its own */
  iv?: Uint8Array | undefined;
  originSignature?: { seconds: number; signature: Uint8Array } | undefined;
  traceContext?: { flags: number; parentSpan: Uint8Array } | undefined;
  /** 0-63 */
  dscp?: number | undefined;
  trafficClass?: { class: number; name: string } | undefined;
  captureTag?: Uint8Array | undefined;
  /** 1 BFD, 2 link test, 3 its reply, 4 MTU probe, 5 its reply, 6 key exchange, 7 detector */
  message?: number | undefined;
  capabilities?: { bitmap: number; mtu: number } | undefined;
  observed?: { address: IpAddress; port: number } | undefined;
  detector?: { round: number; bitmap: number } | undefined;
  /** bits per second */
  receiveCap?: bigint | undefined;
  security?: { suite: number; scope: number } | undefined;
  resilience?: { duplication: boolean; fec: boolean; leg: number; fecRound: number } | undefined;
  unknownPayload?: UnknownTlv[] | undefined;
}

/** emptyMetadata has every field, all absent, so that decoded metadata shares one hidden class. */
export function emptyMetadata(): Metadata {
  return {
    fragment: undefined, forwardContext: undefined, reverseContext: undefined, uuid: undefined, tenant: undefined,
    globalInterface: undefined, service: undefined, payloadEncrypted: undefined, tcpSyn: undefined, sessionsInService: undefined,
    sourceRouter: undefined, securityPolicy: undefined, keyId: undefined, destinationRouter: undefined, disableForward: undefined,
    peerPath: undefined, icmpLocation: undefined, control: undefined, natSource: undefined, pathMetrics: undefined, modify: undefined,
    application: undefined, remainingSeconds: undefined, healthCheck: undefined, payloadKey: undefined, iv: undefined,
    originSignature: undefined, traceContext: undefined, dscp: undefined, trafficClass: undefined, captureTag: undefined,
    message: undefined, capabilities: undefined, observed: undefined, detector: undefined, receiveCap: undefined,
    security: undefined, resilience: undefined, unknownPayload: undefined,
  };
}

/** checkForward tells whether forward metadata holds the mandatory list of protocol 6.2; `needsKeyId` is false only with HMAC disabled and clear metadata. */
export function checkForward(m: Metadata, needsKeyId = true): boolean {
  return m.forwardContext !== undefined && m.service !== undefined && hasCommon(m, needsKeyId);
}

/** checkReverse tells the same of reverse metadata; one without tenant is invalid. */
export function checkReverse(m: Metadata, needsKeyId = true): boolean {
  return m.reverseContext !== undefined && hasCommon(m, needsKeyId);
}

/** checkControl tells the same of a control message: all of the reverse list for code 3 with TLV 18, all of the forward list for code 1 with more than TLV 6. */
export function checkControl(m: Metadata, needsKeyId = true): boolean {
  if (m.control === 3 && m.disableForward !== undefined) return checkReverse(m, needsKeyId);
  if (m.control === 1 && hasMoreThanUuid(m)) return checkForward(m, needsKeyId);
  return m.keyId !== undefined || !needsKeyId;
}

function hasCommon(m: Metadata, needsKeyId: boolean): boolean {
  return m.uuid !== undefined && m.tenant !== undefined && m.sourceRouter !== undefined && (m.keyId !== undefined || !needsKeyId);
}

function hasMoreThanUuid(m: Metadata): boolean {
  return m.unknownPayload !== undefined || payloadRows.some((row) => row.key !== "uuid" && m[row.key] !== undefined);
}

/** asksForResilience tells a session whose packets come twice or with parity: nothing of that is removed here, so a host would get it as data. */
export function asksForResilience({ resilience }: Metadata): boolean {
  return resilience?.duplication === true || resilience?.fec === true;
}

const sessionKeys: readonly MetadataKey[] = [...new Set(tlvTable.filter((row) => row.scope === "S").map((row) => row.key))];

/** transitTlvs gives what a transit router copies to the next segment: session-scoped TLVs and unknown payload TLVs (protocol 3.2, 4). */
export function transitTlvs(m: Metadata): Metadata {
  const copied: Metadata = {};
  for (const key of sessionKeys) {
    const value = m[key];
    if (value !== undefined) copied[key] = value as never;
  }
  if (m.resilience !== undefined) copied.resilience = { ...m.resilience, fec: false, fecRound: 0 }; // the FEC parts are hop scoped
  if (m.unknownPayload !== undefined) copied.unknownPayload = m.unknownPayload.filter(({ type }) => reservedTypes.get(type) !== "H");
  return copied;
}
