// Where a new session leaves: candidates of its service in cost order, a waypoint pair toward a peer, destination and
// source NAT toward hosts (behaviour 5, 6.1-6.3). Called by admit.ts and accept.ts; allocates, installs nothing.
import { sameAddress } from "../base/address.ts";
import type { IpAddress } from "../base/address.ts";
import { fail, ok } from "../base/result.ts";
import type { Result } from "../base/result.ts";
import type { NatSearch } from "../ports/datapath.ts";
import { NAT_PORT_COUNT, NAT_PORT_FIRST, PROTO_ICMP, PROTO_ICMPV6, PROTO_TCP, PROTO_UDP } from "../svr/constants.ts";
import { answersFirst } from "../svr/icmp.ts";
import { Flag } from "../svr/session.ts";
import { askOver, isWeaker } from "../svr/protected.ts";
import type { SessionSecurity } from "../svr/protected.ts";
import type { SessionContext, SessionSide } from "../svr/session.ts";
import { hostSide } from "./newsession.ts";
import { canCarry } from "./protection.ts";
import { hostPorts } from "./query.ts";
import type { PathEntry, RouteEntry, RouteLimits, ServiceEntry } from "./tables.ts";
import type { Turn } from "./turn.ts";

/** Chosen is one way out: the leaving side, and what to do with its ports when it is not used. */
export interface Chosen {
  side: SessionSide;
  route: RouteLimits;
  /** Flag.snat, Flag.dnat */
  flags: number;
  natSearch?: NatSearch | undefined;
  /** the source has an address of ours and no port that could tell it from others: one session a remote address (behaviour 5) */
  isShared?: true;
  /** another session holds this key: the ports rest with it */
  taken(): void;
  /** not used at all */
  giveBack(): void;
}

/** Ways are the ways out of a service, one after the other: the next is asked for when another session holds the flow of the one before. */
export interface Ways {
  /** absent: there is no other */
  next(): Chosen | undefined;
  /** the route takes no more sessions: goes on with the next one of the service; false when there is none (behaviour 6.2) */
  skipRoute(): boolean;
}

/** Entrance is where the packet came in and whose it is; a path never returns it there (behaviour 6.2). */
export interface Entrance {
  ifnum: number;
  vlan: number;
  tenant: string;
  /** its destination was a static outside address (behaviour 5) */
  wasOutside?: boolean;
  /** path it came by, absent for hosts */
  path?: PathEntry;
  /** type of the ICMP message that begins the session */
  icmpType?: number | undefined;
  /** how its packets are protected between routers; absent: that is decided here */
  security?: SessionSecurity;
  /** address that the ingress gave the source (TLV 25), whose port the context has */
  natSource?: IpAddress | undefined;
}

const WAYPOINT_TRIES = 4; // pairs tried when the flow index already holds one (only with port ranges or a NAT)

/** egressSides gives the ways out of a service; `no-path` when no route is usable, `no-key` when it is for want of keys. */
export function egressSides(turn: Turn, service: ServiceEntry, context: SessionContext, entrance: Entrance): Result<Ways, "no-path" | "no-key"> {
  const routes = service.routes[context.family].filter((candidate) => (candidate.kind === "peer" ? isUsablePath(turn, service, candidate.path, entrance) : isUsable(candidate, context)));
  const [first, ...others] = routes.filter(hasKeys);
  if (first === undefined) return fail(routes.length === 0 ? "no-path" : "no-key");
  const waysOf = (route: RouteEntry): RouteWays => (route.kind === "peer" ? pairs(turn, route.path, context) : hostSides(turn, route, { service, context, entrance }));
  return ok(alongRoutes(waysOf, first, others));
}

/** RouteWays are the ways out by one route. */
interface RouteWays { next(): Omit<Chosen, "route"> | undefined }

const UNLIMITED: RouteLimits = { id: 0, sessions: 0, perSecond: 0 };

/** The routes of one service one after the other; targets of one route are one route. */
function alongRoutes(waysOf: (route: RouteEntry) => RouteWays, first: RouteEntry, others: RouteEntry[]): Ways {
  let route = first;
  let ways = waysOf(first);
  return {
    next() {
      const way = ways.next();
      return way === undefined ? undefined : { ...way, route: route.limits ?? UNLIMITED };
    },
    skipRoute() {
      const next = others.findIndex((other) => other.limits?.id !== route.limits?.id);
      if (next < 0) return false;
      [route] = others.splice(0, next + 1).slice(-1) as [RouteEntry];
      ways = waysOf(route);
      return true;
    },
  };
}

