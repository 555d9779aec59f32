// The demo (`npm run demo`): three session routers in network namespaces carry real traffic of two tenants with the same
// addresses, show it, prove it from captures and measure it; then everything is taken down. Exit 1 when a check fails.
import { resolve } from "node:path";
import process from "node:process";
import type { Net } from "../../test/support/net.ts";
import { passes } from "../../test/support/wait.ts";
import { check, checkLine } from "./checks.ts";
import type { Check } from "./checks.ts";
import { drawing } from "./drawing.ts";
import { showEncryption } from "./encryption.ts";
import { endCaptures, judgeWire } from "./evidence.ts";
import { keepText } from "./keep.ts";
import { readOptions, usage } from "./options.ts";
import type { Options } from "./options.ts";
import { reportKeys, reportTrouble, writeReport } from "./report.ts";
import type { Report } from "./report.ts";
import { openScene, openStage } from "./scene.ts";
import type { Scene } from "./scene.ts";
import { showDenial, showHops, showPeers, showTable } from "./show.ts";
import { measureThroughput } from "./throughput.ts";
import { awaitAnswers, finishLongTraffic, longConnections, startLongTraffic, startServers, tryDenied } from "./traffic.ts";

const INTERRUPTED = 130;
const CARRIED_MS = 3_000;
const started = performance.now();

function say(text: string): void {
  console.log(text.startsWith("\n") ? text.slice(1) : `[${((performance.now() - started) / 1000).toFixed(1).padStart(5)} s] ${text}`);
}

/** Result is what a run found; it grows stage by stage, so that a run that fails reports what it had. */
interface Result extends Omit<Report, "psk"> { scene?: Scene }

async function run(net: Net, result: Result, psk: boolean): Promise<void> {
  const judge = (...checks: Check[]): void => { result.checks.push(...checks); };
  const scene = result.scene = await openScene(net, say, psk);
  await startServers(scene);
  await awaitAnswers(scene);
  judge(await showPeers(scene, psk));
  say("traffic begins");
  const running = startLongTraffic(scene);
  await untilCarried(scene);
  const table = await showTable(scene);
  result.sessions = table.sessions;
  judge(...table.checks);
  judge(await showHops(scene, table.sessions));
  judge(await tryDenied(scene), ...await showDenial(scene), ...await finishLongTraffic(running));
  say("end of these captures; bulk TCP below is not captured:");
  const evidence = await endCaptures(scene);
  result.pcap = evidence.pcap;
  judge(...judgeWire(evidence, result.sessions));
  judge(await showEncryption(scene));
  const { throughput, checks } = await measureThroughput(scene);
  result.throughput = throughput;
  judge(...checks);
}

/** untilCarried waits until the last router carries all connections; when it does not, the checks say what is missing. */
async function untilCarried({ routers }: Scene): Promise<void> {
  const end = performance.now() + CARRIED_MS;
  while ((await routers.cloud.sessions({ protocol: "6" })).length < longConnections && performance.now() < end) await passes(100);
}

/** untilInterrupted resolves at the first Ctrl-C or SIGTERM; later ones change nothing, the tear-down is already under way. */
async function untilInterrupted(): Promise<"interrupted"> {
  return new Promise((resolve) => {
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => { resolve("interrupted"); });
  });
}

async function perform(options: Options): Promise<number> {
  const interrupted = untilInterrupted();
  console.log(`Three session routers carry two tenants with the same addresses to one server. It takes about a minute; Ctrl-C ends it.\n${drawing}`);
  const result: Result = { checks: [], sessions: [], throughput: { svr_gbps: 0, kernel_gbps: 0, ratio: 0 }, pcap: {} };
  const net = await openStage(say);
  const running = run(net, result, options.psk).catch((error: unknown) => { result.checks.push(check("the demo runs to its end", false, error instanceof Error ? error.message : String(error))); });
  const outcome = await Promise.race([running, interrupted]);
  if (outcome !== "interrupted" && options.keep && result.scene !== undefined) {
    console.log(keepText(result.scene));
    await interrupted;
  }
  say("taking everything down");
  result.checks.push(await closeAll(net));
  if (outcome === "interrupted") return INTERRUPTED;
  return conclude(result, options);
}

async function closeAll(net: Net): Promise<Check> {
  try {
    await net.close();
    return check("nothing is left behind", true, "no process, namespace, pin or folder of the run");
  } catch (error) {
    return check("nothing is left behind", false, error instanceof Error ? error.message : String(error));
  }
}

function conclude({ scene, ...result }: Result, options: Options): number {
  const failed = result.checks.filter((one) => !one.ok).length;
  console.log(`\nChecks:\n${result.checks.map(checkLine).join("\n")}\n`);
  for (const [link, file] of Object.entries(result.pcap)) console.log(`capture of ${link}: ${file}`);
  if (options.json !== undefined) {
    writeReport(options.json, { ...result, psk: reportKeys(scene?.psk) });
    console.log(`report: ${resolve(options.json)}`);
  }
  console.log(failed === 0 ? `all ${result.checks.length} checks hold` : `${failed} of ${result.checks.length} checks FAILED`);
  return failed === 0 ? 0 : 1;
}

const read = readOptions(process.argv.slice(2));
const trouble = "error" in read ? read.error : read.options.json === undefined ? undefined : reportTrouble(read.options.json);
if ("error" in read || trouble !== undefined) {
  console.error(`demo: ${trouble ?? ""}\n\n${usage}`);
  process.exitCode = 2;
} else if (read.options.help) console.log(usage);
else process.exitCode = await perform(read.options);
