// The site endpoint of operators in a cluster, with the rights that the chart gives: a router outside of it enrolls with a token that svrctl made,
// once, whichever of two operators is asked. A real API server decides who was first.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { roles } from "../../scripts/chart/rbac.ts";
import { chartFolder, openHelm } from "../support/kube/chart.ts";
import { operatorNamespace as namespace, startOperator } from "../support/kube/operator.ts";
import { rightsOf, textOf, without } from "../support/kube/rights.ts";
import type { Right } from "../support/kube/rights.ts";
import { commandMs, slow, stopMs, testMs } from "../support/kube/patience.ts";
import { openKube } from "../support/kube/server.ts";
import type { Kube } from "../support/kube/server.ts";
import { TestProcess } from "../support/process.ts";
import { waitFor } from "../support/wait.ts";

const main = join(import.meta.dirname, "../../cmd/svrctl/main.ts");
const root = mkdtempSync(join(tmpdir(), "opensvr-site-"));
let kube: Kube, operators: TestProcess[], ports: number[];

interface Ended { code: number | null; out: string; err: string }

async function svrctl(...words: string[]): Promise<Ended> {
  const child = new TestProcess([process.execPath, "--disable-warning=ExperimentalWarning", main, ...words]);
  const { code } = await child.end(commandMs);
  return { code, out: child.lines.join("\n"), err: child.errors };
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => { server.listen(0, resolve); });
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => { server.close(resolve); });
  return port;
}

/** With the account and the arguments that the chart gives it, at a port of its own. */
async function start(identity: string, port: number): Promise<TestProcess> {
  const args = JSON.parse(kube.kubectl(["get", "deployment", "opensvr-operator", "-n", namespace, "-o", "jsonpath={.spec.template.spec.containers[0].args}"])) as string[];
  const mine = args.filter((word) => !/^--(namespace|identity|health-port)=/.test(word)).map((word) => word.replace("--site-port=9282", `--site-port=${port}`));
  expect(mine).toContain(`--site-port=${port}`);
  return startOperator(kube, { identity, kubeconfig: kube.configFor(identity, { token: kube.token(namespace, "opensvr-operator") }), args: mine });
}

beforeAll(async () => {
  kube = await openKube();
  kube.kubectl(["create", "namespace", namespace]);
  openHelm(kube).run(["install", "opensvr", chartFolder, "--namespace", namespace, "--set", "site.enabled=true,routers.defaultClass=false"]);
  kube.kubectl(["wait", "--for=condition=Established", "--timeout=90s", "crd", "-l", "app.kubernetes.io/part-of=opensvr"]);
  ports = [await freePort(), await freePort()];
  operators = await Promise.all(ports.map((port, number) => start(`operator-${number + 1}`, port)));
  await waitFor("the one that leads signs", () => kube.tryKubectl(["get", "configmap", "opensvr-authorities", "-n", namespace, "-o", "jsonpath={.data.signs}"]).out !== "", slow); // the other one hears of it when it is asked
}, testMs);
afterAll(async () => {
  for (const operator of operators) await operator.stop(stopMs);
  await kube.close();
  rmSync(root, { recursive: true });
}, testMs);

const token = async (router: string): Promise<string> => (await svrctl("site", "token", "create", router, "--kubeconfig", kube.kubeconfig)).out.trim();
const enroll = (text: string, at: number, state: string): Promise<Ended> => {
  writeFileSync(join(root, `${state}.token`), text, { mode: 0o600 });
  return svrctl("enroll", "branch", "--token-file", join(root, `${state}.token`), "--to", `127.0.0.1:${ports[at]}`, "--state-dir", join(root, state));
};

