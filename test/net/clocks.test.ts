// What routers accept of each other by mode, window and clock (protocol 7.1, RB-21). Clocks are set only as the router processes see them.
//
//   a 10.1.0.10 --lan0 r1 wan0 == wan0 r2 lan0-- b 10.2.0.10
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { TAG_BYTES } from "../../pkg/svr/constants.ts";
import { createAuthority, writeIdentity } from "../support/ca.ts";
import { startCapture } from "../support/capture.ts";
import { hideLibrary } from "../support/engines.ts";
import { openNet } from "../support/net.ts";
import { describeNet } from "../support/probe.ts";
import { Fabric } from "../support/router.ts";
import type { Router } from "../support/router.ts";
import { openSite } from "../support/site.ts";
import type { Site } from "../support/site.ts";
import { hostAddress, pair } from "../support/topologies.ts";
import { startTcpClient, startTcpServer, startUdpClient, startUdpServer } from "../support/traffic.ts";
import { waitFor } from "../support/wait.ts";
import { readWire } from "../support/wire.ts";

const UDP = 2100, TCP = 2000, SOCKETS = 10;
const server = hostAddress(2, 4);

interface Clocked { fabric: Fabric; r1: Router; r2: Router; setClock(ms: number): void; begins(): Promise<number>; skewed(router: Router): Promise<number> }

/** Two routers, the clock of r2 moved. */
async function openClocked(site: Site, prepare: (router: Router, folder: string) => void | Promise<void> = () => undefined): Promise<Clocked> {
  const fabric = new Fabric(await openNet(pair), site);
  const [r1, r2] = [fabric.router("r1"), fabric.router("r2")], file = join(fabric.net.folder, "clock-r2");
  const setClock = (ms: number): void => { writeFileSync(file, String(ms)); };
  setClock(0);
  r2.environment["NODE_OPTIONS"] = `--import=${pathToFileURL(join(import.meta.dirname, "../support/clockshift.ts")).href}`;
  r2.environment["CLOCK_SHIFT_FILE"] = file;
  await Promise.all(fabric.routers.map(async (router) => {
    await prepare(router, fabric.net.folder);
    await router.start();
  }));
  await startUdpServer(fabric.net, "b", { address: server, port: UDP });
  await startTcpServer(fabric.net, "b", { address: server, port: TCP });
  return {
    fabric, r1, r2, setClock,
    begins: async () => (await (await startUdpClient(fabric.net, "a", { to: server, port: UDP, sockets: SOCKETS, waitMs: 1500 })).send(1)).answered,
    skewed: async (router) => (await router.drops())["hmac-clock-skew"] ?? 0,
  };
}

const alarmsOf = async (router: Router): Promise<string[]> => ((await router.status()).alarms ?? []).filter(({ name }) => name === "clock-skew").map(({ object, text }) => `${object}: ${text}`);

