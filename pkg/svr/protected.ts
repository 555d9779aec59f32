// How one session is protected (protocol 7.1, 8.2, 8.3): what the ingress offers, the TLVs 11, 46 and 0xC001 that say so, what a router
// that reads them accepts, and which packets it then opens and seals. Pure; key bytes are passed in and kept by nobody here.
import { fail, ok, type Result } from "../base/result.ts";
import { startOf } from "./adaptive.ts";
import type { AdaptiveStart } from "./adaptive.ts";
import * as wire from "./constants.ts";
import type { Suite } from "./encode.ts";
import type { Metadata, PayloadKey } from "./metadata.ts";
import { Protect, Role } from "./session.ts";
import type { Session, SideIndex } from "./session.ts";

/** SecurityAsk is what the policy of a service wants. */
export interface SecurityAsk {
  suite: Suite;
  everyPacket: boolean;
  adaptive: boolean;
  /** bodies are clear on paths that say so */
  clearPaths?: boolean | undefined;
}

/**
 * askOver is what a policy wants over a path with a suite of its own: that one, which may encrypt what the policy does not. It may leave clear
 * what the policy encrypts only if the policy says so.
 */
export function askOver(ask: SecurityAsk, path: { payload?: Suite } | undefined): SecurityAsk {
  const suite = path?.payload;
  if (suite === undefined || (suite === wire.SUITE_CLEAR && ask.clearPaths !== true)) return ask;
  return { ...ask, suite, adaptive: suite !== wire.SUITE_CLEAR && (ask.adaptive || ask.suite === wire.SUITE_CLEAR) };
}

/** askOverAll is what a policy wants of a session on all its paths at once: nobody encrypts for one path alone, so the most that is asked counts. */
export function askOverAll(ask: SecurityAsk, paths: readonly { payload?: Suite }[]): SecurityAsk {
  const asks = paths.map((path) => askOver(ask, path)), weight = ({ suite, adaptive }: SecurityAsk): number => (suite === wire.SUITE_CLEAR ? 0 : adaptive ? 1 : 2);
  return asks.reduce((most, one) => (weight(one) > weight(most) ? one : most), asks[0] ?? ask);
}

/** canHold tells whether bodies may be encrypted toward a peer: they need encrypted metadata for their key, and tags. */
export function canHold(suite: Suite, peer: { metadataSuite: Suite; hasTags: boolean }): boolean {
  return suite === wire.SUITE_CLEAR || (peer.metadataSuite !== wire.SUITE_CLEAR && peer.hasTags);
}

/** SessionSecurity is what a session has: a suite that does not encrypt yet is armed (protocol 8.3). */
export interface SessionSecurity {
  suite: Suite;
  /** each packet carries a tag, not only those with metadata */
  everyPacket: boolean;
  /** bodies are encrypted from this packet on */
  encrypts: boolean;
  /** there whenever the suite is not 0 */
  payloadKey?: PayloadKey;
}

/** SecurityFault is why metadata about security is dropped. */
export type SecurityFault = "metadata-malformed" | "metadata-incomplete" | "decrypt-failure";

const METADATA_ONLY = 0, EVERY_PACKET = 1;

/**
 * offerSecurity gives what the ingress begins a session with; `key` is 32 random bytes, used only if one is wanted. A path whose metadata
 * is clear must not carry a key, so that it is none for such a session.
 */
export function offerSecurity(ask: SecurityAsk, packet: { start: AdaptiveStart; key: Uint8Array; metadataSuite: Suite }): Result<SessionSecurity, "no-path"> {
  const { everyPacket } = ask;
  const start = ask.adaptive ? packet.start : "encrypted";
  if (ask.suite === wire.SUITE_CLEAR || start === "quic" || start === "ipsec") return ok({ suite: wire.SUITE_CLEAR, everyPacket, encrypts: false });
  if (packet.metadataSuite === wire.SUITE_CLEAR) return fail("no-path");
  const encrypts = start === "encrypted";
  return ok({ suite: ask.suite, everyPacket: everyPacket || encrypts, encrypts, payloadKey: { suite: ask.suite, index: 0, key: packet.key } });
}