test("a router outside of the cluster gets its certificate with a token; of four that use one at once, at both operators, one is taken", async () => {
  const text = await token("branch");
  expect(text).toMatch(/^svr1\./);
  const all = await Promise.all([0, 1, 0, 1].map((at, number) => enroll(text, at, `s${number}`)));
  expect(all.map(({ code }) => code).sort()).toEqual([0, 5, 5, 5]);
  const taken = all.find(({ code }) => code === 0), serial = /certificate ([0-9a-f]{32})/.exec(taken?.out ?? "")?.[1];
  const list = JSON.parse((await svrctl("site", "token", "list", "--kubeconfig", kube.kubeconfig, "-o", "json")).out) as { items: object[] };
  expect(list.items).toEqual([expect.objectContaining({ router: "branch", state: "used", serial })]);
  expect(all.filter(({ code }) => code !== 0).map(({ err }) => err)).toEqual(Array.from({ length: 3 }, () => expect.stringContaining("the token was used already") as string));
}, testMs);

test("the secret of a token is in no object, in no log, and in no argument of an operator; what happened to tokens is told by events and by the log", async () => {
  const text = await token("branch"), secret = text.split(".")[2] ?? "";
  expect((await enroll(text, 0, "t")).code).toBe(0);
  const objects = kube.kubectl(["get", "secrets,events.events.k8s.io", "-A", "-o", "json"]), logs = operators.flatMap(({ lines, errors, pid }) => [...lines, errors, readFileSync(`/proc/${pid}/cmdline`, "utf8"), readFileSync(`/proc/${pid}/environ`, "utf8")]).join("\n");
  const kept = Buffer.from((JSON.parse(kube.kubectl(["get", "secret", "opensvr-site-tokens", "-n", namespace, "-o", "json"])) as { data: Record<string, string> }).data[`token.${text.split(".")[1] ?? ""}`] ?? "", "base64").toString();
  expect(secret.length).toBe(43);
  for (const said of [objects, logs, kept]) expect(said).not.toContain(secret);
  expect(kept).toContain('"router":"branch"');
  expect([objects.includes("EnrollmentRefused") || logs.includes("not enrolled"), logs.includes('"audit":"enrolled"')]).toEqual([true, true]);
}, testMs);

describe("a right of the site endpoint that is taken away is missed, and the token still counts", () => {
  const held = roles.filter(({ key }) => key === "site");
  const setRole = (but?: Right): void => { kube.kubectl(["patch", "role", "opensvr-operator-site", "-n", namespace, "--type=merge", "-p", JSON.stringify({ rules: without(held, but) })]); };
  const may = ({ verb }: Right): boolean => kube.tryKubectl(["auth", "can-i", verb, "secrets/opensvr-site-tokens", "-n", namespace, "--as", `system:serviceaccount:${namespace}:opensvr-operator`, "-q"]).status === 0;

  test.each(rightsOf(held).map((right) => ({ right, text: textOf(right) })))("$text", async ({ right }) => {
    expect(may(right)).toBe(true);
    setRole(right);
    await waitFor("the right is gone", () => !may(right), slow);
    const text = await token("branch"), from = operators[0]?.lines.length ?? 0;
    const refused = await enroll(text, 0, `without-${right.verb}`);
    expect([refused.code, refused.err]).toEqual([expect.any(Number), expect.stringMatching(/the cluster does not answer, or its authority cannot be used; the token counts still/)]);
    expect(refused.code).not.toBe(0);
    expect(operators[0]?.lines.slice(from).filter((line) => line.includes("SVR_KUBE_DENIED") && line.includes("opensvr-site-tokens"))).not.toEqual([]);
    setRole();
    await waitFor("the right is there", () => may(right), slow);
    expect(await enroll(text, 0, `with-${right.verb}`)).toMatchObject({ code: 0 });
  }, testMs);
});

test("without the right to the Secret of the tokens nobody makes any", async () => {
  kube.kubectl(["create", "serviceaccount", "reader", "-n", namespace]);
  const kubeconfig = kube.configFor("reader", { token: kube.token(namespace, "reader") });
  expect(await svrctl("site", "token", "create", "branch", "--kubeconfig", kubeconfig, "--operator-namespace", namespace)).toMatchObject({ code: 5, out: "" });
}, testMs);
