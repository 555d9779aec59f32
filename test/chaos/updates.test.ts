// A configuration that changes all the time under traffic (RB-29):
//
//   a --lan0 r1 wan0 == wan0 r2 lan0-- b        b has many addresses; which one answers for a service changes every 100 ms
//
// Every probe is a new session. The address at which it arrives says which version of the route decided it, so its age is known.
// What the same does to the time that packets take is in test/bench/reading.
import { formatAddress } from "../../pkg/base/addresstext.ts";
import type { SessionList } from "../../pkg/api/view.ts";
import { buildPacket } from "../../pkg/svr/build.ts";
import { PROTO_UDP } from "../../pkg/svr/constants.ts";
import { startCapture } from "../support/capture.ts";
import { fieldsOf } from "../support/craft.ts";
import { openInjector } from "../support/inject.ts";
import { openNet } from "../support/net.ts";
import { describeNet } from "../support/probe.ts";
import { startFabric } from "../support/router.ts";
import type { Fabric, Router } from "../support/router.ts";
import type { Site } from "../support/site.ts";
import { hostAddress, pair } from "../support/topologies.ts";
import { startTcpClient, startTcpServer } from "../support/traffic.ts";
import { passes, waitFor } from "../support/wait.ts";
import { readWire } from "../support/wire.ts";

const EVERY_MS = 100, UPDATES = 60, STALE_MS = 1_000, PROBE_MS = 20;
const SERVER = "10.3.0.1", PORT = 9;
/** more versions than are written, so that an address says which one it was */
const targetOf = (version: number): string => `10.2.0.${100 + version}`;

const site: Site = {
  tenants: [{ name: "corp", members: [{ router: "r1", interface: "lan0" }] }],
  services: [
    { name: "moving", addresses: [`${SERVER}/32`], transports: [{ protocol: "UDP", ports: [PORT] }], at: { router: "r2", interface: "lan0" }, targets: [targetOf(0)] },
    { name: "east", addresses: ["10.2.0.0/24"], transports: [{ protocol: "TCP" }], at: { router: "r2", interface: "lan0" } },
  ],
};

describeNet("updates all the time", () => {
  let fabric: Fabric, routers: Router[];

  beforeAll(async () => {
    fabric = await startFabric(await openNet(pair), site);
    routers = fabric.routers;
    const last = 100 + UPDATES;
    const mac = (await fabric.net.must("b", "cat", "/sys/class/net/eth0/address")).trim();
    await fabric.net.must("b", "sh", "-c", `for n in $(seq 100 ${last}); do ip addr add 10.2.0.$n/24 dev eth0; done`);
    await fabric.net.must("r2", "sh", "-c", `for n in $(seq 100 ${last}); do ip neigh replace 10.2.0.$n lladdr ${mac} dev lan0 nud permanent; done`);
  }, 60_000);
  afterAll(async () => { await fabric.close(); }, 60_000);

  /** Reads both routers' sessions, page after page, until it is told to stop; gives how many pages. */
  function readAll(isGoing: () => boolean): Promise<number[]> {
    return Promise.all(routers.map(async (router) => {
      let pages = 0;
      for (let cursor = "0"; isGoing(); pages++) {
        const page: SessionList = await router.get(`/api/v1/routers/${router.name}/sessions?limit=1000&cursor=${cursor}`);
        cursor = page.next ?? "0";
      }
      return pages;
    }));
  }

  test("RB-29 route and service change every 100 ms and all sessions are read: no new session follows a route that is older than a second, live ones go on", async () => {
    await startTcpServer(fabric.net, "b", { address: hostAddress(2, 4), port: 80 });
    const living = startTcpClient(fabric.net, "a", { to: hostAddress(2, 4), port: 80, sessions: 10, everyMs: 50 });
    await waitFor("sessions live", async () => (await living.report()).receivedBytes > 10 * 640);
    const injector = await openInjector(fabric.net, { node: "a", device: "eth0" }, { node: "r1", device: "lan0" });
    const capture = await startCapture(fabric.net, "b", "eth0");
    const applied = (): number[] => routers.map((router) => router.log().filter((line) => line.msg === "configuration applied").length);
    const before = applied();
    const writtenMs = [Date.now()];
    let going = true, sent = 0;
    const reading = readAll(() => going);
    const writing = (async () => {
      for (let version = 1; version <= UPDATES; version++) {
        await passes(EVERY_MS);
        fabric.put(fabric.object("ServiceRoute", "moving-r2", { host: { interface: "lan0", targets: [targetOf(version)] } }), fabric.object("Service", "moving", { idleTimeout: `${60 + version}s` }));
        writtenMs.push(Date.now());
      }
      await passes(STALE_MS + EVERY_MS);
      going = false;
    })();
    while (going) {
      await injector.send(buildPacket(fieldsOf(hostAddress(1, 4, 20), SERVER), { kind: "udp", sourcePort: 2000 + sent++, destinationPort: PORT }, Uint8Array.of(1)));
      await passes(PROBE_MS);
    }
    const [pages] = await Promise.all([reading, writing]);
    await waitFor("the last probe arrives", async () => readWire(await capture.frames()).filter((one) => one.packet.destinationPort === PORT).length >= sent);
    const probes = readWire(await capture.stop()).filter((one) => one.packet.proto === PROTO_UDP && one.packet.destinationPort === PORT);
    const ages = probes.map((one) => {
      const version = Number(formatAddress(one.packet.destination).split(".")[3]) - 100;
      const replacedMs = writtenMs[version + 1];
      return { version, staleMs: replacedMs === undefined ? 0 : Number(one.unixNs / 1_000_000n) - replacedMs };
    });
    const versions = new Set(ages.map((one) => one.version));
    const applications = applied().map((count, index) => count - (before[index] ?? 0));
    console.log(JSON.stringify({ probes: sent, versions: versions.size, applications, pages, stalestMs: Math.max(...ages.map((one) => one.staleMs)) }));
    expect(ages.filter((one) => one.staleMs > STALE_MS)).toEqual([]);
    expect(ages.at(-1)?.version).toBe(UPDATES);
    expect([probes.length, versions.size > 5, pages.every((count) => count > 10)]).toEqual([sent, true, true]);
    expect(await living.report()).toMatchObject({ live: 10, wrong: 0, faults: {} });
    await living.stop();
    for (const router of routers) {
      expect(router.log().filter((line) => line.level >= 50)).toEqual([]);
      expect((await router.verify()).faults).toEqual([]);
    }
  }, 60_000);
});
