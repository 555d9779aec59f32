// Tables never exceed the terminal and never lose a cell, whatever the cells hold.
import fc from "fast-check";
import { plainText, renderTable } from "./table.ts";

const text = fc.oneof(fc.string({ maxLength: 70 }), fc.string({ unit: "grapheme", maxLength: 12 }), fc.constant(""));
const cell = fc.oneof(text, fc.record({ text, tone: fc.constantFrom("good" as const, "warn" as const, "bad" as const) }));
const column = fc.record({ header: fc.stringMatching(/^[A-Z]{0,12}$/), align: fc.constantFrom("left" as const, "right" as const) });
const table = fc.record({
  columns: fc.array(column, { minLength: 1, maxLength: 9 }),
  rows: fc.array(fc.array(cell, { maxLength: 10 }), { maxLength: 6 }),
  width: fc.integer({ min: 20, max: 200 }),
});
const squeeze = (shown: string): string => shown.replaceAll(/\s/g, "");

test("no line exceeds the width", () => {
  fc.assert(fc.property(table, ({ columns, rows, width }) => {
    const lines = renderTable(columns, rows, { width, colour: false }).split("\n");
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(width);
  }));
});

test("a tone adds no visible character", () => {
  fc.assert(fc.property(table, ({ columns, rows, width }) => {
    const coloured = renderTable(columns, rows, { width, colour: true });
     
    expect(coloured.replaceAll(/\u001b\[\d+m/g, "").replaceAll(/ +$/gm, "")).toBe(renderTable(columns, rows, { width, colour: false }));
  }));
});

test("every cell stands whole in a line of its row, or in pieces when it is wider than the terminal", () => {
  fc.assert(fc.property(table, ({ columns, rows, width }) => {
    const natural = renderTable(columns, rows, { colour: false }).split("\n").slice(1);
    rows.forEach((row, index) => {
      let at = 0;
      for (const one of row) {
        const found = natural[index]?.indexOf(plainText(one), at) ?? -1;
        expect(found).toBeGreaterThanOrEqual(at);
        at = found + plainText(one).length;
      }
    });
    const folded = renderTable(columns, rows, { width, colour: false });
    for (const one of rows.flat()) {
      const shown = plainText(one);
      if (shown.length <= width - 4) expect(folded).toContain(shown);
    }
    const single = rows.flat().map((one) => renderTable([{ header: "" }], [[one]], { width, colour: false }));
    rows.flat().forEach((one, index) => { expect(squeeze(single[index] ?? "").slice(1)).toBe(squeeze(plainText(one))); });
  }));
});
