// Traffic of real hosts while the process of the router ends and starts again, many times, and while it changes its configuration:
//
//   a -- lan0 [r] far0 -- b        source NAT at r; the kernel of r finds the neighbours
//
// L-7: not one packet is lost.
import { parseAddress } from "../../pkg/base/addresstext.ts";
import type { IpAddress } from "../../pkg/base/address.ts";
import { openDatapath } from "../../pkg/datapath/open.ts";
import type { EbpfDatapath } from "../../pkg/datapath/open.ts";
import { openShardPort } from "../../pkg/datapath/shardport.ts";
import type { DatapathConfig } from "../../pkg/ports/datapath.ts";
import { PROTO_ICMP, PROTO_ICMPV6, PROTO_TCP } from "../../pkg/svr/constants.ts";
import { Flag, TcpState } from "../../pkg/svr/session.ts";
import type { Session } from "../../pkg/svr/session.ts";
import { flowSession, worldConfig } from "../support/flows.ts";
import { insideNamespace } from "../support/namespace.ts";
import { openNet } from "../support/net.ts";
import type { Net, Topology } from "../support/net.ts";
import { describeNet } from "../support/probe.ts";
import { gatewaysOf, hostAddress } from "../support/topologies.ts";
import { startTcpClient, startTcpServer } from "../support/traffic.ts";
import { waitFor } from "../support/wait.ts";
import { openOptions } from "./ebpfworld.ts";

const LAN = 1, FAR = 2, PORT = 7, FIRST_PORT = 40_000, TCP_SESSIONS = 20, PINGS = 2_000;

function lan(host: string, network: number, device: string): Topology["links"][number] {
  const [v4, v6] = gatewaysOf(network);
  return {
    name: host, ends: [
      { node: host, device: "eth0", addresses: [`${hostAddress(network, 4)}/24`, `${hostAddress(network, 6)}/64`] },
      { node: "r", device, addresses: [`${v4}/24`, `${v6}/64`] },
    ],
  };
}

const topology: Topology = {
  nodes: { a: { kind: "host", gateways: gatewaysOf(1) }, r: { kind: "router" }, b: { kind: "host", gateways: gatewaysOf(2) } },
  links: [lan("a", 1, "lan0"), lan("b", 2, "far0")],
};

function config(mtu: number): DatapathConfig {
  const hop = { vlan: 0, family: 4 as const, mtu, mss4: 0, mss6: 0 };
  return {
    ...worldConfig(), peers: [], locals: [],
    interfaces: [{ ifnum: LAN, name: "lan0", shared: false, hosts: true }, { ifnum: FAR, name: "far0", shared: false, hosts: true }],
    nexthops: [{ ...hop, index: LAN, interface: "lan0", ifnum: LAN }, { ...hop, index: FAR, interface: "far0", ifnum: FAR }],
  };
}

const address = (network: number, family: 4 | 6): IpAddress => parseAddress(hostAddress(network, family))!;

/** A session from a to b, whose source becomes an address that b can only reach through r. */
function natted(n: number, family: 4 | 6, proto: number, ports: { host: number; server: number }): Session {
  const now = Number(process.hrtime.bigint() / 1_000_000n), low = now >>> 0;
  const a = address(1, family), b = address(2, family), nat = parseAddress(family === 4 ? "203.0.113.7" : "2001:db8:c::7")!;
  const side = { vlan: 0, path: 0, proto, family };
  return flowSession({ family, proto: proto === PROTO_TCP ? "tcp" : "icmp", role: "single" }, n, {
    side: [
      { ...side, remote: a, local: b, remotePort: ports.host, localPort: ports.server, ifnum: LAN, nexthop: LAN },
      { ...side, remote: b, local: nat, remotePort: ports.server, localPort: 20_000 + n, ifnum: FAR, nexthop: FAR },
    ],
    flags: Flag.snat, tcpState: proto === PROTO_TCP ? TcpState.synSent : TcpState.none, seenMs: [low, low], sinceMs: low, createdMs: now, interimMs: low, nextSeq: [0, 0], lastAck: [0, 0],
  });
}

function sessions(): Session[] {
  return ([4, 6] as const).flatMap((family, f) => [
    natted(f + 1, family, family === 4 ? PROTO_ICMP : PROTO_ICMPV6, { host: 77, server: 0 }),
    ...Array.from({ length: TCP_SESSIONS }, (_, n) => natted(100 * (f + 1) + n, family, PROTO_TCP, { host: FIRST_PORT + n, server: PORT })),
  ]);
}

/** One echo request every 2 ms; late answers count, lost ones do not. */
async function manyPings(net: Net, to: string): Promise<string> {
  const { stdout } = await net.exec("a", ["ping", "-n", "-q", "-i", "0.002", "-c", String(PINGS), "-W", "5", "-e", "77", to]);
  return /\d+ packets transmitted, \d+ received/.exec(stdout)?.[0] ?? stdout;
}

describeNet("L-7 packets flow", () => {
  let net: Net;
  let datapath: EbpfDatapath;
  const open = (mtu: number): void => insideNamespace(net, "r", () => {
    datapath = openDatapath(openOptions(net.pinFolder("r")));
    datapath.program(config(mtu));
  });

  beforeAll(async () => {
    net = await openNet(topology);
    open(1500);
    const port = insideNamespace(net, "r", () => openShardPort(datapath.shardSpec(0)));
    const results = port.apply(sessions().map((session) => ({ kind: "install", session })));
    port.close();
    expect(results.filter((result) => !result.ok)).toEqual([]);
  }, 30_000);
  afterAll(async () => {
    datapath.destroy();
    await net.close();
  }, 30_000);

  test("while the router's process ends, starts and changes its configuration", async () => {
    for (const family of [4, 6] as const) await startTcpServer(net, "b", { address: hostAddress(2, family), port: PORT });
    const clients = ([4, 6] as const).map((family) => startTcpClient(net, "a", { to: hostAddress(2, family), port: PORT, sessions: TCP_SESSIONS, everyMs: 5, firstPort: FIRST_PORT }));
    for (const client of clients) await waitFor("all sessions are up", async () => (await client.report()).answered === TCP_SESSIONS);
    for (const client of clients) await client.forget();
    const pings = ([4, 6] as const).map((family) => manyPings(net, hostAddress(2, family)));
    for (let turn = 0; turn < 4; turn++) {
      datapath.close();
      await waitFor("traffic goes on with no process", async () => (await clients[0]!.report()).live === TCP_SESSIONS);
      open(turn % 2 === 0 ? 1500 : 1400);
    }
    expect(await Promise.all(pings)).toEqual(Array(2).fill(`${PINGS} packets transmitted, ${PINGS} received`));
    for (const client of clients) expect(await client.report()).toMatchObject({ live: TCP_SESSIONS, wrong: 0, faults: {} });
    const states = datapath.sessions(0, 100).sessions.map((one) => one.state);
    expect(states).toHaveLength(2 * (TCP_SESSIONS + 1));
    expect(datapath.counters().drops).toEqual({});
    expect(states.filter((state) => state.context.proto === PROTO_TCP).every((state) => state.packets[0] > 100n && state.packets[1] > 100n)).toBe(true);
    for (const client of clients) expect(await client.stop()).toMatchObject({ wrong: 0, faults: {} });
  }, 60_000);
});
