// The CRDs on a real API server beyond one object at a time (agree.test.ts): how they are taken, what may change, what stays good that was
// good before a rule came, and what a status and a list look like.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parse, stringify } from "yaml";
import { namings, served, servedKinds } from "../../pkg/api/served.ts";
import { itemOf } from "../support/kube/operator.ts";
import { slow, testMs } from "../support/kube/patience.ts";
import { openKube } from "../support/kube/server.ts";
import type { Kube, Ran } from "../support/kube/server.ts";
import { waitFor } from "../support/wait.ts";

const crds = join(import.meta.dirname, "../../crds");
const page = "a".repeat(64);

let kube: Kube;
beforeAll(async () => {
  kube = await openKube();
}, testMs);
afterAll(async () => { await kube.close(); }, testMs);

/** A CRD as one of an older release could be: the same fields, no rules. */
function withoutRules(file: string): string {
  const strip = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(strip);
    if (typeof value !== "object" || value === null) return value;
    return Object.fromEntries(Object.entries(value).filter(([key]) => key !== "x-kubernetes-validations").map(([key, inner]) => [key, strip(inner)]));
  };
  return stringify(strip(parse(readFileSync(join(crds, file), "utf8"))));
}

function apply(kind: string, name: string, spec: object, namespace?: string): Ran {
  const object = { apiVersion: "opensvr.io/v1alpha1", kind, metadata: { name, ...(namespace !== undefined && { namespace }) }, spec };
  return kube.tryKubectl(["apply", "--server-side", "--field-manager=test", "--force-conflicts", "-f", "-"], JSON.stringify(object));
}

const statusOf = (kind: string, name: string, status: object): Ran => kube.tryKubectl(["patch", kind, name, "--subresource=status", "--type=merge", "-p", JSON.stringify({ status })]);

test("an object from before a rule stays good until the field in question changes", async () => {
  expect(kube.tryKubectl(["apply", "--server-side", "-f", "-"], withoutRules("services.yaml"))).toMatchObject({ status: 0 });
  kube.kubectl(["wait", "--for=condition=Established", "--timeout=90s", "crd", "services.opensvr.io"]);
  const old = { addresses: ["10.1.0.1/16"], transports: [{ protocol: "ICMP", ports: [7] }] };
  await waitFor("an old object", () => apply("Service", "old", old, "default").status === 0, slow);
  kube.kubectl(["apply", "--server-side", "--force-conflicts", "-f", crds]);
  await waitFor("the rules are in force", () => apply("Service", "new", old, "default").status === 1, slow);
  const kept = apply("Service", "old", { ...old, scope: "Public" }, "default");
  expect([kept.status, kept.err.trim().split("\n").sort()]).toEqual([0, [expect.stringMatching(/^Warning: spec\.addresses\[0\]: .*; write the network/), expect.stringMatching(/^Warning: spec\.transports\[0\]\.ports: .*; remove ports/)]]); // accepted, with what to do
  expect(apply("Service", "old", { ...old, addresses: ["10.1.0.1/16", "10.2.0.0/16"], scope: "Public" }, "default")).toMatchObject({ status: 1, err: expect.stringContaining("spec.addresses[0]: Invalid value: \"10.1.0.1/16\": is not an IPv4 or IPv6 prefix, or has bits set after the prefix length; write") as string });
  expect(apply("Service", "old", { addresses: ["10.1.0.0/16"], transports: [{ protocol: "ICMP" }] }, "default")).toMatchObject({ status: 0, err: "" });
}, testMs);

test("each CRD is taken without a warning, is structural, and has the names that it asks for", () => {
  const { out, err } = kube.tryKubectl(["apply", "--server-side", "--force-conflicts", "-f", crds]);
  expect([err, out.trim().split("\n").length]).toEqual(["", servedKinds.length]);
  kube.kubectl(["wait", "--for=condition=Established", "--timeout=90s", "crd", "-l", "app.kubernetes.io/part-of=opensvr"]);
  for (const kind of servedKinds) {
    const { status } = JSON.parse(kube.kubectl(["get", "crd", `${namings[kind].plural}.opensvr.io`, "-o", "json"])) as { status: { conditions: { type: string; status: string }[]; acceptedNames: object } };
    expect(Object.fromEntries(status.conditions.map((one) => [one.type, one.status]))).toEqual({ NamesAccepted: "True", Established: "True" }); // no NonStructuralSchema, no waiting for approval
    expect(status.acceptedNames).toMatchObject({ kind, shortNames: [namings[kind].short], categories: ["opensvr"] });
  }
});

test("a page never changes, a head does", async () => {
  await waitFor("RouterConfigs are served", () => apply("RouterConfig", page, { type: "Page", page: { content: "one" } }).status === 0, slow);
  expect(apply("RouterConfig", page, { type: "Page", page: { content: "one" } })).toMatchObject({ status: 0, err: "" });
  for (const content of ["two", "one\n"]) expect(apply("RouterConfig", page, { type: "Page", page: { content } })).toMatchObject({ status: 1, err: expect.stringContaining("neither the type nor the content of a page ever changes; leave RouterConfigs to the operator") as string });
  const head = { router: "branch", format: 1, version: "0.1.0", hash: page, pages: [page] };
  expect(apply("RouterConfig", "branch", { type: "Head", head })).toMatchObject({ status: 0 });
  expect(apply("RouterConfig", "branch", { type: "Head", head: { ...head, hash: "b".repeat(64), pages: [] } })).toMatchObject({ status: 0, err: "" });
}, testMs);

