// First packet of a host: tenant, service, enforcement, limits, path, NAT, session (behaviour 3.1). Called by decide.ts.
// Any refusal leaves no state, only a counter and a bounded event.
import { startOf, type AdaptiveStart } from "../svr/adaptive.ts";
import { SUITE_CLEAR } from "../svr/constants.ts";
import { askOver } from "../svr/protected.ts";
import type { SecurityAsk } from "../svr/protected.ts";
import { openingFlags } from "../svr/segmentfields.ts";
import { Protect } from "../svr/session.ts";
import type { SessionContext, SessionSide } from "../svr/session.ts";
import { enterDraft } from "./batch.ts";
import { isYielding, resolveCollision } from "./collide.ts";
import { beginProtection, offered } from "./protection.ts";
import { refuseWithReset } from "./enforce.ts";
import { arrivalKey } from "./arrivalkey.ts";
import { installLimits, isWithinLimits, skipsRoute } from "./limits.ts";
import { endsConnection, hostSide, isOpeningSyn, newSession } from "./newsession.ts";
import { mayBegin } from "./query.ts";
import { contextOf, refuse } from "./refuse.ts";
import { leave } from "./relay.ts";
import { egressSides } from "./route.ts";
import type { Chosen, Ways } from "./route.ts";
import type { ServiceEntry } from "./tables.ts";
import { carriedOf } from "./turn.ts";
import type { Arrival, Carried, Turn } from "./turn.ts";

/** Again decides a packet once more as one of the session that already holds its flow. */
export type Again = (turn: Turn, arrival: Arrival) => void;

/** admitHost decides the first packet of a host: a session, or a refusal by name. */
export function admitHost(turn: Turn, arrival: Arrival, again: Again): void {
  const { packet, punt } = arrival;
  const tenant = turn.tables.tenantOf(punt.ifnum, punt.vlan, packet.source);
  const inside = turn.tables.nat.insideOf(packet.destination)?.address;
  const context = inside === undefined ? contextOf(packet) : { ...contextOf(packet), destination: inside };
  const selected = turn.tables.select(tenant.id, packet.proto, packet.destinationPort, context.destination);
  if (selected.kind === "deny") return refuse(turn, arrival, selected.reason, selected.service);
  const service = selected.service;
  if (!enforce(turn, arrival, service)) return;
  if (!mayBegin(turn, carriedOf(arrival), context)) return refuse(turn, arrival, "state", service);
  if (!isWithinLimits(turn, packet, tenant.id)) return refuse(turn, arrival, "limit", service);
  if (service.strictReverse === true && !turn.tables.returnsBy(punt.ifnum, punt.vlan, packet.source)) return refuse(turn, arrival, "reverse-path", service);
  const ways = egressSides(turn, service, context, { ifnum: punt.ifnum, vlan: punt.vlan, tenant: tenant.name, wasOutside: inside !== undefined, icmpType: packet.icmpType });
  if (!ways.ok) return refuse(turn, arrival, ways.error, service);
  begin(turn, arrival, { context, tenant: tenant.id, service, ways: ways.value, again });
}

/** A TCP packet that is not a SYN opens only where the service allows it (behaviour 3.4). */
function enforce(turn: Turn, arrival: Arrival, service: ServiceEntry): boolean {
  const packet = arrival.packet;
  if (packet.proto !== 6 || isOpeningSyn(packet)) return true;
  if (service.enforcement === "allow" && !endsConnection(packet)) return true;
  if (service.enforcement === "reset" || service.enforcement === "strict") refuseWithReset(turn, arrival);
  refuse(turn, arrival, "state", service);
  return false;
}

interface Admission {
  /** the destination is the inside one, where there are two (behaviour 5) */
  context: SessionContext;
  tenant: number;
  service: ServiceEntry;
  ways: Ways;
  again: Again;
}

/** Ways differ in their ports or address: the next one is tried when another session holds a key. */
function begin(turn: Turn, arrival: Arrival, admission: Admission): void {
  const carried = carriedOf(arrival);
  const attempt = (): void => {
    const chosen = admission.ways.next();
    if (chosen === undefined) return refuse(turn, arrival, "nat", admission.service);
    install(turn, { arrival, carried, admission, chosen }, attempt);
  };
  attempt();
}

interface Attempt {
  arrival: Arrival;
  carried: Carried;
  admission: Admission;
  chosen: Chosen;
}

function install(turn: Turn, at: Attempt, retry: () => void, isSecond = false): void {
  const { arrival, carried, admission, chosen } = at;
  const start = startOf({ ...admission.context, payload: carried.packet.data.subarray(carried.bodyAt, carried.bodyEnd) });
  const ask = askOver(admission.service.security, turn.tables.pathById(chosen.side.path)), offer = securityToward(turn, ask, { chosen, start });
  if (!offer.ok) return void (chosen.giveBack(), refuse(turn, arrival, offer.error, admission.service));
  const { value: security } = offer;
  const session = newSession(turn, carried, {
    security, start: security !== undefined && ask.adaptive ? start : undefined, context: admission.context, tenant: admission.tenant, service: admission.service,
    sides: [hostArrivalSide(turn, arrival), chosen.side], flags: chosen.flags | (chosen.side.path === 0 ? 0 : openingFlags),
    route: chosen.route.id, sourceRouter: turn.tables.routerId,
  });
  if (start === "tls") session.protect &= ~Protect.watch; // decided: it stays as it is
  enterDraft(turn.batch, {
    key: arrivalKey(arrival), session, natSearch: chosen.natSearch, limits: installLimits(turn, session, chosen.route),
    begun: (handle) => {
      if (security?.payloadKey !== undefined) turn.protection.kept.keep(session.uuid, security.payloadKey);
      beginProtection(turn, handle, security?.payloadKey);
      turn.capturing.begun(turn, handle, arrival);
    },
    installed: (handle) => leave(turn, handle, 1, carried),
    failed: (result) => {
      const taken = result.why === "exists" && result.side === 1;
      if (taken && isYielding(turn, chosen, { session, other: result.other }) && !isSecond) {
        return resolveCollision(turn, { arrival, session, other: result.other, retry: () => install(turn, at, retry, true) });
      }
      if (taken) return void (chosen.taken(), retry());
      chosen.giveBack();
      if (skipsRoute(result, admission.ways)) return retry();
      if (result.why === "full" || result.why === "limit") return refuse(turn, arrival, "limit", admission.service);
      admission.again(turn, arrival);
    },
  });
}

/** Ways to peers that cannot carry what the service asks for were left out before; nothing goes less protected than asked. */
function securityToward(turn: Turn, ask: SecurityAsk, { chosen, start }: { chosen: Chosen; start: AdaptiveStart }): ReturnType<typeof offered> | { ok: true; value: undefined } {
  const path = ask.suite === SUITE_CLEAR && !ask.everyPacket ? undefined : turn.tables.pathById(chosen.side.path);
  return path === undefined ? { ok: true, value: undefined } : offered(turn, { ask, peer: path.peer, start });
}

/** The side a host's packet arrived on: it is answered from the address it talked to. */
function hostArrivalSide(turn: Turn, arrival: Arrival): SessionSide {
  const { packet, punt } = arrival;
  const nexthop = turn.tables.nexthopTo(punt.ifnum, punt.vlan, packet.source);
  return hostSide({ ifnum: punt.ifnum, vlan: punt.vlan, nexthop }, packet.source, packet.destination,
    { remote: packet.sourcePort, local: packet.destinationPort, proto: packet.proto });
}
