// The standard networks of tests, IPv4 and IPv6 on every link. Data only; openNet builds them.
//
//   pair      a -- r1 == r2 -- b
//   transit   a -- r1 == t == r2 -- b
//   overlap   eng -+                      two hosts with one address, on two interfaces of r1
//                  r1 == r2 -- b
//             fin -+
//   small     pair with a link of 1,400 bytes between the routers
//   natted    a -- r1 -- n1 -- n2 -- r2 -- b      n1 rewrites ports, n2 translates addresses 1:1
//   narrow    a -- r1 -- n1 == n2 -- r2 -- b      a smaller link between n1 and n2, which cut what may be cut
//   twins     a -- r1 -+
//                      r2 -- b              r1 and r3 have the same address toward r2
//             c -- r3 -+
//   plain     a -- k1 -- k2 -- b          kernel forwarding, to compare with
import type { Detour, End, Link, Node, Topology } from "./net.ts";

/** Gateways are the router's addresses on the LAN of host networks 1, 2 ...: 10.N.0.1 and fd00:N::1. */
export function gatewaysOf(network: number): [string, string] {
  return [`10.${network}.0.1`, `fd00:${network}::1`];
}

/** hostAddress is address `n` of a host network in a family, without length. */
export function hostAddress(network: number, family: 4 | 6, n = 10): string {
  return family === 4 ? `10.${network}.0.${n}` : `fd00:${network}::${n}`;
}

/** linkAddress is the address of an end on inter-router link 1, 2 ...: documentation prefixes. */
export function linkAddress(link: number, family: 4 | 6, end: 0 | 1): string {
  return family === 4 ? `192.0.2.${link * 16 + end + 1}` : `2001:db8:${link}::${end + 1}`;
}

function hostEnd(node: string, network: number): End {
  return { node, device: "eth0", addresses: [`${hostAddress(network, 4)}/24`, `${hostAddress(network, 6)}/64`] };
}

function lanEnd(node: string, network: number, device = "lan0"): End {
  const [v4, v6] = gatewaysOf(network);
  return { node, device, addresses: [`${v4}/24`, `${v6}/64`] };
}

function lan(host: string, router: string, network: number, device?: string): Link {
  return { name: host, ends: [hostEnd(host, network), lanEnd(router, network, device)] };
}

function wan(link: number, a: { node: string; device: string }, b: { node: string; device: string }): Link {
  const end = (at: typeof a, index: 0 | 1): End => ({ ...at, addresses: [`${linkAddress(link, 4, index)}/28`, `${linkAddress(link, 6, index)}/64`] });
  return { name: `${a.node}-${b.node}`, ends: [end(a, 0), end(b, 1)] };
}

function host(network: number): Node {
  return { kind: "host", gateways: gatewaysOf(network) };
}

/** pairOf is one router at each site, by their names. */
export function pairOf(first: string, second: string): Topology {
  return {
    nodes: { a: host(1), [first]: { kind: "router" }, [second]: { kind: "router" }, b: host(2) },
    links: [lan("a", first, 1), wan(1, { node: first, device: "wan0" }, { node: second, device: "wan0" }), lan("b", second, 2)],
  };
}

/** pair is one router at each site. */
export const pair: Topology = pairOf("r1", "r2");

/** transit has a router between the two. */
export const transit: Topology = {
  nodes: { a: host(1), r1: { kind: "router" }, t: { kind: "router" }, r2: { kind: "router" }, b: host(2) },
  links: [
    lan("a", "r1", 1), wan(1, { node: "r1", device: "wan0" }, { node: "t", device: "west0" }), wan(2, { node: "t", device: "east0" }, { node: "r2", device: "wan0" }), lan("b", "r2", 2),
  ],
};

/** overlap has two tenants with the same addresses behind r1. */
export const overlap: Topology = {
  nodes: { eng: host(1), fin: host(1), r1: { kind: "router" }, r2: { kind: "router" }, b: host(2) },
  links: [lan("eng", "r1", 1, "lan-eng"), lan("fin", "r1", 1, "lan-fin"), wan(1, { node: "r1", device: "wan0" }, { node: "r2", device: "wan0" }), lan("b", "r2", 2)],
};

/** natted has r1 behind a NAT that rewrites ports (n1) and r2 behind a static 1:1 NAT (n2); rules are the test's. */
export const natted: Topology = {
  nodes: { a: host(1), r1: { kind: "router" }, n1: { kind: "forwarder" }, n2: { kind: "forwarder" }, r2: { kind: "router" }, b: host(2) },
  links: [
    lan("a", "r1", 1), { name: "r1-n1", ends: [{ node: "r1", device: "wan0", addresses: ["192.168.1.2/24"] }, { node: "n1", device: "in0", addresses: ["192.168.1.1/24"] }] },
    { name: "n1-n2", ends: [{ node: "n1", device: "out0", addresses: ["198.51.100.1/24"] }, { node: "n2", device: "out0", addresses: ["198.51.100.2/24"] }] },
    { name: "n2-r2", ends: [{ node: "n2", device: "in0", addresses: ["192.168.2.1/24"] }, { node: "r2", device: "wan0", addresses: ["192.168.2.2/24"] }] }, lan("b", "r2", 2),
  ],
  detours: [{ ends: [{ node: "r1", device: "wan0", seenAs: "198.51.100.1" }, { node: "r2", device: "wan0", seenAs: "198.51.100.2" }] }],
};

