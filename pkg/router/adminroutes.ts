// The resources of the admin API (behaviour 14) for this router. Built by the app; each answer is made from snapshots.
import type { CountersView, PeerView, SessionList, SessionView, StatusView, TableView } from "../api/view.ts";
import { formatAddress, parseAddress } from "../base/addresstext.ts";
import { parseUuid, uuidHex } from "../base/ids.ts";
import type { Datapath } from "../ports/datapath.ts";
import { reasons } from "../svr/reasons.ts";
import type { Session } from "../svr/session.ts";
import { AdminFault } from "./admin.ts";
import type { AdminRequest, AdminRoute } from "./admin.ts";
import type { RouterOptions } from "./app.ts";
import type { Counters } from "./counters.ts";
import type { Intake } from "./intake.ts";
import { nameKey } from "./names.ts";
import type { RecordPump } from "./pump.ts";
import { sessionView } from "./sessionview.ts";

/** AdminParts is what the resources read. */
export interface AdminParts {
  options: Pick<RouterOptions, "name" | "version" | "boot" | "clock">;
  datapath: Datapath;
  intake: Intake;
  counters: Counters;
  pump: RecordPump;
  startedMs: number;
}

const PAGE = 1000;
const MAX_SCANNED_PAGES = 64; // of one request; the cursor goes on where it stopped
const ALARM = 0.85; // behaviour 3.8

/** adminRoutes lists the resources. */
export function adminRoutes(parts: AdminParts): AdminRoute[] {
  const router = "/api/v1/routers/:router";
  return [
    { method: "GET", pattern: "/healthz", answer: () => ({ status: "ok" }) },
    { method: "GET", pattern: router, answer: () => status(parts) },
    { method: "GET", pattern: `${router}/sessions`, answer: (request) => sessions(parts, request) },
    { method: "GET", pattern: "/api/v1/sessions/:uuid", answer: (_request, [uuid = ""]) => oneSession(parts, uuid) },
    { method: "GET", pattern: `${router}/counters`, answer: () => counters(parts) },
    { method: "GET", pattern: `${router}/tables`, answer: () => tables(parts) },
    { method: "GET", pattern: `${router}/peers`, answer: () => peers(parts) },
    { method: "GET", pattern: `${router}/configuration`, answer: () => parts.intake.current().config },
  ];
}

function status(parts: AdminParts): StatusView {
  const { options, intake, datapath } = parts;
  const applied = intake.current();
  return {
    name: options.name, version: options.version, boot: options.boot,
    uptime: Math.round((options.clock.monotonicMs() - parts.startedMs) / 1000), shards: applied.config.shards,
    configuration: { hash: applied.hash, appliedAt: applied.at, stale: intake.stale(), problems: applied.problems },
    sessions: datapath.gauges().live, adopted: datapath.adopted(),
  };
}

function sessions(parts: AdminParts, request: AdminRequest): SessionList {
  const { query } = request;
  const limit = boundedNumber(query.get("limit"), { fallback: 100, max: PAGE, name: "limit" });
  let cursor: number | undefined = boundedNumber(query.get("cursor"), { fallback: 0, max: 0xffffffff, name: "cursor" });
  const wanted = filtersOf(query);
  const items: SessionView[] = [];
  for (let page = 0; page < MAX_SCANNED_PAGES && cursor !== undefined && items.length < limit; page++) {
    const found: ReturnType<Datapath["sessions"]> = parts.datapath.sessions(cursor, Math.min(PAGE, limit - items.length));
    for (const { state } of found.sessions) {
      const view = sessionView(parts.pump.source, state);
      if (matches(view, wanted)) items.push(view);
    }
    cursor = found.next;
  }
  return cursor === undefined ? { items } : { items, next: String(cursor) };
}

/** The fields of a session that a list can be narrowed to, by equality with their text; an address counts in any spelling. */
const filters = ["tenant", "service", "peer", "role", "life", "protocol", "sourceAddress", "sourcePort", "destinationAddress", "destinationPort", "sessionId"] as const;

type Filter = readonly [name: (typeof filters)[number], value: string];

function filtersOf(query: URLSearchParams): Filter[] {
  return [...query].filter(([name]) => name !== "limit" && name !== "cursor").map(([name, value]) => {
    const filter = filters.find((one) => one === name);
    if (filter === undefined) throw new AdminFault(400, "SVR_USAGE", `there is no filter ${name}; there are ${filters.join(", ")}`);
    return [filter, plainValue(filter, value)];
  });
}

