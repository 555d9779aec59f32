// The parser is total: no text throws, no damage to one document changes the others.
import fc from "fast-check";
import { parseDocuments } from "./document.ts";
import { apiVersion } from "./names.ts";

const good = (name: string): string => `apiVersion: ${apiVersion}\nkind: Tenant\nmetadata: { name: ${name} }\n`;
const pieces = ["-", " - ", ": ", "? ", "[", "]", "{", "}", "&a ", "*a", "!!int ", "|", ">", "'", "\"", "#", "%", "@", "`", "\n", "  ", "\t", "---", "...", "kind", "spec", "a", "1", "~", "\u0000", "\u2028", "é"];
const noise = fc.array(fc.constantFrom(...pieces), { maxLength: 60 }).map((list) => list.join(""));

test("any text gives an answer", () => {
  fc.assert(fc.property(fc.oneof(noise, fc.string({ unit: "binary", maxLength: 200 })), (text) => {
    const result = parseDocuments([{ path: "f", text }]);
    expect(result.objects).toEqual([]);
  }), { numRuns: 500 });
});

test("damage in one document does not reach the next one", () => {
  fc.assert(fc.property(noise, (text) => {
    const result = parseDocuments([{ path: "f", text: `${good("before")}---\n${text}\n---\n${good("after")}` }]);
    expect(result.objects.map((one) => one.id)).toEqual(["Tenant before", "Tenant after"]);
  }), { numRuns: 300 });
});

test("cutting or changing a good document gives the object or a problem with a place", () => {
  const text = good("acme");
  fc.assert(fc.property(fc.nat(text.length), fc.nat(text.length), fc.constantFrom(...pieces), (from, to, piece) => {
    const result = parseDocuments([{ path: "f", text: text.slice(0, from) + piece + text.slice(to) }]);
    for (const problem of result.problems) expect(problem).toMatchObject({ file: "f", line: expect.any(Number), column: expect.any(Number), fix: expect.any(String) });
  }));
});
