// What svrctl, the real one, says about the running routers: the table of sessions, one session hop by hop, why a connection
// is denied. Called by main.ts while traffic runs; judges what the answers hold.
import { execFile } from "node:child_process";
import { join } from "node:path";
import process from "node:process";
import type { SessionRecord } from "../../pkg/api/record.ts";
import type { SessionView } from "../../pkg/api/view.ts";
import { hostPort } from "../../pkg/cli/wording.ts";
import { waitFor } from "../../test/support/wait.ts";
import { check, checkNone } from "./checks.ts";
import type { Check } from "./checks.ts";
import { routerNames } from "./example.ts";
import type { RouterName } from "./example.ts";
import type { ReportedSession } from "./report.ts";
import { joinHops } from "./report.ts";
import type { Scene } from "./scene.ts";
import { serverAddresses } from "./topology.ts";

const program = join(import.meta.dirname, "../../cmd/svrctl/main.ts");
const ANSWER_MS = 20_000;

/** Answer is how svrctl ended. */
export interface Answer { code: number; stdout: string; stderr: string }

/** socketsOf gives the words that name the admin sockets of all routers, first to last. */
export function socketsOf(scene: Scene): string[] {
  return routerNames.flatMap((name) => ["--socket", join(scene.routers[name].stateDir, "admin.sock")]);
}

async function svrctl(...words: string[]): Promise<Answer> {
  const args = ["--disable-warning=ExperimentalWarning", program, ...words];
  return new Promise((resolve, reject) => {
    execFile(process.execPath, args, { timeout: ANSWER_MS, maxBuffer: 1 << 26, env: { ...process.env, COLUMNS: process.stdout.isTTY ? String(process.stdout.columns) : "" } }, (error, stdout, stderr) => {
      if (error !== null && typeof error.code !== "number") reject(new Error(`svrctl ${words.join(" ")}: ${error.message}`));
      else resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr });
    });
  });
}

/** svrctlAt asks one router. */
export async function svrctlAt(scene: Scene, router: RouterName, ...words: string[]): Promise<Answer> {
  return svrctl("--socket", join(scene.routers[router].stateDir, "admin.sock"), ...words);
}

/** showPeers prints how the router in the middle knows its neighbours, and judges all. */
export async function showPeers(scene: Scene, isPsk: boolean): Promise<Check> {
  const { stdout } = await svrctl("--socket", join(scene.routers.transit.stateDir, "admin.sock"), "peers");
  scene.say("svrctl peers, at router transit (-o wide has certificates and the age of keys too):");
  scene.say(`\n${stdout}`);
  const peers = (await Promise.all(routerNames.map((name) => scene.routers[name].peers()))).flat(), wanted = isPsk ? "psk" : "certificate";
  const wrong = peers.filter(({ state, authentication }) => state !== "up" || authentication !== wanted).map(({ name, state, authentication }) => `${name} is ${state}, by ${authentication ?? "nothing"}`);
  return checkNone(`routers know each other by ${isPsk ? "pre-shared key" : "certificate"}`, wrong, { count: peers.length, what: `neighbours, each with keys ${isPsk ? "derived from the one of the pair" : "from an exchange (X25519 and ML-KEM-768)"}` });
}

/** showTable prints the live session table and gives the sessions of all routers. */
export async function showTable(scene: Scene): Promise<{ sessions: ReportedSession[]; checks: Check[] }> {
  const first = ["--socket", join(scene.routers.branch.stateDir, "admin.sock")];
  const [table, data] = await Promise.all([svrctl(...first, "sessions", "list"), svrctl(...socketsOf(scene), "sessions", "list", "--limit", "0", "-o", "json")]);
  scene.say("svrctl sessions, at router branch:");
  scene.say(`\n${table.stdout}`);
  if (data.code !== 0) return { sessions: [], checks: [check("svrctl lists the sessions", false, data.stderr)] };
  const { items } = JSON.parse(data.stdout) as { items: (SessionView & { router: string })[] };
  const sessions = joinHops(new Map(routerNames.map((name) => [name, items.filter((one) => one.router === name)]))).filter(isFresh);
  return { sessions, checks: [check("svrctl lists the sessions", table.code === 0 && items.length > 0, `${items.length} on ${routerNames.length} routers, ${sessions.length} different ones`), ...judgeSessions(sessions)] };
}

