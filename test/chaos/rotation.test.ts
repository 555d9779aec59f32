// Keys that rotate as often as they can while many sessions with encrypted payloads live, over a path on which every packet arrives half a
// second later. In the long run at the size of RB-34: 1,000 sessions for ten minutes.
//
//   a --lan0 r1 wan0 == middle == wan0 r2 lan0-- b        500 ms in each direction
import { createAuthority, writeIdentity } from "../support/ca.ts";
import { startDelay, withMiddle } from "../support/delay.ts";
import { openNet } from "../support/net.ts";
import { describeNet } from "../support/probe.ts";
import { Fabric } from "../support/router.ts";
import { longer, scaled } from "../support/scale.ts";
import { openSite } from "../support/site.ts";
import { hostAddress, pair } from "../support/topologies.ts";
import { startTcpClient, startTcpServer } from "../support/traffic.ts";
import { passes, waitFor } from "../support/wait.ts";

const SESSIONS = scaled(1_000), RUN_MS = longer(60_000), WAIT_MS = 30_000, DELAY_MS = 500;

describeNet("rotation", () => {
  test("RB-34 a rotation asked for every 5 s: no session is reset, no tag is wrong, requests during the wait are merged", async () => {
    const ca = await createAuthority(), more = { keyRotation: { interval: "1h" } }; // of 5 s here
    const fabric = new Fabric(await openNet(withMiddle(pair, "r1-r2")), { ...openSite({ more: { securityPolicyRef: { name: "gcm" } }, routers: { r1: { more, peers: { r2: { psk: undefined } } }, r2: { more, peers: { r1: { psk: undefined } } } } }), policies: { gcm: { payloadEncryption: "GCM", adaptive: false } } });
    const [r1, r2] = [fabric.router("r1"), fabric.router("r2")];
    try {
      for (const router of [r1, r2]) {
        router.from.push("--key-hour", "5000");
        writeIdentity(router.stateDir, await ca.issue(router.name), [ca]);
      }
      const delayer = await startDelay(fabric.net, DELAY_MS);
      await Promise.all([r1.start(), r2.start()]);
      for (const router of [r1, r2]) await waitFor(`${router.name} has keys`, async () => (await router.peers())[0]?.state === "up", { deadlineMs: 40_000 });
      await startTcpServer(fabric.net, "b", { address: hostAddress(2, 4), port: 80 });
      await passes(2_000);
      const before = (await r2.drops())["unknown-key"];
      const client = startTcpClient(fabric.net, "a", { to: hostAddress(2, 4), port: 80, sessions: SESSIONS, everyMs: 1_000 });
      await waitFor("all sessions live", async () => { const { live, receivedBytes } = await client.report(); return live === SESSIONS && receivedBytes > 0; }, { deadlineMs: 60_000 });
      const keys = new Set<string>(), began = Date.now();
      while (Date.now() - began < RUN_MS) {
        keys.add((await r1.peers())[0]?.keys.send ?? "");
        await passes(1_000);
      }
      expect(await client.stop()).toMatchObject({ answered: SESSIONS, wrong: 0, faults: {} });
      const [one, other] = [await r1.drops(), await r2.drops()];
      expect([one["hmac-failure"], one["unknown-key"], other["hmac-failure"], other["unknown-key"]]).toEqual([undefined, undefined, undefined, before]);
      for (const drops of [one, other]) expect([drops["decrypt-failure"], drops["replay-payload"], drops["protect-full"]]).toEqual([undefined, undefined, undefined]);
      const ways = await delayer.seen();
      console.log(`rotation: ${SESSIONS} sessions, ${RUN_MS / 1000} s, ${keys.size} keys, ${ways.map(({ frames, least, most }) => `${frames} frames held ${least} to ${most} ms`).join(", ")}`);
      for (const way of ways) expect([way.lost, way.least >= DELAY_MS, way.frames > SESSIONS * RUN_MS / 2_000]).toEqual([0, true, true]);
      expect([keys.size >= Math.floor(RUN_MS / (WAIT_MS + 10_000)), keys.size <= Math.ceil(RUN_MS / WAIT_MS) + 1]).toEqual([true, true]);
    } finally {
      await fabric.close();
    }
  }, longer(180_000));
});
