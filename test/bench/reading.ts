// What reading a full session table and changing the configuration cost forwarding (behaviour 15 and 16, O-6, RB-29): small packets
// through two routers with a million sessions each, while nobody reads, while both tables are read again and again over the admin
// API, page after page, and while routes change every 100 ms besides.
import { medianOf, takeTurns, whole } from "./measure.ts";
import type { Effort, Measure, Outcome, Row, Sample } from "./measure.ts";
import { benchObject, callTool, valueOf } from "./tool.ts";
import { openWorlds } from "./worlds.ts";
import type { World } from "./worlds.ts";
import { passes } from "../support/wait.ts";
import type { SessionList } from "../../pkg/api/view.ts";

const MILLION = 1_000_000, FEW = 65_536, FLOWS = 1_024, CPU = 1;
/** MOST_SLOWER is what reading and changing may cost forwarding (behaviour 15 and 16). */
export const MOST_SLOWER = 0.1;
const QUIET = "nobody reads", READ = "tables are read", CHANGED = "tables are read and routes change";
const EVERY_MS = 100;

/** Readers go through all sessions of both routers until they are stopped; gives how many sessions they read. */
function startReaders(world: World): { stop(): Promise<number> } {
  let going = true, read = 0;
  const isGoing = (): boolean => going;
  const readers = world.routers.map(async (name) => {
    const router = world.fabric?.router(name);
    for (let cursor = "0"; router !== undefined && isGoing();) {
      const page: SessionList = await router.get(`/api/v1/routers/${name}/sessions?limit=1000&cursor=${cursor}`);
      read += page.items.length;
      cursor = page.next ?? "0";
    }
  });
  return { stop: async () => { going = false; await Promise.all(readers); return read; } };
}

/** The cost of every route changes again and again until it is told to stop; gives how often. */
function startChanges({ fabric }: World): { stop(): Promise<number> } {
  let going = true, changes = 0;
  const isGoing = (): boolean => going;
  const writing = (async () => {
    for (; fabric !== undefined && isGoing(); changes++) {
      for (const route of fabric.objects.filter((one) => one.kind === "ServiceRoute")) fabric.put(fabric.object("ServiceRoute", route.metadata.name, { cost: 2 + (changes % 1_000) }));
      await passes(EVERY_MS);
    }
  })();
  return { stop: async () => { going = false; await writing; return changes; } };
}

async function readRound(world: World, variant: string, count: number): Promise<Record<string, number>> {
  const readers = variant === QUIET ? undefined : startReaders(world);
  const changing = variant === CHANGED ? startChanges(world) : undefined;
  const answer = await callTool(["traffic", benchObject, ...world.places, CPU, FLOWS, count]);
  const read = (await readers?.stop()) ?? 0;
  const changes = (await changing?.stop()) ?? 0;
  const sent = valueOf(answer, "sent"), received = valueOf(answer, "received");
  if (received < 0.99 * sent) throw new Error(`${variant}: ${received} of ${sent} packets arrived`);
  return { ...answer, read, changes };
}

/** slowdowns is by how much forwarding slows beside readers, and beside readers and changes; `noise` is how far apart the turns are in which nobody reads. */
export function slowdowns(samples: readonly Sample[]): { read: number; changed: number; noise: number } {
  const quiet = medianOf(samples, QUIET, "inside_ns");
  const turns = samples.filter(({ variant }) => variant === QUIET).map(({ values }) => values["inside_ns"] ?? Number.NaN);
  const slower = (variant: string): number => medianOf(samples, variant, "inside_ns") / quiet - 1;
  return { read: slower(READ), changed: slower(CHANGED), noise: (Math.max(...turns) - Math.min(...turns)) / quiet };
}

function slowerRow(samples: readonly Sample[], variant: string, what: string): Row {
  const [quiet, busy] = [medianOf(samples, QUIET, "inside_ns"), medianOf(samples, variant, "inside_ns")];
  const slower = busy / quiet - 1, changes = medianOf(samples, variant, "changes");
  return {
    what, value: `${(slower * 100).toFixed(1)} % slower`, target: `<= ${MOST_SLOWER * 100} %`, reached: slower <= MOST_SLOWER,
    against: `${busy.toFixed(0)} ns a packet against ${quiet.toFixed(0)}; ${whole(medianOf(samples, variant, "read"))} sessions read in a turn${changes > 0 ? `, routes changed ${whole(changes)} times` : ""}`,
  };
}

/** reading is the measure of full-table reads and configuration changes beside traffic. */
export const reading: Measure = {
  name: "reading", title: "O-6, RB-29 Reading a table of a million sessions and changing routes while packets pass",
  method: "As for small packets; each router holds a million sessions. In turns nobody reads, both routers' sessions are listed over the admin API, page after page as fast as it answers, and the files of all routes are replaced every 100 ms besides. The kernel's own time a packet counts.",
  run: async ({ rounds, smoke }: Effort, say): Promise<Outcome> => {
    const idle = smoke ? FEW : MILLION;
    const [world] = await openWorlds(["svr"], { sessions: idle });
    if (world === undefined) throw new Error("no world was opened");
    try {
      await readRound(world, QUIET, 10 * FLOWS); // opens the flows
      for (const router of world.routers) await callTool(["fill", world.net.pinFolder(router), FLOWS, idle - FLOWS]);
      say(`${whole(idle)} sessions`);
      const samples: Sample[] = await takeTurns([QUIET, READ, CHANGED], rounds, (variant) => readRound(world, variant, smoke ? 100_000 : 1_000_000));
      return { samples, rows: [
        slowerRow(samples, READ, `forwarding beside readers, ${whole(idle)} sessions`),
        slowerRow(samples, CHANGED, `forwarding beside readers while routes change every ${EVERY_MS} ms`),
      ] };
    } finally {
      await world.close();
    }
  },
};