describeNet("7.1 modes, windows and clocks", () => {
  test("RB-21 by certificate: 1.9 s apart nothing fails; 10 s apart all that begins fails, both routers raise the alarm with peer, offset and what to do, and it clears", async () => {
    const ca = await createAuthority();
    const byCertificate = openSite({ routers: { r1: { peers: { r2: { psk: undefined } } }, r2: { peers: { r1: { psk: undefined } } } } });
    const { fabric, r1, r2, setClock, begins, skewed } = await openClocked(byCertificate, async ({ stateDir, name }) => { writeIdentity(stateDir, await ca.issue(name), [ca]); });
    try {
      for (const router of [r1, r2]) await waitFor(`${router.name} has keys`, async () => (await router.peers())[0]?.state === "up");
      for (const ms of [1_900, -1_900]) {
        setClock(ms);
        for (let round = 0; round < 3; round++) expect([ms, round, await begins()]).toEqual([ms, round, SOCKETS]);
      }
      const stream = startTcpClient(fabric.net, "a", { to: server, port: TCP, sessions: 20, everyMs: 100 });
      await waitFor("the sessions talk", async () => (await stream.report()).receivedBytes > 20 * 64 * 2);
      expect([await skewed(r1), await skewed(r2), (await r2.drops())["hmac-failure"]]).toEqual([0, 0, undefined]);
      setClock(10_000);
      await waitFor("r2 tells that its clock was set", () => r2.log().some((line) => line["event"] === "clock.step"));
      expect([await begins(), await skewed(r2) > 0]).toEqual([0, true]);
      await waitFor("r2 raises the alarm", async () => (await alarmsOf(r2)).some((text) => /^peer r1: its clock is about (8|10|12) s behind ours, .*Set both clocks by NTP/.test(text)));
      expect(r2.log().filter((line) => line["event"] === "alarm.raised" && line["name"] === "clock-skew")).toMatchObject([{ severity: "major", object: "peer r1" }]);
      setClock(0);
      await waitFor("sessions begin again", async () => await begins() === SOCKETS);
      await waitFor("the alarm clears", async () => (await alarmsOf(r2)).length === 0, { deadlineMs: 90_000 });
      expect(await stream.stop()).toMatchObject({ answered: 20, wrong: 0, faults: {} }); // what was established ran through all of it
    } finally {
      await fabric.close();
    }
  }, 240_000);

  test("every mode and window by pre-shared key: what begins, which clocks are accepted, what is on the wire", async () => {
    const { fabric, r1, r2, setClock, begins, skewed } = await openClocked(openSite());
    const peersOf = (router: Router): Record<string, unknown>[] => (fabric.object("Router", router.name)["spec"] as { peers: Record<string, unknown>[] }).peers;
    const follow = async (router: Router, hmac: Record<string, unknown>): Promise<void> => {
      const before = (await router.status()).configuration.hash;
      fabric.put(fabric.object("Router", router.name, { peers: peersOf(router).map((peer) => ({ ...peer, hmac })) }));
      await waitFor("the router follows", async () => (await router.status()).configuration.hash !== before && (await router.peers())[0]?.hmac === (hmac["mode"] ?? "TimeBased"));
    };
    /** bytes behind the metadata of packets that open sessions: the body, and the tag where there is one */
    const opened = async (): Promise<{ bytes: number[]; answered: number }> => {
      const capture = await startCapture(fabric.net, "r1", "wan0"), answered = await begins();
      const packets = readWire(await capture.frames()).filter(({ metadata, packet }) => metadata?.empty === false && metadata.payloadLength > 0 && packet.destinationPort % 2 === 1);
      await capture.stop();
      return { answered, bytes: [...new Set(packets.map(({ body }) => body.length))] };
    };
    try {
      const tagged = await opened();
      expect([tagged.answered, tagged.bytes.length]).toEqual([SOCKETS, 1]);
      for (const router of [r1, r2]) await follow(router, { mode: "TimeBased", window: 5 });
      setClock(9_500);
      expect([await begins(), await skewed(r2)]).toEqual([SOCKETS, 0]);
      setClock(13_000);
      expect([await begins(), await skewed(r2) > 0]).toEqual([0, true]);
      setClock(3_600_000);
      expect(await begins()).toBe(0);
      for (const router of [r1, r2]) await follow(router, { mode: "Regular" });
      expect(await opened()).toEqual(tagged);
      await follow(r2, { mode: "TimeBased" }); // never read from a packet: both sides must be told
      const before = (await r2.drops())["hmac-failure"] ?? 0;
      expect([await begins(), ((await r2.drops())["hmac-failure"] ?? 0) > before]).toEqual([0, true]);
      for (const router of [r1, r2]) await follow(router, { mode: "Disabled" });
      expect(await opened()).toEqual({ answered: SOCKETS, bytes: [tagged.bytes[0]! - TAG_BYTES] });
    } finally {
      await fabric.close();
    }
  }, 240_000);

  test("EveryPacket: each packet of a session that lives is judged by the clock, in both directions; it goes on when clocks agree again", async () => {
    const site = { ...openSite({ more: { securityPolicyRef: { name: "tagged" } } }), policies: { tagged: { hmacScope: "EveryPacket" } } };
    // the engine of r2 is node:crypto: what moves its clock reaches no library in C
    const { fabric, r1, r2, setClock, skewed } = await openClocked(site, (router, folder) => { if (router.name === "r2") hideLibrary(router, folder); });
    try {
      const client = await startUdpClient(fabric.net, "a", { to: server, port: UDP, waitMs: 700 });
      const rounds = async (): Promise<number> => (await client.send(5)).answered;
      for (const ms of [0, 1_900, -1_900]) {
        setClock(ms);
        expect([ms, await rounds(), await skewed(r2)]).toEqual([ms, 5, 0]);
      }
      for (const ms of [10_000, -10_000]) {
        setClock(ms);
        await waitFor(`nothing passes ${ms} ms apart`, async () => await rounds() === 0);
        expect(await skewed(r2)).toBeGreaterThan(0);
        setClock(0);
        await waitFor("the session goes on", async () => await rounds() === 5);
      }
      for (const router of [r1, r2]) expect(Object.keys(await router.drops()).filter((reason) => reason !== "hmac-clock-skew")).toEqual([]);
    } finally {
      await fabric.close();
    }
  }, 120_000);
});