const FRESH_MS = 4_000;

/** A session that ended, or that nobody uses any more, is forgotten by each router in its own time: it says nothing about the others. */
function isFresh({ life, idle }: ReportedSession): boolean {
  return life === "live" && idle < FRESH_MS;
}

/** judgeSessions checks that each session is on all routers with its role, and that two tenants with one 5-tuple stay apart. */
export function judgeSessions(sessions: readonly ReportedSession[]): Check[] {
  const roles = "branch ingress, transit transit, cloud egress";
  const faults = sessions.flatMap((session) => {
    const seen = session.hops.map((hop) => `${hop.router ?? "?"} ${hop.role ?? "?"}`).join(", ");
    return seen === roles ? [] : [`${session.sessionId}: ${seen}`];
  });
  const twins = twinsOf(sessions);
  return [
    checkNone("each session is on all three routers under one UUID", faults, { count: sessions.length, what: "sessions, ingress at branch, transit at transit, egress at cloud" }),
    check("two tenants with one 5-tuple are two sessions", twins.length > 0, twins.length > 0 ? `${twins.join("; ")}` : "no two sessions have one 5-tuple"),
  ];
}

function twinsOf(sessions: readonly ReportedSession[]): string[] {
  const byTuple = Map.groupBy(sessions, (one) => `${one.protocol} ${one.sourceAddress} ${one.sourcePort} ${one.destinationAddress} ${one.destinationPort}`);
  return [...byTuple.values()].filter((same) => new Set(same.map((one) => one.tenant)).size > 1).map((same) =>
    `${hostPort(same[0]?.sourceAddress, same[0]?.sourcePort)} > ${hostPort(same[0]?.destinationAddress, same[0]?.destinationPort)} of ${same.map((one) => one.tenant).sort().join(" and ")}`);
}

/** showHops prints one session on all three routers: the HTTP download of engineering, or another of its connections. */
export async function showHops(scene: Scene, sessions: readonly ReportedSession[]): Promise<Check> {
  const name = "svrctl shows one session hop by hop";
  const candidates = sessions.filter((one) => one.tenant === "engineering.acme" && one.tcpState === "established");
  const session = candidates.find((one) => one.destinationPort === 80) ?? candidates[0];
  if (session === undefined) return check(name, false, "no connection of engineering is established");
  const { code, stdout, stderr } = await svrctl(...socketsOf(scene), "sessions", "show", session.sessionId);
  scene.say(`svrctl sessions show ${session.sessionId}:`);
  scene.say(`\n${stdout}${stderr}`);
  const missing = routerNames.filter((router) => !new RegExp(`\\d\\. ${router} `).test(stdout));
  return check(name, code === 0 && missing.length === 0, missing.length === 0 ? `${session.sessionId} on ${routerNames.join(", ")}` : `not on ${missing.join(", ")}: ${stderr}`);
}

/** showDenial prints why the connection of finance was denied: the record of the router, and what svrctl explains. */
export async function showDenial(scene: Scene): Promise<Check[]> {
  const found = await waitForDenial(scene);
  scene.say(found === undefined ? "router branch wrote no deny record" : `deny record of router branch: ${JSON.stringify(found)}`);
  const words = ["--tenant", "finance.acme", "--proto", "tcp", "--to", `${serverAddresses[4]}:22`];
  const why = await svrctl("--socket", join(scene.routers.branch.stateDir, "admin.sock"), "why", ...words);
  scene.say(`svrctl why ${words.join(" ")}:`);
  scene.say(`\n${why.stdout}${why.stderr}`);
  return [
    check("the denial is recorded with its reason", found?.denyReason === "access", found === undefined ? "no record" : `${found.denyReason ?? "no reason"}, tenant ${found.tenant ?? "?"}, service ${found.service ?? "?"}`),
    check("svrctl explains the denial", why.code === 3 && why.stdout.includes("access"), `exit code ${why.code} (3: answered, and the answer is no)`),
  ];
}

async function waitForDenial(scene: Scene): Promise<SessionRecord | undefined> {
  const look = (): SessionRecord | undefined => scene.routers.branch.records().find((one) => one.recordType === "deny" && one.tenant === "finance.acme" && one.destinationPort === 22);
  try {
    return await waitFor("a deny record of finance", look, { deadlineMs: 5_000 });
  } catch {
    return undefined; // told by the check
  }
}
