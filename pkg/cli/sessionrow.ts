// One session as a row of a table. Called by sessionlist.ts; pure.
import type { FlowView, SessionView } from "../api/view.ts";
import type { Cell, Column } from "./table.ts";
import { bytesWord, durationWord, hostPort, protocolWord } from "./wording.ts";

type Item = SessionView & { router: string };

/** SessionColumn is a column with how its cell is made. */
export interface SessionColumn {
  column: Column;
  cell(session: Item): Cell;
}

const left = (header: string, cell: SessionColumn["cell"]): SessionColumn => ({ column: { header }, cell });
const right = (header: string, cell: SessionColumn["cell"]): SessionColumn => ({ column: { header, align: "right" }, cell });

const routerColumn = left("ROUTER", (session) => session.router);

const usual: readonly SessionColumn[] = [
  left("SESSION", (session) => session.sessionId),
  left("ROLE", (session) => session.role ?? ""),
  left("TENANT", (session) => session.tenant ?? ""),
  left("SERVICE", (session) => session.service ?? ""),
  left("PROTO", (session) => protocolWord(session.protocol)),
  left("SOURCE", (session) => hostPort(session.sourceAddress, session.sourcePort)),
  left("DESTINATION", (session) => hostPort(session.destinationAddress, session.destinationPort)),
  left("STATE", stateCell),
  right("AGE", (session) => durationWord(session.duration)),
  right("IDLE", (session) => durationWord(session.idle)),
  right("PACKETS", (session) => `${session.forwardPackets ?? 0}/${session.reversePackets ?? 0}`),
  right("BYTES", (session) => `${bytesWord(session.forwardBytes ?? 0)}/${bytesWord(session.reverseBytes ?? 0)}`),
];

const more: readonly SessionColumn[] = [
  left("INTERFACES", (session) => `${session.ingressInterface ?? "-"}>${session.egressInterface ?? "-"}`),
  left("PATH", (session) => session.peerPath ?? ""),
  left("WAYPOINTS", (session) => (session.waypointLocal === undefined ? "" : `${session.waypointLocal}>${session.waypointRemote ?? "-"}`)),
  left("NAT", natWord),
  left("METADATA", metadataWord),
  left("FAST", (session) => fastWord(session.flows)),
  left("SECURITY", (session) => session.security ?? ""),
];

/** sessionColumns gives the columns; packets and bytes are forward/reverse. */
export function sessionColumns(options: { wide: boolean; several: boolean }): readonly SessionColumn[] {
  return [...(options.several ? [routerColumn] : []), ...usual, ...(options.wide ? more : [])];
}

/** sessionRow makes the cells of one session. */
export function sessionRow(columns: readonly SessionColumn[], session: Item): Cell[] {
  return columns.map((column) => column.cell(session));
}

/** stateCell is the TCP state of a TCP session, else its life. */
export function stateCell(session: SessionView): Cell {
  if (session.life === "guard") return { text: "guard", tone: "warn" };
  return { text: session.tcpState ?? session.life, tone: session.tcpState === "reset" ? "bad" : "good" };
}

/** natWord names the translated addresses: `source 192.0.2.1:20000`. */
export function natWord(session: SessionView): string {
  const parts = [["source", session.natSource], ["destination", session.natDestination]].filter(([, value]) => value !== undefined && value !== "");
  return parts.map((part) => part.join(" ")).join(", ");
}

/** metadataWord names the metadata states of the segments toward the ingress and toward the egress. */
export function metadataWord(session: SessionView): string {
  return [session.upstream, session.downstream].filter((state) => state !== undefined).join(" ");
}

function fastWord(flows: readonly FlowView[]): string {
  const slow = flows.filter((flow) => !flow.fast).map((flow) => flow.direction);
  return slow.length === 0 ? "yes" : `not ${slow.join(", ")}`;
}
