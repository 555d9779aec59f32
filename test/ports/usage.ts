// The part of the conformance suite about what tenants, routes and sources have of the table (behaviour 3.8). Called by datapathsuite.ts.
import type { InstallLimits, OpResult } from "../../pkg/ports/datapath.ts";
import { reasonNumber } from "../../pkg/svr/reasons.ts";
import { TcpState } from "../../pkg/svr/session.ts";
import type { Session } from "../../pkg/svr/session.ts";
import { place } from "../support/flows.ts";
import type { FlowKind } from "../support/flows.ts";
import type { OpenWorld } from "./datapathsuite.ts";
import { freshSession, installed } from "./world.ts";
import type { PortWorld } from "./world.ts";

const tcp: FlowKind = { family: 4, proto: "tcp", role: "ingress" };
const none: InstallLimits = { tenant: 0, tenantHalfOpen: 0, route: 0, routeRate: 0, source: 0, sourceHalfOpen: 0 };
const TENANT = 900, ROUTE = 901;

/** Session n of one source, one tenant, one route. */
function ofSource(world: PortWorld, n: number, change: Partial<Session> = {}): Session {
  const session = freshSession(world, tcp, n, { tenant: TENANT, route: ROUTE, tcpState: TcpState.established });
  return { ...session, context: { ...session.context, source: place(4, "host", 200) }, ...change };
}

function refusedBy([result]: readonly OpResult[]): string {
  if (result === undefined || result.ok) return "let in";
  return result.why === "limit" ? result.limit : result.why;
}

/** usageTests declares them. */
export function usageTests(open: OpenWorld): void {
  describe("L-8 a limit refuses the session that would break it, by its name", () => {
    test.each<{ limits: Partial<InstallLimits>; halfOpen?: true }>([
      { limits: { tenant: 2 } }, { limits: { route: 2 } }, { limits: { routeRate: 2 } }, { limits: { source: 2 } },
      { limits: { tenantHalfOpen: 2 }, halfOpen: true }, { limits: { sourceHalfOpen: 2 }, halfOpen: true },
    ])("%j", async ({ limits, halfOpen }) => {
      const world = await open();
      const state = halfOpen === true ? { tcpState: TcpState.synSent } : {};
      const ask = (n: number, shard = 0, of: Partial<Session> = state): string =>
        refusedBy(world.shard(shard).apply([{ kind: "install", session: ofSource(world, n, of), limits: { ...none, ...limits } }]));
      const second = Math.floor(world.now() / 1000);
      const answers = [ask(1), ask(2, 1), ask(3), ask(4, 1)];
      const [limit = ""] = Object.keys(limits);
      if (limit !== "routeRate" || Math.floor(world.now() / 1000) === second) expect(answers).toEqual(["let in", "let in", limit, limit]);
      if (halfOpen === true) expect(ask(5, 0, {})).toBe("let in");
      expect(ask(6, 0, { ...state, tenant: 5, route: 6 })).toBe("let in");
    });
  });

  test("live sessions are counted by tenant, service, route and role, each once; what ended is not", async () => {
    const world = await open();
    const { role } = freshSession(world, tcp, 1);
    const all = [1, 2, 3, 4].map((n) => ofSource(world, n, { service: 910 + n % 2 }));
    const [ref] = all.map((session) => installed(session, world.shard(0).apply([{ kind: "install", session }])));
    if (ref !== undefined) world.shard(0).apply([{ kind: "end", ref, reason: reasonNumber("admin"), now: false }]);
    const told: number[][] = [];
    let pages = 0;
    for (let at: number | undefined = 0; at !== undefined && pages < 9; pages++) at = world.datapath.count(at, 2, (...words) => { told.push(words); });
    expect(told.toSorted()).toEqual([[TENANT, 910, ROUTE, role], [TENANT, 910, ROUTE, role], [TENANT, 911, ROUTE, role]]);
    expect(pages).toBeGreaterThan(1);
  });

  test("behaviour 3.8 a session that ends, by decision or by time, makes room again", async () => {
    const world = await open();
    const limits = { ...none, source: 2 };
    const ask = (n: number, change: Partial<Session> = {}): readonly OpResult[] => world.shard(0).apply([{ kind: "install", session: ofSource(world, n, change), limits }]);
    const first = ofSource(world, 1);
    const ref = installed(first, world.shard(0).apply([{ kind: "install", session: first, limits }]));
    expect(refusedBy(ask(2, { idleMs: 100 }))).toBe("let in");
    expect(world.datapath.usage(TENANT)).toEqual({ live: 2, halfOpen: 0 });
    expect(world.shard(0).usage(TENANT)).toEqual({ live: 2, halfOpen: 0 });
    expect(refusedBy(ask(3))).toBe("source");
    world.shard(1).apply([{ kind: "end", ref, reason: reasonNumber("admin"), now: true }]);
    expect(world.datapath.usage(ROUTE).live).toBeLessThanOrEqual(1);
    await world.until("the other one ends by time", () => world.datapath.usage(TENANT).live === 0);
    expect([refusedBy(ask(4)), refusedBy(ask(5)), refusedBy(ask(6))]).toEqual(["let in", "let in", "source"]);
  });

  test("behaviour 3.8 a half-open session counts as such until it is established, whoever sees that", async () => {
    const world = await open();
    const session = ofSource(world, 1, { tcpState: TcpState.synRcvd });
    const ref = installed(session, world.shard(0).apply([{ kind: "install", session, limits: none }]));
    expect(world.datapath.usage(TENANT)).toEqual({ live: 1, halfOpen: 1 });
    world.shard(0).apply([{ kind: "patch", ref, clearFlags: 0, setFlags: 0, fields: { tcpState: TcpState.established } }]);
    expect(world.datapath.usage(TENANT)).toEqual({ live: 1, halfOpen: 0 });
    const more = { ...none, sourceHalfOpen: 1 };
    expect(refusedBy(world.shard(0).apply([{ kind: "install", session: ofSource(world, 2, { tcpState: TcpState.synSent }), limits: more }]))).toBe("let in");
  });
}
