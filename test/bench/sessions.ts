// New UDP sessions a second: through two session routers with the whole metadata handshake, one shard and one CPU each, beside
// source NAT by nftables on both routers. A session counts when its answer is back at the host. What a router's process takes of a
// CPU for it says more than the rate where the generator, or others, share the CPUs.
import { readFileSync } from "node:fs";
import { atLeast, medianOf, takeTurns, whole } from "./measure.ts";
import type { Measure, Outcome, Row, Sample } from "./measure.ts";
import { benchObject, callTool, valueOf } from "./tool.ts";
import { openWorld } from "./worlds.ts";
import type { Kind, World } from "./worlds.ts";

const KINDS: readonly Kind[] = ["svr", "nat"];
const TARGET = 40_000;
const WINDOW = 1024, LIMIT_MS = 15_000;
const LIMIT_SESSIONS = 262_144;
const GENERATOR_CPU = "any"; // on the CPU of a router it would take from that one alone

/** Each router process with all its threads on a CPU of its own. */
async function pinRouters({ net, fabric }: World): Promise<void> {
  for (const [cpu, router] of (fabric?.routers ?? []).entries()) await net.must(router.name, "taskset", "--all-tasks", "--pid", "--cpu-list", String(cpu), String(router.process.pid));
}

const TICK_US = 10_000; // USER_HZ is 100 on every architecture that runs Linux today

/** CPU time of a process with all its threads, user and system, in microseconds. */
function cpuOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  const [user, system] = stat.slice(stat.lastIndexOf(")") + 2).split(" ").slice(11, 13).map(Number); // behind the name, which may hold anything
  return ((user ?? Number.NaN) + (system ?? Number.NaN)) * TICK_US;
}

async function open(world: World, first: number, count: number): Promise<Record<string, number>> {
  const routers = (world.fabric?.routers ?? []).map(({ process }) => process.pid);
  const before = routers.map(cpuOf);
  const answer = await callTool(["opening", benchObject, ...world.places, GENERATOR_CPU, first, count, WINDOW, LIMIT_MS]);
  const used = routers.map((pid, i) => (cpuOf(pid) - (before[i] ?? Number.NaN)) / valueOf(answer, "answered"));
  return { ...answer, generatorUs: valueOf(answer, "cpuUs") / valueOf(answer, "answered"), perSecond: valueOf(answer, "answered") / valueOf(answer, "seconds"), ...(used.length === 0 ? {} : { ingressUs: used[0] ?? Number.NaN, egressUs: used[1] ?? Number.NaN }) };
}

/** A world of its own a round: tables start empty. The first flows let the process compile its hot code. */
async function readRound(kind: Kind, warm: number, count: number): Promise<Record<string, number>> {
  const world = await openWorld(kind, { sessions: LIMIT_SESSIONS, shards: 1 });
  try {
    await pinRouters(world);
    await open(world, 0, warm);
    return await open(world, warm, count);
  } finally {
    await world.close();
  }
}

function rowsOf(samples: readonly Sample[]): Row[] {
  const perSecond = (kind: Kind): number => medianOf(samples, kind, "perSecond");
  const lost = samples.filter((sample) => sample.variant === "svr").map(({ values }) => valueOf(values, "sent") - valueOf(values, "answered"));
  const cpu = (name: string): string => medianOf(samples, "svr", name).toFixed(1);
  return [
    { what: "session routers, metadata handshake", value: `${whole(perSecond("svr"))} sessions/s`, against: `${whole(Math.max(...lost))} packets without an answer at most`, target: `>= ${whole(TARGET)}/s`, reached: perSecond("svr") >= TARGET },
    { what: "CPU of a router's process, all threads", value: `${cpu("ingressUs")} us a session at the ingress, ${cpu("egressUs")} us at the egress`, against: `${cpu("generatorUs")} us at the generator, with the softirqs that run in it` },
    atLeast("against nat", perSecond("svr") / perSecond("nat"), { against: `${whole(perSecond("nat"))} sessions/s` }),
  ];
}

/** sessions is the measure of session set-up. */
export const sessions: Measure = {
  name: "sessions", title: "New UDP sessions a second",
  method: `Each packet is the first of a flow, the server's device answers in the kernel; at most ${WINDOW} flows are under way. The generator, both routers and all softirqs share the machine's CPUs.`,
  run: async ({ rounds, smoke }, say): Promise<Outcome> => {
    const [warm, count] = smoke ? [512, 2048] : [65_536, 65_536]; // compilers are done after some fifty thousand
    const samples = await takeTurns(KINDS, rounds, async (variant, round) => {
      const values = await readRound(variant === "svr" ? "svr" : "nat", warm, count);
      say(`round ${round + 1}: ${variant} ${whole(values["perSecond"] ?? 0)} sessions/s`);
      return values;
    });
    return { samples, rows: rowsOf(samples) };
  },
};
