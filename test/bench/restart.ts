// Restart under load: established UDP sessions carry packets at a steady rate while the first router's process is ended (SIGTERM,
// then SIGKILL) and started again. What the host sent is compared with what reached the server.
import { whole } from "./measure.ts";
import type { Measure, Outcome, Row, Sample } from "./measure.ts";
import { benchObject, toolPath, valueOf } from "./tool.ts";
import { openWorld } from "./worlds.ts";
import type { World } from "./worlds.ts";

const FLOWS = 256, PER_SECOND = 20_000, CPU = 0;
const READY_MS = 60_000;

type Ending = "stop" | "kill";

/** Packets of the whole time: before, while no process runs, while the next one starts, after. */
async function readEnding(world: World, ending: Ending, ms: number): Promise<Record<string, number>> {
  const router = world.fabric?.router("r1");
  if (router === undefined) throw new Error("no router r1");
  const traffic = world.net.start("a", [toolPath, "steady", benchObject, ...world.places, CPU, FLOWS, PER_SECOND, ms].map(String));
  await traffic.line(/^running$/, { deadlineMs: READY_MS });
  const before = performance.now();
  await router[ending]();
  await router.start();
  const gapMs = performance.now() - before;
  const answer = JSON.parse(await traffic.line(/^\{/, { deadlineMs: ms + READY_MS })) as Record<string, number>;
  if (gapMs > ms) throw new Error(`the restart took ${gapMs.toFixed(0)} ms, longer than the traffic of ${ms} ms`);
  return { ...answer, gapMs, lost: valueOf(answer, "sent") - valueOf(answer, "received") };
}

function rowOf(samples: readonly Sample[], ending: Ending): Row {
  const own = samples.filter((sample) => sample.variant === ending);
  const sum = (name: string): number => own.reduce((total, { values }) => total + valueOf(values, name), 0);
  return {
    what: ending === "stop" ? "SIGTERM and start" : "SIGKILL and start", value: `${whole(sum("lost"))} of ${whole(sum("sent"))} packets lost`,
    against: `${own.length} restarts, ${whole(sum("gapMs") / own.length)} ms each until the new process answers`, target: "0 lost", reached: sum("lost") === 0,
  };
}

/** restart is the measure of losses across a restart. */
export const restart: Measure = {
  name: "restart", title: "Restart of a router under load",
  method: `${FLOWS} established UDP sessions, together ${whole(PER_SECOND)} packets/s, through two routers; every packet sent is accounted for at the server.`,
  run: async ({ rounds, smoke }, say): Promise<Outcome> => {
    const world = await openWorld("svr");
    try {
      const samples: Sample[] = [];
      for (let round = 0; round < Math.min(rounds, 3); round++) {
        for (const ending of ["stop", "kill"] as const) {
          const values = await readEnding(world, ending, smoke ? 15_000 : 10_000);
          samples.push({ variant: ending, round, values });
          say(`round ${round + 1}: ${ending}: ${values["lost"] ?? 0} of ${values["sent"] ?? 0} packets lost`);
        }
      }
      return { samples, rows: [rowOf(samples, "stop"), rowOf(samples, "kill")] };
    } finally {
      await world.close();
    }
  },
};
