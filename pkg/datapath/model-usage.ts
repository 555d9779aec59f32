// What tenants, routes and source addresses have of the model's table, counted anew each time, and the limits on it (behaviour
// 3.8). Called by model-apply.ts and model.ts; the slow honest twin of pkg/native/src/usage.c.
import { sameAddress } from "../base/address.ts";
import type { DatapathGauges, InstallLimits, LimitName } from "../ports/datapath.ts";
import { Life, TcpState } from "../svr/session.ts";
import type { Session } from "../svr/session.ts";
import type { Model } from "./model-state.ts";

/** Usage is a number of sessions, and how many of them are half open. */
export type Usage = Pick<DatapathGauges, "live" | "halfOpen">;

/** isHalfOpen tells TCP before its three-way handshake is done. */
function isHalfOpen(session: Session): boolean {
  return session.tcpState === TcpState.synSent || session.tcpState === TcpState.synRcvd;
}

/** usageOf counts the live sessions that a test accepts. */
export function usageOf(model: Model, test: (session: Session) => boolean): Usage {
  const found: Usage = { live: 0, halfOpen: 0 };
  for (const index of model.uuids.values()) {
    const session = model.slots[index];
    if (session?.life !== Life.live || !test(session)) continue;
    found.live += 1;
    if (isHalfOpen(session)) found.halfOpen += 1;
  }
  return found;
}

/** limitOf names the limit that one more session would break; otherwise the session begins on its route. */
export function limitOf(model: Model, session: Session, at: { limits: InstallLimits | undefined; nowMs: number; dry?: true | undefined }): LimitName | undefined {
  const { limits, nowMs } = at;
  const second = Math.floor(nowMs / 1000);
  const found = limits === undefined ? undefined : brokenBy(model, session, limits, second);
  if (found !== undefined || at.dry === true) return found;
  model.started.set(session.route, { second, count: startedIn(model, session.route, second) + 1 });
  return undefined;
}

function startedIn(model: Model, route: number, second: number): number {
  const begun = model.started.get(route);
  return begun?.second === second ? begun.count : 0;
}

/** In the order of the library: tenant, source, route. */
function brokenBy(model: Model, session: Session, limits: InstallLimits, second: number): LimitName | undefined {
  const reached = (count: number, limit: number): boolean => limit !== 0 && count >= limit;
  const half = isHalfOpen(session);
  const tenant = needed(limits.tenant, limits.tenantHalfOpen) ? usageOf(model, (other) => other.tenant === session.tenant) : NONE;
  if (reached(tenant.live, limits.tenant)) return "tenant";
  if (half && reached(tenant.halfOpen, limits.tenantHalfOpen)) return "tenantHalfOpen";
  const source = needed(limits.source, limits.sourceHalfOpen) ? usageOf(model, (other) => other.tenant === session.tenant && sameAddress(other.context.source, session.context.source)) : NONE;
  if (reached(source.live, limits.source)) return "source";
  if (half && reached(source.halfOpen, limits.sourceHalfOpen)) return "sourceHalfOpen";
  if (session.route === 0) return undefined;
  if (limits.route !== 0 && usageOf(model, (other) => other.route === session.route).live >= limits.route) return "route";
  return reached(startedIn(model, session.route, second), limits.routeRate) ? "routeRate" : undefined;
}

const NONE: Usage = { live: 0, halfOpen: 0 };

function needed(...limits: readonly number[]): boolean {
  return limits.some((limit) => limit !== 0);
}
