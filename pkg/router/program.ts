// What the data plane is told of a configuration besides sessions: interfaces, next hops, addresses, tenants of hosts,
// rates, timers. Pure translation of RouterConfig; called by the app at start and on reload.
import type { IpFamily } from "../base/address.ts";
import type { DatapathConfig, NexthopEntry, RateEntry } from "../ports/datapath.ts";
import type { NexthopConfig, RouterConfig } from "../plan/config.ts";
import { EVEN_PORT_FIRST, EVEN_PORT_LAST, IPV4_HEADER, IPV6_HEADER, MSS_FLOOR, TCP_HEADER } from "../svr/constants.ts";
import { memberEntries } from "./sources.ts";
import { nameKey } from "./names.ts";
import type { Ids } from "./names.ts";

/** datapathConfig translates a configuration; names without a number are left out. */
export function datapathConfig(config: RouterConfig, ids: Ids): DatapathConfig {
  return {
    interfaces: config.interfaces.map((i) => ({ ifnum: i.ifnum, name: i.device, shared: i.sharedWithHost, hosts: i.hosts, sourceCheck: i.sourceCheck === true, ...(i.filter && { filter: i.filter }) })),
    nexthops: config.nexthops.flatMap((nexthop) => nexthopEntry(config, nexthop, ids)),
    peers: config.paths.map((path) => path.remote),
    // The data plane knows an address once: where it is a waypoint on one interface, that counts.
    locals: config.locals.map(({ address, waypoint }) => ({ address, waypoint })).sort((a, b) => Number(a.waypoint) - Number(b.waypoint)),
    members: memberEntries(config, ids),
    rates: rates(config, ids),
    remoteRate: { perSecond: config.limits.perRemoteRate, burst: config.limits.perRemoteRate },
    timers: config.timers,
    waypointPorts: waypointPorts(config),
    ...(config.icmp?.byType === true && { icmpByType: true as const }),
  };
}

function nexthopEntry(config: RouterConfig, nexthop: NexthopConfig, ids: Ids): NexthopEntry[] {
  const index = ids[nameKey("nexthop", nexthop.key)];
  const device = config.interfaces.find((i) => i.name === nexthop.interface)?.device;
  if (index === undefined || device === undefined) return [];
  const clamp = clampOf(config, nexthop);
  const entry = { index, interface: device, ifnum: nexthop.ifnum, vlan: nexthop.vlan, family: nexthop.family, mtu: nexthop.mtu, ...clamp };
  return [{ ...entry, ...(nexthop.gateway && { gateway: nexthop.gateway }), ...(nexthop.cuttable && { cuttable: true as const }) }];
}

/** Next hops toward peers clamp; those toward hosts do not. */
function clampOf(config: RouterConfig, nexthop: NexthopConfig): { mss4: number; mss6: number } {
  const towardPeer = config.paths.some((path) => path.nexthop === nexthop.key);
  const mss = towardPeer ? mssToward(config, nexthop) : 0;
  return { mss4: mss, mss6: mss };
}

/** mssToward is the clamp of protocol 10.4 toward a peer, 0 when it is off; payload protection, which adds overhead, comes later. */
export function mssToward(config: RouterConfig, way: { family: IpFamily; mtu: number }): number {
  if (config.mssClamp === "None") return 0;
  if (typeof config.mssClamp === "number") return config.mssClamp;
  return Math.max(MSS_FLOOR, way.mtu - (way.family === 4 ? IPV4_HEADER : IPV6_HEADER) - TCP_HEADER);
}

function rates(config: RouterConfig, ids: Ids): RateEntry[] {
  return config.tenants.flatMap((tenant) => {
    const id = ids[nameKey("tenant", tenant.name)];
    const perSecond = tenant.firstPacketsPerSecond || config.limits.firstPacketRate;
    return id === undefined || perSecond === 0 ? [] : [{ tenant: id, perSecond, burst: perSecond }];
  });
}

/** The ports that unknown packets to a waypoint are judged on: the standard ones and every configured range. */
function waypointPorts(config: RouterConfig): { first: number; last: number } {
  const ranges = config.locals.flatMap((local) => (local.waypoint && local.ports !== undefined ? [local.ports] : []));
  return {
    first: Math.min(EVEN_PORT_FIRST, ...ranges.map((range) => range.first)),
    last: Math.max(EVEN_PORT_LAST, ...ranges.map((range) => range.last)),
  };
}
