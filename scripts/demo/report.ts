// The report of a run (--json): the form that other programs read. Called at the end of the demo; the report of a failed run
// is as complete as the run got.
import { statSync, writeFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import type { SessionView } from "../../pkg/api/view.ts";
import { toHex } from "../../pkg/base/bytes.ts";
import type { Check } from "./checks.ts";
import { pairs } from "./example.ts";
import type { Keys, LinkName } from "./example.ts";

/** Throughput is bulk TCP from host to host, medians of one interleaved run, in Gbit/s. */
export interface Throughput { svr_gbps: number; kernel_gbps: number; ratio: number }

/** ReportedSession is a session as its first router sees it, with the same session on every router, first to last. */
export interface ReportedSession extends SessionView { hops: SessionView[] }

/** Report is what --json writes. The keys protect nothing any more: they were made for the run. */
export interface Report {
  checks: Check[];
  sessions: ReportedSession[];
  throughput: Throughput;
  /** capture file of each link between routers, absolute */
  pcap: Partial<Record<LinkName, string>>;
  /** raw bytes of the pre-shared key of each pair in hex; empty by certificate, where keys are agreed on */
  psk: Partial<Record<LinkName, { pair: readonly [string, string]; key: string }>>;
}

/** reportKeys gives the pre-shared keys in the form of the report: none when routers know each other by certificate. */
export function reportKeys(keys: Keys | undefined): Report["psk"] {
  if (keys === undefined) return {};
  const entries = pairs.map(({ link, routers }) => [link, { pair: routers, key: toHex(keys[link]) }] as const);
  return Object.fromEntries(entries);
}

/** reportTrouble says why a report cannot be written to a file; undefined when it can. Asked before a run, which takes a minute. */
export function reportTrouble(path: string): string | undefined {
  const at = statSync(path, { throwIfNoEntry: false }) ?? statSync(dirname(resolve(path)), { throwIfNoEntry: false });
  if (at === undefined) return `the folder of ${path} does not exist; make it, or name another file`;
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true ? `${path} is a folder; name a file` : undefined;
}

/** writeReport writes the report; only its reader may see the keys. */
export function writeReport(path: string, report: Report): void {
  writeFileSync(path, `${JSON.stringify(report, undefined, 2)}\n`, { mode: 0o600 });
}

/** joinHops groups sessions of several routers by their UUID, in the order of the routers of each session. */
export function joinHops(byRouter: ReadonlyMap<string, readonly SessionView[]>): ReportedSession[] {
  const hops = new Map<string, SessionView[]>();
  for (const [router, sessions] of byRouter) {
    for (const session of sessions) hops.set(session.sessionId, [...(hops.get(session.sessionId) ?? []), { ...session, router }]);
  }
  return [...hops.values()].flatMap((list) => (list[0] === undefined ? [] : [{ ...list[0], hops: list }]));
}
