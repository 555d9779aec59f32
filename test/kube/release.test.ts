// A release of the chart with the real helm on a real API server, from its installation over upgrade and rollback to its end, with live
// objects that must stay as they are. No pod runs here, so nothing waits for one.
import { cpSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parse, stringify } from "yaml";
import { chartFolder, openHelm } from "../support/kube/chart.ts";
import type { Helm } from "../support/kube/chart.ts";
import { testMs } from "../support/kube/patience.ts";
import { openKube } from "../support/kube/server.ts";
import type { Kube } from "../support/kube/server.ts";

const namespace = "opensvr";
const examples = join(chartFolder, "../../deploy/examples/kube/cluster.yaml");

let kube: Kube, helm: Helm;

beforeAll(async () => {
  kube = await openKube();
  helm = openHelm(kube);
  kube.kubectl(["create", "namespace", namespace]);
}, testMs);
afterAll(async () => { await kube.close(); }, testMs);

describe("a release", () => {
  /** Everything that people made, with what would change if it were made anew or written to. */
  const living = (): string[] => kube.kubectl(["get", "opensvr", "-A", "-o", 'jsonpath={range .items[*]}{.kind}/{.metadata.name} {.metadata.uid} {.metadata.generation}{"\\n"}{end}']).trim().split("\n").sort();
  const columns = (): string => kube.kubectl(["get", "crd", "tenants.opensvr.io", "-o", "jsonpath={.spec.versions[0].additionalPrinterColumns[*].name}"]);
  const deployment = (): { replicas: number; version: string } => {
    const { spec, metadata } = JSON.parse(kube.kubectl(["get", "deployment", "opensvr-operator", "-n", namespace, "-o", "json"])) as { spec: { replicas: number }; metadata: { labels: Record<string, string> } };
    return { replicas: spec.replicas, version: metadata.labels["app.kubernetes.io/version"] ?? "" };
  };
  const place = ["--namespace", namespace];
  let objects: string[];

  test("is installed with no values, and says what to do next", () => {
    const told = helm.run(["install", "opensvr", earlierChart(kube), ...place]);
    for (const command of ["kubectl rollout status --namespace opensvr deployment/opensvr-operator", "helm test opensvr --namespace opensvr", "kubectl get opensvr --all-namespaces"]) expect(told).toContain(`\n  ${command}\n`);
    kube.kubectl(["wait", "--for=condition=Established", "--timeout=90s", "crd", "-l", "app.kubernetes.io/part-of=opensvr"]);
    kube.kubectl(["apply", "-f", examples]);
    objects = living();
    expect(objects.map((one) => one.split(" ")[0])).toEqual(expect.arrayContaining(["Router/default-a", "Router/default-b", "Router/default-c", "Service/orders", "Tenant/shop"]));
    expect([deployment(), columns()]).toEqual([{ replicas: 2, version: "0.0.9" }, ""]);
  });

  test("is upgraded, with its CRDs; objects stay as they are", () => {
    helm.run(["upgrade", "opensvr", chartFolder, ...place, "--set", "replicas=3"]);
    expect(living()).toEqual(objects);
    expect(deployment().replicas).toBe(3);
    expect(columns()).toContain("Ready");
    expect(kube.kubectl(["get", "poddisruptionbudget", "-n", namespace, "-o", "name"])).toContain("opensvr-operator");
  });

  test("has no difference to its render", () => {
    kube.kubectl(["diff", "--server-side", "--force-conflicts", "--field-manager=helm", "-f", "-"], helm.run(["get", "manifest", "opensvr", ...place]));
    const secrets = JSON.parse(kube.kubectl(["get", "secrets", "-n", namespace, "-l", "owner=helm", "-o", "json"])) as { items: { data: { release: string } }[] };
    for (const { data } of secrets.items) expect(data.release.length).toBeLessThan(900_000); // an object of the API server has at most 1 MiB
  });

  test("is rolled back, with its CRDs; objects stay as they are", () => {
    helm.run(["rollback", "opensvr", "1", ...place]);
    expect(living()).toEqual(objects);
    expect([deployment(), columns()]).toEqual([{ replicas: 2, version: "0.0.9" }, ""]);
    expect(kube.kubectl(["get", "poddisruptionbudget", "-n", namespace, "-o", "name"])).toBe("");
  });

  test("is removed; CRDs and objects stay, and Helm says so", () => {
    helm.run(["upgrade", "opensvr", chartFolder, ...place]);
    const told = helm.run(["uninstall", "opensvr", ...place]);
    for (const name of readdirSync(join(chartFolder, "files/crds"))) expect(told).toContain(`[CustomResourceDefinition] ${name.replace(/yaml$/, "opensvr.io")}`);
    expect(living()).toEqual(objects);
    const kinds = "deployments,serviceaccounts,clusterroles,clusterrolebindings,roles,rolebindings,poddisruptionbudgets,flowschemas,prioritylevelconfigurations,validatingadmissionpolicies,validatingadmissionpolicybindings,secrets,pods";
    expect(kube.kubectl(["get", kinds, "-A", "-l", "app.kubernetes.io/instance=opensvr", "-o", "name"])).toBe("");
  });

  test("comes again, and takes what stayed", () => {
    helm.run(["install", "opensvr", chartFolder, ...place]);
    expect(living()).toEqual(objects);
    expect(columns()).toContain("Ready");
  });
});

/** A chart as it may have been before: another version, a CRD with less, a template that did not exist yet. */
function earlierChart({ run }: Kube): string {
  const folder = join(run.folder, "earlier");
  mkdirSync(folder);
  cpSync(chartFolder, folder, { recursive: true });
  const edit = (name: string, change: (text: string) => string): void => { writeFileSync(join(folder, name), change(readFileSync(join(folder, name), "utf8"))); };
  edit("Chart.yaml", (text) => text.replace(/^version: .*$/m, "version: 0.0.9").replace(/^appVersion: .*$/m, 'appVersion: "0.0.9"'));
  edit("files/crds/tenants.yaml", (text) => {
    const crd = parse(text) as { spec: { versions: { additionalPrinterColumns?: unknown }[] } };
    for (const version of crd.spec.versions) delete version.additionalPrinterColumns;
    return stringify(crd);
  });
  rmSync(join(folder, "templates/operator/poddisruptionbudget.yaml"));
  return folder;
}
