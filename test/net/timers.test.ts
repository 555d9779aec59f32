// Timers and ends of sessions with real packets and short timers (L-2, behaviour 3.5, 3.6, 3.9): a session goes between T and T + 2 s
// after its last packet, and its record names why.
//
//   a --lan0 r1 wan0 == wan0 r2 lan0-- b      b answers on some ports, swallows on others
import { buildPacket } from "../../pkg/svr/build.ts";
import { TCP_SYN } from "../../pkg/svr/constants.ts";
import { fieldsOf } from "../support/craft.ts";
import { openInjector } from "../support/inject.ts";
import type { Injector } from "../support/inject.ts";
import { openNet } from "../support/net.ts";
import { describeNet } from "../support/probe.ts";
import { startFabric } from "../support/router.ts";
import type { Fabric, Router } from "../support/router.ts";
import { openSite } from "../support/site.ts";
import { hostAddress, pair } from "../support/topologies.ts";
import { ping, startTcpClient, startTcpServer, startUdpClient, startUdpServer } from "../support/traffic.ts";
import { waitFor } from "../support/wait.ts";

const LATE_MS = 2000, LOOK_MS = 700; // precision of behaviour 3.6, and what asking and a busy machine may add

describeNet("timers and ends", () => {
  let fabric: Fabric, r1: Router, r2: Router, injector: Injector;
  const more = {
    timers: { udpIdle: "3s", udpInitial: "1s", icmpIdle: "2s", synSent: "1s" }, sessionTypes: [{ name: "voice", protocol: "UDP", ports: [5060], idleTimeout: "4s" }],
  };

  beforeAll(async () => {
    fabric = await startFabric(await openNet(pair), openSite({ routers: { r1: { more }, r2: { more } } }));
    [r1, r2] = [fabric.router("r1"), fabric.router("r2")];
    injector = await openInjector(fabric.net, { node: "a", device: "eth0" }, { node: "r1", device: "lan0" });
    for (const port of [7001, 53, 5060]) await startUdpServer(fabric.net, "b", { address: hostAddress(2, 4), port });
    await startUdpServer(fabric.net, "b", { address: hostAddress(2, 4), port: 7000, mode: "sink" });
    await startTcpServer(fabric.net, "b", { address: hostAddress(2, 4), port: 80 });
  }, 60_000);
  afterAll(async () => { await fabric.close(); }, 60_000);

  /** The id of the one session of a filter, and how long it stays live. */
  async function lifeOf(filter: Record<string, string>, from: number): Promise<{ id: string; ms: number }> {
    const id = await waitFor("the session", async () => (await r1.live(filter))[0]?.sessionId);
    await waitFor(`session ${id} ends`, async () => (await r1.live({ sessionId: id })).length === 0, { deadlineMs: 20_000, everyMs: 50 });
    return { id, ms: Date.now() - from };
  }
  const reasonOf = async (router: Router, id: string): Promise<string | undefined> =>
    (await waitFor(`the end record of ${id} on ${router.name}`, () => router.records().find((one) => one.recordType === "end" && one.sessionId === id), { deadlineMs: 15_000 })).endReason;
  const within = (ms: number, timeout: number): void => {
    expect(ms).toBeGreaterThanOrEqual(timeout - 50); // the clock of packets is that of the last tick
    expect(ms).toBeLessThanOrEqual(timeout + LATE_MS + LOOK_MS);
  };

  test.each<[desc: string, port: number, timeout: number]>([["UDP without an answer", 7000, 1000], ["UDP", 7001, 3000], ["DNS", 53, 5000], ["a user's session type", 5060, 4000]])(
    "L-2 %s on port %i ends after %i to 2,000 ms more, as timeout", async (_desc, port, timeout) => {
      const client = await startUdpClient(fabric.net, "a", { to: hostAddress(2, 4), port, waitMs: 300 });
      await client.send(1);
      await client.send(1);
      const from = Date.now() - 300; // a round without answers waits so long
      const { id, ms } = await lifeOf({ destinationPort: String(port) }, from);
      within(ms, timeout);
      expect([await reasonOf(r1, id), await reasonOf(r2, id)]).toEqual(["timeout", "timeout"]);
    }, 30_000);

  test("L-2 an ICMP session is matched by its identifier and ends after its timeout", async () => {
    await ping(fabric.net, "a", hostAddress(2, 4), { count: 2, identifier: 77 });
    const from = Date.now();
    const { id, ms } = await lifeOf({ protocol: "1" }, from);
    expect(ms).toBeLessThanOrEqual(2000 + LATE_MS + LOOK_MS);
    expect(await reasonOf(r1, id)).toBe("timeout");
  }, 30_000);

  test("L-2 a connection that nobody answers ends as half-open-timeout", async () => {
    await injector.send(buildPacket(fieldsOf(hostAddress(1, 4), hostAddress(2, 4, 99)), { kind: "tcp", sourcePort: 999, destinationPort: 81, flags: TCP_SYN, window: 100 }));
    const { id, ms } = await lifeOf({ destinationPort: "81" }, Date.now());
    within(ms, 1000);
    expect(await reasonOf(r1, id)).toBe("half-open-timeout");
  }, 30_000);

  /** A connection that talks, by its session id. */
  async function talking(port = 80): Promise<{ id: string; stop(): Promise<unknown> }> {
    const client = startTcpClient(fabric.net, "a", { to: hostAddress(2, 4), port, sessions: 1, everyMs: 50 });
    await waitFor("it talks", async () => (await client.report()).receivedBytes > 640);
    const [session] = await r1.live({ destinationPort: String(port) });
    return { id: session?.sessionId ?? "", stop: () => client.stop() };
  }
  const configured = async (router: Router, change: () => void): Promise<void> => {
    const { hash } = (await router.status()).configuration;
    change();
    await waitFor("the change is in force", async () => (await router.status()).configuration.hash !== hash);
  };

  test("behaviour 3.9 ended by an administrator: admin here, peer-delete at the peer, an audit line; a dry run changes nothing", async () => {
    const { id, stop } = await talking();
    const socket = `${r1.stateDir}/admin.sock`;
    const svrctl = (...words: string[]): Promise<{ code: number; stdout: string }> => fabric.net.exec("r1", [process.execPath, "--disable-warning=ExperimentalWarning", "cmd/svrctl/main.ts", "sessions", "delete", id, "--socket", socket, ...words]);
    expect(await svrctl("--dry-run")).toMatchObject({ code: 0, stdout: expect.stringContaining(`would end session ${id}`) as string });
    expect((await svrctl()).code).toBe(2);
    expect((await r1.live({ sessionId: id })).length).toBe(1);
    expect(await svrctl("--yes")).toMatchObject({ code: 0, stdout: expect.stringContaining(`ended session ${id}`) as string });
    expect([await reasonOf(r1, id), await reasonOf(r2, id)]).toEqual(["admin", "peer-delete"]);
    expect(r1.log().filter((line) => line["audit"] === true)).toMatchObject([{ action: "session.end", sessionId: id }]);
    await stop();
  }, 30_000);

  test("RB-30 behaviour 1.2, 3.9 a timeout changed by reload acts on live sessions; a peer that goes ends them as path-lost", async () => {
    const client = await startUdpClient(fabric.net, "a", { to: hostAddress(2, 4), port: 5060, waitMs: 300 });
    await client.send(1);
    await configured(r1, () => { r1.config.put(fabric.object("Router", "r1", { sessionTypes: [{ name: "voice", protocol: "UDP", ports: [5060], idleTimeout: "1s" }] })); });
    await client.send(1);
    const { ms } = await lifeOf({ destinationPort: "5060" }, Date.now());
    within(ms, 1000);
    const { id, stop } = await talking();
    await configured(r1, () => { r1.config.put(fabric.object("Router", "r1", { peers: [] })); });
    expect(await reasonOf(r1, id)).toBe("path-lost");
    await stop();
  }, 60_000);
});
