// A flood of KX1 at a router whose peers are known by certificate, beside sessions and rotations: memory and CPU stay bounded, the real peer
// gets its keys on time, no packet of sessions is lost. The flood comes from one host with many ports that answers every cookie.
//
//   a --lan0 r1 wan0 -- k -- wan0 r2 lan0-- b
//                       |
//                       x                          the flooding host
import { readFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { createAuthority, writeIdentity } from "../support/ca.ts";
import { openNet } from "../support/net.ts";
import { describeNet } from "../support/probe.ts";
import { Fabric } from "../support/router.ts";
import type { Router } from "../support/router.ts";
import { openSite } from "../support/site.ts";
import { crossed, hostAddress } from "../support/topologies.ts";
import { startTcpClient, startTcpServer, startUdpClient, startUdpServer } from "../support/traffic.ts";
import { passes, waitFor } from "../support/wait.ts";

const STRANGER = "192.168.3.2", FLOODED = "192.168.2.2", PORTS = 300, FLOOD_MS = 20_000;
const TICKS = 100; // of the clock of /proc in a second
const MEMORY_MOST = 192 * 1024 * 1024, CPU_MOST = 0.5;
const server = hostAddress(2, 4);

interface Used { cpuSeconds: number; bytes: number; atMs: number }
function used({ process: { pid } }: Router): Used {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ", 2)[1]!.split(" ");
  return { cpuSeconds: (Number(fields[11]) + Number(fields[12])) / TICKS, bytes: Number(fields[21]) * 4096, atMs: Date.now() };
}

interface Flooded { fabric: Fabric; r1: Router; r2: Router }

async function open(): Promise<Flooded> {
  const ca = await createAuthority(), more = { keyRotation: { interval: "1h" } }; // of 5 s here
  const fabric = new Fabric(await openNet(crossed), openSite({ routers: {
    r1: { more, peers: { r2: { psk: undefined } }, paths: { r2: { gateway: "192.168.1.1" } } }, r2: { more, peers: { r1: { psk: undefined } }, paths: { r1: { gateway: "192.168.2.1" } } },
  } }));
  const [r1, r2] = [fabric.router("r1"), fabric.router("r2")];
  for (const router of [r1, r2]) {
    router.from.push("--key-hour", "5000");
    writeIdentity(router.stateDir, await ca.issue(router.name), [ca]);
  }
  await Promise.all([r1.start(), r2.start()]);
  for (const router of [r1, r2]) await waitFor(`${router.name} has keys`, async () => (await router.peers())[0]?.state === "up");
  await startTcpServer(fabric.net, "b", { address: server, port: 80 });
  await startUdpServer(fabric.net, "b", { address: server, port: 90 });
  return { fabric, r1, r2 };
}

describeNet("floods of key exchange", () => {
  test.each([["loud", 1_000, 2], ["slow enough to have each cookie answered", 20, 3]] as const)("15.2 a host with 300 ports, %s: keys rotate, sessions begin and go on, memory and CPU are bounded", async (_how, perSecond, atLeast) => {
    const { fabric, r1, r2 } = await open();
    try {
      const stream = startTcpClient(fabric.net, "a", { to: server, port: 80, sessions: 50, everyMs: 100 });
      await waitFor("the sessions talk", async () => (await stream.report()).receivedBytes > 50 * 64 * 5);
      const quiet = used(r2);
      await passes(4_000);
      const before = used(r2), quietCpu = (before.cpuSeconds - quiet.cpuSeconds) / ((before.atMs - quiet.atMs) / 1000);
      const flood = fabric.net.start("x", [process.execPath, "--disable-warning=ExperimentalWarning", join(import.meta.dirname, "../support/hosts/kx-flood.ts"), STRANGER, FLOODED, String(PORTS), String(perSecond)]);
      await flood.line(/^ready$/);
      const keys = new Set<string>(), began = Date.now(); // keys in use once the flood could have filled every place; the third was exchanged then
      let answered = 0, rounds = 0, most = 0;
      while (Date.now() - began < FLOOD_MS || (keys.size < atLeast && Date.now() - began < 5 * FLOOD_MS)) {
        answered += (await (await startUdpClient(fabric.net, "a", { to: server, port: 90, sockets: 10, waitMs: 1_500 })).send(1)).answered;
        rounds++;
        if (Date.now() - began >= FLOOD_MS) keys.add((await r1.peers())[0]?.keys.send ?? "");
        most = Math.max(most, used(r2).bytes);
      }
      const after = used(r2), from = flood.lines.length;
      flood.write("report");
      const sent = JSON.parse(await flood.line(/^\{/, { from })) as { sent: number; retries: number; answered: number };
      const cpu = (after.cpuSeconds - before.cpuSeconds) / ((after.atMs - before.atMs) / 1000), [drops, peers] = [await r2.drops(), await r1.peers()];
      console.log(`flood of KX1: ${JSON.stringify({ perSecond, ...sent, seconds: (after.atMs - before.atMs) / 1000, cpu, quietCpu, grown: most - before.bytes, rate: drops["rate"], rounds })}`);
      expect([sent.retries > 100, sent.answered > 0]).toEqual([true, true]); // it is where it says, and is answered
      expect([answered, peers[0]?.state, keys.size]).toEqual([10 * rounds, "up", atLeast]);
      expect(await stream.stop()).toMatchObject({ answered: 50, wrong: 0, faults: {} });
      expect([drops["hmac-failure"], most - before.bytes < MEMORY_MOST, cpu - quietCpu < CPU_MOST, (await r2.status()).alarms]).toEqual([undefined, true, true, []]);
    } finally {
      await fabric.close();
    }
  }, 240_000);
});
