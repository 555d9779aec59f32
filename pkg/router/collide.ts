// Two sessions want one flow toward a host: glare when one is the mirror of the other (protocol 6.5), else the collision
// rule of behaviour 3.2. Called by accept.ts and admit.ts after the data plane refused a key; runs at ingress and egress only.
import { sameAddress } from "../base/address.ts";
import { equalBytes } from "../base/bytes.ts";
import type { SessionRef } from "../ports/datapath.ts";
import { decideGlare } from "../svr/glare.ts";
import type { GlareVerdict } from "../svr/glare.ts";
import { reasonNumber } from "../svr/reasons.ts";
import { Life, Role } from "../svr/session.ts";
import type { Session, SessionContext } from "../svr/session.ts";
import { account } from "./account.ts";
import { endSession, handleOf } from "./batch.ts";
import type { Handle } from "./batch.ts";
import { refuse } from "./refuse.ts";
import { leave } from "./relay.ts";
import type { Chosen } from "./route.ts";
import { sendDelete } from "./say.ts";
import { carriedOf, isOpened } from "./turn.ts";
import type { Arrival, Carried, Turn } from "./turn.ts";

/** Collision is what is known when a key toward a host is taken. */
export interface Collision {
  arrival: Arrival;
  /** its body in the clear, where it came encrypted */
  body?: Carried | undefined;
  /** the session that could not be installed */
  session: Session;
  other: SessionRef;
  /** install it once more, after the other one went */
  retry(): void;
}

/**
 * isYielding tells whether the collision rule decides who has the key: without waypoints and without a choice of ports there is no
 * other way to the same host. Sources that share an address keep each other off (behaviour 5), but the same hosts' older session yields.
 */
export function isYielding(turn: Turn, chosen: Chosen, of: { session: Session; other: SessionRef }): boolean {
  if (chosen.side.path !== 0 || chosen.natSearch !== undefined) return false;
  const held = chosen.isShared === true ? turn.find.byUuid(of.other.uuid) : undefined;
  return chosen.isShared !== true || (held !== undefined && sameContext(held.state.context, of.session.context));
}

/** sameContext tells whether two sessions are of the same hosts and ports. */
export function sameContext(a: SessionContext, b: SessionContext): boolean {
  return a.proto === b.proto && a.sourcePort === b.sourcePort && a.destinationPort === b.destinationPort
    && sameAddress(a.source, b.source) && sameAddress(a.destination, b.destination);
}

/** resolveCollision decides between the live session and the new one. */
export function resolveCollision(turn: Turn, collision: Collision): void {
  const found = turn.find.byUuid(collision.other.uuid);
  if (found === undefined) return refuse(turn, collision.arrival, "nat");
  const held = handleOf(turn.batch, found.index, found.state);
  if (held.state.life === Life.guard && held.state.tenant === collision.session.tenant) return yieldGuarded(turn, held, collision);
  switch (verdictOf(collision, held.state)) {
    case "deliver-as-reverse": return deliverAsReverse(turn, collision, held);
    case "join": return giveWay(turn, held, collision);
    case "collision": return replaceOrRefuse(turn, collision, held);
  }
}

function verdictOf({ session, arrival }: Collision, held: Session): GlareVerdict {
  if (!isOpened(arrival)) return "collision"; // two sessions of this router's own hosts are no mirrors of each other: they would share both flows
  const { uuid, context, tenant, role, handshake } = held;
  const answered = handshake.haveReverse !== 0;
  return decideGlare({ uuid, context, tenant, answered, ingress: role === Role.ingress }, {
    uuid: session.uuid, context: session.context, tenant: session.tenant, answered: arrival.opened.tlvs.remainingSeconds !== undefined,
    fromOurEgress: !answered || handshake.egressRouter === session.sourceRouter,
  });
}

/** The kept session is ours: the peer's first packet is a reverse packet of it, and creates nothing. */
function deliverAsReverse(turn: Turn, collision: Collision, kept: Handle): void {
  const carried = collision.body ?? carriedOf(collision.arrival);
  if (account(turn, kept, 1, carried) === "forward") leave(turn, kept, 0, carried);
  else turn.count("state", collision.arrival.opened?.peer);
}

/** The old session is over already, everywhere: it only kept late packets from opening a new one (behaviour 3.2). */
function yieldGuarded(turn: Turn, old: Handle, collision: Collision): void {
  endSession(turn.batch, old, reasonNumber("evicted"), true);
  collision.retry();
}

/** The old session goes, its peers are told, the new one takes its place. */
function giveWay(turn: Turn, old: Handle, collision: Collision): void {
  for (const side of [0, 1] as const) if (old.state.side[side].path !== 0) sendDelete(turn, old, side);
  endSession(turn.batch, old, reasonNumber("evicted"), true);
  collision.retry();
}

/** Same tenant and same ingress: the old session yields; otherwise the new one is refused (behaviour 3.2). */
function replaceOrRefuse(turn: Turn, collision: Collision, old: Handle): void {
  const { arrival, session } = collision;
  const yields = old.state.tenant === session.tenant && old.state.sourceRouter === session.sourceRouter && !equalBytes(old.state.uuid, session.uuid);
  if (yields) giveWay(turn, old, collision);
  else refuse(turn, arrival, "nat");
}