/** crossed has a kernel router between r1 and r2, with a host of somebody else (x) on a link of its own; IPv4 between the routers. */
export const crossed: Topology = {
  nodes: { a: host(1), r1: { kind: "router" }, k: { kind: "forwarder" }, x: { kind: "host", gateways: ["192.168.3.1"] }, r2: { kind: "router" }, b: host(2) },
  links: [
    lan("a", "r1", 1), lan("b", "r2", 2),
    ...[["r1", "wan0", 1], ["r2", "wan0", 2], ["x", "eth0", 3]].map(([node, device, n]): Link => ({
      name: `${node}-k`, ends: [{ node: String(node), device: String(device), addresses: [`192.168.${n}.2/24`] }, { node: "k", device: `to-${node}`, addresses: [`192.168.${n}.1/24`] }],
    })),
  ],
  detours: [{ ends: [{ node: "r1", device: "wan0", seenAs: "192.168.1.2" }, { node: "r2", device: "wan0", seenAs: "192.168.2.2" }] }],
};

/** narrow has two kernel routers between r1 and r2, joined by a link of so many bytes; IPv4 between the routers. */
export function narrow(mtu: number): Topology {
  const { a, b, r1, r2 } = natted.nodes as Record<"a" | "b" | "r1" | "r2", Node>;
  const n1: Node = { kind: "forwarder", routes: [{ to: "192.168.2.0/24", via: "198.51.100.2" }] };
  const n2: Node = { kind: "forwarder", routes: [{ to: "192.168.1.0/24", via: "198.51.100.1" }] };
  const ends: Detour["ends"] = [{ node: "r1", device: "wan0", seenAs: "192.168.1.2" }, { node: "r2", device: "wan0", seenAs: "192.168.2.2" }];
  return withMtu({ ...natted, nodes: { a, r1, n1, n2, r2, b }, detours: [{ ends }] }, "n1-n2", mtu);
}

/** twins has two spokes with one private address on two interfaces of a hub. */
export const twins: Topology = {
  nodes: { a: host(1), c: host(3), r1: { kind: "router" }, r3: { kind: "router" }, r2: { kind: "router" }, b: host(2) },
  links: [
    lan("a", "r1", 1), lan("c", "r3", 3), lan("b", "r2", 2),
    ...(["r1", "r3"] as const).map((spoke): Link => ({
      name: `${spoke}-r2`, ends: [{ node: spoke, device: "wan0", addresses: ["192.168.7.2/24"] }, { node: "r2", device: `wan-${spoke}`, addresses: ["192.168.7.1/24"] }],
    })),
  ],
};

/** small is pair with a hop of 1,400 bytes. */
export const small: Topology = withMtu(pair, "r1-r2", 1400);

/** plain is kernel forwarding over as many hops as pair. */
export const plain: Topology = {
  nodes: {
    a: host(1), b: host(2),
    k1: { kind: "forwarder", gateways: [linkAddress(1, 4, 1), linkAddress(1, 6, 1)] }, k2: { kind: "forwarder", gateways: [linkAddress(1, 4, 0), linkAddress(1, 6, 0)] },
  },
  links: [lan("a", "k1", 1), wan(1, { node: "k1", device: "wan0" }, { node: "k2", device: "wan0" }), lan("b", "k2", 2)],
};

/** withMtu gives a topology with another MTU on one link. */
export function withMtu(topology: Topology, link: string, mtu: number): Topology {
  return { ...topology, links: topology.links.map((one) => (one.name === link ? { ...one, mtu } : one)) };
}

/** withoutOffloads gives a topology whose devices neither cut nor join packets, so that each packet is seen alone. */
export function withoutOffloads(topology: Topology): Topology {
  return { ...topology, links: topology.links.map((one) => ({ ...one, offloads: false })) };
}

/** withFamily gives a topology in which one link has addresses of one family only. */
export function withFamily(topology: Topology, link: string, family: 4 | 6): Topology {
  const only = (end: End): End => ({ ...end, addresses: (end.addresses ?? []).filter((text) => text.includes(":") === (family === 6)) });
  return { ...topology, links: topology.links.map((one) => (one.name === link ? { ...one, ends: [only(one.ends[0]), only(one.ends[1])] } : one)) };
}
