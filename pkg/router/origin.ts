// Origin signatures in a shard (protocol 7.6): the ingress signs what it claims of a session, each router behind it verifies that claim, whoever
// delivers it. Called by accept.ts and relay.ts.
import type { OriginKeys } from "../ports/origin.ts";
import { isFresh, keepsOrigin, originText } from "../svr/origin.ts";
import type { Metadata } from "../svr/metadata.ts";
import type { Session } from "../svr/session.ts";
import { Role } from "../svr/session.ts";
import { createOriginGate } from "./gate.ts";
import type { Held } from "./held.ts";
import type { PeerEntry } from "./tables.ts";
import type { Opened, Turn } from "./turn.ts";

type Signature = NonNullable<Metadata["originSignature"]>;

/** OriginSigner is the router's own signatures, those of sessions that are just opening kept for their next packets. */
export interface OriginSigner {
  /** by a key that others know: one that is listed since a moment only, when there is no other */
  sign(tlvs: Metadata, now: { nowMs: number; nowUnixMs: number }, known: readonly Uint8Array[]): Signature | undefined;
  verify: OriginKeys["verify"];
  /** whether a session may be asked for its signature now */
  mayAsk(session: number, nowMs: number): boolean;
  held(nowMs: number): Held[];
}

const KEPT_MOST = 4_096; // sessions that opened last
const REUSE_S = 60;
const LISTED_MS = 10_000; // until a key that is listed here is listed at all routers: configurations reach them one after the other

/** createOriginSigner keeps some signatures: metadata is said again and again until the peer answers. */
export function createOriginSigner(keys: OriginKeys): OriginSigner {
  const kept = new Map<string, Signature>(), gate = createOriginGate(), settledOf = createListing();
  return {
    verify: (key, text, signature) => keys.verify(key, text, signature),
    mayAsk: (session, nowMs) => gate.permits(session, nowMs),
    held: (nowMs) => [{ name: "origin signatures", entries: kept.size, limit: KEPT_MOST }, ...gate.held(nowMs)],
    sign(tlvs, { nowMs, nowUnixMs }, known) {
      const seconds = Math.floor(nowUnixMs / 1000);
      const name = Buffer.from(originText(0, tlvs)).toString("latin1"); // without its time
      const before = kept.get(name);
      if (before !== undefined && Math.abs(seconds - before.seconds) <= REUSE_S) return before;
      const text = originText(seconds, tlvs), signature = keys.sign(text, settledOf(known, nowMs)) ?? keys.sign(text, known);
      if (signature === undefined) return undefined;
      for (const oldest of kept.size < KEPT_MOST ? [] : kept.keys()) if (kept.delete(oldest)) break;
      kept.set(name, { seconds, signature });
      return { seconds, signature };
    },
  };
}

/** Which keys of a list others have had time to hear of. Only keys of the list at hand are remembered. */
function createListing(): (known: readonly Uint8Array[], nowMs: number) => Uint8Array[] {
  let since = new Map<string, number>(), last: readonly Uint8Array[] | undefined;
  return (known, nowMs) => {
    const nameOf = (key: Uint8Array): string => Buffer.from(key).toString("latin1");
    if (known !== last) since = new Map(known.map((key) => [nameOf(key), since.get(nameOf(key)) ?? nowMs]));
    last = known;
    return known.filter((key) => nowMs - (since.get(nameOf(key)) ?? nowMs) >= LISTED_MS);
  };
}

/** withOrigin adds the signature to forward metadata: the ingress its own where its key is listed, so that others can verify it; a transit router the one it heard unless it says something else. */
export function withOrigin(turn: Turn, session: Session, to: { peer: PeerEntry; copied: Metadata | undefined; tlvs: Metadata }): Metadata {
  const { peer, copied, tlvs } = to;
  const own = session.role === Role.ingress ? turn.tables.origin(turn.tables.routerName) : undefined;
  if (session.role === Role.ingress && (peer.originSignature === "ignore" || own === undefined)) return tlvs;
  if (own !== undefined) return { ...tlvs, originSignature: turn.origin.sign(tlvs, turn, own.keys) };
  if (tlvs.originSignature === undefined || copied === undefined || keepsOrigin(copied, tlvs)) return tlvs;
  return { ...tlvs, originSignature: undefined };
}

/** lacksOrigin tells that a transit router has to say metadata of a session to a peer that wants signatures, and heard none to pass on: it keeps none. */
export function lacksOrigin(session: Session, peer: PeerEntry, tlvs: Metadata): boolean {
  return session.role === Role.transit && peer.originSignature === "require" && tlvs.forwardContext !== undefined && tlvs.originSignature === undefined;
}

/** OriginVerdict: unsigned is also a signature of a router whose key is not known here, which says nothing. */
export type OriginVerdict = "good" | "unsigned" | "bad";

/** originVerdict looks at the signature of forward metadata; `begins` where a session begins by it, so that its age counts. */
export function originVerdict(turn: Turn, { tlvs, peer }: Opened, begins: boolean): OriginVerdict {
  const { originSignature, sourceRouter } = tlvs;
  if (peer.originSignature === "ignore" || originSignature === undefined || sourceRouter === undefined) return "unsigned";
  const origin = turn.tables.origin(sourceRouter);
  if (origin === undefined) return "unsigned";
  if (begins && !isFresh(originSignature.seconds, turn.nowUnixMs)) return "bad";
  const text = originText(originSignature.seconds, tlvs);
  return origin.keys.some((key) => turn.origin.verify(key, text, originSignature.signature)) ? "good" : "bad";
}

/** originProblem is why a session does not begin: its origin is not proven, or may not assert its tenant (protocol 7.5). */
export function originProblem(turn: Turn, opened: Opened): "origin-signature" | "tenant-not-allowed" | undefined {
  const verdict = originVerdict(turn, opened, true);
  if (verdict === "bad" || (verdict === "unsigned" && opened.peer.originSignature === "require")) return "origin-signature";
  const { sourceRouter, tenant } = opened.tlvs;
  return verdict === "good" && turn.tables.origin(sourceRouter as string)?.mayAssert(tenant as string) !== true ? "tenant-not-allowed" : undefined;
}
