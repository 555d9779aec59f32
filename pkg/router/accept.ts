// Forward metadata of an unknown flow: the third and fourth row of protocol 6.1. Authorise (7.5), look the service up here
// as well (behaviour 2.4), choose the way on, create or join. Called by decide.ts with metadata that is already verified.
import { sameAddress } from "../base/address.ts";
import { concatBytes } from "../base/bytes.ts";
import { ok } from "../base/result.ts";
import type { Result } from "../base/result.ts";
import { checkForward } from "../svr/metadata.ts";
import { PROTO_ICMP, PROTO_ICMPV6, PROTO_TCP, PROTO_UDP } from "../svr/constants.ts";
import { startOf } from "../svr/adaptive.ts";
import { reasonNumber } from "../svr/reasons.ts";
import type { DropReason } from "../svr/reasons.ts";
import type { ReplayVerdict } from "../svr/replay.ts";
import { step } from "../svr/handshake.ts";
import type { SegmentState } from "../svr/segment.ts";
import { openingFlags, segmentPatch } from "../svr/segmentfields.ts";
import { askOver, isWeaker, readSecurity } from "../svr/protected.ts";
import type { SessionSecurity } from "../svr/protected.ts";
import { Flag, Life } from "../svr/session.ts";
import type { Session, SessionContext, SessionSide } from "../svr/session.ts";
import { account } from "./account.ts";
import { adapts } from "./adapting.ts";
import { arrivalKey } from "./arrivalkey.ts";
import { arrivalPath, knownPath } from "./arrivalpath.ts";
import { changeFlags, endSession, enterDraft, handleOf } from "./batch.ts";
import type { Handle } from "./batch.ts";
import type { Again } from "./admit.ts";
import { isYielding, resolveCollision, sameContext } from "./collide.ts";
import { installLimits, isWithinLimits, skipsRoute } from "./limits.ts";
import { endsConnection, newSession } from "./newsession.ts";
import { originProblem, originVerdict } from "./origin.ts";
import { beginProtection, firstPlain, isBeyond, takeSecurity, uncovered } from "./protection.ts";
import { hasOwnPorts, icmpTypeOf, mayBegin } from "./query.ts";
import { refuse, report } from "./refuse.ts";
import { leave } from "./relay.ts";
import { egressSides } from "./route.ts";
import { deleteElsewhere } from "./say.ts";
import { applySegment } from "./segments.ts";
import type { Chosen, Ways } from "./route.ts";
import { nameKey } from "./names.ts";
import type { PathEntry, ServiceEntry } from "./tables.ts";
import { carriedOf, carriesNothing, needsKeyId } from "./turn.ts";
import type { Arrival, Carried, Opened, OpenedArrival, Turn } from "./turn.ts";

/** acceptForward decides a session-creating packet of a peer. `body` is false for a keep-alive, which carries none. */
export function acceptForward(turn: Turn, arrival: OpenedArrival, again: Again): void {
  const { opened } = arrival;
  if (!checkForward(opened.tlvs, needsKeyId(opened))) return turn.count("metadata-incomplete", opened.peer);
  if (!opened.peer.mayAssert(opened.tlvs.tenant ?? "")) {
    turn.count("tenant-not-allowed", opened.peer); // protocol 7.5
    return report(turn, arrival, "peer-tenant");
  }
  if (isBeyond(turn, opened.tlvs)) return turn.count("metadata-unknown-critical", opened.peer); // known, but not kept here
  const live = turn.find.byUuid(opened.tlvs.uuid as Uint8Array);
  if (live !== undefined && live.state.life === Life.live) {
    return isSegmentOf(live.state, arrival) ? again(turn, arrival) : joinSession(turn, arrival, live);
  }
  const seen = replayVerdict(turn, opened);
  if (seen === "replay") return turn.count("replay-first-packet", opened.peer);
  if (seen === "full") return refuse(turn, arrival, "limit");
  const forged = originProblem(turn, opened);
  if (forged !== undefined) {
    turn.count(forged, opened.peer); // protocol 7.5, 7.6
    return report(turn, arrival, "peer-tenant");
  }
  endReplaced(turn, arrival);
  authorise(turn, arrival, again);
}

