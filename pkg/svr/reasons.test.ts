// The table of reasons: numbers are unique, in order, within the map, and names match both ways.
import { endReasonOf, reasonNumber, reasonOf, reasons, reasonSlots, refusalReasons } from "./reasons.ts";

describe("reasons", () => {
  test("numbers rise, fit the map and one byte, names are unique", () => {
    const numbers = reasons.map((entry) => entry.number);
    expect(numbers).toEqual([...new Set(numbers)].sort((a, b) => a - b));
    expect(Math.max(...numbers)).toBeLessThan(reasonSlots);
    expect(reasonSlots).toBeLessThanOrEqual(256);
    expect(new Set(reasons.map((entry) => entry.name)).size).toBe(reasons.length);
  });

  test("each number keeps its group's range, so that a reader of a newer release can tell the group", () => {
    const first = { deny: 1, wire: 32, datapath: 64, end: 96 };
    for (const entry of reasons) {
      expect(entry.number).toBeGreaterThanOrEqual(first[entry.group]);
      expect(entry.number).toBeLessThan(first[entry.group] + 32);
    }
  });

  test("P-7 the deny reasons of behaviour 2.6 are all there", () => {
    const deny = reasons.filter((entry) => entry.group === "deny").map((entry) => entry.name);
    expect(deny).toEqual(["no-service", "access", "peer-tenant", "state", "filter", "no-path", "limit", "nat", "reverse-path", "url", "threat", "no-key"]);
  });

  test("P-7 refused is what is denied, and what exceeds a rate or is an ICMP error of nobody's", () => {
    expect(refusalReasons.map((entry) => entry.number)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 67, 70]);
  });

  test.each([[5, "filter"], [45, "no-flow"], [66, "ring-full"], [97, "rst"]] as const)("%p is %s both ways", (number, name) => {
    expect(reasonOf(number)?.name).toBe(name);
    expect(reasonNumber(name)).toBe(number);
  });

  test("unknown numbers have no entry, and only end reasons end a session", () => {
    expect(reasonOf(0)).toBeUndefined();
    expect(endReasonOf(0)).toBeUndefined();
    expect(endReasonOf(4)).toBeUndefined();
    expect(endReasonOf(96)).toBe("fin");
  });
});
