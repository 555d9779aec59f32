// One real session for `svrctl check --session`: a TCP connection to a Service from where the command runs, held until two routers report a session of
// that Service to the API server. Called by check.ts. Nothing is sent on it.
import { formatAddress } from "../base/addresstext.ts";
import { planned } from "../api/resources.ts";
import type { KubeObject } from "../ports/kube.ts";
import type { CheckResult } from "./check.ts";
import type { Asked } from "./cluster.ts";
import type { Context } from "./context.ts";
import type { Endpoint } from "./endpoint.ts";
import { isRecord, statusOf } from "./objectstate.ts";
import { shortList } from "./status.ts";

/** SessionFlags name the Service, as namespace/name, and where it is asked for. */
export interface SessionFlags { session: string; to: Endpoint & { port: number } }

/** Routers report every 30 s, and sooner when the first sessions come. */
const PATIENCE_MS = 90_000, EVERY_MS = 1_000, CONNECT_MS = 10_000;
const name = "session";

/** checkSession makes the check. */
export async function checkSession(context: Context, asked: Asked, { session, to }: SessionFlags): Promise<CheckResult> {
  const { around } = context;
  const at = `${formatAddress(to.address)} port ${to.port}`;
  const since = new Date(around.clock.unixMs()).toISOString();
  const held = await around.connect({ host: formatAddress(to.address), port: to.port, timeoutMs: CONNECT_MS });
  if (typeof held === "string") return { name, result: "fail", text: `no TCP connection to ${at} (${held})`, next: `explain it: "svrctl why --proto tcp --to ADDRESS:${to.port} --tenant NAME"; the pod needs a route to a router` };
  try {
    let seen: Seen[] = [];
    for (let waited = 0; waited <= PATIENCE_MS; waited += EVERY_MS) {
      const routers = await asked.ask("the routers", (kube) => kube.list(planned.Router));
      if (!routers.ok) return { name, result: "unknown", text: routers.error.reason, next: routers.error.next };
      seen = routers.value.flatMap((router) => seenAt(router, { session, since }));
      if (seen.length > 1 && seen.some(({ entered }) => entered)) return { name, result: "pass", text: `a session to ${at} passes routers ${shortList(seen.map(textOf))}` };
      if (!held.isOpen()) return { name, result: "fail", text: `the connection to ${at} was closed before routers reported it`, next: "name a port whose server keeps a connection that says nothing" };
      await around.pause(EVERY_MS);
    }
    return { name, result: "fail", text: `the connection to ${at} is open, but ${seen.length === 0 ? "no router reports" : `only ${shortList(seen.map(textOf))} reports`} a session of Service ${session}`, next: `see which way it takes: "svrctl services ${session}" and "svrctl sessions" at a router` };
  } finally {
    held.close();
  }
}

interface Seen { router: string; entered: boolean }

/** What a router reported since the connection was made. */
function seenAt(router: KubeObject, { session, since }: { session: string; since: string }): Seen[] {
  const { time, services } = statusOf(router);
  if (typeof time !== "string" || time < since || !Array.isArray(services)) return [];
  const found = services.find((one: unknown) => isRecord(one) && one["name"] === session) as Record<string, unknown> | undefined;
  return Number(found?.["sessions"] ?? 0) > 0 ? [{ router: router.metadata.name, entered: Number(found?.["entered"] ?? 0) > 0 }] : [];
}

function textOf({ router, entered }: Seen): string {
  return entered ? `${router} (it entered there)` : router;
}