/** It came up before its session was there, and is decided after: one more packet of the segment, not another segment. */
function isSegmentOf(session: Session, { packet, punt }: Arrival): boolean {
  const [from] = session.side;
  return from.ifnum === punt.ifnum && from.vlan === punt.vlan && from.proto === packet.proto && from.remotePort === packet.sourcePort
    && from.localPort === packet.destinationPort && sameAddress(from.remote, packet.source) && sameAddress(from.local, packet.destination);
}

/**
 * Not before the packet is known to be no copy of an older one: its tag does not cover ports, so anybody could choose whose session
 * ends. Routers beyond hear of it, unless the new session is of the same hosts and takes its place there by itself (behaviour 3.2).
 */
function endReplaced(turn: Turn, { replaces, opened }: OpenedArrival): void {
  if (replaces === undefined) return;
  const { life, context } = replaces.state;
  if (life === Life.live && !sameContext(context, opened.tlvs.forwardContext as SessionContext)) deleteElsewhere(turn, replaces, 0);
  endSession(turn.batch, replaces, reasonNumber("evicted"), true);
}

/** replayVerdict books a packet that would create a session, or would have; regular mode keeps no list (protocol 6.3). */
export function replayVerdict(turn: Turn, opened: Opened): ReplayVerdict {
  if (opened.tag === undefined || opened.peer.mode !== "time-based") return "new";
  return turn.replay.check(opened.tag, opened.epoch);
}

/** The delivering peer's claim is not enough: the local lookup governs (behaviour 2.4). */
function authorise(turn: Turn, arrival: OpenedArrival, again: Again): void {
  const { opened, packet } = arrival;
  const context = opened.tlvs.forwardContext as SessionContext;
  // A child that is not configured here has the access of its nearest ancestor (behaviour 2.1); the session keeps its name.
  const asking = turn.tables.tenantId(opened.tlvs.tenant as string) ?? NOBODY;
  const selected = turn.tables.select(asking, context.proto, context.destinationPort, context.destination);
  if (selected.kind === "deny") return refuse(turn, arrival, selected.reason, selected.service);
  const { service } = selected;
  const security = readSecurity(opened.tlvs, { wasEncrypted: opened.tlvs.iv !== undefined, isKnown: false });
  if (!security.ok) return turn.count(security.error, opened.peer);
  if (isWeaker(security.value, askOver(service.security, arrivalPath(arrival)))) return turn.count("decrypt-failure", opened.peer); // the peer's claim is not enough here either
  if (service.postQuantum === true && opened.peer.isClassical === true) return refuse(turn, arrival, "no-key", service);
  const body = bodyHere(turn, arrival, { security: security.value, service, context });
  if (!body.ok) return turn.count(body.error, opened.peer);
  const unfit = unfitness(turn, arrival, { context, carried: body.value });
  if (unfit !== undefined) return refuse(turn, arrival, unfit, service);
  const tenant = turn.tables.idOf("tenant", opened.tlvs.tenant as string);
  const sourceRouter = turn.tables.idOf("router", opened.tlvs.sourceRouter as string);
  if (tenant === 0 || sourceRouter === 0 || !isWithinLimits(turn, packet, asking)) return refuse(turn, arrival, "limit", service);
  const path = arrivalPath(arrival);
  if (path === undefined) return turn.count("peer-mismatch", opened.peer);
  const ways = egressSides(turn, service, context, { ifnum: path.ifnum, vlan: path.vlan, path, tenant: opened.tlvs.tenant as string, natSource: opened.tlvs.natSource, icmpType: body.value && icmpTypeOf(body.value, context), security: security.value });
  if (!ways.ok) return refuse(turn, arrival, ways.error, service);
  create(turn, { arrival, body: body.value, security: security.value, again, tenant, sourceRouter, service, path, context }, ways.value);
}

/** The body of a first packet in the clear where its session ends here; absent where it is encrypted and goes on, which nobody here may read. */
function bodyHere(turn: Turn, arrival: OpenedArrival, of: { security: SessionSecurity; service: ServiceEntry; context: SessionContext }): Result<Carried | undefined, DropReason> {
  const { security: { encrypts, payloadKey }, service, context } = of;
  const carried = carriedOf(arrival);
  if (!encrypts || payloadKey === undefined) return ok(carried);
  if (!service.routes[context.family].some(({ kind }) => kind === "local")) return ok(undefined);
  const plain = firstPlain(turn, arrival, payloadKey);
  if (!plain.ok) return plain;
  const { packet, bodyAt } = carried;
  const data = concatBytes(packet.data.subarray(0, bodyAt), plain.value);
  return ok({ ...carried, packet: { ...packet, data, end: data.length }, bodyEnd: data.length });
}

