// The wire proof as a table: one line a session and link, what carried metadata and what was added to the rest. Called by
// evidence.ts; the judgement is that of proof.ts.
import { compare } from "./proof.ts";
import type { LanTrace, LinkTrace } from "./proof.ts";
import { segmentsOf } from "./wire.ts";
import type { Segment } from "./wire.ts";

const HEADINGS = ["LINK", "TENANT", "SESSION", "WITH METADATA", "WITHOUT", "BYTES ADDED TO THESE"];
const MOST_ROWS = 24;

/** wireTable lists the sessions of each link, most packets first. */
export function wireTable(links: readonly LinkTrace[], lans: readonly LanTrace[]): string {
  const rows = links.flatMap(({ link, packets }) => segmentsOf(packets).segments.toSorted((a, b) => countOf(b) - countOf(a)).map((segment) => [link, ...cellsOf(segment, lans)]));
  const shown = [HEADINGS, ...rows.slice(0, MOST_ROWS)];
  const widths = HEADINGS.map((_, column) => Math.max(...shown.map((row) => row[column]?.length ?? 0)));
  const lines = shown.map((row) => row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join("  ").trimEnd());
  return [...lines, ...(rows.length > MOST_ROWS ? [`... and ${rows.length - MOST_ROWS} more`] : [])].join("\n");
}

function countOf({ forward, reverse }: Segment): number {
  return forward.length + reverse.length;
}

function cellsOf(segment: Segment, lans: readonly LanTrace[]): string[] {
  const signed = (["forward", "reverse"] as const).map((direction) => segment[direction].filter((packet) => packet.metadata !== undefined).length);
  const plain = countOf(segment) - signed.reduce((sum, one) => sum + one, 0);
  const added = new Set((["forward", "reverse"] as const).flatMap((direction) => [...compare(segment, direction, lans).added.keys()]));
  const flow = segment.context.split(" ");
  return [segment.tenant, `${flow[0] ?? ""} ${flow[1] ?? ""} > ${flow[2] ?? ""}`, `${signed.join(" + ")} packets`, `${plain}`, [...added].sort((a, b) => a - b).join(", ") || "-"];
}
