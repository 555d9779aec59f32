// The network of the demo: the three routers of the example with two hosts of one address and a server, and beside it, cut
// off from it, the same shape with kernel routers to compare speed with. Data only; test/support/net.ts builds it.
import type { End, Link, Node, Topology } from "../../test/support/net.ts";
import type { LinkName } from "./example.ts";

/** hostAddresses and serverAddresses are where the hosts and the server are, for IPv4 and IPv6. */
export const hostAddresses = { 4: "10.1.0.10", 6: "fd00:1::10" } as const, serverAddresses = { 4: "10.9.0.10", 6: "fd00:9::10" } as const;

const host: Node = { kind: "host", gateways: ["10.1.0.1", "fd00:1::1"] };
const server: Node = { kind: "host", gateways: ["10.9.0.1", "fd00:9::1"] };

function end(node: string, device: string, ...addresses: string[]): End {
  return { node, device, addresses };
}

function hostLink(node: string, router: string, device: string): Link {
  return { name: node, ends: [end(node, "eth0", "10.1.0.10/24", "fd00:1::10/64"), end(router, device, "10.1.0.1/24", "fd00:1::1/64")] };
}

/** chain is three routers in a row with the server behind the last one. */
function chain(names: { branch: string; transit: string; cloud: string; server: string }): Link[] {
  return [
    { name: `${names.branch}-${names.transit}`, ends: [end(names.branch, "wan0", "192.0.2.1/24", "2001:db8:1::1/64"), end(names.transit, "west0", "192.0.2.2/24", "2001:db8:1::2/64")] },
    { name: `${names.transit}-${names.cloud}`, ends: [end(names.transit, "east0", "198.51.100.2/24", "2001:db8:2::2/64"), end(names.cloud, "wan0", "198.51.100.1/24", "2001:db8:2::1/64")] },
    { name: names.server, ends: [end(names.cloud, "lan0", "10.9.0.1/24", "fd00:9::1/64"), end(names.server, "eth0", "10.9.0.10/24", "fd00:9::10/64")] },
  ];
}

/** plainNodes are the nodes of the network with kernel routers. */
export const plainNodes = { host: "plain-host", branch: "plain-branch", transit: "plain-transit", cloud: "plain-cloud", server: "plain-server" } as const;

/** topology is both networks. */
export const topology: Topology = {
  nodes: {
    engineering: host, finance: host, branch: { kind: "router" }, transit: { kind: "router" }, cloud: { kind: "router" }, server,
    [plainNodes.host]: host, [plainNodes.server]: server,
    [plainNodes.branch]: { kind: "forwarder", gateways: ["192.0.2.2"] },
    [plainNodes.transit]: { kind: "forwarder", routes: [{ to: "10.1.0.0/24", via: "192.0.2.1" }, { to: "10.9.0.0/24", via: "198.51.100.1" }] },
    [plainNodes.cloud]: { kind: "forwarder", gateways: ["198.51.100.2"] },
  },
  links: [
    hostLink("engineering", "branch", "lan-eng"), hostLink("finance", "branch", "lan-fin"), ...chain({ branch: "branch", transit: "transit", cloud: "cloud", server: "server" }),
    hostLink(plainNodes.host, plainNodes.branch, "lan0"), ...chain(plainNodes),
  ],
};

/** CapturePoint is a device whose packets are captured: a link between routers, or the LAN of a tenant. */
export interface CapturePoint { node: string; device: string; link?: LinkName; tenant?: string }

/** capturePoints lists them. */
export const capturePoints: readonly CapturePoint[] = [
  { node: "branch", device: "wan0", link: "branch-transit" }, { node: "transit", device: "east0", link: "transit-cloud" },
  { node: "branch", device: "lan-eng", tenant: "engineering.acme" }, { node: "branch", device: "lan-fin", tenant: "finance.acme" },
];
