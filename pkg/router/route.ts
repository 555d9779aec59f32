// Where a new session leaves: candidates of its service in cost order, a waypoint pair toward a peer, destination and
// source NAT toward hosts (behaviour 5, 6.1-6.3). Called by admit.ts and accept.ts; allocates, installs nothing.
import { sameAddress } from "../base/address.ts";
import type { IpAddress } from "../base/address.ts";
import { fail, ok } from "../base/result.ts";
import type { Result } from "../base/result.ts";
import type { NatSearch } from "../ports/datapath.ts";
import { NAT_PORT_COUNT, NAT_PORT_FIRST } from "../svr/constants.ts";
import { Flag } from "../svr/session.ts";
import type { SessionContext, SessionSide } from "../svr/session.ts";
import { hostSide } from "./newsession.ts";
import type { PathEntry, RouteEntry, ServiceEntry } from "./tables.ts";
import type { Turn } from "./turn.ts";

/** Chosen is one way out: the leaving side, and what to do with its ports when it is not used. */
export interface Chosen {
  side: SessionSide;
  /** Flag.snat, Flag.dnat */
  flags: number;
  natSearch?: NatSearch | undefined;
  /** another session holds this key: the ports rest with it */
  taken(): void;
  /** not used at all */
  giveBack(): void;
}

/** Ways are the ways out of a service, one after the other: the next is asked for when another session holds the flow of the one before. */
export interface Ways {
  /** absent: there is no other */
  next(): Chosen | undefined;
}

/** Entrance is where the packet came in; a path never returns it there (behaviour 6.2). */
export interface Entrance {
  ifnum: number;
  vlan: number;
  /** path it came by, absent for hosts */
  path?: PathEntry;
}

const WAYPOINT_TRIES = 4; // pairs tried when the flow index already holds one (only with port ranges or a NAT)

/** egressSides gives the ways out of a service; `no-path` when no route is usable. */
export function egressSides(turn: Turn, service: ServiceEntry, context: SessionContext, entrance: Entrance): Result<Ways, "no-path"> {
  const route = service.routes[context.family].find((candidate) => isUsable(candidate, context, entrance));
  if (route === undefined) return fail("no-path");
  if (route.kind === "peer") return ok(pairs(turn, route.path, context));
  return ok(hostSides(turn, route, { service, context }));
}

function isUsable(route: RouteEntry, context: SessionContext, entrance: Entrance): boolean {
  if (route.kind === "peer") return entrance.path?.peer !== route.path.peer;
  const target = route.target ?? context.destination;
  return target.family === context.family && route.nexthop[context.family] !== 0;
}

function pairs(turn: Turn, path: PathEntry, context: SessionContext): Ways {
  let tries = 0;
  return {
    next() {
      const pair = tries++ < WAYPOINT_TRIES ? turn.ports.pair(path, turn.nowMs) : undefined;
      if (pair === undefined) return undefined;
      const side: SessionSide = {
        remote: path.remote, local: path.local, remotePort: pair.remote, localPort: pair.local,
        ifnum: path.ifnum, vlan: path.vlan, nexthop: path.nexthop, path: path.id,
        proto: context.proto === 6 ? 6 : 17, family: path.family,
      };
      return { side, flags: 0, taken: () => turn.ports.lost(path, pair, turn.nowMs), giveBack: () => turn.ports.giveBack(path, pair) };
    },
  };
}

type LocalRoute = Extract<RouteEntry, { kind: "local" }>;

function hostSides(turn: Turn, route: LocalRoute, of: { service: ServiceEntry; context: SessionContext }): Ways {
  const { context, service } = of;
  const remote = route.target ?? context.destination;
  const dnat = sameAddress(remote, context.destination) ? 0 : Flag.dnat;
  const at = { ifnum: route.ifnum, vlan: route.vlan, nexthop: route.nexthop[context.family] };
  let tries = 0;
  if (!service.sourceNat) return { next: () => (tries++ === 0 ? plainHost(at, remote, context, dnat) : undefined) };
  const addresses = route.addresses.filter((own) => own.family === context.family);
  return {
    next() {
      const address = addresses[tries++];
      return address === undefined ? undefined : translated(turn, { at, remote, address, context, dnat });
    },
  };
}

function plainHost(at: { ifnum: number; vlan: number; nexthop: number }, remote: IpAddress, context: SessionContext, flags: number): Chosen {
  const side = hostSide(at, remote, context.source, { remote: context.destinationPort, local: context.sourcePort, proto: context.proto });
  return { side, flags, taken: nothing, giveBack: nothing };
}

interface Translation {
  at: { ifnum: number; vlan: number; nexthop: number };
  remote: IpAddress;
  address: IpAddress;
  context: SessionContext;
  dnat: number;
}

/** Source NAT on one address: the flow index finds the first free port of 16384-65534 (behaviour 5). */
function translated(turn: Turn, of: Translation): Chosen {
  const { at, remote, address, context, dnat } = of;
  const start = turn.ports.natStart();
  const side = hostSide(at, remote, address, { remote: context.destinationPort, local: NAT_PORT_FIRST + start, proto: context.proto });
  return { side, flags: Flag.snat | dnat, natSearch: { first: NAT_PORT_FIRST, count: NAT_PORT_COUNT, start: NAT_PORT_FIRST + start }, taken: nothing, giveBack: nothing };
}

function nothing(): void {
  // host sides hold no pair
}
