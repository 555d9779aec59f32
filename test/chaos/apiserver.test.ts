// The API server is gone for longer than every timer that has to do with it: the Lease of the operator (15 s), the pause between tries
// (30 s), a watch that is silent (120 s), a watch as long as it is asked for (290 s). 10 minutes; 40 s in CI, the first two.
//
//   a --lan0 r1 wan0 == wan0 r2 lan0-- b
import { itemOf, leaderOf } from "../support/kube/operator.ts";
import { openClusterRouters } from "../support/kube/routers.ts";
import type { ClusterRouters } from "../support/kube/routers.ts";
import { describeNet } from "../support/probe.ts";
import type { TestProcess } from "../support/process.ts";
import { isLong, longer } from "../support/scale.ts";
import { openSite } from "../support/site.ts";
import { hostAddress, pair } from "../support/topologies.ts";
import { startTcpClient, startTcpServer } from "../support/traffic.ts";
import { passes, waitFor } from "../support/wait.ts";

const AWAY_MS = isLong ? 600_000 : 40_000, ROUNDS = 8;
const SESSIONS = 20, PORT = 2000;
const BACK_MS = 30_000;
const IDLE = { timers: { udpIdle: "20s" } }, LATER = { timers: { udpIdle: "21s" } };

describeNet("an API server that is gone", () => {
  let cluster: ClusterRouters;
  beforeAll(async () => { cluster = await openClusterRouters(pair, openSite(), IDLE); }, 120_000);
  afterAll(async () => { await cluster.close(); }, 60_000);

  const attempts = ({ lines }: TestProcess): number => lines.filter((line) => /following the API server again|watch begun again/.test(line)).length;

  test(`O-7 for ${AWAY_MS / 1000} s: sessions go on, start and end, a router starts again from its disk, and all catch up within ${BACK_MS / 1000} s with true times`, async () => {
    const { kube, fabric, operator } = cluster;
    const [r1, r2] = [fabric.router("r1"), fabric.router("r2")];
    await cluster.allAcked();
    const at = { address: hostAddress(2, 4), port: PORT };
    await startTcpServer(fabric.net, "b", at);
    const client = startTcpClient(fabric.net, "a", { to: at.address, port: PORT, sessions: SESSIONS, everyMs: 200 });
    await waitFor("all sessions talk", async () => (await client.report()).live === SESSIONS);
    const before = cluster.state("r2").acked;
    await client.forget();

    const gone = performance.now();
    await kube.stopApi();
    let restart = { from: 0, to: 0 };
    for (let round = 0; round < ROUNDS; round += 1) {
      await cluster.talks(PORT + 1 + round);
      if (round === ROUNDS / 2) {
        restart = { from: Date.now(), to: 0 };
        await r1.kill();
        await r1.start();
        restart.to = Date.now();
        expect((await r1.status()).adopted).toBe(true);
      }
      await passes(Math.max(0, gone + (round + 1) * AWAY_MS / ROUNDS - performance.now()));
    }
    expect(await client.report()).toMatchObject({ sessions: SESSIONS, live: SESSIONS, wrong: 0, faults: {} });
    for (const process of [operator, r1.process, r2.process]) expect([process.exit, attempts(process) < 120 + AWAY_MS / 1000]).toEqual([undefined, true]); // ten kinds of the operator, pauses of 15 s and more
    await waitFor("sessions without traffic ended, those with it did not", async () => (await r2.live()).length < SESSIONS + 10 && (await r2.live({ protocol: "6" })).length === SESSIONS, { deadlineMs: 40_000, everyMs: 200 });

    await kube.startApi();
    const back = performance.now(), backMs = Date.now();
    const sinceBack = (): string => ((performance.now() - back) / 1000).toFixed(1);
    // What is in force is what was in force before: r2 since then, r1 since it started again.
    const ackedMs = (name: string): number => Date.parse(cluster.state(name).acked?.time ?? "");
    await waitFor("r1 tells since when", () => ackedMs("r1") >= restart.from && ackedMs("r1") <= restart.to + 1_000, { deadlineMs: BACK_MS, everyMs: 100, show: () => JSON.stringify([restart, cluster.state("r1")]) });
    const told = sinceBack();
    expect(cluster.state("r2").acked).toEqual(before);
    const appliedMs = Date.now(), old = cluster.hashes();
    cluster.apply(LATER);
    await waitFor("the operator has written new heads", () => cluster.hashes().every((hash, index) => hash !== old[index]), { deadlineMs: BACK_MS, everyMs: 100 });
    await cluster.allAcked(BACK_MS);
    for (const name of cluster.names) expect(ackedMs(name)).toBeGreaterThanOrEqual(appliedMs);
    console.log(`chaos: API server gone for ${AWAY_MS / 1000} s; back, r1 told its configuration after ${told} s, both had an edit after ${sinceBack()} s; tries: operator ${attempts(operator)}, r1 ${attempts(r1.process)}, r2 ${attempts(r2.process)}`);
    expect(performance.now() - back).toBeLessThan(BACK_MS);
    expect(leaderOf(kube)).not.toBe("");
    for (const name of cluster.names) await waitFor(`facts of ${name} are new`, () => Date.parse(String(itemOf(kube, "routers.opensvr.io", name)?.status?.["time"])) > backMs, { deadlineMs: BACK_MS, everyMs: 200 });
    await waitFor("the conditions say so", () => cluster.names.every((name) => cluster.condition(name, "Programmed") === "True Programmed: on 1 of 1 routers"), { deadlineMs: BACK_MS, everyMs: 200 });
    await cluster.talks(PORT + 1 + ROUNDS);
    expect(await client.report()).toMatchObject({ live: SESSIONS, wrong: 0, faults: {} });
    await client.stop();
  }, longer(180_000));
});
