// The generator of new sessions, and two pairs of routers at the same time on one machine: their namespaces, pins and packets of user
// space have nothing to do with each other, and a router that stands still for a while loses nothing.
import process from "node:process";
import { describeNet } from "../support/probe.ts";
import { passes, waitFor } from "../support/wait.ts";
import { benchObject, build, callTool } from "./tool.ts";
import { openWorld } from "./worlds.ts";
import type { World } from "./worlds.ts";

const FLOWS = 4_096, WINDOW = 256, LIMIT_MS = 40_000;
const STILL_MS = 700; // longer than the generator waits before it opens its window, shorter than the window of HMAC

describeNet("two pairs of routers", () => {
  const worlds: World[] = [];
  beforeAll(async () => {
    build();
    for (let n = 0; n < 2; n++) worlds.push(await openWorld("svr", { sessions: 2 * FLOWS, shards: 1 }));
  }, 120_000);
  afterAll(async () => { for (const world of worlds) await world.close(); }, 60_000);

  test("at once, one of four routers stopped for a moment: every flow of both is answered, each router has its own sessions", async () => {
    const opening = worlds.map(async ({ places }) => callTool(["opening", benchObject, ...places, 0, 0, FLOWS, WINDOW, LIMIT_MS]));
    const [first] = worlds[0]?.fabric?.routers ?? [];
    await waitFor("sessions begin", async () => (await first?.live())?.length !== 0);
    process.kill(first?.process.pid ?? 0, "SIGSTOP");
    await passes(STILL_MS);
    process.kill(first?.process.pid ?? 0, "SIGCONT");
    const answers = await Promise.all(opening);
    expect(answers.map(({ sent, answered }) => [sent, answered])).toEqual(worlds.map(() => [FLOWS, FLOWS]));
    expect(answers[0]?.["seconds"]).toBeGreaterThan(STILL_MS / 1_000); // it was stopped in the middle
    const routers = worlds.flatMap(({ fabric }) => fabric?.routers ?? []);
    expect(await Promise.all(routers.map(async (router) => [(await router.live()).length, await router.drops()]))).toEqual(routers.map(() => [FLOWS, {}]));
  }, 120_000);
});