/** A session never goes back to its peer, nor over a path that asks for more than it has, or cannot carry it. */
function isUsablePath(turn: Turn, service: ServiceEntry, path: PathEntry, entrance: Entrance): boolean {
  if (entrance.path?.peer === path.peer) return false;
  const ask = askOver(service.security, path), { security } = entrance;
  return canCarry(turn, security ?? ask, path.peer) && (security === undefined || !isWeaker(security, ask));
}

function isUsable(route: LocalRoute, context: SessionContext): boolean {
  const target = route.target ?? context.destination;
  return target.family === context.family && route.nexthop[context.family] !== 0;
}

function hasKeys(route: RouteEntry): boolean {
  return route.kind !== "peer" || route.path.peer.send !== undefined;
}

function pairs(turn: Turn, path: PathEntry, context: SessionContext): RouteWays {
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

function hostSides(turn: Turn, route: LocalRoute, of: { service: ServiceEntry; context: SessionContext; entrance: Entrance }): RouteWays {
  const { context, service, entrance } = of;
  const remote = route.target ?? context.destination;
  const isMoved = !sameAddress(remote, context.destination);
  const wasOutside = entrance.wasOutside === true;
  const source = entrance.natSource ?? context.source;
  const way = { ports: hostPorts(context, entrance.icmpType, turn.tables.icmp.byType), at: { ifnum: route.ifnum, vlan: route.vlan, nexthop: route.nexthop[context.family] }, remote, context, source, dnat: isMoved || wasOutside ? Flag.dnat : 0 };
  const choice = turn.tables.nat.sourceFor({
    sourceNat: service.sourceNat, out: route, tenant: entrance.tenant, source, wasOutside,
    turnsBack: (isMoved || wasOutside) && entrance.ifnum === route.ifnum && entrance.vlan === route.vlan,
  });
  let tries = 0;
  if (choice.kind !== "ports") return { next: () => (tries++ === 0 ? portKept(way, choice.kind === "static" ? choice.address : undefined) : undefined) };
  return {
    next() {
      const address = choice.addresses[tries++];
      return address === undefined ? undefined : translated(turn, way, address);
    },
  };
}

interface WayToHost {
  /** of the host that is asked, and of the source unless it is translated */
  ports: { remote: number; local: number };
  at: { ifnum: number; vlan: number; nexthop: number };
  remote: IpAddress;
  context: SessionContext;
  /** of the context, unless the ingress gave it another address */
  source: IpAddress;
  dnat: number;
}

/** The host sees the port of the source, and its address unless another one is given. */
function portKept({ at, remote, context, source, dnat, ports }: WayToHost, address = source): Omit<Chosen, "route"> {
  const side = hostSide(at, remote, address, { ...ports, proto: context.proto });
  const isGiven = source !== context.source; // of other sources too, perhaps: only the ingress keeps their ports apart
  return { side, flags: dnat | (sameAddress(address, context.source) ? 0 : Flag.snat), ...(isGiven && { isShared: true }), taken: nothing, giveBack: nothing };
}

/** Protocols whose port, or identifier, can be another than the host's. */
const translatable: ReadonlySet<number> = new Set([PROTO_TCP, PROTO_UDP, PROTO_ICMP, PROTO_ICMPV6]);

/** Source NAT on one address: the flow index finds the first free port of 16384-65534 (behaviour 5). */
function translated(turn: Turn, way: WayToHost, address: IpAddress): Omit<Chosen, "route"> {
  const { at, remote, context, dnat, ports } = way;
  if (!translatable.has(context.proto) || answersFirst(context)) return { ...portKept(way, address), isShared: true };
  const start = NAT_PORT_FIRST + turn.ports.natStart();
  const side = hostSide(at, remote, address, { remote: ports.remote, local: start, proto: context.proto });
  return { side, flags: Flag.snat | dnat, natSearch: { first: NAT_PORT_FIRST, count: NAT_PORT_COUNT, start }, taken: nothing, giveBack: nothing };
}

function nothing(): void {
  // host sides hold no pair
}
