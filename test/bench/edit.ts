// What a change of policy costs with a million live sessions (behaviour 1.2): one that concerns none of them, one that cuts a
// thousand, one that cuts all. Both routers get it; the time runs from the change of the files to the end of the last session at
// both. New sessions and packets pass meanwhile.
import { whole } from "./measure.ts";
import type { Measure, Outcome, Row, Sample } from "./measure.ts";
import { benchObject, callTool, valueOf } from "./tool.ts";
import { openWorld } from "./worlds.ts";
import type { World } from "./worlds.ts";
import type { Router } from "../support/router.ts";
import { waitFor } from "../support/wait.ts";

const FLOWS_PER_SERVER = 16_384, MILLION = 1_000_000; // test/bench/tool/pattern.h
const FEW = 1_000, WINDOW = 512, CPU = 1, ANY_CPU = "any", FLOWS = 1_024, FRESH = 4_096;
const TRIES = 5, OPEN_MS = 90_000, CLOSED_MS = 1_000, WAIT_MS = 180_000, LOOK_MS = 20;
const TARGET_MS = 5_000, HALF = 0.5;
const NONE = "concerns none", SOME = "cuts 1,000", ALL = "cuts all";

/** Flows by number: all of some servers, a few of the next one, and two servers for new sessions. */
const planOf = (smoke: boolean): { few: number; live: number; fresh: number } => {
  const few = smoke ? 2 : 60; // servers that are full
  return { few, live: few * FLOWS_PER_SERVER + FEW, fresh: (few + 1) * FLOWS_PER_SERVER };
};

/** Sends one packet of each flow, as long as answers come back or for `ms`. */
async function open(world: World, flows: { first: number; count: number; ms?: number }): Promise<{ answered: number; perSecond: number }> {
  const { first, count, ms = OPEN_MS } = flows;
  const answer = await callTool(["opening", benchObject, ...world.places, ANY_CPU, first, count, WINDOW, ms], { seconds: OPEN_MS / 1000 + 30 });
  const answered = valueOf(answer, "answered");
  return { answered, perSecond: answered / valueOf(answer, "seconds") };
}

const traffic = async (world: World, count: number): Promise<Record<string, number>> => ({ ...await callTool(["traffic", benchObject, ...world.places, CPU, FLOWS, count]) });

const live = (routers: readonly Router[]): Promise<number[]> => Promise.all(routers.map(async (router) => (await router.status()).sessions));

/** Denies a service at both routers; milliseconds until both took it, and until both have so many sessions left at most. */
async function deny(world: World, service: string, left: number): Promise<{ appliedMs: number; endedMs: number }> {
  const { fabric } = world;
  if (fabric === undefined) throw new Error("the world has no routers");
  const hashes = await Promise.all(fabric.routers.map(async (router) => (await router.status()).configuration.hash));
  const started = performance.now(), since = (): number => performance.now() - started;
  fabric.put(fabric.object("Service", service, { access: [{ tenant: "corp", permission: "Deny" }] }));
  const wait = (what: string, check: () => Promise<boolean>): Promise<unknown> => waitFor(what, check, { deadlineMs: WAIT_MS, everyMs: LOOK_MS });
  await wait("both routers take the change", async () => (await Promise.all(fabric.routers.map(async (router) => (await router.status()).configuration.hash))).every((hash, i) => hash !== hashes[i]));
  const appliedMs = since();
  await wait(`${left} sessions are left`, async () => (await live(fabric.routers)).every((count) => count <= left));
  return { appliedMs, endedMs: since() };
}

async function fill(world: World, count: number): Promise<void> {
  const routers = world.fabric?.routers ?? [];
  for (let i = 0; i < TRIES && (await live(routers)).some((one) => one < count); i++) await open(world, { first: 0, count });
  const counts = await live(routers);
  if (counts.some((one) => one !== count)) throw new Error(`${counts.join(" and ")} of ${count} sessions are live`);
}

function timeRow(what: string, ms: number): Row {
  return { what, value: `${(ms / 1000).toFixed(2)} s`, against: "until the last of these sessions is ended at both routers", target: `<= ${TARGET_MS / 1000} s`, reached: ms <= TARGET_MS };
}

