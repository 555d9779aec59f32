// What the hosts of the demo do: downloads, queries, echo requests and bulk over IPv4 and IPv6, two tenants at once from one
// address and one port, and one connection that is denied. Called by main.ts; judges only what the hosts saw.
import { closeSync, openSync, readSync, statSync } from "node:fs";
import { join } from "node:path";
import { patternOf } from "../../test/support/hosts/pattern.ts";
import type { TestProcess } from "../../test/support/process.ts";
import { ping, startHttpServer, startTcpClient, startTcpServer, startUdpClient, startUdpServer } from "../../test/support/traffic.ts";
import type { TcpClient, UdpReport } from "../../test/support/traffic.ts";
import { waitFor } from "../../test/support/wait.ts";
import { check } from "./checks.ts";
import type { Check } from "./checks.ts";
import { readIperf } from "./rates.ts";
import type { Scene } from "./scene.ts";
import { plainNodes, serverAddresses } from "./topology.ts";

/** sharedPort is the source port that both tenants use at once: their packets are equal up to the interface they enter by. */
export const sharedPort = 40_080;

const HTTP = 80, DNS = 53, ADMIN = 22, BULK = 5201;
const PAGE_BYTES = 6_000_000, PAGE_RATE = 500_000; // bytes; bytes a second: slow enough to last while the table is shown
const BULK_BYTES = 30_000_000, BULK_RATE = 24_000_000; // bytes; bits a second
const QUERIES = 10, ECHOES = 100; // echo requests are 100 ms apart
const LOGIN_MS = 250; // between two lines of the login
const DENIED_SECONDS = 2, FIRST_MS = 20_000, WARM_UP = 1; // WARM_UP is an echo identifier

/** startServers starts what the server behind router cloud offers, and iperf3 on the server behind the kernel routers. */
export async function startServers({ net }: Scene): Promise<void> {
  await Promise.all([
    startHttpServer(net, "server", { address: "::", port: HTTP }), startUdpServer(net, "server", { address: "::", port: DNS }), startTcpServer(net, "server", { address: "::", port: ADMIN }),
    ...["server", plainNodes.server].map((node) => net.start(node, ["iperf3", "--server", "--port", String(BULK), "--forceflush"]).line(/listening/i)),
  ]);
}

/** awaitAnswers waits for the first answered echo request of each tenant and family: until then code is being loaded. */
export async function awaitAnswers({ net, say }: Scene): Promise<void> {
  const pairs = (["engineering", "finance"] as const).flatMap((node) => ([4, 6] as const).map((family) => ({ node, to: serverAddresses[family] })));
  await Promise.all(pairs.map(({ node, to }) => waitFor(`an answer from ${to} to ${node}`, async () => (await ping(net, node, to, { count: 1, identifier: WARM_UP })).answered === 1, { deadlineMs: FIRST_MS })));
  say("first echo requests of both tenants are answered, over IPv4 and IPv6");
}

/** Running is the traffic that goes on while the table is shown; promises never reject, a fault is a check that failed. */
export interface Running { downloads: Promise<Check>; echoes: Promise<Check>; queries: Promise<Check>; bulk: Promise<Check>; admin: TcpClient }

/** longConnections is how many TCP sessions it has: downloads, iperf3 with its control connection, login. */
export const longConnections = 3 + 2 + 1;

interface Download { title: string; file: string; curl: TestProcess }

/** startLongTraffic starts what lasts some seconds; both tenants use one source port. */
export function startLongTraffic(scene: Scene): Running {
  const { net, say } = scene;
  say(`engineering and finance download ${PAGE_BYTES / 1e6} MB over HTTP at once, both from 10.1.0.10 port ${sharedPort}; finance also over IPv6`);
  const downloads = [
    startDownload(scene, { node: "engineering", family: 4 }), startDownload(scene, { node: "finance", family: 4 }), startDownload(scene, { node: "finance", family: 6 }),
  ];
  say("both send echo requests, engineering over IPv4 and IPv6; engineering logs in at the admin service tcp/22");
  say(`both ask ${QUERIES} questions over UDP port 53 from one source port; engineering sends ${BULK_BYTES / 1e6} MB with iperf3`);
  return {
    downloads: judged("downloads arrive byte for byte", judgeDownloads(downloads)), echoes: judged("echo requests are answered", echo(scene)),
    queries: judged("UDP queries are answered", query(scene)), bulk: judged("iperf3 sends in bulk", sendBulk(scene)),
    admin: startTcpClient(net, "engineering", { to: serverAddresses[4], port: ADMIN, sessions: 1, everyMs: LOGIN_MS }),
  };
}

type Outcome = Omit<Check, "name">;

async function judged(name: string, outcome: Promise<Outcome>): Promise<Check> {
  try {
    return { name, ...await outcome };
  } catch (error) {
    return check(name, false, error instanceof Error ? error.message : String(error));
  }
}

