// One session as the admin APIs of branch, transit and cloud show it: TCP from a host behind branch to a server behind cloud,
// source NAT at cloud. For tests of svrctl. Imported by tests only.
import type { FlowView, SessionView } from "../../pkg/api/view.ts";

/** sessionId is the id of the session. */
export const sessionId = "5d0c2a7e9b1f4c3d8e6f7a8b9c0d1e2f";

type Place = Pick<FlowView, "interface" | "source" | "destination"> & { protocol?: number };

function flow(direction: FlowView["direction"], at: Place): FlowView {
  const count = direction === "forward" ? { packets: 10, bytes: 1_040 } : { packets: 8, bytes: 100_500 };
  return { direction, vlan: 0, protocol: 6, fast: true, ...count, ...at };
}

const shared = {
  sessionId, tenant: "engineering.acme", service: "shop/web", protocol: 6, life: "live" as const,
  sourceAddress: "10.1.0.10", sourcePort: 40_000, destinationAddress: "10.9.0.10", destinationPort: 443, security: "encrypted",
  startTime: "2026-01-01T00:06:48.000Z", duration: 192_000, idle: 400,
  forwardPackets: 10, forwardBytes: 1_040, reversePackets: 8, reverseBytes: 100_500, retransmissions: 0, outOfOrder: 1, tcpState: "established",
};

/** sessionHops are the answers by router. */
export const sessionHops: Readonly<Record<"branch" | "transit" | "cloud", SessionView>> = {
  branch: {
    ...shared, router: "branch", role: "ingress", spanId: "aaaa000000000001", parentSpanId: "0000000000000000", setupTime: 12, downstream: "I-QUIET",
    ingressInterface: "lan-eng", egressInterface: "wan0", waypointLocal: "192.0.2.1:16384", waypointRemote: "192.0.2.2:16385", peer: "transit", peerPath: "transit/v4", carrier: "udp",
    flows: [
      flow("forward", { interface: "lan-eng", source: "10.1.0.10:40000", destination: "10.9.0.10:443" }),
      flow("reverse", { interface: "wan0", source: "192.0.2.2:16385", destination: "192.0.2.1:16384", protocol: 17 }),
    ],
  },
  transit: {
    ...shared, router: "transit", role: "transit", spanId: "bbbb000000000002", parentSpanId: "aaaa000000000001", upstream: "R-QUIET", downstream: "I-QUIET",
    ingressInterface: "west0", egressInterface: "east0", waypointLocal: "198.51.100.2:16390", waypointRemote: "198.51.100.1:20001", peer: "cloud", peerPath: "cloud/v4", carrier: "udp",
    flows: [
      flow("forward", { interface: "west0", source: "192.0.2.1:16384", destination: "192.0.2.2:16385", protocol: 17 }),
      flow("reverse", { interface: "east0", source: "198.51.100.1:20001", destination: "198.51.100.2:16390", protocol: 17 }),
    ],
  },
  cloud: {
    ...shared, router: "cloud", role: "egress", spanId: "cccc000000000003", parentSpanId: "bbbb000000000002", upstream: "R-META",
    ingressInterface: "wan0", egressInterface: "lan0", waypointLocal: "198.51.100.1:20001", waypointRemote: "198.51.100.2:16390", peer: "transit", peerPath: "transit/v4", carrier: "udp",
    natSource: "10.9.0.1:32768",
    flows: [
      flow("forward", { interface: "wan0", source: "198.51.100.2:16390", destination: "198.51.100.1:20001", protocol: 17 }),
      { ...flow("reverse", { interface: "lan0", source: "10.9.0.10:443", destination: "10.9.0.1:32768" }), fast: false },
    ],
  },
};
