// Protected sessions: the engine alone on one core, and TCP through two routers against wireguard-go between the same namespaces. The bits
// and keys of sessions are put in by the tool (tool/protected.c), without a policy, so that data plane and engine are what is measured.
import { readIperf } from "../../scripts/demo/rates.ts";
import { atLeast, medianOf, takeTurns } from "./measure.ts";
import type { Measure, Outcome, Row, Sample } from "./measure.ts";
import { callTool, valueOf } from "./tool.ts";
import { openWorlds } from "./worlds.ts";
import type { World } from "./worlds.ts";

const SUITES = { cbc: 1, gcm: 2 } as const;
type Suite = keyof typeof SUITES;
const PATTERNS = { bulk: [] as string[], small: ["--set-mss", "100"] } as const;
type Pattern = keyof typeof PATTERNS;
const ENDS = ["cbc", "gcm", "wireguard"] as const;
const VARIANTS = ENDS.flatMap((end) => (Object.keys(PATTERNS) as Pattern[]).map((pattern) => `${end}/${pattern}` as const));
const SERVER = "10.2.0.10", START_MS = 10_000;
const HOST_MTU = 1_400; // wireguard-go has 1,420; a sealed packet grows by 40
const SUPER = { payload: 64_960, segment: 1_400, rounds: 200 } as const, SMALL = { payload: 100, segment: 1_400, rounds: 10_000 } as const;
const TOOL_MS = 1_500, PACKET_MOST = 1_400, MOSTLY = 0.8;
const TIMES = 2, GBPS_A_CORE = 3;

async function engineAlone(suite: Suite): Promise<Record<string, number>> {
  const values: Record<string, number> = {};
  for (const [name, { payload, segment, rounds }] of Object.entries({ super: SUPER, small: SMALL })) {
    const answer = await callTool(["protect", SUITES[suite], payload, segment, rounds]);
    const bits = valueOf(answer, "bytes") * 8 / 1e9, packets = valueOf(answer, "packets") / 1e6;
    for (const way of ["seal", "open"]) {
      const seconds = valueOf(answer, `${way}Seconds`);
      values[`${way}${name === "super" ? "Gbps" : "MppsSmall"}`] = (name === "super" ? bits : packets) / seconds;
    }
  }
  return values;
}

async function transfer({ net, kind }: World, pattern: Pattern, seconds: number): Promise<Record<string, number>> {
  const server = net.start("b", ["iperf3", "--server", "--one-off", "--forceflush"]);
  await server.line(/Server listening/, { deadlineMs: START_MS });
  const { code, stdout, stderr } = await net.exec("a", ["iperf3", "--client", SERVER, "--time", String(seconds), "--json", ...PATTERNS[pattern]]);
  if (code !== 0) throw new Error(`iperf3 in the world ${kind}: ${stdout.slice(0, 500)} ${stderr}`);
  await server.end(START_MS);
  return { ...readIperf(stdout) };
}

/** The tool protects what is opened while it runs, which is a little longer than the transfer; what goes before it finds the session is clear. */
async function protectedTransfer(world: World, suite: Suite, of: { pattern: Pattern; seconds: number }): Promise<Record<string, number>> {
  const { net, routers } = world;
  const places = routers.flatMap((router) => [net.pinFolder(router), net.namespace(router)]);
  const counting = callTool(["protected", SUITES[suite], ...places, of.seconds * 1_000 + TOOL_MS]);
  const [counts, values] = await Promise.all([counting, transfer(world, of.pattern, of.seconds)]);
  if (valueOf(counts, "firstSealed") * PACKET_MOST < (values["bytes"] ?? 0) * MOSTLY) throw new Error(`the transfer was not protected: ${JSON.stringify(counts)}`);
  const busiest = Math.max(valueOf(counts, "firstCpu"), valueOf(counts, "secondCpu"));
  return { ...values, ...counts, gbpsACore: (values["bytes"] ?? 0) * 8 / 1e9 / busiest };
}

async function measureOne(worlds: readonly World[], variant: string, seconds: number): Promise<Record<string, number>> {
  const [end = "", pattern = ""] = variant.split("/") as [typeof ENDS[number], Pattern];
  const world = worlds.find(({ kind }) => kind === (end === "wireguard" ? "wireguard" : "svr"));
  if (world === undefined) throw new Error(`no world ${variant}`);
  return end === "wireguard" ? transfer(world, pattern as Pattern, seconds) : protectedTransfer(world, end as Suite, { pattern: pattern as Pattern, seconds });
}

function rowsOf(samples: readonly Sample[]): Row[] {
  const gbps = (variant: string): number => medianOf(samples, variant, "gbps");
  const against = (Object.keys(SUITES) as Suite[]).flatMap((suite) => (Object.keys(PATTERNS) as Pattern[]).map((pattern) => {
    const [own, other] = [gbps(`${suite}/${pattern}`), gbps(`wireguard/${pattern}`)];
    return atLeast(`${suite}, ${pattern}, against wireguard-go`, own / other, { against: `${own.toFixed(2)} against ${other.toFixed(2)} Gbit/s`, target: TIMES });
  }));
  const cores = (Object.keys(SUITES) as Suite[]).map((suite) => atLeast(`${suite}, bulk, Gbit/s for a second of the busier worker's CPU`, medianOf(samples, `${suite}/bulk`, "gbpsACore"), { target: GBPS_A_CORE }));
  const alone = (Object.keys(SUITES) as Suite[]).flatMap((suite) => ["seal", "open"].map((way) => atLeast(`${suite}, engine alone, ${way}, Gbit/s`, medianOf(samples, `${suite}/engine`, `${way}Gbps`), { target: GBPS_A_CORE })));
  return [...against, ...cores, ...alone];
}

/** protect is the measure of protected sessions. */
export const protect: Measure = {
  name: "protect", title: "Protected sessions", rounds: 9,
  method: "iperf3, one connection, hosts with an MTU of 1,400, routers and wireguard-go in the same kind of namespaces on the same CPUs, variants in turn; small: segments of 88 bytes. Keys are put into the engine by the bench.",
  run: async ({ rounds, smoke }, say): Promise<Outcome> => {
    const worlds = await openWorlds(["svr", "wireguard"]);
    try {
      for (const { net } of worlds) for (const host of ["a", "b"]) await net.must(host, "ip", "link", "set", "eth0", "mtu", String(HOST_MTU));
      const variants = [...VARIANTS, "cbc/engine", "gcm/engine"];
      const samples = await takeTurns(variants, rounds, async (variant, round) => {
        const [suite = "", kind] = variant.split("/");
        const values = kind === "engine" ? await engineAlone(suite as Suite) : await measureOne(worlds, variant, smoke ? 1 : 3);
        say(`round ${round + 1}: ${variant} ${Object.entries(values).map(([name, value]) => `${name} ${value.toFixed(2)}`).join(", ")}`);
        return values;
      });
      return { samples, rows: rowsOf(samples) };
    } finally {
      for (const world of worlds) await world.close();
    }
  },
};
