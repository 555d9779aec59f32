// What a configuration change means for live sessions (behaviour 1.2): a session whose tenant may not open its service any
// more ends with reason `policy`, one whose peer or path is gone with `path-lost`; one that is protected less than asked now is named; all
// others stay as they are. Called by judging.ts after the shards were told, and by preview.ts before.
import type { SessionRef, SiftVerdict } from "../ports/datapath.ts";
import { SUITE_CLEAR } from "../svr/constants.ts";
import { reasonNumber } from "../svr/reasons.ts";
import { raisedBy } from "../svr/protected.ts";
import { Life, Role } from "../svr/session.ts";
import type { Session } from "../svr/session.ts";
import { hasMoved } from "./moved.ts";
import { plainName } from "./names.ts";
import type { SessionOfShard } from "./protectors.ts";
import { askOf } from "./raising.ts";
import type { Tables } from "./tables.ts";

/** LiveSessions is what a configuration does to live sessions that go on: those whose way out it changed (behaviour 7.5). */
export interface LiveSessions {
  moved: SessionRef[];
  /** sessions whose timeouts it changed */
  retimed: Retimed[];
  /** sessions that are protected less than it asks: those that began here, and those that others have to raise */
  weaker: SessionOfShard[];
  unraised: SessionRef[];
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

/** judgeKind tells what a configuration does to sessions of a kind (Sift): ends them, or whether it may change anything for them. */
export function judgeKind({ tables, before }: JudgeBy, session: Session): SiftVerdict {
  const reason = reasonToEnd(tables, session);
  if (reason !== undefined) return { end: reasonNumber(reason) };
  return hasMoved(tables, session) || newTimes(before, tables, session) !== undefined || mayRaise({ tables, before }, session);
}

/** Whether it asks for protection that a configuration before did not ask for; after a restart nobody knows. */
function mayRaise({ tables, before }: JudgeBy, session: Session): boolean {
  const ask = askOf(tables, session);
  if (ask === undefined || (ask.suite === SUITE_CLEAR && !ask.everyPacket)) return false;
  return before.length === 0 || before.some((old) => JSON.stringify(askOf(old, session)) !== JSON.stringify(ask));
}

/** judgePage judges sessions of the table that go on. */
export function judgePage(by: JudgeBy, sessions: readonly { index: number; state: Session }[], nowMs: number): LiveSessions {
  const { tables, before } = by;
  const judged: LiveSessions = { moved: [], retimed: [], weaker: [], unraised: [] };
  for (const { index, state } of sessions) {
    if (state.life !== Life.live) continue;
    const ref = { index, uuid: state.uuid };
    if (hasMoved(tables, state)) judged.moved.push(ref);
    raiseToo(tables, judged, { index, state });
    const times = changedTimes(before, tables, { session: state, nowMs });
    if (times !== undefined) judged.retimed.push({ ref, ...times });
  }
  return judged;
}

/** A direction that its other end has to begin is awaited at the ingress; elsewhere what the ingress says decides. */
function raiseToo(tables: Tables, judged: LiveSessions, { index, state }: { index: number; state: Session }): void {
  const ask = askOf(tables, state), ref = { index, uuid: state.uuid };
  if (ask === undefined || state.role === Role.single) return;
  if (state.role === Role.ingress && raisedBy(ask, state) !== undefined) judged.weaker.push({ ...ref, shard: state.shard });
  if (state.role !== Role.ingress && raisedBy(ask, state, 0) !== undefined) judged.unraised.push(ref);
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

/** reasonToEnd tells why a configuration ends a live session; undefined: it does not. */
export function reasonToEnd(tables: Tables, session: Session): "policy" | "path-lost" | undefined {
  if (!isAllowed(tables, session)) return "policy";
  return session.side.every(({ path }) => path === 0 || tables.pathById(path) !== undefined) ? undefined : "path-lost";
}

/** A session stays while the lookup still allows it, whatever service now answers, its peer may still assert the tenant, and its peers exchange keys as its policy asks. */
function isAllowed(tables: Tables, session: Session): boolean {
  const name = tables.nameOf(session.tenant);
  const tenant = name === undefined ? undefined : tables.tenantId(plainName(name));
  if (name === undefined || tenant === undefined) return false;
  const { context } = session;
  const from = tables.pathById(session.side[0].path);
  if (from !== undefined && !from.peer.mayAssert(plainName(name))) return false;
  const selected = tables.select(tenant, context.proto, context.destinationPort, context.destination);
  return selected.kind === "allow" && !(selected.service.postQuantum === true && session.side.some(({ path }) => tables.pathById(path)?.peer.isClassical === true));
}
