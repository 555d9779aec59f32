// Memory of a session: what the kernel accounts for the table at a million sessions, beside a conntrack entry, and the heap of the
// router process with ten thousand and with a million sessions in its table.
import { readFileSync } from "node:fs";
import { slotsFor } from "../../pkg/datapath/settings.ts";
import { passes } from "../support/wait.ts";
import { median, whole } from "./measure.ts";
import type { Measure, Outcome, Sample } from "./measure.ts";
import { callTool, valueOf } from "./tool.ts";
import { openWorld } from "./worlds.ts";
import type { World } from "./worlds.ts";

const KERNEL_TARGET = 400; // bytes a session and router
const FLAT = 1.1; // heap at a million over heap at ten thousand
const FEW = 10_000;
const LOOKS = 5;

/** Anonymous memory of a process in bytes: the table's pages are the kernel's, mapped. */
function heapOf(pid: number): number {
  const found = /^RssAnon:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"));
  if (found === null) throw new Error(`no RssAnon of process ${pid}`);
  return Number(found[1]) * 1024;
}

/** The heap moves with the garbage collector: the median of some looks while the process works on. */
async function settledHeap(pid: number, everyMs: number): Promise<number> {
  const looks: number[] = [];
  for (let i = 0; i < LOOKS; i++) {
    await passes(everyMs);
    looks.push(heapOf(pid));
  }
  return median(looks);
}

/** Bytes that the kernel accounts for the maps whose size follows the number of sessions. */
async function tableBytes({ net }: World, sessions: number): Promise<number> {
  const text = await net.must("r1", "sh", "-c", "bpftool --json map show");
  const maps = JSON.parse(text) as { name?: string; bytes_value?: number; max_entries?: number; bytes_memlock?: number; pids?: unknown }[];
  const own = maps.filter((map) => (map.name === "sessions" && map.max_entries === slotsFor(sessions)) || (map.name === "buckets" && map.bytes_value === 64));
  const largest = (name: string): number => Math.max(...own.filter((map) => map.name === name).map((map) => map.bytes_memlock ?? 0));
  return largest("sessions") + largest("buckets");
}

function conntrackBytes(): number | undefined {
  const line = readFileSync("/proc/slabinfo", "utf8").split("\n").find((text) => text.startsWith("nf_conntrack "));
  return line === undefined ? undefined : Number(line.trim().split(/\s+/)[3]);
}

/** memory is the measure of memory. */
export const memory: Measure = {
  name: "memory", title: "Memory of a session",
  method: "The table is allocated whole when the router starts; its size is what the kernel accounts. Sessions are written into the table of a running router; its heap (RssAnon) is the median of five looks while sweeper and admin API run.",
  run: async ({ smoke }, say): Promise<Outcome> => {
    const many = smoke ? 65_536 : 1_000_000, everyMs = smoke ? 200 : 2000;
    const world = await openWorld("svr", { sessions: many });
    try {
      const router = world.fabric?.router("r1");
      if (router === undefined) throw new Error("no router r1");
      const kernel = await tableBytes(world, many) / many;
      const values: Record<string, number> = { kernelBytes: kernel, heapEmpty: await settledHeap(router.process.pid, everyMs) };
      for (const [name, first, count] of [["heapFew", 0, FEW], ["heapMany", FEW, many - FEW]] as const) {
        values[`${name}Seconds`] = valueOf(await callTool(["fill", world.net.pinFolder("r1"), first, count]), "seconds");
        values[name] = await settledHeap(router.process.pid, everyMs);
        say(`${first + count} sessions: heap ${whole((values[name] ?? 0) / 1e6)} MB`);
      }
      const samples: Sample[] = [{ variant: "svr", round: 0, values }], growth = valueOf(values, "heapMany") / valueOf(values, "heapFew");
      const conntrack = conntrackBytes();
      return {
        samples, rows: [
          { what: `kernel, ${whole(many)} sessions`, value: `${kernel.toFixed(0)} bytes a session and router`, against: conntrack === undefined ? "" : `${conntrack} bytes a conntrack entry, hash table apart`, target: `<= ${KERNEL_TARGET} bytes`, reached: kernel <= KERNEL_TARGET },
          { what: `heap of the process, ${whole(FEW)} to ${whole(many)} sessions`, value: `${whole(valueOf(values, "heapFew") / 1e6)} to ${whole(valueOf(values, "heapMany") / 1e6)} MB`, against: `${whole(valueOf(values, "heapEmpty") / 1e6)} MB without sessions`, target: "flat", reached: growth <= FLAT },
        ],
      };
    } finally {
      await world.close();
    }
  },
};
