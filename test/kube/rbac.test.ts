// The rights in the chart against what the operator really does: the operator runs with the account that the chart made, and the API
// server writes down each of its requests. No request is refused, no right is left over, and each right that is taken away is missed. The same
// for the check that `helm test` starts.
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { openAccess } from "../../pkg/kube/access.ts";
import { roles } from "../../scripts/chart/rbac.ts";
import type { Role } from "../../scripts/chart/rbac.ts";
import { chartFolder, objectsIn, openHelm, templateWords } from "../support/kube/chart.ts";
import type { Helm } from "../support/kube/chart.ts";
import { ackAs, headChanges, headOf, itemOf, operatorNamespace as namespace, startOperator } from "../support/kube/operator.ts";
import { slow, stopMs, testMs } from "../support/kube/patience.ts";
import { askedIn, auditWords, needsOf, rightsOf, textOf, without } from "../support/kube/rights.ts";
import type { Asked, Right } from "../support/kube/rights.ts";
import { openKube } from "../support/kube/server.ts";
import type { Kube } from "../support/kube/server.ts";
import { waitFor } from "../support/wait.ts";

const onramp = join(import.meta.dirname, "../../deploy/examples/kube/onramp.yaml"), routers = ["cloud-1", "cloud-2", "north", "south"];
const user = `system:serviceaccount:${namespace}:opensvr-operator`;
const wide = roles.filter(({ key }) => key === "operator"), own = roles.filter(({ key }) => key === "operator-own"), children = roles.filter(({ key }) => key === "operator-routers");
const rights = rightsOf([...wide, ...own, ...children]);
const routersNamespace = "routers";
const svrctl = join(import.meta.dirname, "../../cmd/svrctl/main.ts");
const folder = mkdtempSync(join(tmpdir(), "opensvr-audit-"));

let kube: Kube, helm: Helm;
let asked: Asked[];

beforeAll(async () => {
  kube = await openKube({ arguments: auditWords(folder) });
  kube.kubectl(["create", "namespace", namespace]);
  helm = openHelm(kube);
  helm.run(["install", "opensvr", chartFolder, "--namespace", namespace, "--set", `routers.namespace=${routersNamespace},identity.enabled=false`]); // signing: test/kube/identity
  kube.kubectl(["wait", "--for=condition=Established", "--timeout=90s", "crd", "-l", "app.kubernetes.io/part-of=opensvr"]);
  kube.kubectl(["apply", "-f", onramp]);
  for (const kind of ["ServicePolicy", "SecurityPolicy"]) kube.kubectl(["apply", "-f", "-"], JSON.stringify({ apiVersion: "opensvr.io/v1alpha1", kind, metadata: { name: "one", namespace: "acme" }, spec: {} }));
  await live(kube);
  asked = askedIn(folder).filter((one) => one.user === user);
}, testMs);
afterAll(async () => {
  await kube.close();
  rmSync(folder, { recursive: true });
}, testMs);

/** What an operator does in its life: begin, elect, compile, tell, forget, end; and begin again with what was in force. */
async function live(on: Kube): Promise<void> {
  const start = { kubeconfig: on.configFor("operator", { token: on.token(namespace, "opensvr-operator") }), args: argsOf(on) };
  const first = await startOperator(on, start);
  try {
    await work(on);
  } finally {
    await first.stop(stopMs);
  }
  const second = await startOperator(on, { ...start, identity: "operator-2" });
  await second.stop(stopMs);
}

async function work(on: Kube): Promise<void> {
  for (const name of routers) await headChanges(on, name, undefined);
  for (const name of routers) ackAs(on, name);
  on.kubectl(["wait", "--for=condition=Ready", "--timeout=90s", "tenants.opensvr.io,services.opensvr.io,serviceroutes.opensvr.io", "-A", "--all"]);
  on.kubectl(["wait", "--for=condition=Accepted", "--timeout=90s", "servicepolicies.opensvr.io,securitypolicies.opensvr.io", "-A", "--all"]);
  for (const name of ["n1", "n2"]) on.kubectl(["apply", "-f", "-"], JSON.stringify({ apiVersion: "v1", kind: "Node", metadata: { name } }));
  await waitFor("each node has a Router", () => ["n1", "n2"].every((name) => itemOf(on, "routers.opensvr.io", `default-${name}`) !== undefined), slow);
  on.kubectl(["delete", "node", "n1"]);
  await waitFor("the Router of the node is gone", () => itemOf(on, "routers.opensvr.io", "default-n1") === undefined, slow);
  on.kubectl(["delete", "routers.opensvr.io", "north"]);
  await waitFor("the head of north is gone", () => headOf(on, "north") === undefined, slow);
  await waitFor("an event tells who misses north", () => on.kubectl(["get", "events.events.k8s.io", "-A", "-o", "name"]) !== "", slow);
  await waitFor("the objects in force are listed", () => on.tryKubectl(["get", "configmap", "opensvr-accepted", "-n", namespace]).status === 0, slow);
}

