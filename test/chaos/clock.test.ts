// Clocks that are set by an hour while sessions run, only as the router processes see it:
//
//   a --lan0 r1 wan0 == wan0 r2 lan0-- b
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { openNet } from "../support/net.ts";
import { describeNet } from "../support/probe.ts";
import { Fabric } from "../support/router.ts";
import type { Router } from "../support/router.ts";
import { openSite } from "../support/site.ts";
import { hostAddress, pair } from "../support/topologies.ts";
import { startTcpClient, startTcpServer, startUdpClient, startUdpServer } from "../support/traffic.ts";
import { waitFor } from "../support/wait.ts";

const HOUR_MS = 3_600_000, PORT = 2000, UDP_PORT = 2100;

describeNet("clocks that are set", () => {
  let fabric: Fabric, routers: Router[];
  const files = new Map<string, string>();
  const setClock = (router: Router, ms: number): void => { writeFileSync(files.get(router.name)!, String(ms)); };

  beforeAll(async () => {
    fabric = new Fabric(await openNet(pair), openSite());
    routers = fabric.routers;
    for (const router of routers) {
      files.set(router.name, join(fabric.net.folder, `clock-${router.name}`));
      setClock(router, 0);
      router.environment["NODE_OPTIONS"] = `--import=${pathToFileURL(join(import.meta.dirname, "../support/clockshift.ts")).href}`;
      router.environment["CLOCK_SHIFT_FILE"] = files.get(router.name)!;
    }
    await Promise.all(routers.map((router) => router.start()));
  }, 60_000);
  afterAll(async () => { await fabric.close(); }, 60_000);

  test("4.4 RB-21 one hour forward and two back: told as clock.step, established sessions run, new ones begin while both routers have one time, and only then", async () => {
    const at = { address: hostAddress(2, 4), port: PORT };
    await startTcpServer(fabric.net, "b", at);
    await startUdpServer(fabric.net, "b", { address: at.address, port: UDP_PORT });
    const stream = startTcpClient(fabric.net, "a", { to: at.address, port: PORT, sessions: 20, everyMs: 100 });
    await waitFor("the sessions talk", async () => (await stream.report()).receivedBytes > 20 * 64 * 2);
    const [one, two] = routers as [Router, Router];
    const begins = async (): Promise<number> => (await (await startUdpClient(fabric.net, "a", { to: at.address, port: UDP_PORT, sockets: 10, waitMs: 1500 })).send(1)).answered;
    const steps = (router: Router): number[] => router.log().filter((line) => line["event"] === "clock.step").map((line) => Math.round(Number(line["by"]) / 1000));
    expect(await begins()).toBe(10);
    for (const hours of [1, -1]) {
      setClock(one, hours * HOUR_MS);
      await waitFor("r1 tells it", () => steps(one).at(-1) === (hours === 1 ? 3600 : -7200));
      expect(await begins()).toBe(0); // the peer's time is another one
      setClock(two, hours * HOUR_MS);
      await waitFor("r2 tells it", () => steps(two).at(-1) === (hours === 1 ? 3600 : -7200));
      expect(await begins()).toBe(10);
    }
    const refused = await two.drops();
    expect((refused["hmac-failure"] ?? 0) + (refused["hmac-clock-skew"] ?? 0)).toBeGreaterThan(0);
    const before = await stream.report();
    await waitFor("the stream goes on", async () => (await stream.report()).receivedBytes > before.receivedBytes + 20 * 64 * 5);
    expect(await stream.stop()).toMatchObject({ answered: 20, wrong: 0, faults: {} });
    for (const router of routers) expect((await router.verify()).faults).toEqual([]);
  }, 120_000);
});
