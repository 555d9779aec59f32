// Tables for people: aligned columns that never exceed the width of the terminal and never lose a cell. What does not fit
// beside each other folds into bands below each other; a cell wider than the terminal continues on the next line, between words where it can.
// Called by the views of all commands. Pure; control characters and what is not ASCII are shown as escapes.

/** Tone is a colour that repeats what the text says. */
export type Tone = "good" | "warn" | "bad";

/** Cell is a text, perhaps with a tone. */
export type Cell = string | { text: string; tone: Tone };

/** Column is a heading; numbers are aligned right. */
export interface Column {
  header: string;
  align?: "left" | "right";
}

/** TableStyle: `width` in characters, absent when the output is no terminal; narrower than 20 counts as 20. */
export interface TableStyle {
  width?: number;
  colour: boolean;
}

/** Table renders rows page by page; the heading stands above the first page, columns only grow. */
export interface Table {
  page(rows: readonly (readonly Cell[])[]): string;
}

const gap = 2;
const bandIndent = 4;
const narrowest = 20;
const emptyCell = "-";
const codes: Readonly<Record<Tone, number>> = { good: 32, warn: 33, bad: 31 };

interface Band { indent: number; columns: number[] }
interface Layout { columns: readonly Column[]; widths: readonly number[]; bands: readonly Band[]; colour: boolean }

/** renderTable writes one whole table; each line ends with a newline. */
export function renderTable(columns: readonly Column[], rows: readonly (readonly Cell[])[], style: TableStyle): string {
  return createTable(columns, style).page(rows);
}

/** createTable makes a table that is written in pages. */
export function createTable(columns: readonly Column[], style: TableStyle): Table {
  const widths = columns.map((column) => plainText(column.header).length);
  let started = false;
  return {
    page(rows) {
      for (const row of rows) row.forEach((cell, index) => { widths[index] = Math.max(widths[index] ?? 0, plainText(cell).length); });
      const all = widths.map((_width, index) => columns[index] ?? { header: "" });
      const layout = layoutOf(all, widths, style);
      const heading = started ? [] : lineBlock(layout, all.map((column) => column.header));
      started = true;
      return [...heading, ...rows.flatMap((row) => lineBlock(layout, widths.map((_width, index) => row[index] ?? "")))].map((line) => `${line}\n`).join("");
    },
  };
}

/** plainText is a cell as shown: printable ASCII without tone and outer spaces, other characters as escapes, `-` when empty. */
export function plainText(cell: Cell): string {
  return printable(typeof cell === "string" ? cell : cell.text).trim() || emptyCell;
}

/** printable writes everything but printable ASCII as `\u{HEX}`: text of other systems must not steer a terminal. */
export function printable(text: string): string {
  return text.replaceAll(/[^\x20-\x7e]/gu, (character) => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`);
}

/** paint puts a tone around a text. */
export function paint(text: string, tone: Tone, colour: boolean): string {
  return colour ? `\u001b[${codes[tone]}m${text}\u001b[0m` : text;
}

function layoutOf(columns: readonly Column[], natural: readonly number[], style: TableStyle): Layout {
  const width = Math.max(narrowest, style.width ?? Number.MAX_SAFE_INTEGER);
  const total = natural.reduce((sum, one) => sum + one + gap, -gap);
  if (total <= width) return { columns, widths: natural, bands: [{ indent: 0, columns: natural.map((_one, index) => index) }], colour: style.colour };
  const widths = natural.map((one) => Math.min(one, width - bandIndent));
  return { columns, widths, bands: bandsOf(widths, width), colour: style.colour };
}

/** Columns stay in order: each goes to the current band while it fits, else it opens the next. */
function bandsOf(widths: readonly number[], width: number): Band[] {
  const bands: Band[] = [];
  let used = Number.POSITIVE_INFINITY;
  widths.forEach((one, index) => {
    if (used + gap + one > width) {
      used = bands.length === 0 ? -gap : bandIndent - gap;
      bands.push({ indent: used + gap, columns: [] });
    }
    bands.at(-1)?.columns.push(index);
    used += gap + one;
  });
  return bands;
}

function lineBlock(layout: Layout, cells: readonly Cell[]): string[] {
  return layout.bands.flatMap((band) => bandLines(layout, band, cells));
}

function bandLines(layout: Layout, band: Band, cells: readonly Cell[]): string[] {
  const parts = band.columns.map((index) => chunks(plainText(cells[index] ?? ""), layout.widths[index] ?? 0));
  const height = Math.max(...parts.map((part) => part.length));
  return Array.from({ length: height }, (_, line) => {
    const texts = band.columns.map((index, at) => placed(layout, index, { text: parts[at]?.[line] ?? "", cell: cells[index] ?? "" }));
    return (" ".repeat(band.indent) + texts.join(" ".repeat(gap))).trimEnd();
  });
}

function placed(layout: Layout, index: number, of: { text: string; cell: Cell }): string {
  const space = " ".repeat(Math.max(0, (layout.widths[index] ?? 0) - of.text.length));
  const text = typeof of.cell === "string" || of.text === "" ? of.text : paint(of.text, of.cell.tone, layout.colour);
  return layout.columns[index]?.align === "right" ? space + text : text + space;
}

function chunks(text: string, width: number): string[] {
  const pieces: string[] = [];
  let rest = text;
  while (rest.length > width) { // each piece has at least half the width, so that the loop ends
    const space = rest.lastIndexOf(" ", width);
    const end = space > width / 2 ? space : width;
    pieces.push(rest.slice(0, end).trimEnd());
    rest = rest.slice(end).trimStart();
  }
  return [...pieces, rest];
}
