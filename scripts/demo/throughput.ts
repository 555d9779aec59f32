// Bulk TCP through the three routers beside the same shape with kernel forwarding, in turns, on the same machine in the same
// minute. Called by main.ts after the captures have ended, which would cost both sides. Reports a ratio; it is no benchmark.
import type { Net } from "../../test/support/net.ts";
import { check } from "./checks.ts";
import type { Check } from "./checks.ts";
import { median, readIperf } from "./rates.ts";
import type { Throughput } from "./report.ts";
import type { Scene } from "./scene.ts";
import { plainNodes, serverAddresses } from "./topology.ts";

const ROUNDS = 4, SECONDS = 2;
const LEAST_RATIO = 0.25; // below it something is broken, whatever the noise of the machine

/** measureThroughput measures in turns: svr, kernel, svr, kernel ... */
export async function measureThroughput({ net, say }: Scene): Promise<{ throughput: Throughput; checks: Check[] }> {
  say(`bulk TCP, ${ROUNDS} x ${SECONDS} s through the session routers and ${ROUNDS} x ${SECONDS} s through kernel routers, in turns`);
  const rates = { svr: [] as number[], kernel: [] as number[] };
  for (let round = 1; round <= ROUNDS; round++) {
    rates.svr.push(await bulk(net, "engineering"));
    rates.kernel.push(await bulk(net, plainNodes.host));
    say(`  round ${round}: session routers ${rates.svr.at(-1)?.toFixed(2)} Gbit/s, kernel routers ${rates.kernel.at(-1)?.toFixed(2)} Gbit/s`);
  }
  const [svr, kernel] = [median(rates.svr), median(rates.kernel)];
  const throughput = { svr_gbps: round3(svr), kernel_gbps: round3(kernel), ratio: round3(svr / kernel) };
  const detail = `medians ${throughput.svr_gbps} Gbit/s through session routers, ${throughput.kernel_gbps} through kernel routers: ratio ${throughput.ratio}`;
  return { throughput, checks: [check("throughput is of the order of kernel forwarding", throughput.ratio >= LEAST_RATIO, detail)] };
}

async function bulk(net: Net, from: string): Promise<number> {
  const { code, stdout, stderr } = await net.exec(from, ["iperf3", "--client", serverAddresses[4], "--time", String(SECONDS), "--json"]);
  if (code !== 0) throw new Error(`iperf3 from ${from}: ${stdout.slice(0, 500)} ${stderr}`);
  return readIperf(stdout).gbps;
}

function round3(value: number): number {
  return Math.round(value * 1000) / 1000;
}