/** securityTlvs are the TLVs that say so in forward metadata; the reverse echoes them without the key. */
export function securityTlvs(security: SessionSecurity, isEcho = false): Pick<Metadata, "payloadEncrypted" | "payloadKey" | "security"> {
  const { suite, everyPacket, encrypts, payloadKey } = security;
  return {
    ...(encrypts ? { payloadEncrypted: true as const } : {}),
    ...(payloadKey === undefined || isEcho ? {} : { payloadKey }),
    ...(suite === wire.SUITE_CLEAR && !everyPacket ? {} : { security: { suite, scope: everyPacket ? EVERY_PACKET : METADATA_ONLY } }),
  };
}

/**
 * readSecurity reads forward metadata; `wasEncrypted` tells how its payload section came. A router that knows the session has been told its
 * key before, and a transit router that says metadata by itself keeps none: there it may be absent.
 */
export function readSecurity(m: Metadata, of: { wasEncrypted: boolean; isKnown: boolean }): Result<SessionSecurity, SecurityFault> {
  const values = valuesOf(m);
  if (values === undefined) return fail("metadata-malformed");
  const { payloadKey } = m;
  if (payloadKey === undefined) return values.suite === wire.SUITE_CLEAR || of.isKnown ? ok(values) : fail("metadata-incomplete");
  if (!of.wasEncrypted) return fail("decrypt-failure"); // a key that everybody could read is none
  if (values.suite === wire.SUITE_CLEAR || payloadKey.suite !== values.suite) return fail("metadata-malformed");
  return ok({ ...values, payloadKey });
}

/** readEcho reads reverse metadata, which says what forward metadata said, or the switch of an egress (protocol 8.3), and brings no key of its own. */
export function readEcho(m: Metadata): Result<SessionSecurity, "metadata-malformed"> {
  const values = valuesOf(m);
  return values === undefined || m.payloadKey !== undefined ? fail("metadata-malformed") : ok(values);
}

/**
 * isStronger tells that metadata protects its direction more than it has been until now: bodies are encrypted, or tagged, from here on.
 * What was said before a switch and comes late changes nothing; no metadata makes a session weaker.
 */
export function isStronger(said: SessionSecurity, has: SessionSecurity): Result<boolean, "metadata-malformed"> {
  if (said.suite === wire.SUITE_CLEAR && has.suite !== wire.SUITE_CLEAR) return ok(false);
  const begins = said.encrypts && !has.encrypts;
  if (said.suite !== has.suite && !(begins && has.suite === wire.SUITE_CLEAR)) return fail("metadata-malformed");
  return ok(begins || (said.everyPacket && !has.everyPacket));
}

function valuesOf(m: Metadata): SessionSecurity | undefined {
  const { suite, scope } = m.security ?? { suite: wire.SUITE_CLEAR, scope: METADATA_ONLY };
  if (!isSuite(suite) || scope > EVERY_PACKET) return undefined;
  const everyPacket = scope === EVERY_PACKET, encrypts = m.payloadEncrypted === true;
  return encrypts && (suite === wire.SUITE_CLEAR || !everyPacket) ? undefined : { suite, everyPacket, encrypts };
}

function isSuite(suite: number): suite is Suite {
  return suite === wire.SUITE_CLEAR || suite === wire.SUITE_CBC || suite === wire.SUITE_GCM;
}

const BOTH: readonly SideIndex[] = [0, 1]; // directions: packets of the forward one arrive on side 0
const BODY = [Protect.bodyFwd, Protect.bodyRev] as const, MARK = [Protect.encrypted, Protect.encryptedRev] as const;
const TAGS = [Protect.openFwd | Protect.sealFwd, Protect.openRev | Protect.sealRev] as const;
const tagsOf = {
  [Role.single]: [0, 0],
  [Role.ingress]: [Protect.sealFwd, Protect.openRev],
  [Role.transit]: TAGS, // it never decrypts
  [Role.egress]: [Protect.openFwd, Protect.sealRev],
} satisfies Record<Role, readonly [number, number]>;
const isEnd = (role: Role): boolean => role === Role.ingress || role === Role.egress;

const SUITE_MASK = 0x0f;

/** suiteOf is the suite of a stored session: what its bodies are encrypted with, or may be once it is decided. */
export function suiteOf({ security }: Pick<Session, "security">): Suite {
  const suite = security & SUITE_MASK;
  return isSuite(suite) ? suite : wire.SUITE_CLEAR;
}

