// A policy that asks for more than live sessions have (behaviour 1.2): the ingress encrypts, or tags, what it sends from now on and says so at
// once (protocol 6.6); every other router hears it, and in time ends what it did not hear of. What asks for less leaves live sessions as they are.
// live.ts finds them, shard.ts calls.
import type { SessionRef } from "../ports/datapath.ts";
import { askOverAll, raisedBy, securityOf } from "../svr/protected.ts";
import type { SecurityAsk, SessionSecurity } from "../svr/protected.ts";
import { reasonNumber } from "../svr/reasons.ts";
import { Life, Role } from "../svr/session.ts";
import type { Session } from "../svr/session.ts";
import { handleOf } from "./batch.ts";
import type { Handle } from "./batch.ts";
import { endByDecision } from "./ending.ts";
import { plainName } from "./names.ts";
import { canCarry, SECURITY_CHANGE, strengthen } from "./protection.ts";
import { sayNow } from "./say.ts";
import { stepSegment } from "./segments.ts";
import type { Tables } from "./tables.ts";
import type { Turn } from "./turn.ts";

/** askOf is what the policy of the service that answers now, and the paths of the session, want of it; absent where nobody may ask for it. */
export function askOf(tables: Tables, { tenant, context, side }: Pick<Session, "tenant" | "context" | "side">): SecurityAsk | undefined {
  const name = tables.nameOf(tenant), id = name === undefined ? undefined : tables.tenantId(plainName(name));
  const selected = id === undefined ? undefined : tables.select(id, context.proto, context.destinationPort, context.destination);
  return selected?.kind === "allow" ? askOverAll(selected.service.security, side.flatMap(({ path }) => tables.pathById(path) ?? [])) : undefined;
}

/** raise protects live sessions that began here as the configuration asks now; those whose way cannot carry it end by policy. */
export function raise(turn: Turn, refs: readonly SessionRef[]): void {
  for (const { uuid } of refs) {
    const found = turn.find.byUuid(uuid);
    if (found?.state.life === Life.live && found.state.role === Role.ingress) raiseOne(turn, handleOf(turn.batch, found.index, found.state));
  }
}

function raiseOne(turn: Turn, handle: Handle): void {
  const { state, ref } = handle, ask = askOf(turn.tables, state), peer = turn.tables.pathById(state.side[1].path)?.peer;
  const to = ask === undefined ? undefined : raisedBy(ask, state);
  if (to === undefined || peer === undefined || ref === undefined) return;
  if (!canCarry(turn, to, peer) || isTaggedAlone(state, to)) return endByDecision(turn, [ref], reasonNumber("policy"));
  strengthen(turn, handle, to, [0]);
  stepSegment(turn, handle, 1, { kind: "trigger", reason: SECURITY_CHANGE });
  sayNow(turn, handle);
}

/** Tagged packets pass through protect workers, side by side with the metadata that says they are encrypted from now on: routers could not tell which are. */
function isTaggedAlone(state: Session, to: SessionSecurity): boolean {
  const has = securityOf(state, 1);
  return has.everyPacket && !has.encrypts && to.encrypts;
}
