// svrctl as a plugin of kubectl on a real API server with a real operator: each command on a cluster that is empty, that works, that is
// broken, that may not be read and that does not answer; what config diff foretells is what the operator then does.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { text } from "node:stream/consumers";
import { parseThree } from "../support/config/three.ts";
import { binaryPath } from "../support/kube/binaries.ts";
import { ackAs, headChanges, headOf, operatorNamespace, startOperator } from "../support/kube/operator.ts";
import { slow, stopMs, testMs } from "../support/kube/patience.ts";
import { openKube } from "../support/kube/server.ts";
import type { Kube } from "../support/kube/server.ts";
import type { TestProcess } from "../support/process.ts";
import { waitFor } from "../support/wait.ts";

const root = join(import.meta.dirname, "../..");
const three = join(root, "test/support/config/three");
const routers = ["branch", "cloud", "transit"];
const details = ["tenants acme", "services shop/web", "routers cloud"];
const everything = [
  "status", "check", "tenants", "services -A", "routers", "why --tenant acme --proto tcp --to 10.9.0.10:443", `config diff ${three}`, "version",
];

interface Outcome { exit: number | null; out: string; err: string }
interface Asking { kubeconfig?: string; program?: string }

let kube: Kube;
let operator: TestProcess | undefined;
let bin: string;

beforeAll(async () => {
  kube = await openKube();
  bin = join(kube.run.folder, "bin");
  mkdirSync(bin);
  for (const name of ["kubectl-svr", "kubectl_complete-svr"]) symlinkSync(join(root, "scripts/program"), join(bin, name));
}, testMs);
afterAll(async () => {
  await operator?.stop(stopMs);
  await kube.close();
}, testMs);

async function run(program: string, words: readonly string[], kubeconfig: string): Promise<Outcome> {
  const env = { ...process.env, PATH: `${bin}:${process.env["PATH"] ?? ""}`, KUBECONFIG: kubeconfig, HOME: kube.run.folder, COLUMNS: "" };
  const child = spawn(program, words, { stdio: ["ignore", "pipe", "pipe"], env });
  const ended = once(child, "close") as Promise<[number | null]>;
  const [out, err, [exit]] = await Promise.all([text(child.stdout), text(child.stderr), ended]);
  return { exit, out, err };
}

/** `kubectl svr WORDS`, found by kubectl as its plugin; or the plugin itself. */
const svr = (words: string, { kubeconfig = kube.kubeconfig, program }: Asking = {}): Promise<Outcome> =>
  (program === undefined ? run(binaryPath("kubectl"), ["svr", ...words.split(" ")], kubeconfig) : run(join(bin, program), words.split(" "), kubeconfig));

const dataOf = async <T>(words: string): Promise<T> => JSON.parse((await svr(`${words} -o json`)).out) as T;

/** Two at once: each is a process. */
async function exitsOf(words: readonly string[], asking: Asking, more = ""): Promise<string[]> {
  const found: string[] = [];
  const todo = [...words];
  const work = async (): Promise<void> => {
    for (let one = todo.shift(); one !== undefined; one = todo.shift()) {
      const { exit, err } = await svr(`${one}${more}`, { program: "kubectl-svr", ...asking });
      found.push(`${one}: ${exit ?? "signal"} ${/SVR_\w+/.exec(err)?.[0] ?? ""}`);
    }
  };
  await Promise.all([work(), work()]);
  return found.sort();
}

test("a cluster without our kinds: check and status say what is missing, lists say what to install", async () => {
  const check = await svr("check");
  expect(check.exit).toBe(3);
  expect(check.out).toContain("fail     kinds         not served in v1alpha1: tenants, services, serviceroutes, servicepolicies, securitypolicies, routers, routerclasses, routerconfigs; install the CRDs");
  expect((await svr("status")).exit).toBe(3);
  expect(await svr("services")).toMatchObject({ exit: 4, out: "", err: expect.stringContaining("SVR_NOT_FOUND") as string });
}, testMs);

test("a cluster with our kinds and nothing else", async () => {
  kube.applyCrds();
  expect(await svr("services -A")).toMatchObject({ exit: 0, out: "", err: "there are no services\n" });
  expect(await svr("why --tenant acme --proto tcp --to 10.9.0.10:443")).toMatchObject({ exit: 4, err: expect.stringContaining("no valid Router object") as string });
  const { checks } = await dataOf<{ checks: { name: string; result: string }[] }>("check");
  expect(checks.filter(({ result }) => result !== "pass").map(({ name }) => name)).toEqual(["lease"]);
}, testMs);

