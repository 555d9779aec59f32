// Topologies compile without a problem, and inventories have what their counts say.
import { App, Chart } from "cdk8s";
import { stringify } from "yaml";
import { parseDocuments } from "../../pkg/api/document.ts";
import { compile } from "../../pkg/plan/compile.ts";
import type { Compiled } from "../../pkg/plan/compile.ts";
import { cluster } from "./cluster.ts";
import { inventory, namespacesOf } from "./inventory.ts";
import { onramp } from "./onramp.ts";

const synth = (make: (chart: Chart) => void): { kind: string; metadata: { name: string; namespace?: string }; spec: unknown }[] => {
  const chart = new Chart(new App(), "test");
  make(chart);
  return chart.toJson() as ReturnType<typeof synth>;
};
const compiled = (objects: readonly object[]): Compiled => {
  const { objects: parsed, problems } = parseDocuments([{ path: "topology.yaml", text: objects.map((one) => stringify(one)).join("---\n") }]);
  expect(problems).toEqual([]);
  return compile({ objects: parsed });
};

test.each([["cluster", cluster, ["default-a", "default-b", "default-c"]], ["onramp", onramp, ["cloud-1", "cloud-2", "north", "south"]]] as const)("%s compiles without a problem, with its services at each router", (_name, make, routers) => {
  const { problems, routers: configs } = compiled(synth(make));
  expect(problems).toEqual([]);
  expect([...configs.keys()].sort()).toEqual(routers);
  for (const config of configs.values()) expect(config.services.length).toBeGreaterThan(0);
});

test("members of a cluster reach each other inside the NAT, a branch reaches them outside of it", () => {
  const peers = (name: string): Record<string, string> => {
    const router = synth(onramp).find(({ kind, metadata }) => kind === "Router" && metadata.name === name)?.spec as { peers: { name: string; paths: { remoteAddress: string }[] }[] };
    return Object.fromEntries(router.peers.map(({ name: peer, paths }) => [peer, paths[0]?.remoteAddress ?? ""]));
  };
  expect(peers("cloud-1")).toEqual({ "cloud-2": "172.16.0.2", north: "198.51.100.1", south: "198.51.100.5" });
  expect(peers("north")).toEqual({ "cloud-1": "203.0.113.1", "cloud-2": "203.0.113.2" });
});

test("an inventory has what its counts say, always the same, and compiles without a problem", () => {
  const counts = { tenants: 30, services: 250, routers: 20, usedAt: 5 };
  const objects = synth((chart) => { inventory(chart, counts); });
  const count = (kind: string): number => objects.filter((one) => one.kind === kind).length;
  expect([count("Tenant"), count("Service"), count("ServiceRoute"), count("Router"), objects.length]).toEqual([30, 250, 250, 20, 550]);
  expect(objects).toEqual(synth((chart) => { inventory(chart, counts); }));
  expect(new Set(objects.flatMap(({ metadata }) => metadata.namespace ?? []))).toEqual(new Set(namespacesOf(counts)));
  const uses = objects.flatMap(({ kind, spec }) => (kind === "ServiceRoute" ? (spec as { routers: string[] }).routers : []));
  expect([uses.length, new Set(uses).size]).toEqual([1_250, 20]);
  expect(compiled(objects).problems).toEqual([]);
});
