// The outcome of a trace stage by stage (behaviour 3.1), for the admin API. Pure: what it is told by a shard or by the flow index.
import { traceStages } from "../api/view.ts";
import type { TraceStage, TraceView } from "../api/view.ts";
import { toHex } from "../base/bytes.ts";
import { Flag } from "../svr/session.ts";
import type { Session } from "../svr/session.ts";
import { endpoint, nameText } from "./records.ts";
import type { RecordSource } from "./records.ts";
import { reasons } from "../svr/reasons.ts";
import type { Traced } from "./trace.ts";

/** Where a reason refuses; one that stands nowhere refuses where services are looked up. */
const stageOf: Readonly<Record<string, TraceStage>> = {
  filter: "filter", ttl: "filter", reassembly: "reassembly", state: "enforcement", "no-service": "service", access: "service", limit: "limits", "no-path": "path", "no-key": "path", "reverse-path": "path",
  nat: "nat", "too-big": "security", fault: "install",
};

/** TraceFacts are what the answer says whatever the outcome. */
export type TraceFacts = Pick<TraceView, "interface" | "vlan" | "shard">;

/** tracedView tells what a shard decided. */
export function tracedView(source: RecordSource, facts: TraceFacts, traced: Traced): TraceView {
  const { session, service, tenant } = traced;
  const named = session === undefined ? service : nameText(source, session.service);
  const head = { ...facts, tenant, ...(named === undefined || named === "" ? {} : { service: named }) };
  if (session !== undefined) {
    return { verdict: "allow", ...head, stages: stages(source, session, tenant), leaves: leavesOf(source, session, traced.sends) };
  }
  const reason = traced.reason ?? "fault";
  const at = traced.insane === true && reason === "state" ? "flags" : stageOf[reason] ?? "service";
  const meaning = traced.why ?? reasons.find((one) => one.name === reason)?.meaning ?? reason;
  return { verdict: "deny", reason, ...head, stages: traceStages.map((stage, number) => refusedStage(stage, number - traceStages.indexOf(at), { meaning, tenant })) };
}

function refusedStage(stage: TraceStage, distance: number, of: { meaning: string; tenant: string }): TraceView["stages"][number] {
  if (distance > 0) return { stage, result: "not reached", text: "" };
  if (distance === 0) return { stage, result: "refuse", text: of.meaning };
  return { stage, result: "pass", text: stage === "tenant" ? of.tenant : "" };
}

function stages(source: RecordSource, session: Session, tenant: string): TraceView["stages"] {
  const [from, to] = session.side;
  const path = nameText(source, to.path);
  const isMoved = endpoint(from.local, from.localPort) !== endpoint(session.context.destination, session.context.destinationPort);
  const texts: Partial<Record<TraceStage, string>> = {
    tenant, "static-nat": isMoved ? `the destination is ${endpoint(session.context.destination, session.context.destinationPort)} inside` : "",
    service: nameText(source, session.service), path: to.path === 0 ? `to hosts at ${source.interfaceName(to.ifnum)}` : `to peer by path ${path}`,
    nat: natText(session), security: to.path === 0 ? "no metadata toward hosts" : "the first packet carries signed metadata", install: "a new session begins",
  };
  return traceStages.map((stage) => ({ stage, result: "pass", text: texts[stage] ?? "" }));
}

function natText({ side: [, to], flags }: Session): string {
  if (to.path !== 0) return `waypoints ${endpoint(to.local, to.localPort)} to ${endpoint(to.remote, to.remotePort)}`;
  const parts = [(flags & Flag.snat) === 0 ? "" : `source ${endpoint(to.local, to.localPort)}`, (flags & Flag.dnat) === 0 ? "" : `destination ${endpoint(to.remote, to.remotePort)}`];
  return parts.filter((part) => part !== "").join(", ") || "addresses and ports stay";
}

function leavesOf(source: RecordSource, session: Session, bytes: number[]): NonNullable<TraceView["leaves"]> {
  const to = session.side[1];
  const path = nameText(source, to.path);
  return {
    interface: source.interfaceName(to.ifnum), vlan: to.vlan, source: endpoint(to.local, to.localPort), destination: endpoint(to.remote, to.remotePort), protocol: to.proto,
    nextHop: nameText(source, to.nexthop), ...(to.path === 0 ? {} : { peerPath: path }), bytes,
  };
}

/** existingView tells of a packet whose session is there: nothing is decided for it any more. */
export function existingView(source: RecordSource, facts: TraceFacts, { state, side }: { state: Session; side: 0 | 1 }): TraceView {
  const [from, to] = side === 0 ? state.side : [state.side[1], state.side[0]];
  return {
    verdict: "existing", ...facts, tenant: nameText(source, state.tenant), service: nameText(source, state.service), sessionId: toHex(state.uuid),
    stages: [{ stage: "install", result: "pass", text: "the session is there, and the data plane forwards its packets" }],
    leaves: leavesOf(source, { ...state, side: [from, to] }, []),
  };
}
