// What all checks of the firewall cost an established packet (behaviour 10, issue "The session engine is complete"): the same routers with
// a filter of a realistic size on every interface, options refused, sources checked, enforcement strict and every limit set, and
// with none of it.
import { atLeast, medianOf, takeTurns, whole } from "./measure.ts";
import type { Effort, Measure, Outcome, Row, Sample } from "./measure.ts";
import { benchObject, callTool, valueOf } from "./tool.ts";
import { openWorlds } from "./worlds.ts";
import type { World } from "./worlds.ts";
import type { Fabric } from "../support/router.ts";
import { waitFor } from "../support/wait.ts";

const RULES = 64, CPU = 1, TARGET = 0.9;
const FLOWS = [16, 8192] as const;
const FLOOR = "no router";

/** Rules as people have them: networks, ports, some about single packets of hosts that do not talk here; the last one permits. */
function rules(): object[] {
  const denied = Array.from({ length: RULES - 1 }, (_, index) => {
    if (index % 16 === 0) return { action: "Deny", source: `10.77.${index}.0/24`, protocol: "TCP", tcpFlags: ["SYN", "!ACK"] };
    return index % 2 === 0 ? { action: "Deny", source: `10.77.${index}.0/24` } : { action: "Deny", protocol: "TCP", destinationPort: 1000 + index };
  });
  return [...denied, { action: "Permit" }];
}

const NONE = { sourceCheck: "None" }, ALL = { sourceCheck: "Strict", filters: rules(), ipOptions: { action: "Drop" } };
const LIMITS = { sessionsPerSource: 60_000, halfOpenPerSource: 60_000, halfOpenPerTenant: 60_000 };

/** The same routers with all checks or none, by reload; sessions stay. */
async function configure(fabric: Fabric, isChecked: boolean): Promise<void> {
  const before = await Promise.all(fabric.routers.map(async (router) => (await router.status()).configuration.hash));
  const routers = fabric.routers.map(({ name }) => {
    const object = fabric.object("Router", name);
    const interfaces = (object.spec["interfaces"] as object[]).map((one) => ({ ...one, ...(isChecked ? ALL : NONE) }));
    return { ...object, spec: { ...object.spec, interfaces, limits: { ...object.spec["limits"] as object, ...(isChecked ? LIMITS : {}) } } };
  });
  const services = ["west", "east"].map((name) => fabric.object("Service", name, { enforcement: isChecked ? "Strict" : "Reset" }));
  fabric.put(...routers, ...services);
  for (const [index, router] of fabric.routers.entries()) await waitFor("the change is in force", async () => (await router.status()).configuration.hash !== before[index]);
}

const variantOf = (name: string, flows: number): string => `${name}, ${flows} flows`;

async function readFlows([world, empty]: readonly [World, World], fabric: Fabric, { flows, effort }: { flows: number; effort: Effort }): Promise<Sample[]> {
  return takeTurns([FLOOR, "plain", "checked"].map((name) => variantOf(name, flows)), effort.rounds, async (variant) => {
    const isFloor = variant === variantOf(FLOOR, flows), here = empty.places.slice(0, 2);
    if (!isFloor) await configure(fabric, variant === variantOf("checked", flows));
    const answer = await callTool(["traffic", benchObject, ...(isFloor ? [...here, ...empty.places.slice(2, 4), ...here] : world.places), CPU, flows, effort.smoke ? 20_000 : 300_000]);
    const sent = valueOf(answer, "sent"), received = valueOf(answer, "received");
    if (received < 0.99 * sent) throw new Error(`${variant}: ${received} of ${sent} packets arrived`);
    return answer;
  });
}

function rowOf(samples: readonly Sample[], flows: number): Row {
  const nsOf = (name: string): number => medianOf(samples, variantOf(name, flows), "inside_ns") - medianOf(samples, variantOf(FLOOR, flows), "inside_ns");
  const words = (name: string): string => `${whole(1e9 / nsOf(name))} packets/s (${nsOf(name).toFixed(0)} ns a packet)`;
  return atLeast(`${flows} flows, all checks against none`, nsOf("plain") / nsOf("checked"), { against: `${words("checked")} against ${words("plain")}`, target: TARGET });
}

/** checks is the measure of the firewall on established packets. */
export const checks: Measure = {
  name: "checks", title: "Small UDP packets a second with every check of the firewall",
  method: `As "packets": 60-byte frames cross two routers in softirqs of one CPU. The checked routers have ${RULES} rules on each of their interfaces, of which none denies these flows, refuse IPv4 options, check sources, enforce strict sequences and hold all limits.`,
  run: async (effort, say): Promise<Outcome> => {
    const [world, empty] = await openWorlds(["svr", "kernel"]) as [World, World];
    try {
      const samples: Sample[] = [], { fabric } = world;
      if (fabric === undefined) throw new Error("the world has no routers");
      for (const flows of FLOWS) {
        samples.push(...await readFlows([world, empty], fabric, { flows, effort }));
        say(`${flows} flows done`);
      }
      return { samples, rows: FLOWS.map((flows) => rowOf(samples, flows)) };
    } finally {
      for (const one of [world, empty]) await one.close();
    }
  },
};
