// The resources of the admin API (behaviour 14) for this router. Built by the app; each answer is made from snapshots.
import type { AuditView, CountersView, PeerView, PreviewView, SessionList, SessionView, StatusView, TraceView, VerifyView } from "../api/view.ts";
import { formatAddress } from "../base/addresstext.ts";
import { parseUuid, uuidHex } from "../base/ids.ts";
import type { AuditLog } from "../ports/audit.ts";
import type { Datapath } from "../ports/datapath.ts";
import { globalTenant } from "../plan/config.ts";
import { writtenPlace } from "../svr/filter.ts";
import { reasons } from "../svr/reasons.ts";
import { Life } from "../svr/session.ts";
import { AdminFault } from "./admin.ts";
import type { Alarms } from "./alarms.ts";
import { keysIn } from "./build.ts";
import type { AdminRequest, AdminRoute } from "./admin.ts";
import type { RouterOptions } from "./app.ts";
import { auditFile } from "./auditdenials.ts";
import { captureReads } from "./captureroutes.ts";
import type { Captures } from "./captures.ts";
import { sumCounts, sumOfPeers } from "./counters.ts";
import type { Counters } from "./counters.ts";
import { filterRefusal, sourceRefusal } from "./door.ts";
import type { Fill } from "./fill.ts";
import type { Intake } from "./intake.ts";
import type { Keying } from "./keying.ts";
import { nameKey } from "./names.ts";
import type { Pace } from "./pace.ts";
import type { PathMtus } from "./pathmtus.ts";
import { previewBody, previewBytes, previewSessions } from "./preview.ts";
import type { Protectors } from "./protectors.ts";
import type { RecordPump } from "./pump.ts";
import type { Questions } from "./questions.ts";
import { boundedNumber, sessionTest } from "./sessionquery.ts";
import { sessionView } from "./sessionview.ts";
import type { Traced } from "./trace.ts";
import { traceQuestion } from "./tracequery.ts";
import { existingView, tracedView } from "./traceview.ts";
import { verifyTables } from "./verify.ts";

/** AdminParts is what the resources read. */
export interface AdminParts {
  options: Pick<RouterOptions, "name" | "version" | "boot" | "clock" | "stateDir">;
  audit: Pick<AuditLog, "head">;
  datapath: Datapath;
  intake: Intake;
  counters: Counters;
  mtus: Pick<PathMtus, "mtuOf" | "verdictOf" | "refused">;
  keying: Pick<Keying, "keys" | "viewOf" | "certificate">;
  alarms: Pick<Alarms, "list">;
  pump: RecordPump;
  /** absent: this machine protects no packets of established sessions */
  protectors?: Pick<Protectors, "drops" | "skews" | "engine">;
  fill: Fill;
  shards: readonly unknown[];
  questions: Questions;
  captures: Captures;
  /** what reads of whole tables take their turns by */
  pace: Pace;
  /** waits so many milliseconds */
  pause(ms: number): Promise<void>;
  startedMs: number;
}

const PAGE = 1000; // most sessions of one answer (behaviour 14), and slots of one copy
const USUAL_PAGE = 100;
const MAX_SCANNED_PAGES = 16; // of one request, so that the main thread is not held; the cursor goes on where it stopped

/** adminRoutes lists the resources; `self` stands for the name of this router. */
export function adminRoutes(parts: AdminParts): AdminRoute[] {
  const own = (path: string, answer: (request: AdminRequest) => unknown): AdminRoute => ({
    method: "GET", pattern: `/api/v1/routers/:router${path}`,
    answer(request, [name = ""]) {
      if (name !== "self" && name !== parts.options.name) throw new AdminFault(404, "SVR_NOT_FOUND", `this is router ${parts.options.name}, not ${name}`);
      return answer(request);
    },
  });
  const paced = (route: AdminRoute): AdminRoute => ({ ...route, pace: parts.pace });
  return [
    { method: "GET", pattern: "/healthz", answer: () => ({ status: "ok" }) },
    { method: "GET", pattern: "/api/v1/routers", answer: () => [status(parts)] },
    own("", () => status(parts)),
    paced(own("/sessions", (request) => sessions(parts, request))),
    { method: "GET", pattern: "/api/v1/sessions/:uuid", answer: (_request, [uuid = ""]) => oneSession(parts, uuid) },
    own("/audit", (): AuditView => ({ path: `${parts.options.stateDir}/${auditFile}`, head: parts.audit.head() })),
    own("/counters", () => counters(parts)),
    own("/tables", () => parts.fill.tables()),
    own("/peers", () => peers(parts)),
    ...captureReads(parts),
    own("/trace", (request) => trace(parts, request)),
    own("/verify", singly(() => verify(parts))),
    paced(own("/configuration", () => parts.intake.current().config)),
    paced(own("/objects", () => parts.intake.current().objects)),
    { ...own("/preview", (request) => preview(parts, request)), method: "POST", maxBody: previewBytes },
  ];
}

