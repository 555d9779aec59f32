// Bulk TCP (iperf3, one connection) through two routers: session routers beside the kernel's forwarding and VXLAN.
import { readIperf } from "../../scripts/demo/rates.ts";
import { atLeast, medianOf, takeTurns } from "./measure.ts";
import type { Measure, Outcome, Row, Sample } from "./measure.ts";
import { openWorlds } from "./worlds.ts";
import type { Kind, World } from "./worlds.ts";

const KINDS: readonly Kind[] = ["svr", "kernel", "vxlan"];
const TARGET: Partial<Record<Kind, number>> = { kernel: 1, vxlan: 1.2 };
const SERVER = "10.2.0.10";
const START_MS = 10_000;

async function transfer({ net, kind }: World, seconds: number): Promise<Record<string, number>> {
  const server = net.start("b", ["iperf3", "--server", "--one-off", "--forceflush"]);
  await server.line(/Server listening/, { deadlineMs: START_MS });
  const { code, stdout, stderr } = await net.exec("a", ["iperf3", "--client", SERVER, "--time", String(seconds), "--json"]);
  if (code !== 0) throw new Error(`iperf3 in the world ${kind}: ${stdout.slice(0, 500)} ${stderr}`);
  await server.end(START_MS);
  return { ...readIperf(stdout) };
}

function rowsOf(samples: readonly Sample[]): Row[] {
  const gbps = (kind: Kind): number => medianOf(samples, kind, "gbps");
  return KINDS.filter((kind) => kind !== "svr").map((kind) => atLeast(`against ${kind}`, gbps("svr") / gbps(kind), {
    against: `${gbps("svr").toFixed(1)} against ${gbps(kind).toFixed(1)} Gbit/s`, ...(TARGET[kind] === undefined ? {} : { target: TARGET[kind] }),
  }));
}

/** bulk is the measure of TCP throughput. */
export const bulk: Measure = {
  name: "bulk", title: "Bulk TCP through two routers", rounds: 15, // single transfers differ by a quarter
  method: "iperf3, one connection, hosts and routers on the same CPUs, all offloads of the virtual devices on; VXLAN inside the same 1,500-byte links.",
  run: async ({ rounds, smoke }, say): Promise<Outcome> => {
    const worlds = await openWorlds(KINDS);
    try {
      const samples = await takeTurns(KINDS, rounds, async (variant, round) => {
        const world = worlds.find(({ kind }) => kind === variant);
        if (world === undefined) throw new Error(`no world ${variant}`);
        const values = await transfer(world, smoke ? 1 : 3);
        say(`round ${round + 1}: ${variant} ${(values["gbps"] ?? 0).toFixed(2)} Gbit/s`);
        return values;
      });
      return { samples, rows: rowsOf(samples) };
    } finally {
      for (const world of worlds) await world.close();
    }
  },
};
