// The operator process on a real API server: objects become RouterConfigs that are what the compiler gives, only routers that are
// concerned are written, conditions follow the acknowledgements, what is broken keeps its last good version, and another takes over.
import { createHash } from "node:crypto";
import { join } from "node:path";
import { canonicalJson } from "../../pkg/plan/canonical.ts";
import { compile } from "../../pkg/plan/compile.ts";
import { assembleConfig } from "../../pkg/plan/pages.ts";
import { parseThree } from "../support/config/three.ts";
import { ackAs, conditionOf, contentOf, headChanges, itemOf, itemsOf, leaderOf, operatorNamespace, startOperator } from "../support/kube/operator.ts";
import { slow, stopMs, testMs } from "../support/kube/patience.ts";
import { openKube } from "../support/kube/server.ts";
import type { Kube } from "../support/kube/server.ts";
import type { TestProcess } from "../support/process.ts";
import { waitFor } from "../support/wait.ts";

const sha256 = (text: string): string => createHash("sha256").update(text).digest("hex");
const three = join(import.meta.dirname, "../support/config/three");
const names = ["branch", "cloud", "transit"];

let kube: Kube;
let operators: TestProcess[] = [];

beforeAll(async () => {
  kube = await openKube();
  kube.applyCrds();
  kube.kubectl(["create", "namespace", operatorNamespace]);
  for (const namespace of new Set(parseThree().objects.flatMap(({ object }) => ("namespace" in object.metadata ? [object.metadata.namespace] : [])))) {
    if (namespace !== "default") kube.kubectl(["create", "namespace", namespace]);
  }
  kube.kubectl(["apply", "-f", three]);
  operators = [await startOperator(kube)];
}, testMs);
afterAll(async () => {
  for (const one of operators) await one.stop(stopMs);
  await kube.close();
}, testMs);


test("each router's head and pages are what the compiler gives for the same objects", async () => {
  const { routers } = compile({ objects: parseThree().objects });
  for (const name of names) {
    const head = await headChanges(kube, name, undefined);
    const back = assembleConfig({ ...head, format: 1 }, (page) => contentOf(kube, page), sha256);
    expect(back.ok ? canonicalJson(back.value) : back.error).toBe(canonicalJson(routers.get(name)));
  }
}, testMs);

test("conditions: pending until every router has acknowledged, then true, and kubectl can wait for it", async () => {
  await waitFor("all Routers wait", () => names.every((name) => conditionOf(itemOf(kube, "routers.opensvr.io", name), "Programmed").startsWith("False Pending")), slow);
  for (const name of names) ackAs(kube, name);
  kube.kubectl(["wait", "--for=condition=Ready", "--timeout=20s", "routers.opensvr.io", "--all"]);
  kube.kubectl(["wait", "--for=condition=Ready", "--timeout=20s", "tenants.opensvr.io", "--all"]);
  for (const item of itemsOf(kube, "services.opensvr.io")) expect(item.status).toMatchObject({ observedGeneration: item.metadata.generation });
}, testMs);

interface Versions { [name: string]: string }
function versions(kind: string): Versions {
  return Object.fromEntries(itemsOf(kube, kind).map((item) => [item.metadata.name, item.metadata.resourceVersion]));
}

function patch(kind: string, name: string, spec: object, namespace?: string): void {
  kube.kubectl(["patch", `${kind}.opensvr.io`, name, ...(namespace === undefined ? [] : ["-n", namespace]), "--type=merge", "-p", JSON.stringify({ spec })]);
}

async function allReady(): Promise<void> {
  for (const name of names) {
    await waitFor(`the head of ${name} is what it has acknowledged`, () => {
      const { spec, status } = itemOf(kube, "routerconfigs.opensvr.io", name) ?? {};
      if ((spec?.["head"] as { hash: string }).hash === (status?.["acked"] as { hash: string } | undefined)?.hash) return true;
      ackAs(kube, name);
      return false;
    }, slow);
  }
  kube.kubectl(["wait", "--for=condition=Ready", "--timeout=90s", "services.opensvr.io", "--all", "-A"]);
}

