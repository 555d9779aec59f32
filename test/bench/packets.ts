// Small UDP packets a second on one CPU through two routers: session routers beside the kernel's forwarding, source NAT on both
// and VXLAN. Few flows and many; all are opened through the real router processes before.
import { atLeast, medianOf, takeTurns, whole } from "./measure.ts";
import type { Effort, Measure, Outcome, Row, Sample } from "./measure.ts";
import { benchObject, callTool, valueOf } from "./tool.ts";
import { openWorlds } from "./worlds.ts";
import type { Kind, World } from "./worlds.ts";

const KINDS: readonly Kind[] = ["svr", "kernel", "nat", "vxlan"];
const FLOOR = "no router";
const FLOWS = [16, 8192] as const;
const TARGET: Partial<Record<Kind, number>> = { kernel: 1.3, nat: 2 };
const CPU = 1;

const variantOf = (kind: string, flows: number): string => `${kind}, ${flows} flows`;

async function read(world: World, places: readonly string[], flows: number, count: number): Promise<Record<string, number>> {
  const answer = await callTool(["traffic", benchObject, ...places, CPU, flows, count]);
  const sent = valueOf(answer, "sent"), received = valueOf(answer, "received");
  if (received < 0.99 * sent) throw new Error(`${world.kind}, ${flows} flows: ${received} of ${sent} packets arrived`);
  return answer;
}

/** Each variant of a round: the worlds, and frames that are counted where they appear. */
async function readFlows(worlds: readonly World[], flows: number, { rounds, smoke }: Effort): Promise<Sample[]> {
  return takeTurns([FLOOR, ...KINDS].map((kind) => variantOf(kind, flows)), rounds, async (variant) => {
    const world = worlds.find(({ kind }) => variantOf(kind, flows) === variant) ?? worlds.find(({ kind }) => kind === "kernel");
    if (world === undefined) throw new Error(`no world for ${variant}`);
    const here = world.places.slice(0, 2);
    return read(world, variant === variantOf(FLOOR, flows) ? [...here, ...world.places.slice(2, 4), ...here] : world.places, flows, smoke ? 20_000 : 300_000);
  });
}

function rowsOf(samples: readonly Sample[], flows: number): Row[] {
  const of = (kind: string): number => medianOf(samples, variantOf(kind, flows), "inside_ns");
  const nsOf = (kind: Kind): number => of(kind) - of(FLOOR);
  const words = (kind: Kind): string => `${whole(1e9 / nsOf(kind))} packets/s (${nsOf(kind).toFixed(0)} ns a packet)`;
  return KINDS.filter((kind) => kind !== "svr").map((kind) => atLeast(`${flows} flows, against ${kind}`, nsOf(kind) / nsOf("svr"), {
    against: `${words("svr")} against ${words(kind)}`, ...(TARGET[kind] === undefined ? {} : { target: TARGET[kind] }),
  }));
}

/** packets is the measure of small packets. */
export const packets: Measure = {
  name: "packets", title: "Small UDP packets a second, one CPU",
  method: "60-byte frames appear on the first router's device as from a driver (XDP live frames), cross both routers in softirqs of the same CPU and are counted by the server's device. The kernel's own time a packet counts, so other processes do not; what making and counting a packet takes by itself (measured in the same turns) is taken off.",
  run: async (effort, say): Promise<Outcome> => {
    const worlds = await openWorlds(KINDS);
    try {
      const samples: Sample[] = [];
      for (const flows of FLOWS) {
        samples.push(...await readFlows(worlds, flows, effort));
        say(`${flows} flows done`);
      }
      return { samples, rows: FLOWS.flatMap((flows) => rowsOf(samples, flows)) };
    } finally {
      for (const world of worlds) await world.close();
    }
  },
};
