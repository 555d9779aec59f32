// The worlds that the benchmarks compare, all of one shape: host a, two routers, server b, each in its own network namespace.
//
//   a eth0 --- lan0 r1 wan0 --- wan0 r2 lan0 --- eth0 b          (k1, k2 where the kernel forwards)
//   10.1.0.10     192.0.2.17   192.0.2.18     10.2.0.10 .. 73
//
// svr: two session routers, processes included. kernel: plain forwarding. vxlan, wireguard: a tunnel between the routers, clear and
// protected. nat: source NAT by nftables on both. Used by the measures of this folder; closing a world proves that nothing is left.
import type { Net } from "../support/net.ts";
import { openNet } from "../support/net.ts";
import { startFabric } from "../support/router.ts";
import type { Fabric } from "../support/router.ts";
import { openSite } from "../support/site.ts";
import type { SiteService } from "../support/site.ts";
import { linkAddress, pair, plain } from "../support/topologies.ts";
import { joinByWireguard } from "./wireguard.ts";

/** Kind is how the two routers of a world forward. */
export type Kind = "svr" | "kernel" | "vxlan" | "wireguard" | "nat";

/** World is one set of four namespaces. */
export interface World {
  readonly kind: Kind;
  readonly net: Net;
  /** the router processes, in the world svr */
  readonly fabric: Fabric | undefined;
  readonly routers: readonly [string, string];
  /** namespaces and devices as the tool wants them: where packets enter the first router, host, server */
  readonly places: readonly string[];
  close(): Promise<void>;
}

/** Options of an svr world: spec fields of both routers, and services beside those of the two LANs. */
export interface WorldOptions { readonly sessions?: number; readonly shards?: number; readonly services?: readonly SiteService[] }

const SERVERS = 64;
const DEFAULT_SESSIONS = 65_536;
const VXLAN = [
  { node: "k1", own: "172.16.0.1", far: "172.16.0.2", local: linkAddress(1, 4, 0), remote: linkAddress(1, 4, 1), prefix: "10.2.0.0/24" },
  { node: "k2", own: "172.16.0.2", far: "172.16.0.1", local: linkAddress(1, 4, 1), remote: linkAddress(1, 4, 0), prefix: "10.1.0.0/24" },
] as const;

async function tunnel(net: Net): Promise<void> {
  for (const { node, own, far, local, remote, prefix } of VXLAN) {
    await net.must(node, "ip", "link", "add", "vx0", "type", "vxlan", "id", "7", "local", local, "remote", remote, "dstport", "4789", "dev", "wan0");
    await net.must(node, "ip", "addr", "add", `${own}/24`, "dev", "vx0");
    await net.must(node, "ip", "link", "set", "vx0", "up");
    await net.must(node, "ip", "route", "add", prefix, "via", far);
  }
}

/** Both routers hide the source behind their address. Checksums are taken as good, as behind a real device. */
async function translate(net: Net): Promise<void> {
  for (const [node, device] of [["k1", "wan0"], ["k2", "lan0"]] as const) {
    await net.must(node, "nft", `add table ip nat; add chain ip nat post { type nat hook postrouting priority srcnat; }; add rule ip nat post oifname ${device} masquerade`);
    await net.must(node, "sysctl", "-qw", "net.netfilter.nf_conntrack_checksum=0");
  }
}

async function addServers(net: Net): Promise<void> {
  await net.must("b", "sh", "-c", `for n in $(seq 11 ${9 + SERVERS}); do ip addr add 10.2.0.$n/24 dev eth0; done`);
}

function worldOf(kind: Kind, net: Net, fabric?: Fabric): World {
  const routers = kind === "svr" ? ["r1", "r2"] as const : ["k1", "k2"] as const;
  const places = [net.namespace(routers[0]), "lan0", net.namespace("a"), "eth0", net.namespace("b"), "eth0"];
  return { kind, net, fabric, routers, places, close: async () => { await (fabric ?? net).close(); } };
}

/** openWorld makes the namespaces of one kind, and starts its routers; what fails half-way is removed. */
export async function openWorld(kind: Kind, options: WorldOptions = {}): Promise<World> {
  const net = await openNet(kind === "svr" ? pair : plain);
  try {
    await addServers(net);
    if (kind === "vxlan") await tunnel(net);
    if (kind === "wireguard") await joinByWireguard(net);
    if (kind === "nat") await translate(net);
    if (kind !== "svr") return worldOf(kind, net);
  } catch (error) {
    await net.close();
    throw error;
  }
  const paths = (peer: string): Record<string, Record<string, unknown>> => ({ [peer]: { pairs: options.sessions ?? DEFAULT_SESSIONS } });
  const more = { limits: { sessions: options.sessions ?? DEFAULT_SESSIONS }, ...(options.shards === undefined ? {} : { shards: options.shards }) };
  const site = openSite({ routers: { r1: { more, paths: paths("r2") }, r2: { more, paths: paths("r1") } } });
  return worldOf(kind, net, await startFabric(net, { ...site, services: [...site.services, ...options.services ?? []] }));
}

/** openWorlds opens several; when one fails the others are closed. */
export async function openWorlds(kinds: readonly Kind[], options: WorldOptions = {}): Promise<World[]> {
  const worlds: World[] = [];
  try {
    for (const kind of kinds) worlds.push(await openWorld(kind, options));
    return worlds;
  } catch (error) {
    for (const world of worlds) await world.close();
    throw error;
  }
}