test("an edit writes only the routers that it concerns, and one of a label nothing at all", async () => {
  await allReady();
  const before = versions("routerconfigs.opensvr.io");
  kube.kubectl(["label", "services.opensvr.io", "web", "-n", "shop", "team=web"]);
  patch("router", "cloud", { timers: { tcpIdle: "1800s" } });
  const head = await headChanges(kube, "cloud", undefined);
  await waitFor("the head of cloud is written", () => versions("routerconfigs.opensvr.io")["cloud"] !== before["cloud"], slow);
  const after = versions("routerconfigs.opensvr.io");
  expect(names.filter((name) => after[name] !== before[name])).toEqual(["cloud"]);
  expect(head.pages.length).toBeGreaterThan(1);
  await waitFor("cloud waits", () => conditionOf(itemOf(kube, "routers.opensvr.io", "cloud"), "Ready").startsWith("False Pending: on 0 of 1"), slow);
  expect(conditionOf(itemOf(kube, "routers.opensvr.io", "branch"), "Ready")).toMatch(/^True/);
  await allReady();
}, testMs);

test("a reference to nothing is told on the object, and mended by the object that was missing", async () => {
  const { routers } = compile({ objects: parseThree().objects });
  expect(routers.size).toBe(3);
  const web = itemOf(kube, "services.opensvr.io", "web", "shop");
  const access = web?.spec?.["access"] as object[];
  patch("service", "web", { access: [...access, { tenant: "late" }] }, "shop");
  await waitFor("the reference is told", () => conditionOf(itemOf(kube, "services.opensvr.io", "web", "shop"), "ResolvedRefs").includes('there is no Tenant "late"'), slow);
  kube.kubectl(["apply", "-f", "-"], "apiVersion: opensvr.io/v1alpha1\nkind: Tenant\nmetadata: { name: late }\nspec: { serviceNamespaces: { names: [shop] } }\n");
  await waitFor("it is resolved", () => conditionOf(itemOf(kube, "services.opensvr.io", "web", "shop"), "ResolvedRefs").startsWith("True"), slow);
  patch("service", "web", { access }, "shop");
  kube.kubectl(["delete", "tenants.opensvr.io", "late"]);
  await allReady();
}, testMs);

test("a SecurityPolicy that asks for a post-quantum exchange names who is not ready, until both routers know each other by certificate", async () => {
  kube.kubectl(["apply", "-f", "-"], "apiVersion: opensvr.io/v1alpha1\nkind: SecurityPolicy\nmetadata: { name: quantum, namespace: shop }\nspec: { postQuantumRequired: true }\n");
  const told = (): string => conditionOf(itemOf(kube, "securitypolicies.opensvr.io", "quantum", "shop"), "PostQuantumReady");
  await waitFor("nobody uses it", () => told().startsWith("True PeersReady"), { ...slow, show: told });
  patch("service", "web", { securityPolicyRef: { name: "quantum" } }, "shop");
  await waitFor("peers are named", () => /^False PeersNotReady: .*branch with \w+, .*cloud with \w+/.test(told()), { ...slow, show: told });
  for (const name of names) patch("router", name, { authentication: "Certificate" });
  await waitFor("all are ready", () => told().startsWith("True PeersReady"), { ...slow, show: told });
  for (const name of names) patch("router", name, { authentication: null });
  await waitFor("a change of Routers alone is told", () => told().startsWith("False PeersNotReady"), { ...slow, show: told });
  patch("service", "web", { securityPolicyRef: null }, "shop");
  kube.kubectl(["delete", "securitypolicies.opensvr.io", "quantum", "-n", "shop"]);
  await allReady();
}, testMs);