const NOBODY = 0; // no tenant has this number

const otherIcmp = { 4: PROTO_ICMPV6, 6: PROTO_ICMP } as const;

/** What cannot open the session that its context names: another carrier (protocol 3.3), the end of a connection, an ICMP message that asks nothing, an address of another family for its source. */
function unfitness(turn: Turn, { packet, opened }: OpenedArrival, of: { context: SessionContext; carried: Carried | undefined }): "filter" | "state" | "nat" | undefined {
  const { context, carried } = of;
  if (opened.tlvs.natSource !== undefined && opened.tlvs.natSource.family !== context.family) return "nat";
  if ((context.proto === PROTO_TCP ? PROTO_TCP : PROTO_UDP) !== packet.proto || context.proto === otherIcmp[context.family]) return "filter";
  if (endsConnection(packet)) return "state";
  if (carriesNothing(opened) || carried === undefined) return undefined;
  if (!hasOwnPorts(carried, context, true)) return "filter";
  return mayBegin(turn, carried, context) ? undefined : "state";
}

interface Acceptance {
  arrival: OpenedArrival;
  /** absent: encrypted, and not for us */
  body: Carried | undefined;
  security: SessionSecurity;
  again: Again;
  tenant: number;
  sourceRouter: number;
  service: ServiceEntry;
  path: PathEntry;
  context: SessionContext;
}

function create(turn: Turn, at: Acceptance, ways: Ways): void {
  const attempt = (): void => {
    const chosen = ways.next();
    if (chosen === undefined) return refuse(turn, at.arrival, "nat", at.service);
    install(turn, at, chosen, { ways, retry: attempt });
  };
  attempt();
}

function install(turn: Turn, at: Acceptance, chosen: Chosen, then: { ways: Ways; retry(): void; again?: true }): void {
  const { arrival } = at;
  const session = started(turn, at, chosen, (chosen.side.path === 0 ? at.body : undefined) ?? carriedOf(arrival));
  enterDraft(turn.batch, {
    key: arrivalKey(arrival), session, natSearch: chosen.natSearch, limits: installLimits(turn, session, chosen.route),
    begun: (handle) => {
      beginProtection(turn, handle, at.security.payloadKey);
      turn.capturing.begun(turn, handle, arrival);
    },
    installed: (handle) => {
      const carried = carriesNothing(arrival.opened) ? undefined : uncovered(turn, arrival, { handle, side: 0 });
      if (carried !== undefined && adapts(turn, arrival, { handle, side: 0, carried }, () => undefined)) leave(turn, handle, 1, carried);
    },
    failed: (result) => {
      const taken = result.why === "exists" && result.side === 1;
      if (taken && chosen.side.path !== 0) return void (chosen.taken(), then.retry());
      if (taken && isYielding(turn, chosen, { session, other: result.other }) && then.again === undefined) {
        return resolveCollision(turn, { arrival, body: at.body, session, other: result.other, retry: () => install(turn, at, chosen, { ...then, again: true }) });
      }
      chosen.giveBack();
      if (taken) return then.retry();
      if (result.why === "exists") return at.again(turn, arrival);
      if (skipsRoute(result, then.ways)) return then.retry();
      refuse(turn, arrival, result.why !== "gone" ? "limit" : "nat", at.service);
    },
  });
}

/** The session of a responder: R-META from its first packet on, toward a peer I-META as well. */
function started(turn: Turn, at: Acceptance, chosen: Chosen, carried: Carried): Session {
  const { opened } = at.arrival;
  const { tlvs } = opened;
  const session = newSession(turn, carried, {
    security: at.security, start: askOver(at.service.security, at.path).adaptive ? startOf({ ...at.context, payload: carried.packet.data.subarray(carried.bodyAt, carried.bodyEnd) }) : undefined, context: at.context, tenant: at.tenant, service: at.service, sides: [peerSide(at.arrival, at.path), chosen.side],
    flags: chosen.flags | (chosen.side.path === 0 ? 0 : openingFlags), route: chosen.route.id, sourceRouter: at.sourceRouter, uuid: tlvs.uuid,
    parentSpan: tlvs.traceContext?.parentSpan, traceFlags: tlvs.traceContext?.flags,
    idleMs: idleOf(at, tlvs.remainingSeconds),
  });
  const patch = segmentPatch(session, 0, firstSegment(turn, at.arrival.opened, chosen.side.path === 0));
  session.flags |= patch.setFlags;
  session.handshake = patch.handshake;
  reportService(session, at, turn);
  return session;
}