function plainValue(name: Filter[0], value: string): string {
  if (name === "sessionId") return value.replaceAll("-", "").toLowerCase();
  const address = name.endsWith("Address") ? parseAddress(value) : undefined;
  return address === undefined ? value : formatAddress(address);
}

function matches(view: SessionView, wanted: readonly Filter[]): boolean {
  return wanted.every(([name, value]) => String(view[name] ?? "") === value);
}

function boundedNumber(text: string | null, bound: { fallback: number; max: number; name: string }): number {
  if (text === null) return bound.fallback;
  const value = Number(text);
  if (!Number.isInteger(value) || value < 0 || value > bound.max) {
    throw new AdminFault(400, "SVR_USAGE", `${bound.name}=${text} is not a whole number up to ${bound.max}`);
  }
  return value;
}

function oneSession(parts: AdminParts, text: string): SessionView {
  const uuid = parseUuid(text);
  if (uuid === undefined) throw new AdminFault(400, "SVR_USAGE", `${text} is not a session id of 32 hex digits`);
  const wanted = uuidHex(uuid);
  let cursor: number | undefined = 0;
  while (cursor !== undefined) {
    const page: ReturnType<Datapath["sessions"]> = parts.datapath.sessions(cursor, PAGE);
    const found: { state: Session } | undefined = page.sessions.find(({ state }) => uuidHex(state.uuid) === wanted);
    if (found !== undefined) return sessionView(parts.pump.source, found.state);
    cursor = page.next;
  }
  throw new AdminFault(404, "SVR_NOT_FOUND", `no session ${wanted} on router ${parts.options.name}`);
}

function counters(parts: AdminParts): CountersView {
  const data = parts.datapath.counters();
  const shard = parts.counters.drops();
  const names = reasons.filter((reason) => reason.group !== "end").map((reason) => reason.name);
  return {
    drops: Object.fromEntries(names.map((name) => [name, Number(data.drops[name] ?? 0n) + (shard[name] ?? 0)])),
    peerDrops: parts.counters.peerDrops(),
    interfaces: Object.entries(data.interfaces).map(([ifnum, of]) => ({
      name: parts.pump.source.interfaceName(Number(ifnum)),
      rxPackets: Number(of.rxPackets), rxBytes: Number(of.rxBytes), txPackets: Number(of.txPackets), txBytes: Number(of.txBytes),
    })),
    records: parts.pump.totals(),
  };
}

function tables(parts: AdminParts): TableView[] {
  const gauges = parts.datapath.gauges();
  const applied = parts.intake.current();
  const row = (name: string, entries: number, limit: number): TableView => ({ name, entries, limit, alarm: entries >= limit * ALARM });
  return [
    row("sessions", gauges.live, gauges.sessionLimit), row("session slots", gauges.slotsUsed, gauges.sessionLimit),
    row("flow index", gauges.flowEntries, gauges.flowLimit), row("quarantine", gauges.quarantined, gauges.sessionLimit),
    ...applied.config.paths.map((path) => {
      const pool = parts.counters.pool(parts.datapath.nameId(nameKey("path", path.key)));
      return row(`waypoints ${path.key}`, pool.used, pool.size);
    }),
  ];
}

function peers(parts: AdminParts): PeerView[] {
  const { config, keys } = parts.intake.current();
  return config.peers.map((peer) => {
    const pair = keys[peer.name];
    const state = pair === undefined ? "down" as const : "up" as const; // without BFD a configured path counts as up
    return {
      name: peer.name, state, hmac: peer.hmac.mode, metadataEncryption: peer.metadataEncryption.enabled ? peer.metadataEncryption.suite : "off",
      keys: { send: hexId(pair?.send.keyId), receive: hexId(pair?.receive.keyId) }, allowedTenants: peer.allowedTenants.map((one) => one.tenant),
      paths: config.paths.filter((path) => path.peer === peer.name).map((path) => ({
        name: path.key, interface: path.interface, local: formatAddress(path.local), remote: formatAddress(path.remote), mtu: path.mtu, state,
        waypoints: parts.counters.pool(parts.datapath.nameId(nameKey("path", path.key))),
      })),
    };
  });
}

function hexId(id: number | undefined): string {
  return id === undefined ? "" : (id >>> 0).toString(16).padStart(8, "0");
}