test("an object that is broken keeps its last good version, also when nobody runs meanwhile", async () => {
  const first = await headChanges(kube, "branch", undefined);
  patch("router", "branch", { timers: { tcpIdle: "1234s" } });
  const before = await headChanges(kube, "branch", first.hash);
  for (const one of operators.splice(0)) await one.stop(stopMs);
  expect(leaderOf(kube)).toBe(""); // given back
  // The compiler refuses it, the schema does not: a second interface on the device of the first.
  const branch = itemOf(kube, "routers.opensvr.io", "branch");
  const interfaces = branch?.spec?.["interfaces"] as { name: string; device?: string }[];
  patch("router", "branch", { interfaces: [...interfaces, { name: "twin", type: "LAN", device: interfaces[0]?.device ?? interfaces[0]?.name }] });
  operators.push(await startOperator(kube));
  await waitFor("it is told", () => conditionOf(itemOf(kube, "routers.opensvr.io", "branch"), "Accepted").startsWith("False LastGoodInForce"), { ...slow, show: () => conditionOf(itemOf(kube, "routers.opensvr.io", "branch"), "Accepted") });
  expect((await headChanges(kube, "branch", undefined)).hash).toBe(before.hash);
  patch("router", "branch", { interfaces });
  await waitFor("it is accepted again", () => conditionOf(itemOf(kube, "routers.opensvr.io", "branch"), "Accepted").startsWith("True"), slow);
  expect((await headChanges(kube, "branch", undefined)).hash).toBe(before.hash);
}, testMs);

test("a head or a page that somebody else changed or removed is written again; one of a removed Router goes", async () => {
  const head = await headChanges(kube, "transit", undefined);
  kube.kubectl(["patch", "routerconfigs.opensvr.io", "transit", "--type=merge", "-p", JSON.stringify({ spec: { head: { hash: "0".repeat(64) } } })]);
  await waitFor("the head is right again", () => (itemOf(kube, "routerconfigs.opensvr.io", "transit")?.spec?.["head"] as { hash?: string } | undefined)?.hash === head.hash, slow);
  kube.kubectl(["patch", "routerconfigs.opensvr.io", "transit", "--type=merge", "-p", JSON.stringify({ spec: { head: { pages: ["0".repeat(64)] } } })]);
  await waitFor("its pages are right again", () => (itemOf(kube, "routerconfigs.opensvr.io", "transit")?.spec?.["head"] as { pages?: string[] } | undefined)?.pages?.join() === head.pages.join(), slow);
  kube.kubectl(["delete", "routerconfigs.opensvr.io", ...head.pages]);
  await waitFor("its pages are there again", () => head.pages.every((page) => itemOf(kube, "routerconfigs.opensvr.io", page) !== undefined), slow);
  kube.kubectl(["delete", "routerconfigs.opensvr.io", "transit"]);
  await waitFor("the head is there again", () => (itemOf(kube, "routerconfigs.opensvr.io", "transit")?.spec?.["head"] as { hash?: string } | undefined)?.hash === head.hash, slow);
  kube.kubectl(["apply", "-f", "-"], "apiVersion: opensvr.io/v1alpha1\nkind: Router\nmetadata: { name: short-lived }\nspec: { interfaces: [{ name: lan0, type: LAN }] }\n");
  await headChanges(kube, "short-lived", undefined);
  kube.kubectl(["delete", "routers.opensvr.io", "short-lived"]);
  await waitFor("its head is gone", () => itemOf(kube, "routerconfigs.opensvr.io", "short-lived") === undefined, slow);
  await allReady();
}, testMs);

test("of two operators one leads; when it is killed the other does, warm, in less than 20 s, and writes", async () => {
  operators.push(await startOperator(kube, { identity: "operator-2" }));
  expect(leaderOf(kube)).toBe("operator-1");
  await operators[0]?.kill();
  const started = performance.now();
  patch("router", "cloud", { timers: { tcpIdle: "1700s" } });
  const before = await headChanges(kube, "cloud", undefined);
  await headChanges(kube, "cloud", before.hash);
  const seconds = (performance.now() - started) / 1000;
  expect(leaderOf(kube)).toBe("operator-2");
  expect(seconds).toBeLessThan(20);
  operators.shift();
}, testMs);
