// A link whose frames arrive later: its two halves meet in a middle namespace, where a relay holds each frame for a fixed time. For kernels
// without sch_netem, and the same for those that have it. The relay measures what it did, so that tests assert on that. Called by tests.
import { frameTool } from "./frames.ts";
import type { Net, Topology } from "./net.ts";
import { waitFor } from "./wait.ts";

const MIDDLE = "middle", DEVICES: [string, string] = ["half0", "half1"];
const ROOM_MIB = 64; // of each direction: half a second of a gigabit a second

/** Carried is what the relay did in one direction; held times are milliseconds. */
export interface Carried { frames: number; lost: number; least: number; most: number }

/** Delayer is a running relay. */
export interface Delayer {
  /** gives what was carried until now, from the first end of the link and from the second */
  seen(): Promise<[Carried, Carried]>;
}

/** withMiddle gives a topology with a middle in one link, which carries nothing until startDelay. */
export function withMiddle(topology: Topology, link: string): Topology {
  const nodes = { ...topology.nodes, [MIDDLE]: { kind: "host" as const } };
  return { ...topology, nodes, links: topology.links.map((one) => (one.name === link ? { ...one, through: { node: MIDDLE, devices: DEVICES } } : one)) };
}

/** startDelay carries frames through the middle, each so many milliseconds later, from now until the network goes. What finds no room is lost; with `swap`, every so-many-th frame of a direction comes behind the next one. */
export async function startDelay(net: Net, ms: number, { roomMib = ROOM_MIB, swap = 0 } = {}): Promise<Delayer> {
  const process = net.start(MIDDLE, [frameTool("delay"), ...DEVICES, String(ms), String(roomMib), String(swap)]);
  await process.line(/^ready$/);
  return {
    async seen() {
      const from = process.lines.length;
      process.write("report");
      const [first, second] = await waitFor("the relay reports", () => process.lines.length >= from + 2 && process.lines.slice(from));
      return [readLine(first), readLine(second)];
    },
  };
}

function readLine(line = ""): Carried {
  const [frames, lost, least, most] = line.split(" ").slice(1).map(Number);
  if (most === undefined) throw new Error(`the relay reports what is no report: ${line}`);
  return { frames: frames!, lost: lost!, least: least! / 1_000, most: most / 1_000 };
}
