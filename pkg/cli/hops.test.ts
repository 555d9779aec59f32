// Order of hops: by spans, else by waypoints, else by role; gaps are told.
import type { SessionView } from "../api/view.ts";
import { sessionHops } from "../../test/support/sessions.ts";
import { orderHops } from "./hops.ts";
import type { Hop } from "./hops.ts";

const hop = (router: keyof typeof sessionHops, change: Partial<SessionView> = {}): Hop => ({ ...sessionHops[router], ...change, router });
const order = (...hops: Hop[]): string[] => orderHops(hops).map(({ hop: { router }, adjacent }) => (adjacent ? router : `gap ${router}`));

test("by spans", () => {
  expect(order(hop("cloud"), hop("branch"), hop("transit"))).toEqual(["branch", "transit", "cloud"]);
});

test("by waypoints when spans do not tell", () => {
  const { parentSpanId: _one, ...transit } = hop("transit");
  const { parentSpanId: _two, ...cloud } = hop("cloud");
  expect(order(cloud, transit, hop("branch"))).toEqual(["branch", "transit", "cloud"]);
});

test("by role and name when neither tells, with gaps", () => {
  const alone = { flows: [], spanId: "", parentSpanId: "" };
  expect(order(hop("cloud", alone), hop("transit", alone), hop("branch", alone))).toEqual(["branch", "gap transit", "gap cloud"]);
});

test("a router that is missing in the middle leaves a gap; a chain without its beginning begins where it can", () => {
  expect(order(hop("cloud"), hop("branch"))).toEqual(["branch", "gap cloud"]);
  expect(order(hop("cloud"), hop("transit"))).toEqual(["transit", "cloud"]);
});

test("spans that run in a circle end, and each hop appears once", () => {
  expect(order(hop("branch", { parentSpanId: "cccc000000000003" }), hop("transit"), hop("cloud")).toSorted()).toEqual(["branch", "cloud", "transit"]);
});
