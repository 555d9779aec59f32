// The Helm chart with the real helm on a real API server: what it renders, which values it refuses, and what the server says to each
// object. No pod runs here; a release from its installation to its end is release.test.ts.
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { stringify } from "yaml";
import { chartFolder, objectsIn, openHelm, templateWords } from "../support/kube/chart.ts";
import type { Helm, Rendered } from "../support/kube/chart.ts";
import { testMs } from "../support/kube/patience.ts";
import { openKube } from "../support/kube/server.ts";
import type { Kube } from "../support/kube/server.ts";

const namespace = "opensvr";
/** Every switch the other way. */
const full = {
  fullnameOverride: "svr", replicas: 3, image: { repository: "example.test/operator", digest: `sha256:${"0".repeat(64)}`, pullPolicy: "Always" }, imagePullSecrets: [{ name: "registry" }],
  logLevel: "debug", healthPort: 9998, routers: { namespace: "routers", defaultClass: false }, serviceAccount: { name: "keeper", annotations: { "example.test/role": "x" } }, networkPolicy: { enabled: true }, identity: { enabled: true }, site: { enabled: true, port: 9999, serviceType: "LoadBalancer", serviceAnnotations: { "example.test/balancer": "x" } },
  resources: { limits: { cpu: "1" } }, podAnnotations: { a: "b" }, podLabels: { c: "d" }, nodeSelector: { e: "f" }, tolerations: [{ operator: "Exists" }], affinity: { nodeAffinity: {} },
  priorityClassName: "system-cluster-critical", extraEnv: [{ name: "HTTPS_PROXY", value: "http://proxy:3128" }],
};
const off = { replicas: 1, serviceAccount: { create: false }, rbac: { create: false }, crds: { install: false }, flowControl: { enabled: false } };

let kube: Kube, helm: Helm;
const render = (values: object = {}): Rendered[] => objectsIn(helm.run(templateWords(), stringify(values)));
const names = (objects: readonly Rendered[], kind: string): string[] => objects.filter((one) => one.kind === kind).map(({ metadata }) => metadata.name);
const podOf = (objects: readonly Rendered[]): { metadata: { annotations: Record<string, string> }; spec: { containers: Record<string, unknown>[] } & Record<string, unknown> } =>
  (objects.find(({ kind }) => kind === "Deployment")?.["spec"] as { template: ReturnType<typeof podOf> }).template;

beforeAll(async () => {
  kube = await openKube();
  helm = openHelm(kube);
  for (const name of [namespace, "routers"]) kube.kubectl(["create", "namespace", name]);
  for (const name of ["default", "opensvr-test", "svr-test"]) kube.kubectl(["create", "serviceaccount", name, "-n", namespace]); // those of pods must be there, also for a dry run
}, testMs);
afterAll(async () => { await kube.close(); }, testMs);