/** readEdits fills both tables and makes the three changes, one after the other; `smoke` with a twentieth of the sessions. */
export async function readEdits(smoke: boolean, say: (line: string) => void): Promise<Sample[]> {
  const plan = planOf(smoke), some = { name: "some", addresses: [`10.2.0.${10 + plan.few}/32`], at: { router: "r2", interface: "lan0" } };
  const world = await openWorld("svr", { sessions: smoke ? 65_536 : MILLION, services: [some] });
  try {
    await fill(world, plan.live);
    say(`${whole(plan.live)} sessions are live`);
    const packets = smoke ? 20_000 : 300_000, sample = (variant: string, values: Record<string, number>): Sample => ({ variant, round: 0, values });
    const quiet = { ...await open(world, { first: plan.fresh, count: FRESH }), ...await traffic(world, packets) };
    const [none, { perSecond }] = await Promise.all([deny(world, "west", plan.live + 2 * FRESH), open(world, { first: plan.fresh + FRESH, count: FRESH })]);
    say(`${NONE}: ${JSON.stringify({ ...none, perSecond })}`);
    const [cut, beside] = await Promise.all([deny(world, "some", plan.live - FEW + 2 * FRESH), traffic(world, packets)]);
    say(`${SOME}: ${JSON.stringify({ ...cut, inside_ns: beside["inside_ns"] })}`);
    const all = await deny(world, "east", 0);
    const { answered: passed } = await open(world, { first: 0, count: FLOWS, ms: CLOSED_MS });
    say(`${ALL}: ${JSON.stringify({ ...all, passed })}`);
    return [sample("quiet", quiet), sample(NONE, { ...none, perSecond }), sample(SOME, { ...beside, ...cut }), sample(ALL, { ...all, passed })];
  } finally {
    await world.close();
  }
}

/** endTimes are the milliseconds of the three changes. */
export function endTimes(samples: readonly Sample[]): number[] {
  return [NONE, SOME, ALL].map((name) => valueOf(samples.find(({ variant }) => variant === name)?.values ?? {}, "endedMs"));
}

/** edit is the measure of policy changes beside live sessions. */
export const edit: Measure = {
  name: "edit", title: "A change of policy with a million live sessions",
  method: "Real sessions through both routers. The file of a Service is replaced at both, which denies the tenant a service without sessions, one with a thousand, and one with all others; sessions are opened and packets sent beside.",
  run: async ({ smoke }, say): Promise<Outcome> => {
    const samples = await readEdits(smoke, say), live = whole(planOf(smoke).live);
    const read = (variant: string, name: string): number => valueOf(samples.find((one) => one.variant === variant)?.values ?? {}, name);
    const rate = read(NONE, "perSecond") / read("quiet", "perSecond"), pace = read("quiet", "inside_ns") / read(SOME, "inside_ns");
    return { samples, rows: [
      { what: `a change that concerns none of ${live}`, value: `${(read(NONE, "appliedMs") / 1000).toFixed(2)} s`, against: "until both routers have it in force", target: "<= 5 s", reached: read(NONE, "appliedMs") <= TARGET_MS },
      timeRow(`a change that cuts ${whole(FEW)} of ${live}`, read(SOME, "endedMs")),
      timeRow("a change that cuts all", read(ALL, "endedMs")),
      { what: "new sessions a second beside the first", value: `${rate.toFixed(2)} x`, against: `${whole(read(NONE, "perSecond"))} against ${whole(read("quiet", "perSecond"))} sessions/s`, target: `>= ${HALF} x`, reached: rate >= HALF },
      { what: "forwarding beside the second", value: `${pace.toFixed(2)} x`, against: `${read(SOME, "inside_ns").toFixed(0)} against ${read("quiet", "inside_ns").toFixed(0)} ns a packet`, target: `>= ${HALF} x`, reached: pace >= HALF },
      { what: "packets answered when all are cut", value: whole(read(ALL, "passed")), target: "0", reached: read(ALL, "passed") === 0 },
    ] };
  },
};
