// What a configuration would do to the live sessions of this router, by the judgement that comes into force after a reload
// (live.ts); only those of a kind that it does something to are read. Asked through the admin API for `svrctl config diff`; changes nothing, and gives way to other work between pages.
import { uuidHex } from "../base/ids.ts";
import type { PreviewSession, PreviewView } from "../api/view.ts";
import type { RouterConfig } from "../plan/config.ts";
import type { Datapath, Sift } from "../ports/datapath.ts";
import type { Session } from "../svr/session.ts";
import { AdminFault } from "./admin.ts";
import { buildTables } from "./build.ts";
import type { ShardConfig } from "./build.ts";
import { reasonToEnd } from "./live.ts";
import { hasMoved } from "./moved.ts";
import { numberNames } from "./names.ts";
import type { Pace } from "./pace.ts";
import type { Tables } from "./tables.ts";

/** PreviewAsk is a configuration that is not in force, beside the one that is. */
export interface PreviewAsk {
  current: ShardConfig;
  next: RouterConfig;
  /** most sessions that are named */
  most: number;
  /** turns with other readers, a page each */
  pace: Pace;
}

/** Effect is what becomes of a live session. */
export type Effect = { effect: "cut"; reason: "policy" | "path-lost" } | { effect: "moved" } | { effect: "left" };

/** previewBytes bounds a configuration that is asked about. */
export const previewBytes = 33_554_432;

/** previewBody reads the configuration of a question: one that `svrctl` of this version compiled for this router. */
export function previewBody(body: unknown, name: string): RouterConfig {
  const config = body as Partial<RouterConfig> | null | undefined;
  const lists = [config?.interfaces, config?.tenants, config?.members, config?.services, config?.routes, config?.peers, config?.paths, config?.nexthops, config?.natPools, config?.staticNats, config?.locals];
  if (config?.format === 1 && config.name === name && lists.every((list) => Array.isArray(list))) return config as RouterConfig;
  throw new AdminFault(400, "SVR_USAGE", `the body is not a compiled configuration of router ${name}`);
}

/** previewSessions judges every live session; names of the next configuration get no number of the data plane for it. */
export async function previewSessions(datapath: Datapath, ask: PreviewAsk): Promise<PreviewView> {
  const [before, after] = [buildTables(ask.current, datapath), buildTables(previewConfig(ask), datapath)];
  const view: PreviewView = { sessions: 0, cut: 0, moved: 0, left: 0, reasons: {}, named: [] };
  const sift = datapath.sift((session) => effectOn(after, session).effect !== "left");
  let cursor: number | undefined = 0;
  const bookPage = (): boolean => {
    const page: ReturnType<Sift["next"]> = sift.next(cursor ?? 0, PAGE);
    for (const { state } of page.sessions) book(view, { session: state, effect: effectOn(after, state), tables: before, most: ask.most });
    cursor = page.next;
    return cursor === undefined;
  };
  while (!await ask.pace.piece(bookPage));
  view.left = Math.max(0, datapath.gauges().live - view.cut - view.moved); // others begin and end meanwhile
  view.sessions = view.cut + view.moved + view.left;
  return view;
}

const PAGE = 4096;

/** effectOn tells what a change from one configuration to another does to a live session. */
export function effectOn(after: Tables, session: Session): Effect {
  const reason = reasonToEnd(after, session);
  if (reason !== undefined) return { effect: "cut", reason };
  return { effect: hasMoved(after, session) ? "moved" : "left" };
}

/** The next configuration as a shard would get it: numbers and keys that are in force, and numbers beyond all others for new names. */
function previewConfig({ current, next }: PreviewAsk): ShardConfig {
  let free = FIRST_FREE;
  const { ids } = numberNames(next, (name) => (Object.hasOwn(current.ids, name) ? current.ids[name] ?? 0 : free++));
  return { config: next, ids, keys: current.keys };
}

const FIRST_FREE = 65_536; // the data plane numbers names with 16 bits

function book(view: PreviewView, of: { session: Session; effect: Effect; tables: Tables; most: number }): void {
  const { session, effect, tables, most } = of;
  if (effect.effect === "left") return; // it changed since it was sifted
  view[effect.effect] += 1;
  if (effect.effect === "cut") view.reasons[effect.reason] = (view.reasons[effect.reason] ?? 0) + 1;
  if (view.named.length < most) view.named.push(namedSession(tables, session, effect));
}

function namedSession(tables: Tables, session: Session, effect: Exclude<Effect, { effect: "left" }>): PreviewSession {
  const [tenant, service] = [tables.plainNameOf(session.tenant), tables.plainNameOf(session.service)];
  return { sessionId: uuidHex(session.uuid), ...effect, ...(tenant === undefined ? {} : { tenant }), ...(service === undefined ? {} : { service }) };
}
