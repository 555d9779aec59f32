// Labelled lines for people: `label  value`, values wrapped at spaces inside the width of the terminal. Called by the views
// that show one thing. Pure.
import { paint, plainText } from "./table.ts";
import type { Cell, TableStyle } from "./table.ts";

const gap = 2;
const narrowest = 20;

/** Fact is a label with its value; one without value is left out. */
export type Fact = readonly [label: string, value: Cell | undefined];

/** renderFacts writes the facts below each other; each line ends with a newline and fits the width (20 at least). */
export function renderFacts(facts: readonly Fact[], style: TableStyle): string {
  const shown = facts.filter((fact): fact is readonly [string, Cell] => fact[1] !== undefined && fact[1] !== "");
  const labels = Math.max(0, ...shown.map(([label]) => label.length)) + gap;
  const width = Math.max(1, Math.max(narrowest, style.width ?? Number.MAX_SAFE_INTEGER) - labels);
  return shown.flatMap(([label, value]) => wrap(plainText(value), width).map((line, at) => {
    const text = typeof value === "string" ? line : paint(line, value.tone, style.colour);
    return `${(at === 0 ? label : "").padEnd(labels)}${text}\n`;
  })).join("");
}

/** indentText puts spaces before every line. */
export function indentText(text: string, spaces: number): string {
  return text.replaceAll(/^(?=.)/gm, " ".repeat(spaces));
}

/** narrowerStyle leaves room for an indent. */
export function narrowerStyle<S extends TableStyle>(style: S, spaces: number): S {
  return style.width === undefined ? style : { ...style, width: style.width - spaces };
}

/** Lines of at most `width` characters, broken at spaces where there are any. */
function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let rest = text;
  while (rest.length > width) {
    const space = rest.lastIndexOf(" ", width);
    const end = space > 0 ? space : width;
    lines.push(rest.slice(0, end).trimEnd());
    rest = rest.slice(end).trimStart();
  }
  return [...lines, rest];
}
