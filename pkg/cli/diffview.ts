// An edit for people: what changes, and what becomes of live sessions. Called by configdiff.ts; pure.
import type { PreviewView } from "../api/view.ts";
import type { FieldChange, ObjectChange } from "../plan/diff.ts";
import type { DiffData, DiffRouter } from "./configdiff.ts";
import type { Style } from "./context.ts";
import { renderTable } from "./table.ts";
import type { Cell } from "./table.ts";

const longestValue = 60;

/** diffText writes the answer: objects of two directories, then each running router. */
export function diffText(data: DiffData, of: { style: Style; hasOld: boolean }): string {
  const { style, hasOld } = of;
  const parts = hasOld ? [objectsText(data.objects, style), `routers with another configuration: ${data.changed.join(", ") || "none"}\n`] : [];
  const notAsked = data.notAsked === undefined || data.notAsked.length === 0 ? [] : [`live sessions were not looked at on ${data.notAsked.join(", ")}: no admin socket of theirs is here; run this there, or name one with --socket\n`];
  return [...parts, ...data.routers.map((one) => routerText(one, { style, hasOld })), ...notAsked].join("\n");
}

function routerText(one: DiffRouter, of: { style: Style; hasOld: boolean }): string {
  const objects = of.hasOld ? "" : `${objectsText(one.objects, of.style)}\n`;
  return `${objects}${one.sessions === undefined ? `router ${one.router}: no valid Router object is left; it would keep what it has\n` : sessionsText(one.router, one.sessions, of.style)}`;
}

function objectsText(objects: readonly ObjectChange[], style: Style): string {
  if (objects.length === 0) return "no object differs\n";
  const rows = objects.flatMap(({ object, change, fields }): Cell[][] =>
    (fields.length === 0 ? [[change, object, "", ""]] : fields.map((field) => [change, object, field.field, valuesText(field)])));
  return renderTable(["CHANGE", "OBJECT", "FIELD", "VALUE"].map((header) => ({ header })), rows, style);
}

function valuesText(change: FieldChange): string {
  const shown = (value: unknown): string => {
    const text = value === undefined ? "nothing" : JSON.stringify(value);
    return text.length > longestValue ? `${text.slice(0, longestValue)}...` : text;
  };
  return `${shown(change.before)} -> ${shown(change.after)}`;
}

function sessionsText(router: string, view: PreviewView, style: Style): string {
  const why = Object.entries(view.reasons).map(([reason, count]) => `${reason} ${count}`).join(", ");
  const sum = `router ${router}: ${view.sessions} live sessions: ${view.cut} cut${why === "" ? "" : ` (${why})`}, ${view.moved} moved, ${view.left} left\n`;
  if (view.named.length === 0) return sum;
  const rows = view.named.map((one): Cell[] => [{ text: one.effect, tone: one.effect === "cut" ? "bad" : "warn" }, one.reason ?? "", one.sessionId, one.tenant ?? "", one.service ?? ""]);
  const rest = view.cut + view.moved - view.named.length;
  const table = renderTable(["EFFECT", "REASON", "SESSION", "TENANT", "SERVICE"].map((header) => ({ header })), rows, style);
  return `${sum}\n${table}${rest > 0 ? `and ${rest} more; see --limit\n` : ""}`;
}