/** securityOf reads how a stored session is protected, in one direction or in both. */
export function securityOf({ security, protect }: Pick<Session, "security" | "protect">, direction?: SideIndex): SessionSecurity {
  const all = (bits: readonly [number, number]): boolean => (direction === undefined ? BOTH : [direction]).every((of) => (protect & bits[of]) !== 0);
  return { suite: suiteOf({ security }), everyPacket: all(TAGS), encrypts: all(MARK) };
}

/** raisedBy is how a policy that came into force wants a live session (behaviour 1.2); absent: its directions, or one, are protected enough. No policy makes a session weaker. */
export function raisedBy(ask: SecurityAsk, session: Pick<Session, "security" | "protect" | "context">, direction?: SideIndex): SessionSecurity | undefined {
  const has = securityOf(session, direction);
  const encrypts = has.encrypts || (ask.suite !== wire.SUITE_CLEAR && !(ask.adaptive && isLeftAlone(session)));
  const everyPacket = has.everyPacket || ask.everyPacket || encrypts;
  if (encrypts === has.encrypts && everyPacket === has.everyPacket) return undefined;
  return { suite: encrypts && has.suite === wire.SUITE_CLEAR ? ask.suite : has.suite, everyPacket, encrypts };
}

const NOTHING = new Uint8Array(0);

/** Adaptive encryption has judged it or is about to, or it is IPsec. Of what began in the clear nobody saw the first bytes: it is none of these. */
function isLeftAlone({ security, protect, context }: Pick<Session, "security" | "protect" | "context">): boolean {
  if ((protect & (Protect.encrypted | Protect.encryptedRev)) !== 0) return false;
  return security !== wire.SUITE_CLEAR || startOf({ ...context, payload: NOTHING }) === "ipsec";
}

/** SecurityWord is what sessions report of their payload between routers (behaviour 9.1). */
export type SecurityWord = "clear" | "encrypted" | "adaptive-tls" | "adaptive-ipsec";

const MARK_SHIFT = 4;
const marks: Partial<Record<AdaptiveStart, number>> = { quic: 1, ipsec: 2 };
const markWords: readonly SecurityWord[] = ["clear", "adaptive-tls", "adaptive-ipsec"];

/** storedSecurity is Session.security: the suite, and what adaptive encryption left alone by the first packet. */
export function storedSecurity({ suite }: Pick<SessionSecurity, "suite">, start?: AdaptiveStart): number {
  return suite | (start === undefined || suite !== wire.SUITE_CLEAR ? 0 : marks[start] ?? 0) << MARK_SHIFT;
}

/** securityWord names the protection of a session; one that is not decided, or of which a direction is clear yet, is clear. */
export function securityWord(session: Pick<Session, "security" | "protect" | "role">): SecurityWord {
  if (securityOf(session).encrypts) return "encrypted";
  if (suiteOf(session) === wire.SUITE_CLEAR) return markWords[session.security >> MARK_SHIFT] ?? "clear";
  const isDecided = isEnd(session.role) && (session.protect & (Protect.watch | Protect.encrypted | Protect.encryptedRev)) === 0;
  return isDecided ? "adaptive-tls" : "clear";
}

/** isWeaker tells whether a session is protected less than a policy wants; with adaptive encryption, what hosts encrypt themselves may be clear. */
export function isWeaker(security: SessionSecurity, ask: SecurityAsk): boolean {
  return (ask.everyPacket && !security.everyPacket) || (ask.suite !== wire.SUITE_CLEAR && !ask.adaptive && !security.encrypts);
}

/** protectBits says what a router in its role does with packets of a session that carry no metadata, in one direction or in both, as bits of Protect. */
export function protectBits(role: Role, { suite, everyPacket, encrypts }: SessionSecurity, directions = BOTH): number {
  const isArmed = suite !== wire.SUITE_CLEAR && !encrypts && isEnd(role);
  const bitsIn = (direction: SideIndex): number => {
    const bodies = encrypts && role !== Role.single ? MARK[direction] | (isEnd(role) ? BODY[direction] : 0) : 0;
    return (everyPacket ? tagsOf[role][direction] : 0) | bodies;
  };
  return directions.reduce((bits, direction) => bits | bitsIn(direction), isArmed ? Protect.watch : 0);
}