/** What a neighbour says remains (TLV 42) between the precision of timers and the longest timeout that makes sense here: nobody keeps a slot for weeks. */
function idleOf({ service, context }: Acceptance, remainingSeconds: number | undefined): number {
  const full = service.idleMs(context.proto, context.destinationPort);
  return remainingSeconds === undefined ? full : Math.min(Math.max(remainingSeconds, 1) * 1000, Math.max(full, LONGEST_IDLE_MS));
}

const LONGEST_IDLE_MS = 1_900_000; // of the defaults (behaviour 3.5)

/** The responder's state after its first forward metadata (protocol 6.1). */
function firstSegment(turn: Turn, opened: Opened, answersHere: boolean): SegmentState {
  const { state } = step(undefined, { kind: "forwardMetadata", uuidEqual: true, answersHere, modify: opened.tlvs.modify }, turn.nowMs);
  return state as SegmentState;
}

/** Another service than TLV 10 says is used here and reported in reverse TLV 10 (behaviour 2.4). */
function reportService(session: Session, at: Acceptance, turn: Turn): void {
  if (at.arrival.opened.tlvs.service !== at.service.name) session.handshake.reverseService = turn.tables.idOf("service", at.service.name);
}

/** peerSide is the segment as observed: replies go to the 5-tuple that was seen (protocol 2.3). */
export function peerSide(arrival: Arrival, path: PathEntry): SessionSide {
  const { packet, punt } = arrival;
  return {
    remote: packet.source, local: packet.destination, remotePort: packet.sourcePort, localPort: packet.destinationPort,
    ifnum: punt.ifnum, vlan: punt.vlan, nexthop: path.nexthop, path: path.id, proto: packet.proto, family: packet.family,
  };
}

/** The uuid is live: another segment of it (move, NAT rebinding, transit restart), or somebody's mistake. */
function joinSession(turn: Turn, arrival: OpenedArrival, live: { index: number; state: Session }): void {
  const { opened } = arrival;
  const session = live.state;
  const path = knownPath(turn, arrival);
  const permitted = path !== undefined && session.side[0].path !== 0
    && turn.tables.nameOf(session.tenant) === nameKey("tenant", opened.tlvs.tenant as string)
    && sameContext(session.context, opened.tlvs.forwardContext as SessionContext);
  if (!permitted) return turn.count("uuid-mismatch", opened.peer);
  if (originVerdict(turn, opened, false) === "bad") return turn.count("origin-signature", opened.peer);
  const handle = handleOf(turn.batch, live.index, session);
  const fault = takeSecurity(turn, arrival, { handle, side: 0 });
  if (fault !== undefined) return turn.count(fault, opened.peer);
  endReplaced(turn, arrival);
  replaceSegment(turn, handle, { arrival, path });
}

function replaceSegment(turn: Turn, handle: Handle, by: { arrival: OpenedArrival; path: PathEntry }): void {
  const { arrival, path } = by;
  const { opened } = arrival;
  const to = peerSide(arrival, path);
  if (handle.ref !== undefined) turn.batch.ops.push({ kind: "replaceSide", ref: handle.ref, side: 0, to });
  handle.state.side[0] = to;
  if (to.family !== handle.state.context.family) changeFlags(turn.batch, handle, { set: Flag.mixed });
  const answersHere = handle.state.side[1].path === 0;
  const state = firstSegment(turn, opened, answersHere);
  applySegment(turn, handle, segmentPatch(handle.state, 0, { ...state, haveReverse: answersHere || handle.state.handshake.haveReverse !== 0 }));
  if (carriesNothing(opened)) return;
  beginProtection(turn, handle); // its peer may be another one
  const carried = uncovered(turn, arrival, { handle, side: 0 });
  if (carried === undefined) return;
  if (account(turn, handle, 0, carried) === "forward") leave(turn, handle, 1, carried);
  else turn.count("state");
}