describe("what the chart renders", () => {
  test("lint finds nothing", () => {
    for (const values of [{}, full, off]) expect(helm.run(["lint", "--strict", chartFolder, "--values", "-"], stringify(values))).toContain("0 chart(s) failed");
  });

  test("the same for the same values, with nothing of the cluster", () => {
    for (const values of [{}, full]) expect(helm.run(templateWords(), stringify(values))).toBe(helm.run(templateWords(), stringify(values)));
    const templates = readdirSync(join(chartFolder, "templates"), { recursive: true, encoding: "utf8" }).filter((name) => /\.(yaml|tpl|txt)$/.test(name));
    expect(templates.filter((name) => /\b(lookup|now|rand\w*|uuidv4|gen(CA|SelfSignedCert|SignedCert|PrivateKey)\w*|htpasswd|getHostByName)\b/.test(readFileSync(join(chartFolder, "templates", name), "utf8").replaceAll(/\{\{- \/\*[\s\S]*?\*\/ -\}\}|^\s*#.*$/gm, "")))).toEqual([]);
  });

  test("no custom resource, and the standard labels on each object", () => {
    for (const object of [...render(), ...render(full)]) {
      expect(object.apiVersion).not.toContain("opensvr.io/");
      expect(object.metadata.labels).toMatchObject({ "app.kubernetes.io/part-of": "opensvr" });
      if (object.kind !== "CustomResourceDefinition") expect(Object.keys(object.metadata.labels ?? {})).toEqual(expect.arrayContaining(["name", "instance", "version", "component", "managed-by"].map((name) => `app.kubernetes.io/${name}`).concat("helm.sh/chart")));
      expect(object.metadata.annotations?.["helm.sh/resource-policy"]).toBe(object.kind === "CustomResourceDefinition" || object.kind === "Namespace" ? "keep" : undefined);
    }
    const deployment = render().find(({ kind }) => kind === "Deployment")?.["spec"] as { selector: object };
    expect(deployment.selector).toEqual({ matchLabels: { "app.kubernetes.io/name": "opensvr", "app.kubernetes.io/instance": "opensvr", "app.kubernetes.io/component": "operator" } });
  });

  test("the pod of helm test opens a session when a Service is named, where the network of the values leads it", () => {
    const podOfTest = (values: object): { metadata: { annotations: Record<string, string> }; spec: { containers: { command: string[] }[] } } => render(values).find(({ kind }) => kind === "Pod") as unknown as ReturnType<typeof podOfTest>;
    const asked = podOfTest({ test: { session: { service: "shop/web", to: "10.9.0.10:443" }, podAnnotations: { "k8s.v1.cni.cncf.io/networks": "lan" } } });
    expect([podOfTest({}).spec.containers[0]?.command.slice(4), asked.spec.containers[0]?.command.slice(4), asked.metadata.annotations]).toEqual([[], ["--session", "shop/web", "--to", "10.9.0.10:443"], expect.objectContaining({ "helm.sh/hook": "test", "k8s.v1.cni.cncf.io/networks": "lan" })]);
  });

  test("values arrive where they belong", () => {
    const objects = render(full), { spec } = podOf(objects);
    expect(spec).toMatchObject({ serviceAccountName: "keeper", priorityClassName: "system-cluster-critical", nodeSelector: { e: "f" }, tolerations: [{ operator: "Exists" }], affinity: { nodeAffinity: {} }, imagePullSecrets: [{ name: "registry" }] });
    expect(spec.containers[0]).toMatchObject({ image: `example.test/operator@sha256:${"0".repeat(64)}`, imagePullPolicy: "Always", resources: { limits: { cpu: "1" } }, ports: [{ containerPort: 9998 }, { name: "site", containerPort: 9999 }] });
    expect(spec.containers[0]?.["args"]).toEqual(expect.arrayContaining(["--router-namespace=routers", "--router-role=svr-router", "--health-port=9998", "--sign-routers", "--site-port=9999", "--no-default-class", "--log-level=debug"]));
    expect(objects.find(({ kind }) => kind === "Namespace")?.metadata).toMatchObject({ name: "routers", labels: { "pod-security.kubernetes.io/enforce": "privileged" } });
    expect(objects.find(({ kind }) => kind === "Service")).toMatchObject({ metadata: { name: "svr-site", annotations: { "example.test/balancer": "x" } }, spec: { type: "LoadBalancer", ports: [{ port: 9999, targetPort: "site" }] } });
    expect(names(render(), "Service")).toEqual([]);
    expect(() => render({ identity: { enabled: false }, site: { enabled: true } })).toThrow("site.enabled takes identity.enabled");
    expect(names(render(off), "ServiceAccount").concat(names(render(off), "ClusterRole"), names(render(off), "CustomResourceDefinition"), names(render(off), "FlowSchema"), names(render(off), "PodDisruptionBudget"))).toEqual([]);
    expect(podOf(render(off)).spec["serviceAccountName"]).toBe("default");
  });

  test.each([{ logLevel: "debug" }, { image: { tag: "next" } }, { routers: { namespace: "apart" } }, { healthPort: 9999 }, { identity: { enabled: false } }, { site: { enabled: true } }, { extraEnv: [{ name: "A", value: "b" }] }])("a value that changes pods changes their checksum: %p", (values) => {
    expect(podOf(render(values)).metadata.annotations["checksum/values"]).not.toBe(podOf(render()).metadata.annotations["checksum/values"]);
  });

  test("the version is that of the programs", () => {
    const version = (JSON.parse(readFileSync(join(chartFolder, "../../package.json"), "utf8")) as { version: string }).version;
    expect(helm.run(["show", "chart", chartFolder])).toContain(`appVersion: ${version}`);
    expect(podOf(render()).spec.containers[0]?.["image"]).toBe(`opensvr/operator:${version}`);
  });

  test.each([
    ["a key that nobody knows", { replica: 1 }, "replica"], ["one inside another", { image: { name: "x" } }, "name"], ["a word that is none of the choices", { logLevel: "loud" }, "logLevel"],
    ["a number out of bounds", { replicas: 0 }, "replicas"], ["another type", { crds: { install: "maybe" } }, "install"], ["a digest that is none", { image: { digest: "latest" } }, "digest"],
  ])("%s is refused", (_what, values, word) => {
    expect(helm.attempt(templateWords(), stringify(values))).toMatchObject({ status: 1, err: expect.stringContaining(word) as string });
    expect(helm.attempt(templateWords(), stringify({ global: { anything: 1 } })).status).toBe(0);
  });

  test("an API server that is too old is refused", () => {
    expect(helm.attempt(["template", "x", chartFolder, "--kube-version", "1.33.9"])).toMatchObject({ status: 1, err: expect.stringContaining("kubeVersion") as string });
  });
});

describe("what the API server says", () => {
  test.each([["no values", {}], ["every switch", full], ["everything off", off]])("each object is accepted, strictly: %s", (_what, values) => {
    const objects = render(values).filter(({ kind }) => kind !== "Namespace");
    const ran = kube.tryKubectl(["apply", "--server-side", "--dry-run=server", "--validate=strict", "-o", "name", "-f", "-"], JSON.stringify({ apiVersion: "v1", kind: "List", items: objects.map((one) => withoutHook(one)) }));
    expect(ran).toMatchObject({ status: 0, err: "" });
    expect(ran.out.trim().split("\n")).toHaveLength(objects.length);
  });

  test("pods of operator and test pass the restricted standard; one with more rights does not", () => {
    kube.kubectl(["create", "namespace", "strict"]);
    kube.kubectl(["label", "namespace", "strict", "pod-security.kubernetes.io/enforce=restricted"]);
    const objects = objectsIn(helm.run([...templateWords(), "--namespace", "strict"], ""));
    for (const account of names(objects, "ServiceAccount")) kube.kubectl(["create", "serviceaccount", account, "-n", "strict"]);
    const create = (spec: unknown) => kube.tryKubectl(["create", "-n", "strict", "--dry-run=server", "-f", "-"], JSON.stringify({ apiVersion: "v1", kind: "Pod", metadata: { name: "one" }, spec }));
    const { spec } = podOf(objects);
    expect(create(spec)).toMatchObject({ status: 0, err: "" });
    expect(create(objects.find(({ kind }) => kind === "Pod")?.["spec"])).toMatchObject({ status: 0, err: "" });
    expect(create({ ...spec, containers: [{ ...spec.containers[0], securityContext: { allowPrivilegeEscalation: true } }] })).toMatchObject({ status: 1, err: expect.stringContaining("restricted") as string });
  });
});

/** Hooks are objects like others for the server. */
function withoutHook(object: Rendered): Rendered {
  return { ...object, metadata: { ...object.metadata, namespace: object.metadata.namespace ?? namespace } };
}
