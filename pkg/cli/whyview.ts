// One explanation for people: the question, the answer, and the steps with the objects that they come from. Called by
// why.ts; pure.
import { reasons } from "../svr/reasons.ts";
import type { Style } from "./context.ts";
import { renderFacts } from "./facts.ts";
import { renderTable } from "./table.ts";
import type { Cell } from "./table.ts";
import type { WhyAsked, WhyItem } from "./why.ts";
import { hostPort, protocolWord } from "./wording.ts";

const columns = ["STEP", "OK", "WHY", "OBJECT", "FIELD"].map((header) => ({ header }));
const meanings = new Map<string, string>(reasons.map((reason) => [reason.name, reason.meaning]));

/** explanationText writes the answer of one router. */
export function explanationText(item: WhyItem, asked: WhyAsked, style: Style): string {
  const from = asked.from === undefined ? "" : ` from ${asked.from}`;
  const facts = renderFacts([
    ["router", item.router], ["asked", `${protocolWord(asked.protocol)}${from} to ${hostPort(asked.to, asked.port)}`],
    ["tenant", item.tenant], ["service", item.service], ["answer", answerCell(item)], ["would allow", item.change?.text],
    ["against", item.change?.contradicts.map(({ object, field }) => `${field} of ${object}, which expects the refusal`).join("; ")],
  ], style);
  const rows = item.steps.map((step): Cell[] => [step.stage, step.ok ? { text: "yes", tone: "good" } : { text: "no", tone: "bad" }, step.text, step.origin?.object ?? "", step.origin?.field ?? ""]);
  return `${facts}\n${renderTable(columns, rows, style)}`;
}

function answerCell(item: WhyItem): Cell {
  if (item.allow) return { text: "allow", tone: "good" };
  if (item.reason === undefined) return { text: "unknown: the question does not say enough", tone: "warn" };
  return { text: `deny, ${item.reason}: ${meanings.get(item.reason) ?? ""}`, tone: "bad" };
}
