// Writes deploy/examples/kube from deploy/topologies: each topology as the YAML that kubectl applies, namespaces first.
// Run by hand after a change; with --check (used by the tests) it only compares and exits 1 when one is stale.
import { App, ApiObject, Chart, Yaml } from "cdk8s";
import { cluster } from "../deploy/topologies/cluster.ts";
import { onramp } from "../deploy/topologies/onramp.ts";
import { emit, origin } from "./generated.ts";

const generator = "generate-topologies.ts";
const topologies = { cluster, onramp };

function text(name: keyof typeof topologies): string {
  const chart = new Chart(new App(), name);
  topologies[name](chart);
  const objects = chart.toJson() as { metadata: { namespace?: string } }[];
  const namespaces = [...new Set(objects.flatMap(({ metadata }) => metadata.namespace ?? []))].sort();
  for (const one of namespaces) new ApiObject(chart, `namespace-${one}`, { apiVersion: "v1", kind: "Namespace", metadata: { name: one } });
  const all = chart.toJson() as { kind: string }[];
  return `# ${origin(generator, `deploy/topologies/${name}.ts`)}\n${Yaml.stringify(...all.filter(({ kind }) => kind === "Namespace"), ...all.filter(({ kind }) => kind !== "Namespace"))}`;
}

emit(generator, Object.fromEntries((Object.keys(topologies) as (keyof typeof topologies)[]).map((name) => [`deploy/examples/kube/${name}.yaml`, text(name)])));