function preview(parts: AdminParts, { query, body }: AdminRequest): Promise<PreviewView> {
  const { datapath, intake, options } = parts;
  const applied = intake.current();
  const next = previewBody(body, options.name);
  const most = boundedNumber(query.get("limit"), { fallback: USUAL_PAGE, min: 0, max: PAGE, name: "limit" });
  return previewSessions(datapath, { current: { ...applied, ids: applied.number((name) => datapath.nameId(name)) }, next, most, pace: parts.pace });
}

/** Who asks while it is being worked on gets the same answer. */
function singly<T>(work: () => Promise<T>): () => Promise<T> {
  let running: Promise<T> | undefined;
  return () => (running ??= work().finally(() => { running = undefined; }));
}

/** The filter, the flow index and the source check first, as the data plane does, then the shard that would decide. */
async function trace({ datapath, intake, questions, pump }: AdminParts, { query }: AdminRequest): Promise<TraceView> {
  const { config } = intake.current();
  const { interface: entrance, vlan, packet, key } = traceQuestion(config, query);
  const shard = datapath.shardOf(key);
  const facts = { interface: entrance.name, vlan, shard };
  const denied = filterRefusal(entrance, vlan, packet);
  if (denied !== undefined) return tracedView(pump.source, facts, atDoor(denied));
  const found = datapath.find(key);
  if (found !== undefined && (found.state.life === Life.live || found.state.life === Life.guard)) return existingView(pump.source, facts, found);
  if (!entrance.hosts) return tracedView(pump.source, facts, { tenant: globalTenant, reason: "no-service", sends: [] });
  const unknown = sourceRefusal(config, entrance, { vlan, packet });
  if (unknown !== undefined) return tracedView(pump.source, facts, atDoor(unknown));
  const answer = await questions.ask(shard, { kind: "trace", ifnum: entrance.ifnum, vlan, data: packet.data });
  if (answer.kind !== "trace") throw new AdminFault(500, "SVR_INTERNAL", "the shard answered another question");
  return tracedView(pump.source, facts, answer.traced);
}

function atDoor(why: string): Traced {
  return { tenant: "", reason: "filter", why, sends: [] };
}

function verify(parts: AdminParts): Promise<VerifyView> {
  const { datapath, intake, questions, options } = parts;
  const paths = intake.current().config.paths.map((path) => ({
    id: datapath.nameId(nameKey("path", path.key)), name: path.key, pairs: path.pairs, ...(path.remotePorts === undefined ? {} : { remotePorts: path.remotePorts }),
  }));
  return verifyTables({ datapath, paths, questions, pace: parts.pace, pause: (ms) => parts.pause(ms), nowMs: () => options.clock.monotonicMs() });
}

function status(parts: AdminParts): StatusView {
  const { options, intake, datapath } = parts;
  const applied = intake.current();
  return {
    name: options.name, version: options.version, boot: options.boot,
    uptime: Math.round((options.clock.monotonicMs() - parts.startedMs) / 1000), shards: parts.shards.length,
    configuration: { hash: applied.hash, appliedAt: applied.at, stale: intake.stale(), problems: [...applied.problems, ...intake.troubles()] },
    sessions: datapath.gauges().live, adopted: datapath.adopted(), alarms: parts.alarms.list(), ...(parts.keying.certificate() !== undefined && { certificate: parts.keying.certificate() }),
    ...(parts.protectors && { protection: parts.protectors.engine }),
  };
}