test("a cluster that works: status and check end with 0, JUnit is written", async () => {
  kube.kubectl(["create", "namespace", operatorNamespace]);
  for (const namespace of new Set(parseThree().objects.flatMap(({ object }) => ("namespace" in object.metadata ? [object.metadata.namespace] : [])))) if (namespace !== "default") kube.kubectl(["create", "namespace", namespace]);
  kube.kubectl(["apply", "-f", three]);
  operator = await startOperator(kube);
  for (const name of routers) await headChanges(kube, name, undefined);
  const status = await waitFor("the status is healthy", async () => {
    for (const name of routers) ackAs(kube, name);
    const one = await svr("status");
    return one.exit === 0 ? one : undefined;
  }, slow);
  expect(status.out).toMatch(/operator +operator-1 leads, version 0\.1\.0 \(Lease of namespace opensvr, renewed /);
  expect(status.out).toContain("3 of 3 programmed");
  const file = join(kube.run.folder, "check.xml");
  expect(await svr(`check --junit ${file}`)).toMatchObject({ exit: 0, err: "", out: expect.stringContaining("9 of 9 checks passed") as string });
  expect(readFileSync(file, "utf8")).toContain('failures="0" errors="0"');
}, testMs);

test("tables have the objects that kubectl has; names, templates and details", async () => {
  for (const kind of ["tenants", "services", "routers"]) expect((await svr(`${kind} -A -o name`)).out).toBe(kube.kubectl(["get", `${kind}.opensvr.io`, "-A", "-o", "name"]));
  expect((await svr("services -n shop -o jsonpath={.items[*].programmed}")).out).toBe(kube.kubectl(["get", "services.opensvr.io", "-n", "shop", "-o", "jsonpath={.items[*].status.programmed}"]));
  expect((await svr("services web -n shop")).out).toContain("web-branch   True   Ready   Peer transit     1  branch\n");
  expect((await svr("routers cloud")).out).toContain(`has          ${headOf(kube, "cloud")?.hash ?? "none"}, since `);
  expect(await svr("routers clod")).toMatchObject({ exit: 4, err: 'SVR_NOT_FOUND: cannot show Router clod: there is none; did you mean "cloud"?\n' });
  expect((await svr("version")).out).toMatch(/operator +- +0\.1\.0 +yes\n/);
}, testMs);

test("why is answered from the objects; kubectl hands the exit code on", async () => {
  const allowed = await svr("why --tenant finance.acme --proto tcp --to 10.9.0.10:443 --router cloud");
  expect({ exit: allowed.exit, err: allowed.err }).toEqual({ exit: 0, err: "" });
  const denied = await svr("why --tenant finance.acme --proto tcp --to 10.9.0.10:22 --router cloud");
  expect(denied.exit).toBe(3);
  expect(denied.out).toContain("deny, access");
}, testMs);

test("what config diff foretells is what the operator then does; routers that wait are named", async () => {
  const before = Object.fromEntries(routers.map((name) => [name, headOf(kube, name)?.hash]));
  const file = join(kube.run.folder, "admin.yaml");
  writeFileSync(file, "apiVersion: opensvr.io/v1alpha1\nkind: Service\nmetadata: { name: admin, namespace: shop }\nspec: { addresses: [10.9.0.10/32], transports: [{ protocol: TCP, ports: [22, 23] }], access: [{ tenant: engineering.acme }] }\n");
  const { changed, objects } = await dataOf<{ changed: string[]; objects: { object: string }[] }>(`config diff ${file}`);
  expect(objects.map(({ object }) => object)).toEqual(["Service shop/admin"]);
  expect(changed.length).toBeGreaterThan(0);
  kube.kubectl(["apply", "-f", file]);
  for (const name of changed) await headChanges(kube, name, before[name]);
  expect(routers.filter((name) => headOf(kube, name)?.hash !== before[name])).toEqual(changed);
  const { exit, out } = await svr("check");
  expect(exit).toBe(3);
  for (const name of changed) expect(out).toContain(`${name} (an older configuration)`);
  expect((await svr(`config diff ${file}`)).out).toContain("no object differs");
}, testMs);

test("an object that is broken stands in the status with its reason and what to write", async () => {
  const broken = { apiVersion: "opensvr.io/v1alpha1", kind: "ServiceRoute", metadata: { name: "nowhere", namespace: "shop" }, spec: { serviceRef: { name: "gone" }, routers: ["cloud"], type: "Local", local: { interface: "lan0" } } };
  kube.kubectl(["apply", "-f", "-"], JSON.stringify(broken));
  const { out } = await waitFor("the status names it", async () => {
    const one = await svr("status");
    return /ServiceRoute shop\/nowhere +False +RefNotFound/.test(one.out) ? one : undefined;
  }, slow);
  expect(out).toMatch(/there is no Service "shop\/gone"/);
  expect((await svr("why --tenant acme --proto tcp --to 10.9.0.10:443 --router cloud")).err).toContain("ServiceRoute shop/nowhere");
  kube.kubectl(["delete", "serviceroutes.opensvr.io", "nowhere", "-n", "shop"]);
}, testMs);

test("somebody without rights: each command ends with 5 and names the right", async () => {
  const found = await exitsOf([...everything.filter((one) => one !== "version"), ...details], {}, " --as nobody@example.org");
  expect(found.map((one) => one.replace(/^.*: /, ""))).toEqual(found.map(() => "5 SVR_KUBE_DENIED"));
  const { err } = await svr("services -n shop --as nobody@example.org");
  expect(err).toContain('User "nobody@example.org" cannot list resource "services" in API group "opensvr.io" in the namespace "shop"');
}, testMs);

test("somebody with rights in one namespace: that namespace is shown, all are refused; a group counts", async () => {
  kube.kubectl(["create", "role", "reader", "-n", "shop", "--verb=get,list", "--resource=services.opensvr.io,serviceroutes.opensvr.io"]);
  kube.kubectl(["create", "rolebinding", "reader", "-n", "shop", "--role=reader", "--group=team-web"]);
  expect((await svr("services -n shop --as web@example.org --as-group team-web -o name")).out).toContain("service.opensvr.io/web\n");
  expect((await svr("services web -n shop --as web@example.org --as-group team-web")).exit).toBe(0);
  expect((await svr("services -A --as web@example.org --as-group team-web")).exit).toBe(5);
}, testMs);

test("a server that does not answer ends each command with 6; a context that is not there, and no kubeconfig, with 2", async () => {
  const kubeconfig = kube.configFor("nowhere", { url: "https://127.0.0.1:1", token: "x" });
  const found = await exitsOf(everything, { kubeconfig });
  expect(found.map((one) => one.replace(/^.*: /, ""))).toEqual(found.map(() => "6 SVR_KUBE_UNREACHABLE"));
  expect(await svr("routers --context gone")).toMatchObject({ exit: 2, err: expect.stringContaining('it has no context "gone"; there are test') as string });
  expect(await svr(`routers --kubeconfig ${join(kube.run.folder, "none")}`)).toMatchObject({ exit: 2, err: expect.stringContaining("SVR_KUBE_CONFIG") as string });
  expect((await svr("routers", { kubeconfig: kube.configFor("stranger", { token: "wrong" }) })).err).toContain("SVR_KUBE_DENIED");
}, testMs);

test("kubectl completes the plugin's words and live names", async () => {
  const complete = async (...words: string[]): Promise<string[]> => (await run(binaryPath("kubectl"), ["__complete", "svr", ...words], kube.kubeconfig)).out.trimEnd().split("\n").map((line) => line.split("\t")[0] ?? "");
  expect(await complete("sta")).toEqual(["status", ":4"]);
  const names = (...words: string[]): Promise<string[]> => waitFor("the server answers within its second", async () => {
    const found = await complete(...words);
    return found.length > 1 ? found : undefined;
  }, slow);
  expect(await names("routers", "")).toEqual([...routers, ":4"]);
  expect(await names("services", "-n", "shop", "w")).toEqual(["web", ":4"]);
  expect(await names("routers", "-n", "op")).toEqual([operatorNamespace, ":4"]);
}, testMs);

test("an operator that ended: nobody leads, and check says so", async () => {
  await operator?.stop(stopMs);
  operator = undefined;
  const { exit, out } = await svr("check");
  expect(exit).toBe(3);
  expect(out).toContain("fail     lease         no operator leads");
}, testMs);
