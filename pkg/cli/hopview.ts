// One session for people: what it is, then each router it crosses with both flows, metadata state, waypoints, NAT and
// counters. Called by sessionshow.ts; pure.
import type { FlowView } from "../api/view.ts";
import type { Style } from "./context.ts";
import { indentText, narrowerStyle, renderFacts } from "./facts.ts";
import type { Fact } from "./facts.ts";
import type { Hop, OrderedHop } from "./hops.ts";
import { natWord, stateCell } from "./sessionrow.ts";
import { plainText, renderTable } from "./table.ts";
import type { Cell } from "./table.ts";
import { bytesWord, durationWord, hostPort, protocolWord } from "./wording.ts";

const flowColumns = [
  { header: "FLOW" }, { header: "INTERFACE" }, { header: "VLAN" }, { header: "SOURCE" }, { header: "DESTINATION" }, { header: "PROTO" }, { header: "FAST" },
  { header: "PACKETS", align: "right" as const }, { header: "BYTES", align: "right" as const },
];
const indent = 3;

/** summaryText says what the session is, as its first router sees it. */
export function summaryText(hops: readonly Hop[], style: Style): string {
  const [first] = hops;
  if (first === undefined) return "";
  const from = hostPort(first.sourceAddress, first.sourcePort);
  const to = hostPort(first.destinationAddress, first.destinationPort);
  const routers = hops.length === 1 ? "1 router" : `${hops.length} routers`;
  return renderFacts([
    ["session", first.sessionId], ["flow", `${protocolWord(first.protocol)} ${from} -> ${to}`], ["tenant", first.tenant], ["service", first.service],
    ["started", startWord(first, style)], ["seen on", routers],
  ], style);
}

/** hopText shows the session at one router. */
export function hopText({ hop, adjacent }: OrderedHop, at: { number: number; style: Style }): string {
  const inner = narrowerStyle(at.style, indent);
  const role = hop.role === undefined ? "" : ` (${plainText(hop.role)})`;
  const gap = adjacent ? "" : ", the router before it was not asked";
  const flows = renderTable(flowColumns, hop.flows.map(flowRow), inner);
  const facts = renderFacts([
    ["state", stateFact(hop)], ["metadata", `toward ingress: ${hop.upstream ?? "host"}, toward egress: ${hop.downstream ?? "host"}`],
    ...waypointFacts(hop), ["NAT", natWord(hop) || "none"], ["counters", counterText(hop)], ["security", hop.security],
  ], inner);
  return `${at.number}. ${plainText(hop.router)}${role}${gap}\n${indentText(flows + facts, indent)}`;
}

function flowRow(flow: FlowView): Cell[] {
  return [flow.direction, flow.interface, flow.vlan === 0 ? "" : String(flow.vlan), flow.source, flow.destination, protocolWord(flow.protocol),
    flow.fast ? "yes" : { text: "no", tone: "warn" }, String(flow.packets), bytesWord(flow.bytes)];
}

/** A live session that has just started may have no start time in the answer of an older router. */
function startWord(hop: Hop, style: Style): string {
  const started = hop.startTime === undefined ? Number.NaN : Date.parse(hop.startTime);
  const age = Number.isNaN(started) ? hop.duration : Math.max(0, style.nowMs - started);
  return age === undefined ? "" : `${durationWord(age)} ago`;
}

function stateFact(hop: Hop): Cell {
  const cell = stateCell(hop);
  const ended = hop.endReason === undefined ? "" : `, ended by ${hop.endReason}`;
  const text = `${plainText(cell)}${ended}, idle ${durationWord(hop.idle)}`;
  return typeof cell === "string" ? text : { text, tone: cell.tone };
}

/** Waypoints of a segment are what its packets carry: the forward flow of the one before, the reverse flow of the one behind. */
function waypointFacts(hop: Hop): Fact[] {
  const [arrives, leaves] = (["forward", "reverse"] as const).map((direction) => hop.flows.find((flow) => flow.direction === direction));
  const path = hop.peerPath === undefined ? "" : `, path ${hop.peerPath}${hop.carrier === undefined ? "" : ` over ${hop.carrier}`}`;
  const before = hop.upstream === undefined || arrives === undefined ? undefined : `${arrives.source} -> ${arrives.destination}${hop.downstream === undefined ? path : ""}`;
  const behind = hop.downstream === undefined || leaves === undefined ? undefined : `${leaves.destination} -> ${leaves.source}${path}`;
  if (before === undefined && behind === undefined) return [["waypoints", "none"]];
  return [["waypoints in", before], ["waypoints out", behind]];
}

function counterText(hop: Hop): string {
  const one = (packets = 0, bytes = 0): string => `${packets} ${packets === 1 ? "packet" : "packets"} ${bytesWord(bytes)}`;
  const tcp = hop.tcpState === undefined ? "" : `, ${hop.retransmissions ?? 0} retransmissions, ${hop.outOfOrder ?? 0} out of order`;
  const setup = hop.setupTime === undefined ? "" : `, set up in ${durationWord(hop.setupTime)}`;
  return `forward ${one(hop.forwardPackets, hop.forwardBytes)}, reverse ${one(hop.reversePackets, hop.reverseBytes)}${tcp}${setup}`;
}
