// How often the site endpoint may be asked: by an address, by all together, with bounded memory.
import fc from "fast-check";
import { createSiteRate, networkOf } from "./siterate.ts";

const limits = { each: { burst: 3, perSecond: 1 }, all: { burst: 5, perSecond: 2 } };

test("an address has its burst and then its rate, and takes nothing from others but what all share", () => {
  let nowMs = 0;
  const may = createSiteRate({ ...limits, most: 8, nowMs: () => nowMs });
  expect(["a", "a", "a", "a", "b", "b", "b"].map(may)).toEqual([true, true, true, false, true, true, false]);
  nowMs = 1_000;
  expect(["a", "a", "b"].map(may)).toEqual([true, false, true]);
});

test("of more addresses than are known at once the one that asked longest ago is forgotten, and all together are bounded still", () => {
  const may = createSiteRate({ ...limits, most: 2, nowMs: () => 0 });
  fc.assert(fc.property(fc.array(fc.nat(1_000).map(String), { minLength: 50 }), (addresses) => { for (const one of addresses) may(one); return true; }));
  expect(may("fresh")).toBe(false);
});

test.each([["192.0.2.7", "192.0.2.7"], ["::ffff:192.0.2.7", "192.0.2.7"], ["2001:db8:1:2::9", "2001:db8:1:2"], ["2001:db8:1:2:3:4:5:6", "2001:db8:1:2"], ["2001:db8::9", "2001:db8:0:0"], ["::1", "0:0:0:0"], ["", ""]])("%s belongs to %s", (address, network) => {
  expect(networkOf(address)).toBe(network);
});
