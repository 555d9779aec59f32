// First packet of a host: tenant, service, enforcement, limits, path, NAT, session (behaviour 3.1). Called by decide.ts.
// Any refusal leaves no state, only a counter and a bounded event.
import type { DenyReason } from "../svr/reasons.ts";
import { openingFlags } from "../svr/segmentfields.ts";
import type { SessionSide } from "../svr/session.ts";
import { enterDraft } from "./batch.ts";
import { refuseWithReset } from "./enforce.ts";
import { arrivalKey } from "./arrivalkey.ts";
import { isWithinLimits } from "./limits.ts";
import { endsConnection, hostSide, isOpeningSyn, newSession } from "./newsession.ts";
import type { Beginning } from "./newsession.ts";
import { isQuery } from "./query.ts";
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
  const selected = turn.tables.select(tenant.id, packet.proto, packet.destinationPort, packet.destination);
  if (selected.kind === "deny") return refuse(turn, arrival, selected.reason, selected.service);
  const service = selected.service;
  if (!enforce(turn, arrival, service)) return;
  if (!isQuery(carriedOf(arrival), { family: packet.family, proto: packet.proto, side: 0 })) return refuse(turn, arrival, "state", service);
  if (!isWithinLimits(turn, packet)) return refuse(turn, arrival, "limit", service);
  const ways = egressSides(turn, service, contextOf(packet), { ifnum: punt.ifnum, vlan: punt.vlan });
  if (!ways.ok) return refuse(turn, arrival, ways.error, service);
  begin(turn, arrival, { tenant: tenant.id, service, ways: ways.value, again });
}

function contextOf(packet: Arrival["packet"]): Beginning["context"] {
  return {
    source: packet.source, destination: packet.destination, sourcePort: packet.sourcePort,
    destinationPort: packet.destinationPort, proto: packet.proto, family: packet.family,
  };
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

function install(turn: Turn, at: Attempt, retry: () => void): void {
  const { arrival, carried, admission, chosen } = at;
  const session = newSession(turn, carried, {
    context: contextOf(carried.packet), tenant: admission.tenant, service: admission.service,
    sides: [hostArrivalSide(turn, arrival), chosen.side], flags: chosen.flags | (chosen.side.path === 0 ? 0 : openingFlags),
    sourceRouter: turn.tables.routerId,
  });
  enterDraft(turn.batch, {
    key: arrivalKey(arrival), session, natSearch: chosen.natSearch,
    installed: (handle) => leave(turn, handle, 1, carried),
    failed: (result) => {
      if (result.why === "exists" && result.side === 1) return void (chosen.taken(), retry());
      chosen.giveBack();
      if (result.why === "full") return refuse(turn, arrival, "limit", admission.service);
      admission.again(turn, arrival);
    },
  });
}

/** The side a host's packet arrived on: it is answered from the address it talked to. */
function hostArrivalSide(turn: Turn, arrival: Arrival): SessionSide {
  const { packet, punt } = arrival;
  const nexthop = turn.tables.nexthopTo(punt.ifnum, punt.vlan, packet.source);
  return hostSide({ ifnum: punt.ifnum, vlan: punt.vlan, nexthop }, packet.source, packet.destination,
    { remote: packet.sourcePort, local: packet.destinationPort, proto: packet.proto });
}

/** refuse counts a refusal and reports it with the inner addresses (behaviour 2.6). */
export function refuse(turn: Turn, arrival: Arrival, reason: DenyReason, service?: ServiceEntry): void {
  const { punt, opened } = arrival;
  turn.count(reason, opened?.peer);
  const context = opened?.tlvs.forwardContext ?? contextOf(arrival.packet);
  const tenant = opened?.tlvs.tenant ?? turn.tables.tenantOf(punt.ifnum, punt.vlan, arrival.packet.source).name;
  const { source, destination, sourcePort, destinationPort, proto } = context;
  turn.deny({
    reason, tenant, source, destination, sourcePort, destinationPort, proto, ifnum: punt.ifnum, vlan: punt.vlan,
    ...(service === undefined ? {} : { service: service.name }), ...(opened === undefined ? {} : { peer: opened.peer.name }),
  });
}