function startDownload({ net }: Scene, from: { node: string; family: 4 | 6 }): Download {
  const file = join(net.folder, `download-${from.node}-${from.family}`);
  const host = from.family === 4 ? serverAddresses[4] : `[${serverAddresses[6]}]`;
  const port = from.family === 4 ? ["--local-port", String(sharedPort)] : [];
  const words = ["curl", "--silent", "--show-error", "--globoff", "--max-time", "30", ...port, "--limit-rate", String(PAGE_RATE), "--output", file, `http://${host}:${HTTP}/${PAGE_BYTES}`];
  return { title: `${from.node} over IPv${from.family}`, file, curl: net.start(from.node, words) };
}

async function echo({ net }: Scene): Promise<Outcome> {
  const rounds = await Promise.all([
    ping(net, "engineering", serverAddresses[4], { count: ECHOES, identifier: 77 }), ping(net, "finance", serverAddresses[4], { count: ECHOES, identifier: 77 }), ping(net, "engineering", serverAddresses[6], { count: ECHOES }),
  ]);
  const [sent, answered] = [rounds.reduce((sum, one) => sum + one.sent, 0), rounds.reduce((sum, one) => sum + one.answered, 0)];
  return { ok: sent === rounds.length * ECHOES && answered === sent, detail: `${answered} of ${sent}, two tenants with one identifier, IPv4 and IPv6` };
}

async function query({ net }: Scene): Promise<Outcome> {
  const rounds = await Promise.all(["engineering", "finance"].map(async (node) => {
    const client = await startUdpClient(net, node, { to: serverAddresses[4], port: DNS, firstPort: 5_353, bytes: 48, waitMs: 3_000 });
    const reports: UdpReport[] = [];
    for (let question = 0; question < QUERIES; question++) reports.push(await client.send()); // one after the other: the first ones carry metadata
    return reports;
  }));
  const sum = (of: "sent" | "answered" | "wrong"): number => rounds.flat().reduce((total, one) => total + one[of], 0);
  return { ok: sum("answered") === QUERIES * rounds.length && sum("wrong") === 0, detail: `${sum("answered")} of ${sum("sent")}, ${sum("wrong")} wrong` };
}

async function sendBulk({ net }: Scene): Promise<Outcome> {
  const words = ["iperf3", "--client", serverAddresses[4], "--port", String(BULK), "--bytes", String(BULK_BYTES), "--bitrate", String(BULK_RATE), "--json"];
  const { code, stdout, stderr } = await net.exec("engineering", words);
  if (code !== 0) return { ok: false, detail: `iperf3: ${stdout.slice(0, 300)} ${stderr}` };
  const { bytes } = readIperf(stdout);
  return { ok: bytes >= BULK_BYTES * 0.9, detail: `${(bytes / 1e6).toFixed(0)} MB arrived` };
}

/** tryDenied lets finance open what only engineering may. */
export async function tryDenied({ net, say }: Scene): Promise<Check> {
  say(`finance tries the admin service tcp/${ADMIN}, which only engineering may use`);
  const { code } = await net.exec("finance", ["timeout", String(DENIED_SECONDS), "bash", "-c", `exec 3<>/dev/tcp/${serverAddresses[4]}/${ADMIN}`]);
  return check("finance cannot open the admin service", code !== 0, code === 0 ? "it was connected" : code === 124 ? `no answer in ${DENIED_SECONDS} s` : "refused");
}

/** finishLongTraffic waits for it and gives what came of it. */
export async function finishLongTraffic(running: Running): Promise<Check[]> {
  const done = [await running.downloads, await running.echoes, await running.queries, await running.bulk];
  const admin = await running.admin.stop();
  return [...done, check("engineering uses the admin service", admin.connected === 1 && admin.receivedBytes > 0 && admin.wrong === 0, `${admin.connected} of ${admin.sessions} connected, ${admin.receivedBytes} bytes came back`)];
}

async function judgeDownloads(downloads: readonly Download[]): Promise<Outcome> {
  const outcomes = await Promise.all(downloads.map(judgeDownload));
  return { ok: outcomes.every((one) => one.ok), detail: outcomes.map((one) => one.detail).join("; ") };
}

async function judgeDownload({ title, file, curl }: Download): Promise<Outcome> {
  const { code } = await curl.end(40_000);
  if (code !== 0) return { ok: false, detail: `${title}: curl ended with ${String(code)} ${curl.errors.trim()}` };
  const { size, wrongAt } = lookAt(file);
  const ok = size === PAGE_BYTES && wrongAt < 0;
  return { ok, detail: `${title}: ${size} bytes${wrongAt < 0 ? "" : `, the first wrong one at ${wrongAt}`}` };
}

const LOOK_BYTES = 262_144;
const pattern = patternOf();

/** lookAt compares a downloaded file with the pattern that the server sends. */
function lookAt(file: string): { size: number; wrongAt: number } {
  const { size } = statSync(file);
  const handle = openSync(file, "r");
  try {
    const part = Buffer.alloc(LOOK_BYTES);
    for (let at = 0; at < size; at += LOOK_BYTES) {
      const count = readSync(handle, part, 0, LOOK_BYTES, at);
      const wrong = pattern.firstWrong(at, part.subarray(0, count));
      if (wrong >= 0) return { size, wrongAt: wrong };
    }
    return { size, wrongAt: -1 };
  } finally {
    closeSync(handle);
  }
}
