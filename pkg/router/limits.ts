// Limits on sessions (behaviour 3.8): of the router here, of tenants, routes and sources where the session is installed, because
// only there all shards are seen. Called by admit.ts and accept.ts for packets that would open a session; live ones are never touched.
import type { InstallLimits, OpResult } from "../ports/datapath.ts";
import type { Session } from "../svr/session.ts";
import type { Packet } from "../svr/packet.ts";
import { isOpeningSyn } from "./newsession.ts";
import type { Ways } from "./route.ts";
import type { RouteLimits, TenantBudget } from "./tables.ts";
import type { Turn } from "./turn.ts";

/** isWithinLimits lets one more session of a tenant in, or says that there is no room; what was let in counts at once. */
export function isWithinLimits(turn: Turn, packet: Packet, tenant: number): boolean {
  const { load, batch, tables } = turn;
  const { opened } = batch;
  const halfOpen = isOpeningSyn(packet) ? 1 : 0;
  const limit = tables.limits.halfOpen;
  if (load.live + opened.live >= tables.limits.live) return false;
  if (halfOpen === 1 && limit !== 0 && load.halfOpen + opened.halfOpen >= limit) return false;
  if (!isWithinBudgets(turn, tables.budgetsOf(tenant))) return false;
  opened.live += 1;
  opened.halfOpen += halfOpen;
  return true;
}

/** The budget of a tenant holds for its children too. Shards that decide at one moment may pass it by what they let in then. */
function isWithinBudgets({ batch: { opened }, sessionsOf }: Turn, budgets: readonly TenantBudget[]): boolean {
  for (const budget of budgets) {
    const count = opened.budgets.get(budget) ?? budget.members.reduce((sum, member) => sum + sessionsOf(member), 0);
    if (count >= budget.sessions) return false;
    opened.budgets.set(budget, count);
  }
  for (const budget of budgets) opened.budgets.set(budget, (opened.budgets.get(budget) ?? 0) + 1);
  return true;
}

/** installLimits is what the data plane is to hold a new session to. */
export function installLimits({ tables }: Pick<Turn, "tables">, session: Session, route: RouteLimits): InstallLimits {
  const { perSource, halfOpenPerSource, halfOpenPerTenant } = tables.limits;
  return {
    tenant: tables.tenantSessions(session.tenant), tenantHalfOpen: halfOpenPerTenant, route: route.sessions, routeRate: route.perSecond,
    source: perSource, sourceHalfOpen: halfOpenPerSource,
  };
}

/** skipsRoute tells whether a session was refused by the limit of its route, and moves on to the next route if there is one. */
export function skipsRoute(result: OpResult, ways: Ways): boolean {
  return !result.ok && result.why === "limit" && (result.limit === "route" || result.limit === "routeRate") && ways.skipRoute();
}
