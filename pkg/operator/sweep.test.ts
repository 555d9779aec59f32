// Pages that nothing names go after ten minutes, and not before; what is named again in between starts anew.
import { MemoryKube } from "../../test/support/kube/memory.ts";
import type { KubeObject } from "../ports/kube.ts";
import { routerConfigs } from "../api/resources.ts";
import { sweepPages } from "./sweep.ts";
import type { SweepParts } from "./sweep.ts";

const name = (digit: string): string => digit.repeat(64);
const object = (metadata: { name: string }, spec: object): KubeObject => ({ apiVersion: "opensvr.io/v1alpha1", kind: "RouterConfig", metadata, spec });
const page = (digit: string): KubeObject => object({ name: name(digit) }, { type: "Page", page: { content: digit } });
const head = (pages: string[]): KubeObject => object({ name: "r1" }, { type: "Head", head: { router: "r1", pages: pages.map(name) } });

async function world(): Promise<{ kube: MemoryKube; parts: SweepParts; now: { ms: number; leads: boolean }; left(): string }> {
  const kube = new MemoryKube();
  const now = { ms: 0, leads: true };
  for (const digit of ["a", "b", "c"]) await kube.create(routerConfigs, page(digit));
  await kube.create(routerConfigs, head(["a"]));
  const configs = kube.follow(routerConfigs);
  const parts: SweepParts = { kube, heads: kube.follow(routerConfigs, { fieldSelector: "spec.type=Head" }), pages: kube.follow(routerConfigs, { fieldSelector: "spec.type=Page", metadataOnly: true }), kept: () => Promise.resolve([name("b")]), leads: () => now.leads, nowMs: () => now.ms, unnamed: new Map() };
  return { kube, parts, now, left: () => [...configs.list()].map(({ metadata }) => metadata.name.slice(0, 2)).sort().join(" ") };
}

test("a page that neither a head nor the objects in force name goes after ten minutes", async () => {
  const { parts, now, left } = await world();
  await sweepPages(parts);
  now.ms = 599_999;
  await sweepPages(parts);
  expect(left()).toBe("aa bb cc r1");
  now.ms = 600_000;
  await sweepPages(parts);
  expect(left()).toBe("aa bb r1");
});

test("a page that is named in between, or is about to be, begins anew", async () => {
  const { kube, parts, now, left } = await world();
  await sweepPages(parts);
  now.ms = 500_000;
  await kube.apply(routerConfigs, head(["a", "c"]), { manager: "opensvr-operator" });
  await sweepPages(parts);
  await kube.apply(routerConfigs, head(["a"]), { manager: "opensvr-operator" });
  now.ms = 700_000;
  await sweepPages(parts);
  expect(left()).toBe("aa bb cc r1");
  now.ms = 1_299_000;
  parts.unnamed.delete(name("c")); // a head is about to name it
  await sweepPages(parts);
  now.ms = 1_301_000;
  await sweepPages(parts);
  expect(left()).toBe("aa bb cc r1");
});

test("who does not lead deletes nothing", async () => {
  const { kube, parts, now, left } = await world();
  await sweepPages(parts);
  now.ms = 600_000;
  now.leads = false;
  await sweepPages(parts);
  expect([left(), kube.calls.filter((call) => call.startsWith("remove"))]).toEqual(["aa bb cc r1", []]);
});
