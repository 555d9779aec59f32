// Refused packets of the data plane as denials: shape, bound, and what has no record of its own.
import { addressOfWords } from "../base/address.ts";
import type { RouterConfig } from "../plan/config.ts";
import type { DatapathRefusal } from "../ports/datapath.ts";
import { createRefusalReports } from "./refusals.ts";

const refusal = (sourcePort: number, change: Partial<DatapathRefusal> = {}): DatapathRefusal => ({
  reason: "filter", tenant: 0, service: 0, path: 0, source: addressOfWords(4, 0x0a000001), destination: addressOfWords(4, 0x0a000002), sourcePort, destinationPort: 443, proto: 6, ifnum: 1, vlan: 0, ...change,
});
const names = new Map([[3, "tenant/corp"], [4, "service/test/east"], [5, "path/r2/one"]]);

function reports(untold: Record<string, number> = {}) {
  const waiting: DatapathRefusal[] = [];
  const made = createRefusalReports({ refusals: (max) => waiting.splice(0, max), untold: () => untold, nameOf: (id) => names.get(id) });
  made.follow({ interfaces: [{ ifnum: 1, hosts: true }, { ifnum: 2, hosts: false }] } as unknown as RouterConfig);
  return { ...made, waiting };
}

describe("refusals of the data plane", () => {
  test("P-7 names of tenant, service and peer; hosts without a tenant are everybody's, packets of peers nobody's; a rate is a limit", () => {
    const { take, waiting } = reports();
    waiting.push(refusal(1, { tenant: 3, service: 4 }), refusal(2), refusal(3, { ifnum: 2, reason: "rate" }), refusal(4, { ifnum: 2, tenant: 3, service: 99, path: 5, reason: "state" }));
    expect(take(1000).map(({ reason, tenant, service, peer, sourcePort }) => [reason, tenant, service, peer, sourcePort])).toEqual([
      ["filter", "corp", "test/east", undefined, 1], ["filter", "<global>", undefined, undefined, 2], ["limit", undefined, undefined, undefined, 3], ["state", "corp", undefined, "r2", 4],
    ]);
    expect(take(1000)).toEqual([]);
  });

  test("a tuple is one record in 10 s, whoever told it; what has none is declared with the next of its reason, once", () => {
    const untold = { filter: 100, state: 5 };
    const { take, waiting, suppressed } = reports(untold);
    waiting.push(refusal(1), refusal(1));
    expect(take(1000).map((one) => one.suppressed)).toEqual([1]); // of 100 before this start nobody is told again
    untold.filter += 20;
    waiting.push(refusal(1), refusal(2), refusal(3), refusal(2, { reason: "state" }));
    expect(take(2000).map((one) => [one.reason, one.sourcePort, one.suppressed])).toEqual([["filter", 2, 21], ["filter", 3, undefined], ["state", 2, undefined]]);
    expect(suppressed()).toEqual({ filter: 122, state: 5 });
    waiting.push(refusal(1));
    expect(take(11_001).map((one) => one.suppressed)).toEqual([undefined]);
  });
});