/** The arguments of the Deployment, without those that differ for each process. */
function argsOf(on: Kube): string[] {
  const args = JSON.parse(on.kubectl(["get", "deployment", "opensvr-operator", "-n", namespace, "-o", "jsonpath={.spec.template.spec.containers[0].args}"])) as string[];
  return args.filter((word) => !/^--(namespace|identity|health-port)=/.test(word));
}

test("the operator works with the rights of the chart: nothing that it asks is refused", () => {
  expect(asked.filter(({ status }) => status === 403).map((one) => `${textOf(one)} ${one.uri}`)).toEqual([]);
});

test("each right is used, and no other", () => {
  const used = new Set(asked.flatMap(needsOf).map(textOf));
  expect([...used].sort()).toEqual(rights.map(textOf).sort());
});

describe("kubectl auth can-i --list", () => {
  const router = roles.filter(({ key }) => key === "router");
  /** What an account may do in a namespace by the word of the API server, without what every account may. */
  const listed = (account: string, place: string, home: string): string[] => {
    const all = (config: string): string[] => kube.kubectl(["auth", "can-i", "--list", "--no-headers", "-n", place, "--kubeconfig", config]).trim().split("\n").flatMap(rightsIn);
    kube.tryKubectl(["create", "serviceaccount", "nobody", "-n", namespace]);
    const everybody = new Set(all(kube.configFor("nobody", { token: kube.token(namespace, "nobody") })));
    return all(kube.configFor(account, { token: kube.token(home, account) })).filter((right) => !everybody.has(right)).sort();
  };

  test.each([
    ["the operator in its own namespace", "opensvr-operator", namespace, namespace, [...wide, ...own]],
    ["the operator in the namespace of the routers", "opensvr-operator", routersNamespace, namespace, [...wide, ...children]],
    ["the operator in any other namespace", "opensvr-operator", "default", namespace, wide],
    ["a router", "opensvr-router-default", routersNamespace, routersNamespace, router],
  ])("says of %s what the table says", (_who, account, place, home, held) => {
    expect(listed(account, place, home)).toEqual(named(held));
  });
});

/** Rows of the table: `verb resource.group` with the names that it is limited to. */
function named(held: readonly Role[]): string[] {
  const rows = held.flatMap(({ rules }) => rules.flatMap(({ group, resource, names = [], verbs }) => verbs.map((verb) => `${textOf({ group, resource, verb })} ${names.map((name) => name.replace(/\{\{.*\}\}/, "opensvr")).join(" ")}`)));
  return [...new Set(rows)].sort();
}

/** A line of kubectl: resource, paths, names, verbs. */
function rightsIn(line: string): string[] {
  const [, resource = "", , names = "", verbs = ""] = /^(\S*)\s+\[(.*?)\]\s+\[(.*?)\]\s+\[(.*?)\]$/.exec(line.trim()) ?? [];
  const { name, group } = /^(?<name>[^.]*)\.?(?<group>.*)$/.exec(resource)?.groups ?? {};
  const [plain = "", sub] = (group ?? "").split("/"); // kubectl writes tenants.opensvr.io/status
  return verbs.split(" ").map((verb) => `${textOf({ group: plain, resource: sub === undefined ? name ?? "" : `${name ?? ""}/${sub}`, verb })} ${names}`);
}

describe("a right that is taken away is missed", () => {
  const whole = "whole";
  beforeAll(async () => {
    const items = [{ name: whole }, ...rights.map((right, at) => ({ name: `without-${at}`, right }))].flatMap(({ name, ...one }) => roleObjects(name, "right" in one ? one.right : undefined));
    kube.kubectl(["apply", "--server-side", "-f", "-"], JSON.stringify({ apiVersion: "v1", kind: "List", items }));
    await waitFor("the roles hold", async () => (await statusAs(`without-${rights.length - 1}`, { method: "GET", path: "/apis/opensvr.io/v1alpha1/tenants" })).status === 200, slow);
  }, testMs);

  test.each(rights.map((right, at) => ({ right, at, text: textOf(right) })))("$text", async ({ right, at }) => {
    const request = await requestFor(right);
    expect(await statusAs(whole, request)).not.toMatchObject({ status: 403 });
    expect(await statusAs(`without-${at}`, request)).toMatchObject({ status: 403, message: expect.stringContaining(right.verb === "bind" ? "not currently held" : `cannot ${right.verb} resource "${right.resource}"`) as string });
  });
});