test("a page of the largest size is taken, and its head with the most pages", () => {
  expect(apply("RouterConfig", "c".repeat(64), { type: "Page", page: { content: "x".repeat(524_288) } })).toMatchObject({ status: 0, err: "" });
  expect(apply("RouterConfig", "d".repeat(64), { type: "Page", page: { content: "x".repeat(524_289) } })).toMatchObject({ status: 1, err: expect.stringMatching(/spec\.page\.content: Too long/) as string });
  const head = { router: "large", format: 1, version: "0.1.0", hash: page, pages: Array.from({ length: 4_096 }, (_, index) => index.toString(16).padStart(64, "0")) };
  expect(apply("RouterConfig", "large", { type: "Head", head })).toMatchObject({ status: 0, err: "" });
  expect(apply("RouterConfig", "large", { type: "Head", head: { ...head, pages: [...head.pages, page] } })).toMatchObject({ status: 1, err: expect.stringMatching(/spec\.head\.pages: Too many/) as string });
});

test("lists are narrowed by the fields that commands and people ask for", async () => {
  expect(apply("Router", "on-node", { nodeName: "node-1", interfaces: [{ name: "lan0", type: "LAN", addresses: ["10.1.0.1/24"] }] })).toMatchObject({ status: 0 });
  expect(apply("Router", "elsewhere", { interfaces: [{ name: "lan0", type: "LAN", addresses: ["10.1.0.1/24"] }] })).toMatchObject({ status: 0 });
  for (const service of ["web", "mail"]) expect(apply("ServiceRoute", `to-${service}`, { serviceRef: { name: service }, routers: ["branch"], type: "Local", local: { interface: "lan0" } }, "default")).toMatchObject({ status: 0 });
  const names = (plural: string, fields: string): Promise<string[]> => waitFor(`${plural} by ${fields}`, () => {
    const { status, out } = kube.tryKubectl(["get", `${plural}.opensvr.io`, "--field-selector", fields, "-o", "jsonpath={.items[*].metadata.name}"]);
    return status === 0 ? out.split(" ") : undefined;
  }, slow);
  expect(await names("routerconfigs", "spec.type=Head")).toEqual(["branch", "large"]);
  expect(await names("routerconfigs", "spec.type=Page")).toEqual([page, "c".repeat(64)]);
  expect(await names("routers", "spec.nodeName=node-1")).toEqual(["on-node"]);
  expect(await names("routers", "spec.nodeName=")).toEqual(["elsewhere"]);
  expect(await names("serviceroutes", "spec.serviceRef.name=web")).toEqual(["to-web"]);
}, testMs);

test("a status is written by its own way only, is bounded, and has one condition of a type", () => {
  const condition = { type: "Ready", status: "True", reason: "Ready", message: "", lastTransitionTime: "2026-01-01T00:00:00Z" };
  expect(apply("Tenant", "acme", {})).toMatchObject({ status: 0 });
  kube.kubectl(["patch", "svrt", "acme", "--type=merge", "-p", JSON.stringify({ status: { sessions: 9 } })]);
  expect(itemOf(kube, "svrt", "acme")?.status).toBeUndefined();
  expect(statusOf("svrt", "acme", { conditions: [condition], sessions: 5, members: 1, routers: "2/3", parent: "" })).toMatchObject({ status: 0, err: "" });
  expect(statusOf("svrt", "acme", { conditions: [condition, condition] })).toMatchObject({ status: 1, err: expect.stringContaining("status.conditions[1]: Duplicate value") as string });
  expect(statusOf("svrt", "acme", { conditions: [{ ...condition, status: "Maybe" }] })).toMatchObject({ status: 1, err: expect.stringContaining("status.conditions[0].status: Unsupported value") as string });
  expect(statusOf("svrt", "acme", { sessions: -1 })).toMatchObject({ status: 1, err: expect.stringContaining("status.sessions") as string });
  expect(itemOf(kube, "svrt", "acme")?.metadata.generation).toBe(1);
  expect(kube.kubectl(["get", "svrt", "acme"]).trim().split("\n").map((line) => line.trim().split(/ {2,}/))).toEqual([["NAME", "READY", "REASON", "MEMBERS", "SESSIONS", "AGE"], ["acme", "True", "Ready", "1", "5", expect.stringMatching(/^\d+s$/)]]);
});

test("a list of the category has every kind with its columns", () => {
  const listed = kube.kubectl(["get", "opensvr", "-A", "-o", "wide"]);
  for (const kind of ["tenant", "service", "routerconfig"]) expect(listed).toMatch(new RegExp(`^(default)? *${kind}\\.opensvr\\.io/`, "m"));
  expect(Math.max(...listed.split("\n").map((line) => line.length))).toBeLessThan(300); // also with the largest head
  const columns = JSON.parse(kube.kubectl(["get", "crd", "-l", "app.kubernetes.io/part-of=opensvr", "-o", "json"])) as { items: { spec: { names: { kind: string }; scope: string } }[] };
  expect(columns.items.map(({ spec }) => [spec.names.kind, spec.scope]).sort()).toEqual(servedKinds.map((kind) => [kind, served[kind].namespaced ? "Namespaced" : "Cluster"]).sort());
});
