// What a configuration change means for live sessions (behaviour 1.2): a session whose tenant may not open its service any
// more ends with reason `policy`, one whose peer or path is gone with `path-lost`; all others stay as they are. Called by
// judging.ts after the shards were told, and by preview.ts before.
import type { Datapath, SessionRef } from "../ports/datapath.ts";
import { reasonNumber } from "../svr/reasons.ts";
import { Life } from "../svr/session.ts";
import type { Session } from "../svr/session.ts";
import { hasMoved } from "./moved.ts";
import { plainName } from "./names.ts";
import type { Tables } from "./tables.ts";

const PAGE = 4096;

/** EndingSession is a live session that the new configuration does not allow, or cannot carry. */
export interface EndingSession {
  ref: SessionRef;
  reason: number;
}

/** LiveSessions is what a configuration does to live sessions: those it ends, and those whose way out it changed (behaviour 7.5). */
export interface LiveSessions {
  ending: EndingSession[];
  moved: SessionRef[];
  /** sessions whose timeouts it changed */
  retimed: Retimed[];
}

/** Retimed is a session with its new timeouts in milliseconds; `initialMs` of what is not TCP. */
export interface Retimed {
  ref: SessionRef;
  idleMs: number;
  initialMs?: number;
}

/** JudgeBy is the newest configuration, and those before it that sessions may have their timeouts from. */
export interface JudgeBy {
  tables: Tables;
  before: readonly Tables[];
}

/** isConcerned tells whether a configuration may change anything for sessions of a kind (Sift): judgePage has no result for the others. */
export function isConcerned({ tables, before }: JudgeBy, session: Session): boolean {
  return reasonToEnd(tables, session) !== undefined || hasMoved(tables, session) || newTimes(before, tables, session) !== undefined;
}

/** judgePage judges sessions of the table. */
export function judgePage(by: JudgeBy, sessions: readonly { index: number; state: Session }[], nowMs: number): LiveSessions {
  const { tables, before } = by;
  const judged: LiveSessions = { ending: [], moved: [], retimed: [] };
  for (const { index, state } of sessions) {
    if (state.life !== Life.live) continue;
    const ref = { index, uuid: state.uuid }, reason = reasonToEnd(tables, state);
    if (reason !== undefined) judged.ending.push({ ref, reason: reasonNumber(reason) });
    else if (hasMoved(tables, state)) judged.moved.push(ref);
    const times = changedTimes(before, tables, { session: state, nowMs });
    if (times !== undefined) judged.retimed.push({ ref, ...times });
  }
  return judged;
}

/** A timeout changes from the next packet on (behaviour 1.2): a session that is idle for longer than the new one keeps the old one for now. */
function changedTimes(before: readonly Tables[], after: Tables, { session, nowMs }: { session: Session; nowMs: number }): Omit<Retimed, "ref"> | undefined {
  const times = newTimes(before, after, session);
  if (times === undefined) return undefined;
  const idle = Math.min(...session.seenMs.map((seen) => ((nowMs >>> 0) - (seen || session.sinceMs)) >>> 0));
  return idle > times.idleMs && idle < 2 ** 31 ? undefined : times;
}

function newTimes(before: readonly Tables[], after: Tables, session: Session): Omit<Retimed, "ref"> | undefined {
  const { proto, destinationPort: port } = session.context;
  const next = after.serviceById(session.service);
  if (next === undefined) return undefined;
  const idleMs = next.idleMs(proto, port), initialMs = next.initialMs(proto, port);
  const olds = before.flatMap((tables) => tables.serviceById(session.service) ?? []);
  if (olds.every((old) => idleMs === old.idleMs(proto, port) && initialMs === old.initialMs(proto, port))) return undefined;
  return proto === 6 ? { idleMs } : { idleMs, initialMs };
}

/** livePages gives the live sessions in pages of copies; the caller may pause between two. */
export function* livePages(datapath: Pick<Datapath, "sessions">): Generator<{ index: number; state: Session }[]> {
  for (let cursor: number | undefined = 0; cursor !== undefined;) {
    const page: ReturnType<Datapath["sessions"]> = datapath.sessions(cursor, PAGE);
    yield page.sessions.filter(({ state }) => state.life === Life.live);
    cursor = page.next;
  }
}

/** reasonToEnd tells why a configuration ends a live session; undefined: it does not. */
export function reasonToEnd(tables: Tables, session: Session): "policy" | "path-lost" | undefined {
  if (!isAllowed(tables, session)) return "policy";
  return session.side.every(({ path }) => path === 0 || tables.pathById(path) !== undefined) ? undefined : "path-lost";
}

/** A session stays while the lookup still allows it, whatever service now answers, and its peer may still assert the tenant. */
function isAllowed(tables: Tables, session: Session): boolean {
  const name = tables.nameOf(session.tenant);
  const tenant = name === undefined ? undefined : tables.tenantId(plainName(name));
  if (name === undefined || tenant === undefined) return false;
  const { context } = session;
  const from = tables.pathById(session.side[0].path);
  if (from !== undefined && !from.peer.mayAssert(plainName(name))) return false;
  return tables.select(tenant, context.proto, context.destinationPort, context.destination).kind === "allow";
}
