// Small UDP packets through two routers with a thousand live sessions, and with a million: the same flows carry the packets, the
// tables are of the same size, only what lives beside them differs.
import { atLeast, medianOf, takeTurns, whole } from "./measure.ts";
import type { Measure, Outcome, Sample } from "./measure.ts";
import { benchObject, callTool, valueOf } from "./tool.ts";
import { openWorld } from "./worlds.ts";
import type { World } from "./worlds.ts";

const TARGET = 0.8;
const FLOWS = 1_024, CPU = 1;

async function read(world: World, count: number): Promise<Record<string, number>> {
  const answer = await callTool(["traffic", benchObject, ...world.places, CPU, FLOWS, count]);
  const sent = valueOf(answer, "sent"), received = valueOf(answer, "received");
  if (received < 0.99 * sent) throw new Error(`${received} of ${sent} packets arrived`);
  return answer;
}

/** Opens the flows through both routers, then writes idle sessions into both tables. */
async function populate(world: World, idle: number): Promise<void> {
  await read(world, 10 * FLOWS);
  for (const router of world.routers) if (idle > 0) await callTool(["fill", world.net.pinFolder(router), FLOWS, idle]);
}

/** million is the measure of packets beside many live sessions. */
export const million: Measure = {
  name: "million", title: "Forwarding with a million live sessions",
  method: `60-byte UDP packets of ${whole(FLOWS)} flows cross two routers in softirqs of one CPU; their tables hold these sessions alone, or a million live ones in all. The kernel's own time a packet counts.`,
  run: async ({ rounds, smoke }, say): Promise<Outcome> => {
    const many = smoke ? 65_536 : 1_000_000, names = [`${whole(FLOWS)} live`, `${whole(many)} live`] as const;
    const worlds: World[] = [];
    try {
      for (const idle of [0, many - FLOWS]) {
        const world = await openWorld("svr", { sessions: many });
        worlds.push(world);
        await populate(world, idle);
      }
      say("sessions are live");
      const samples: Sample[] = await takeTurns(names, rounds, async (variant) => read(worlds[names.indexOf(variant as (typeof names)[number])] as World, smoke ? 20_000 : 300_000));
      const [few, all] = names.map((name) => medianOf(samples, name, "inside_ns")) as [number, number];
      return { samples, rows: [atLeast(`${names[1]}, against ${names[0]}`, few / all, { against: `${all.toFixed(0)} against ${few.toFixed(0)} ns a packet`, target: TARGET })] };
    } finally {
      for (const world of worlds) await world.close();
    }
  },
};
