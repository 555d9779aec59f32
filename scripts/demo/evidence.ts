// Ends the captures, keeps those of the links where a reader finds them, and proves what was on the wire. Called by main.ts;
// what a capture must show stands in proof.ts.
import { existsSync, mkdirSync, readdirSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { pairKeys } from "../../test/support/wire.ts";
import type { PairKeys } from "../../test/support/wire.ts";
import { check } from "./checks.ts";
import type { Check } from "./checks.ts";
import { pairOf } from "./example.ts";
import type { LinkName } from "./example.ts";
import { exchangedKeys } from "./identities.ts";
import { publishCapture } from "./pcap.ts";
import { neverLeft, proveWire } from "./proof.ts";
import type { LanTrace, LinkTrace } from "./proof.ts";
import type { Report, ReportedSession } from "./report.ts";
import type { Scene } from "./scene.ts";
import { readCarried, segmentsOf } from "./wire.ts";
import { wireTable } from "./wiretable.ts";

const captureRoot = join(import.meta.dirname, "../../build/demo");
const KEPT_RUNS = 2; // beside the new one: captures are large

/** Evidence is what captures say and where they lie. */
export interface Evidence { links: LinkTrace[]; lans: LanTrace[]; pcap: Report["pcap"] }

/** endCaptures stops all captures, reads them, and copies those of the links to build/demo. */
export async function endCaptures(scene: Scene): Promise<Evidence> {
  const folder = newFolder(scene.net.run.prefix);
  const evidence: Evidence = { links: [], lans: [], pcap: {} };
  for (const { point, capture } of scene.captures) {
    const frames = await capture.stop(); // rejects when the kernel dropped packets
    if (point.tenant !== undefined) evidence.lans.push({ tenant: point.tenant, packets: readCarried(frames) });
    if (point.link === undefined) continue;
    const file = join(folder, `${point.link}.pcap`);
    const { packets, truncated } = publishCapture(capture.file, file);
    evidence.pcap[point.link] = file;
    evidence.links.push({ link: point.link, packets: readCarried(frames, keysOf(scene, point.link)), truncated });
    scene.say(`  ${point.link}: ${packets} packets, ${(statSync(file).size / 1e6).toFixed(0)} MB in ${file}`);
  }
  scene.say("what was on the wire, packet by packet beside what the hosts sent (metadata: forward + reverse):");
  scene.say(`\n${wireTable(evidence.links, evidence.lans)}\n`);
  return evidence;
}

function keysOf({ net, psk }: Scene, link: LinkName): PairKeys {
  const pair = pairOf(link);
  return psk === undefined ? exchangedKeys(net, pair) : pairKeys(psk[link], pair);
}

/** newFolder makes the folder of this run and removes all but the latest ones. */
function newFolder(name: string): string {
  const folders = existsSync(captureRoot) ? readdirSync(captureRoot).map((one) => join(captureRoot, one)) : [];
  const oldest = folders.sort((a, b) => statSync(b).mtimeMs - statSync(a).mtimeMs).slice(KEPT_RUNS);
  for (const folder of oldest) rmSync(folder, { recursive: true });
  const folder = join(captureRoot, name);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  return folder;
}

/** judgeWire proves the wire and ties it to what svrctl listed. */
export function judgeWire({ links, lans }: Evidence, sessions: readonly ReportedSession[]): Check[] {
  return [...proveWire(links, lans), neverLeft(links, { tenant: "finance.acme", proto: "tcp", port: 22 }), listedOnWire(links, sessions)];
}

function listedOnWire(links: readonly LinkTrace[], sessions: readonly ReportedSession[]): Check {
  const onWire = links.map(({ packets }) => new Set(segmentsOf(packets).segments.map((one) => one.uuid)));
  const missing = sessions.filter((session) => onWire.some((uuids) => !uuids.has(session.sessionId)));
  const ok = sessions.length > 0 && missing.length === 0;
  return check("the sessions that svrctl lists are those on the wire", ok, ok ? `${sessions.length} UUIDs found in the metadata on every link` : missing.map((one) => one.sessionId).join(", "));
}
