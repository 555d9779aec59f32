// Keys that rotate as often as they can while many sessions live, over a path that delays packets by half a second where the kernel has
// sch_netem. In the long run at the size of RB-34: 1,000 sessions for ten minutes.
//
//   a --lan0 r1 wan0 == wan0 r2 lan0-- b        250 ms in each direction of the WAN
import { createAuthority, writeIdentity } from "../support/ca.ts";
import { openNet } from "../support/net.ts";
import { describeNet } from "../support/probe.ts";
import { Fabric } from "../support/router.ts";
import { longer, scaled } from "../support/scale.ts";
import { openSite } from "../support/site.ts";
import { hostAddress, pair } from "../support/topologies.ts";
import { startTcpClient, startTcpServer } from "../support/traffic.ts";
import { passes, waitFor } from "../support/wait.ts";

const SESSIONS = scaled(1_000), RUN_MS = longer(60_000), WAIT_MS = 30_000, DELAY = "250ms";

describeNet("rotation", () => {
  test("RB-34 a rotation asked for every 5 s: no session is reset, no tag is wrong, requests during the wait are merged", async () => {
    const ca = await createAuthority(), more = { keyRotation: { interval: "1h" } }; // of 5 s here
    const fabric = new Fabric(await openNet(pair), openSite({ routers: { r1: { more, peers: { r2: { psk: undefined } } }, r2: { more, peers: { r1: { psk: undefined } } } } }));
    const [r1, r2] = [fabric.router("r1"), fabric.router("r2")];
    try {
      for (const router of [r1, r2]) {
        router.from.push("--key-hour", "5000");
        writeIdentity(router.stateDir, await ca.issue(router.name), [ca]);
      }
      await Promise.all([r1.start(), r2.start()]);
      const delays = await Promise.all([r1, r2].map(({ name }) => fabric.net.exec(name, [..."tc qdisc add dev wan0 root netem limit 100000 delay".split(" "), DELAY])));
      const isDelayed = delays.every(({ code }) => code === 0); // a kernel without sch_netem delays nothing: the same is asserted
      for (const router of [r1, r2]) await waitFor(`${router.name} has keys`, async () => (await router.peers())[0]?.state === "up", { deadlineMs: 40_000 });
      await startTcpServer(fabric.net, "b", { address: hostAddress(2, 4), port: 80 });
      await passes(2_000);
      const before = (await r2.drops())["unknown-key"];
      const client = startTcpClient(fabric.net, "a", { to: hostAddress(2, 4), port: 80, sessions: SESSIONS, everyMs: 1_000 });
      await waitFor("all sessions live", async () => (await client.report()).answered === SESSIONS, { deadlineMs: 60_000 });
      const keys = new Set<string>(), began = Date.now();
      while (Date.now() - began < RUN_MS) {
        keys.add((await r1.peers())[0]?.keys.send ?? "");
        await passes(1_000);
      }
      expect(await client.stop()).toMatchObject({ answered: SESSIONS, wrong: 0, faults: {} });
      const [one, other] = [await r1.drops(), await r2.drops()];
      expect([one["hmac-failure"], one["unknown-key"], other["hmac-failure"], other["unknown-key"]]).toEqual([undefined, undefined, undefined, before]);
      console.log(`rotation: ${SESSIONS} sessions, ${RUN_MS / 1000} s, ${keys.size} keys, ${isDelayed ? "500 ms of delay" : "no sch_netem here: no delay"}`);
      expect([keys.size >= Math.floor(RUN_MS / (WAIT_MS + 10_000)), keys.size <= Math.ceil(RUN_MS / WAIT_MS) + 1]).toEqual([true, true]);
    } finally {
      await fabric.close();
    }
  }, longer(180_000));
});
