// Tables: alignment, folding, tones, escapes, pages.
import { createTable, paint, plainText, renderTable } from "./table.ts";

const columns = [{ header: "NAME" }, { header: "COUNT", align: "right" as const }, { header: "NOTE" }];

test("columns are aligned, numbers to the right, empty cells are shown", () => {
  expect(renderTable(columns, [["a", "1", "x"], ["longer", "12345678", ""]], { colour: false })).toBe([
    "NAME       COUNT  NOTE", "a              1  x", "longer  12345678  -", ""].join("\n"));
});

test("what does not fit folds into bands", () => {
  expect(renderTable(columns, [["a-name-of-15-ch", "12345", "note"]], { colour: false, width: 21 })).toBe([
    "NAME", "    COUNT  NOTE", "a-name-of-15-ch", "    12345  note", ""].join("\n"));
});

test("a cell wider than the terminal continues below", () => {
  expect(renderTable([{ header: "A" }], [["abcdefghijklmnopqrstuvwxyz"]], { colour: false, width: 20 })).toBe("A\nabcdefghijklmnop\nqrstuvwxyz\n");
});

test("it continues between words; a word longer than the line is cut", () => {
  expect(renderTable([{ header: "A" }], [["shop/web has it with others, or-elsewhere-in-the-net"]], { colour: false, width: 20 })).toBe("A\nshop/web has it\nwith others,\nor-elsewhere-in-\nthe-net\n");
});

test("a tone colours the text and not the space beside it", () => {
  const rows = [[{ text: "down", tone: "bad" as const }, "x"]];
  const style = [{ header: "STATE" }, { header: "B" }];
  expect(renderTable(style, rows, { colour: true })).toBe("STATE  B\n\u001b[31mdown\u001b[0m   x\n");
  expect(renderTable(style, rows, { colour: false })).toBe("STATE  B\ndown   x\n");
  expect(paint("up", "good", false)).toBe("up");
});

test("cells beyond the columns and missing ones are kept", () => {
  expect(renderTable([{ header: "A" }], [["1", "2"], ["3"]], { colour: false })).toBe("A  -\n1  2\n3  -\n");
});

test.each([["\u001b[2J", "\\u{1b}[2J"], ["line\nline", "line\\u{a}line"], ["\u202eabc", "\\u{202e}abc"], ["\u{1f600}", "\\u{1f600}"], ["", "-"]])("%j is shown as %j", (text, shown) => {
  expect(plainText(text)).toBe(shown);
});

test("the heading stands above the first page and columns grow", () => {
  const table = createTable([{ header: "A" }, { header: "B" }], { colour: false });
  expect(table.page([["1", "2"]])).toBe("A  B\n1  2\n");
  expect(table.page([["100", "2"], ["1", "3"]])).toBe("100  2\n1    3\n");
  expect(table.page([])).toBe("");
});
