// A state directory that is full, and one that cannot be written:
//
//   a --lan0 r1 wan0 == wan0 r2 lan0-- b        the state of r1 is on a file system of its own, of 512 KiB
import { writeFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { buildPacket } from "../../pkg/svr/build.ts";
import { fieldsOf } from "../support/craft.ts";
import { openInjector } from "../support/inject.ts";
import { openNet } from "../support/net.ts";
import { describeNet } from "../support/probe.ts";
import { TestProcess } from "../support/process.ts";
import { Fabric } from "../support/router.ts";
import type { Router } from "../support/router.ts";
import { longer, scaled } from "../support/scale.ts";
import { openSite } from "../support/site.ts";
import { hostAddress, pair } from "../support/topologies.ts";
import { startTcpClient, startTcpServer, startUdpServer } from "../support/traffic.ts";
import type { TcpClient } from "../support/traffic.ts";
import { waitFor } from "../support/wait.ts";

const FLOWS = scaled(40_000), BATCH = 200, PORT = 2000, SINK = 2100;
const QUEUE = 65_536; // records that may wait

async function mount(...words: string[]): Promise<void> {
  const { code } = await new TestProcess(words).end(5_000);
  if (code !== 0) throw new Error(`${words.join(" ")}: ${String(code)}`);
}

describeNet("a disk that fails", () => {
  let fabric: Fabric, r1: Router, stream: TcpClient;

  beforeAll(async () => {
    const more = { timers: { udpIdle: "1s", guard: "200ms" }, limits: { sessions: 100_000 } };
    const paths = { r2: { pairs: 200_000 } }, back = { r1: { pairs: 200_000 } };
    fabric = new Fabric(await openNet(pair), openSite({ routers: { r1: { more, paths }, r2: { more, paths: back } } }));
    r1 = fabric.router("r1");
    await mount("mount", "-t", "tmpfs", "-o", "size=512k", "tmpfs", r1.stateDir);
    await Promise.all(fabric.routers.map((router) => router.start()));
    await startTcpServer(fabric.net, "b", { address: hostAddress(2, 4), port: PORT });
    await startUdpServer(fabric.net, "b", { address: hostAddress(2, 4), port: SINK, mode: "sink" });
    stream = startTcpClient(fabric.net, "a", { to: hostAddress(2, 4), port: PORT, sessions: 10, everyMs: 100 });
    await waitFor("the sessions talk", async () => (await stream.report()).receivedBytes > 10 * 64 * 2);
  }, 60_000);
  afterAll(async () => {
    await Promise.all(fabric.routers.map((router) => router.process.stop(20_000)));
    await mount("umount", r1.stateDir);
    await fabric.net.close();
  }, 60_000);

  async function goesOn(): Promise<void> {
    const { receivedBytes } = await stream.report();
    await waitFor("the stream goes on", async () => (await stream.report()).receivedBytes > receivedBytes + 10 * 64 * 5);
    expect(await stream.report()).toMatchObject({ live: 10, wrong: 0, faults: {} });
  }

  test(`full while ${FLOWS} sessions come and go: they begin and end, what cannot be written waits or is declared lost, and is written when there is room`, async () => {
    const filler = join(r1.stateDir, "filler");
    const fill = (): void => {
      for (const bytes of [65_536, 4_096]) for (let at = 0; at < 200; at++) try {
        writeFileSync(filler, Buffer.alloc(bytes), { flag: "a" });
      } catch { break; } // full, which is the point
    };
    fill();
    const fromA = await openInjector(fabric.net, { node: "a", device: "eth0" }, { node: "r1", device: "lan0" });
    for (let sent = 0; sent < FLOWS; sent += BATCH) {
      await fromA.send(...Array.from({ length: BATCH }, (_, n) => buildPacket(fieldsOf(hostAddress(1, 4, 20 + Math.floor((sent + n) / 20_000)), hostAddress(2, 4)), { kind: "udp", sourcePort: 1024 + ((sent + n) % 20_000), destinationPort: SINK }, Uint8Array.of(1))));
      fill();
    }
    const account = async (): Promise<{ created: number; lost: number; waiting: number }> => (await r1.counters()).records;
    await waitFor("most have begun and ended", async () => (await account()).created > FLOWS * 1.8, { deadlineMs: longer(30_000) });
    await goesOn();
    const full = await account();
    expect(full.waiting + full.lost).toBeGreaterThan(FLOWS / 2);
    if (full.created > QUEUE * 1.1) expect(full.lost).toBeGreaterThan(0);
    expect(r1.log().some((line) => JSON.stringify(line).includes("SVR_RECORD_FILE"))).toBe(true);
    rmSync(filler);
    await mount("mount", "-o", "remount,size=256m", r1.stateDir);
    await waitFor("all that waited is written", async () => (await account()).waiting === 0, { deadlineMs: 30_000 });
    const after = await account();
    const written = r1.records();
    const lost = written.filter((one) => one.recordType === "loss").reduce((sum, one) => sum + (one.lost ?? 0), 0);
    expect(lost).toBe(after.lost);
    expect(written.length + lost).toBeGreaterThanOrEqual(full.created);
    expect((await r1.verify()).faults).toEqual([]);
  }, longer(90_000));

  test("read-only: sessions begin and run; a router that is started there says what is wrong, and established sessions run on", async () => {
    await mount("mount", "-o", "remount,ro", r1.stateDir);
    const late = startTcpClient(fabric.net, "a", { to: hostAddress(2, 4), port: PORT, sessions: 5, everyMs: 100 });
    await waitFor("new sessions answer", async () => (await late.report()).receivedBytes > 5 * 64);
    const { hash } = (await r1.status()).configuration;
    for (const name of ["early", "later"]) r1.config.write(`${name}.yaml`, `apiVersion: opensvr.io/v1alpha1\nkind: Tenant\nmetadata: { name: ${name} }\n`);
    const { configuration } = await waitFor("the change is in force, and it is told that it is not kept", async () => { const now = await r1.status(); return now.configuration.hash !== hash && now.configuration.problems.length > 0 && now; }, { deadlineMs: 15_000 });
    expect([configuration.stale, configuration.problems]).toEqual([false, [expect.stringMatching(/not kept on disk.*SVR_LAST_GOOD: .*EROFS/)]]);
    expect(await waitFor("the log says so once", async () => { const told = r1.log().filter((line) => line["event"] === "configuration.unkept"); return told.length > 0 && told; })).toHaveLength(1);
    await r1.kill();
    const refused = r1.launch();
    expect((await refused.end(20_000)).code).toBe(1);
    expect(`${refused.lines.join("\n")}${refused.errors}`).toContain("SVR_STATE_DIR");
    await goesOn();
    await mount("mount", "-o", "remount,rw", r1.stateDir);
    await r1.start();
    expect(await late.stop()).toMatchObject({ answered: 5, wrong: 0, faults: {} });
    await goesOn();
    expect((await r1.verify()).faults).toEqual([]);
  }, 60_000);
});
