// Captures as people read them: one line a session with its packets at the four points, and what was lost. Pure; called by capture.ts and
// captures.ts.
import type { CaptureView } from "../api/view.ts";
import type { Style } from "./context.ts";
import { renderTable } from "./table.ts";
import type { Cell, Column } from "./table.ts";
import { bytesWord } from "./wording.ts";

/** CaptureItem is a capture with the router that keeps it. */
export type CaptureItem = CaptureView & { router: string };

const number = (header: string): Column => ({ header, align: "right" });

/** capturesText writes one line a capture. */
export function capturesText(items: readonly CaptureItem[], style: Style): string {
  const columns: Column[] = [{ header: "ROUTER" }, { header: "CAPTURE" }, { header: "STATE" }, { header: "BEGUN BY" }, number("SESSIONS"), number("PACKETS"), number("BYTES"), number("LOST"), { header: "FILTER" }];
  return renderTable(columns, items.map((item): Cell[] => [
    item.router, item.id, item.state, item.origin, String(item.sessions.length), String(item.packets), bytesWord(item.bytes), lostCell(item),
    Object.entries(item.filter).map(([name, value]) => `${name}=${value}`).join(" ") || (item.origin === "peer" ? "its tag" : "all"),
  ]), style);
}

/** captureText writes one line a session and router. */
export function captureText(items: readonly CaptureItem[], style: Style): string {
  const columns: Column[] = [{ header: "ROUTER" }, { header: "SESSION" }, number("FORWARD IN"), number("FORWARD OUT"), number("REVERSE IN"), number("REVERSE OUT")];
  const rows = items.flatMap(({ router, sessions }) => sessions.map(({ sessionId, ...at }): Cell[] => [router, sessionId, ...[at.forwardIn, at.forwardOut, at.reverseIn, at.reverseOut].map(String)]));
  const lost = items.filter((item) => item.lost > 0).map((item) => `${item.lost} packets were lost at router ${item.router}\n`);
  return `${rows.length === 0 ? "no session was captured\n" : renderTable(columns, rows, style)}${lost.join("")}`;
}

function lostCell({ lost }: CaptureView): Cell {
  return lost === 0 ? "0" : { text: String(lost), tone: "warn" };
}