describe("the check that helm test starts", () => {
  const [role] = roles.filter(({ key }) => key === "test");
  const account = "opensvr-test";

  test("needs each right of its account and no other", () => {
    const hooks = objectsIn(helm.run([...templateWords(), "--show-only", "templates/tests/check.yaml"], ""));
    kube.kubectl(["apply", "-f", "-"], JSON.stringify({ apiVersion: "v1", kind: "List", items: hooks.filter(({ kind }) => kind !== "Pod") }));
    const [check] = (hooks.find(({ kind }) => kind === "Pod")?.["spec"] as { containers: { command: string[] }[] }).containers;
    // The holder of a Lease that is not renewed is looked at again: nobody leads any more here.
    kube.kubectl(["patch", "lease", "opensvr-operator", "-n", namespace, "--type=merge", "-p", JSON.stringify({ spec: { holderIdentity: "gone", renewTime: "2026-01-01T00:00:00.000000Z" } })]);
    const kubeconfig = kube.configFor("check", { token: kube.token(namespace, account) });
    const { stdout } = spawnSync(process.execPath, [svrctl, ...check?.command.slice(1) ?? [], "--kubeconfig", kubeconfig, "-o", "json"], { encoding: "utf8", timeout: 60_000 });
    const answer = JSON.parse(stdout) as { checks: { name: string; result: string }[] };
    expect(answer.checks.filter(({ result }) => result === "unknown")).toEqual([]);
    expect(Object.fromEntries(answer.checks.map(({ name, result }) => [name, result]))).toMatchObject({ api: "pass", kinds: "pass", lease: "fail", operator: "fail" });
    const requests = askedIn(folder).filter((one) => one.user === `system:serviceaccount:${namespace}:${account}`);
    expect(requests.filter(({ status }) => status === 403)).toEqual([]);
    expect([...new Set(requests.map(textOf))].sort()).toEqual(rightsOf(role === undefined ? [] : [role]).map(textOf).sort());
  }, testMs);
});

function roleObjects(name: string, right: Right | undefined): object[] {
  const subjects = [{ kind: "User", name, apiGroup: "rbac.authorization.k8s.io" }], apiVersion = "rbac.authorization.k8s.io/v1";
  const both = (kind: string, holder: readonly Role[], metadata: object): object[] => [
    { apiVersion, kind, metadata, rules: without(holder, right) },
    { apiVersion, kind: `${kind}Binding`, metadata, subjects, roleRef: { apiGroup: "rbac.authorization.k8s.io", kind, name } },
  ];
  return [...both("ClusterRole", wide, { name }), ...both("Role", own, { name, namespace }), ...both("Role", children, { name, namespace: routersNamespace })];
}

const methods: Readonly<Record<string, string>> = { get: "GET", list: "GET", watch: "GET", create: "POST", update: "PUT", patch: "PATCH", delete: "DELETE" };

interface Request { method: string; path: string; body?: string; contentType?: string }

/** A request of the operator's that needs the right, as a dry run. What an apply makes must not be there: it is taken away first. */
async function requestFor(right: Right): Promise<Request> {
  for (const found of asked.filter((one) => one.status < 300 && needsOf(one).some((need) => textOf(need) === textOf(right)))) {
    const { pathname, searchParams } = new URL(found.uri, kube.url);
    const method = methods[found.verb] ?? "";
    if (method === "GET") return { method, path: found.uri };
    searchParams.set("dryRun", "All");
    const body = found.verb === "patch" && right.verb !== "patch" ? await takenAway(pathname) : "{}";
    if (body !== undefined) return { method, path: `${pathname}?${searchParams.toString()}`, body, contentType: found.verb === "patch" ? "application/apply-patch+yaml" : "application/json" };
  }
  throw new Error(`the operator never used: ${textOf(right)}`);
}

const taken = new Map<string, string>();

/** Deletes an object as the administrator and gives it as somebody would apply it; undefined: the operator itself deleted it. */
async function takenAway(path: string): Promise<string | undefined> {
  const before = taken.get(path);
  if (before !== undefined) return before;
  const { status, text: found } = await answerOf({ method: "GET", path });
  if (status === 404) return undefined;
  const object = JSON.parse(found) as { metadata: Record<string, unknown>; status?: unknown };
  const { name, namespace: place, labels, ownerReferences } = object.metadata;
  await answerOf({ method: "DELETE", path });
  const { status: _status, ...rest } = object;
  const text = JSON.stringify({ ...rest, metadata: { name, ...(place !== undefined && { namespace: place }), ...(labels !== undefined && { labels }), ...(ownerReferences !== undefined && { ownerReferences }) } });
  taken.set(path, text);
  return text;
}

async function statusAs(as: string, request: Request): Promise<{ status: number; message: string }> {
  const { status, text } = await answerOf(request, as);
  return { status, message: status === 403 ? (JSON.parse(text) as { message: string }).message : text.slice(0, 300) };
}

async function answerOf({ method, path, body, contentType }: Request, as?: string): Promise<{ status: number; text: string }> {
  const access = openAccess({ kubeconfig: kube.kubeconfig, ...(as !== undefined && { as }) });
  try {
    const answer = await access.send({ method, path, signal: AbortSignal.timeout(20_000), ...(body !== undefined && { body }), ...(contentType !== undefined && { contentType }) });
    const chunks: Buffer[] = [];
    if (path.includes("watch=") && answer.statusCode === 200) answer.destroy(); // it would go on for a second
    else for await (const chunk of answer) chunks.push(chunk as Buffer);
    return { status: answer.statusCode ?? 0, text: Buffer.concat(chunks).toString() };
  } finally {
    access.close();
  }
}
