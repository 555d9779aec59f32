// `svrctl peers`: the peers of each router with their paths. Called by program.ts.
import type { PeerView } from "../api/view.ts";
import { peersSchema } from "./answers.ts";
import { askAll, finish } from "./ask.ts";
import type { Context, Style } from "./context.ts";
import type { ExitCode } from "./failure.ts";
import { renderTable } from "./table.ts";
import type { Cell, Column } from "./table.ts";
import { durationWord } from "./wording.ts";

type Peer = PeerView & { router: string };
type Path = PeerView["paths"][number];

/** showPeers shows one line a path; a peer without path has a line too. */
export async function showPeers(context: Context): Promise<ExitCode> {
  const { found, failures } = await askAll(context, { path: "/api/v1/routers/self/peers", schema: peersSchema, what: "the peers" });
  const items = found.flatMap(({ router, value }) => value.map((peer) => ({ ...peer, router })));
  if (found.length > 0) await context.show({ data: { items }, text: (style) => peersText(items, { style, several: found.length > 1 }), names: [...new Set(items.map(({ name }) => name))] });
  return finish(context, failures);
}

/** peersText writes the paths as a table; `wide` adds how packets are signed, the keys and the tenants that the peer may assert. */
export function peersText(items: readonly Peer[], { style, several }: { style: Style; several: boolean }): string {
  const columns: Column[] = [
    ...(several ? [{ header: "ROUTER" }] : []), { header: "PEER" }, { header: "STATE" }, { header: "PATH" }, { header: "INTERFACE" }, { header: "LOCAL" }, { header: "REMOTE" },
    { header: "PATH STATE" }, { header: "MTU", align: "right" }, { header: "WAYPOINTS USED", align: "right" },
    ...(style.wide ? ["MTU KNOWN", "HMAC", "METADATA CIPHER", "SEND KEY", "RECEIVE KEY", "TENANTS", "AUTHENTICATION", "KEY AGE", "CERTIFICATE", "UNTIL"].map((header) => ({ header })) : []),
  ];
  const rows = items.flatMap((peer) => (peer.paths.length === 0 ? [undefined] : peer.paths).map((path) => [
    ...(several ? [peer.router] : []), peer.name, stateCell(peer.state), ...pathCells(path), ...(style.wide ? [path?.mtuDiscovery ?? "", ...peerCells(peer)] : []),
  ]));
  const said = items.flatMap((peer) => wrongOf(peer).map((text): Cell[] => [...(several ? [peer.router] : []), peer.name, text]));
  const reasons = [...(several ? ["ROUTER"] : []), "PEER", "WHY"].map((header) => ({ header }));
  return `${renderTable(columns, rows, style)}${said.length > 0 ? `\n${renderTable(reasons, said, style)}` : ""}`;
}

/** What an operator should know of a peer that the table has no room for. */
function wrongOf({ state, reason, exchange, certificate }: PeerView): string[] {
  const refusal = exchange?.refusal;
  if (state === "down") return reason === undefined ? [] : [`${reason}${certificate === undefined ? "" : ` (certificate ${certificate.serial})`}`];
  return refusal === undefined ? [] : [`the last exchange of keys came to nothing, the keys before stay in use: ${refusal}`];
}

function pathCells(path: Path | undefined): Cell[] {
  if (path === undefined) return ["", "", "", "", "", "", ""];
  const { used, size } = path.waypoints;
  return [path.name, path.interface, path.local, path.remote, stateCell(path.state), String(path.mtu), `${used}/${size}`];
}

function peerCells(peer: PeerView): Cell[] {
  const { certificate, keyAge } = peer;
  return [
    peer.hmac, peer.metadataEncryption, peer.keys.send, peer.keys.receive, peer.allowedTenants.join(","),
    peer.authentication === undefined ? "" : peer.authentication === "psk" ? "pre-shared key" : "certificate", keyAge === undefined ? "" : durationWord(keyAge * 1000), certificate?.serial ?? "", certificate?.notAfter ?? "",
  ];
}

function stateCell(state: "up" | "down"): Cell {
  return { text: state, tone: state === "up" ? "good" : "bad" };
}
