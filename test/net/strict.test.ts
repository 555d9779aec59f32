// Enforcement strict with real connections (behaviour 3.4): bulk traffic with every offload passes as it would without,
// blind segments and resets of somebody who knows the addresses and ports do not (L-7).
//
//   a --lan0 r1 wan0 == wan0 r2 lan0-- b        blind packets come out of a
import { buildPacket } from "../../pkg/svr/build.ts";
import { TCP_ACK, TCP_PSH, TCP_RST } from "../../pkg/svr/constants.ts";
import { fieldsOf } from "../support/craft.ts";
import { openInjector } from "../support/inject.ts";
import { openNet } from "../support/net.ts";
import { describeNet } from "../support/probe.ts";
import { startFabric } from "../support/router.ts";
import type { Fabric, Router } from "../support/router.ts";
import { openSite } from "../support/site.ts";
import { hostAddress, pair } from "../support/topologies.ts";
import { runIperf, startTcpClient, startTcpServer } from "../support/traffic.ts";
import { waitFor } from "../support/wait.ts";

describeNet("enforcement strict", () => {
  let fabric: Fabric, r1: Router, r2: Router;

  beforeAll(async () => {
    fabric = await startFabric(await openNet(pair), openSite({ more: { enforcement: "Strict" } }));
    [r1, r2] = [fabric.router("r1"), fabric.router("r2")];
    for (const family of [4, 6] as const) await startTcpServer(fabric.net, "b", { address: hostAddress(2, family), port: 80 });
  }, 60_000);
  afterAll(async () => { await fabric.close(); }, 60_000);

  const refused = async (router: Router): Promise<number> => (await router.drops())["state"] ?? 0;

  test("bulk traffic passes untouched, both ways", async () => {
    expect(await runIperf(fabric.net, "a", { node: "b", address: hostAddress(2, 4) }, { seconds: 2 })).toBeGreaterThan(1e6);
    expect(await runIperf(fabric.net, "b", { node: "a", address: hostAddress(1, 6) }, { seconds: 2, port: 5202 })).toBeGreaterThan(1e6);
    expect([await refused(r1), await refused(r2)]).toEqual([0, 0]);
  }, 60_000);

  test.each([4, 6] as const)("L-7 IPv%i: a blind segment or RST is dropped with state, the connection goes on", async (family) => {
    const client = startTcpClient(fabric.net, "a", { to: hostAddress(2, family), port: 80, sessions: 1, everyMs: 50 });
    await waitFor("it talks", async () => (await client.report()).receivedBytes > 640);
    const [session] = await r1.live({ destinationPort: "80" });
    const from = await openInjector(fabric.net, { node: "a", device: "eth0" }, { node: "r1", device: "lan0" });
    const before = await refused(r1);
    // Three places a third of the sequence space apart: windows of the kernel reach none or one of them, so two are outside.
    const packets = [0x1000_0000, 0x6555_5555, 0xbaaa_aaaa].flatMap((seq) => [TCP_ACK | TCP_PSH, TCP_RST].map((flags) => buildPacket(fieldsOf(hostAddress(1, family), hostAddress(2, family)),
      { kind: "tcp", sourcePort: session?.sourcePort ?? 0, destinationPort: 80, seq, ack: 0x1234_5678, flags, window: 100 }, flags === TCP_RST ? undefined : new Uint8Array(100))));
    await from.send(...packets);
    await waitFor("they are refused", async () => (await refused(r1)) >= before + 5);
    expect((await r1.denials("state", packets))[0]).toMatchObject({ tenant: "corp", service: "test/east" });
    const { receivedBytes } = await client.report();
    await waitFor("it goes on", async () => (await client.report()).receivedBytes > receivedBytes + 640);
    expect(await client.stop()).toMatchObject({ wrong: 0, faults: {} });
    await from.close();
  }, 60_000);
});
