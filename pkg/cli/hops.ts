// Order of the hops of one session: what each router says about it, put in the order in which packets meet the routers.
// Called by sessionshow.ts; pure. Uses the span links of the records first, then the waypoints, then the roles.
import type { FlowView, SessionView } from "../api/view.ts";

/** Hop is a session at one router. */
export type Hop = SessionView & { router: string };

/** OrderedHop is a hop in its place; `adjacent` is false when the hop before it could not be told (its router was not asked). */
export interface OrderedHop {
  hop: Hop;
  adjacent: boolean;
}

const ranks: Readonly<Record<string, number>> = { single: 0, ingress: 0, transit: 1, egress: 2 };

/** orderHops sorts hops from ingress to egress; each hop appears once. */
export function orderHops(hops: readonly Hop[]): OrderedHop[] {
  const rest = hops.toSorted((a, b) => rankOf(a) - rankOf(b) || (a.router < b.router ? -1 : a.router > b.router ? 1 : 0));
  const ordered: OrderedHop[] = [];
  while (rest.length > 0) {
    const last = ordered.at(-1)?.hop;
    const next = last === undefined ? -1 : rest.findIndex((hop) => follows(last, hop));
    const [hop] = rest.splice(next >= 0 ? next : startOf(rest), 1);
    if (hop !== undefined) ordered.push({ hop, adjacent: next >= 0 || ordered.length === 0 });
  }
  return ordered;
}

/** Where a chain starts: the first hop, by rank, that follows none of the others. */
function startOf(rest: readonly Hop[]): number {
  return Math.max(0, rest.findIndex((hop) => !rest.some((other) => other !== hop && follows(other, hop))));
}

function follows(before: Hop, after: Hop): boolean {
  if (before.spanId !== undefined && before.spanId !== "" && before.spanId === after.parentSpanId) return true;
  const leaves = flowOf(before, "reverse");
  const arrives = flowOf(after, "forward");
  return before.downstream !== undefined && after.upstream !== undefined && leaves !== undefined && arrives !== undefined
    && leaves.destination === arrives.source && leaves.source === arrives.destination;
}

function flowOf(hop: Hop, direction: FlowView["direction"]): FlowView | undefined {
  return hop.flows.find((flow) => flow.direction === direction);
}

function rankOf(hop: Hop): number {
  return ranks[hop.role ?? ""] ?? 1;
}