/** Reads pages of slots until enough sessions pass, the end, or the bound of one request; the cursor is the next slot. */
function sessions(parts: AdminParts, { query }: AdminRequest): SessionList {
  const limit = boundedNumber(query.get("limit"), { fallback: USUAL_PAGE, min: 1, max: PAGE, name: "limit" });
  const passes = sessionTest(query, parts.pump.source);
  let cursor: number | undefined = boundedNumber(query.get("cursor"), { fallback: 0, min: 0, max: 0xffffffff, name: "cursor" });
  const items: SessionView[] = [];
  for (let page = 0; page < MAX_SCANNED_PAGES && cursor !== undefined; page++) {
    const found: ReturnType<Datapath["sessions"]> = parts.datapath.sessions(cursor, PAGE);
    for (const { index, state } of found.sessions) {
      if (!passes(state)) continue;
      if (items.length === limit) return { items, next: String(index) };
      items.push(sessionView(parts.pump.source, state));
    }
    cursor = found.next;
  }
  return cursor === undefined ? { items } : { items, next: String(cursor) };
}

function oneSession(parts: AdminParts, text: string): SessionView {
  const uuid = parseUuid(text);
  if (uuid === undefined) throw new AdminFault(400, "SVR_USAGE", `${text} is not a session id of 32 hex digits`);
  const found = parts.datapath.findUuid(uuid);
  if (found === undefined) throw new AdminFault(404, "SVR_NOT_FOUND", `no session ${uuidHex(uuid)} on router ${parts.options.name}`);
  return sessionView(parts.pump.source, found.state);
}

/** dropsOf sums what data plane, shards and the main thread dropped: all reasons, and by peer where the peer is known. */
export function dropsOf(parts: Pick<AdminParts, "datapath" | "mtus" | "counters" | "protectors">): Pick<CountersView, "drops" | "peerDrops"> {
  const data = parts.datapath.counters(), peering = parts.mtus.refused();
  const shard = sumCounts([parts.counters.drops(), peering.drops, parts.protectors?.drops() ?? {}]);
  const names = reasons.filter((reason) => reason.group !== "end").map((reason) => reason.name);
  return {
    drops: Object.fromEntries(names.map((name) => [name, Number(data.drops[name] ?? 0n) + (shard[name] ?? 0)])),
    peerDrops: sumOfPeers([parts.counters.peerDrops(), peering.peerDrops]),
  };
}

function counters(parts: AdminParts): CountersView {
  const data = parts.datapath.counters();
  return {
    ...dropsOf(parts),
    interfaces: Object.entries(data.interfaces).map(([ifnum, of]) => ({
      name: parts.pump.source.interfaceName(Number(ifnum)),
      rxPackets: Number(of.rxPackets), rxBytes: Number(of.rxBytes), txPackets: Number(of.txPackets), txBytes: Number(of.txBytes),
    })),
    filtered: filtered(parts), shards: parts.counters.shards(), refusalsSuppressed: parts.pump.suppressed(), healthChecks: parts.counters.healthChecks(), records: parts.pump.totals(),
  };
}

/** Two rules of the data plane stand for one of ICMP without a family: they count together, under the place that the author gave it. */
function filtered(parts: AdminParts): CountersView["filtered"] {
  return parts.intake.current().config.interfaces.flatMap(({ name, ifnum, filter }) => {
    if (filter === undefined) return [];
    const sums = new Map<number, number>();
    for (const [place, packets] of parts.datapath.denied(ifnum)) {
      const rule = writtenPlace(filter, place);
      sums.set(rule, (sums.get(rule) ?? 0) + packets);
    }
    return [...sums].map(([rule, packets]) => ({ interface: name, rule, packets }));
  });
}

function peers(parts: AdminParts): PeerView[] {
  const { config } = parts.intake.current();
  const keys = parts.keying.keys();
  return config.peers.map((peer) => {
    const pair = keysIn(keys, peer.name);
    const state = pair?.send === undefined ? "down" as const : "up" as const; // without BFD a configured path counts as up
    return {
      name: peer.name, state, ...parts.keying.viewOf(peer), hmac: peer.hmac.mode, metadataEncryption: peer.metadataEncryption.enabled ? peer.metadataEncryption.suite : "off",
      keys: { send: hexId(pair?.send?.keyId), receive: hexId(pair?.receive[0]?.keyId) }, allowedTenants: peer.allowedTenants.map((one) => one.tenant),
      paths: config.paths.filter((path) => path.peer === peer.name).map((path) => ({
        name: path.key, interface: path.interface, local: formatAddress(path.local), remote: formatAddress(path.remote), mtu: parts.mtus.mtuOf(path),
        mtuDiscovery: parts.mtus.verdictOf(path), state,
        waypoints: parts.counters.pool(parts.datapath.nameId(nameKey("path", path.key))),
      })),
    };
  });
}

function hexId(id: number | undefined): string {
  return id === undefined ? "" : (id >>> 0).toString(16).padStart(8, "0");
}
