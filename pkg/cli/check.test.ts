// `svrctl status` and `svrctl check` of clusters that work, that are broken in each way, and that may not be looked at.
import { nowMs, runCli } from "../../test/support/cli.ts";
import type { CliOutcome, CliWorld } from "../../test/support/cli.ts";
import { putLease, readyStatus, threeCluster } from "../../test/support/kube/cluster.ts";
import type { TestCluster } from "../../test/support/kube/cluster.ts";
import { planned, routerConfigs } from "../api/resources.ts";
import { deployments, leases } from "./resources.ts";

describe("status and check", () => {
  let cluster: TestCluster;

  beforeEach(async () => { cluster = await threeCluster(); });

  const ask = (words: string, world: CliWorld = {}): Promise<CliOutcome> => runCli(words, { kube: cluster.kube, called: "kubectl svr", ...world });

  async function resultsOf(world: CliWorld = {}): Promise<{ exit: number; results: Record<string, string>; texts: Record<string, string> }> {
    const { exit, out } = await ask("check -o json", world);
    const { checks } = JSON.parse(out) as { checks: { name: string; result: string; text: string; next?: string }[] };
    return { exit, results: Object.fromEntries(checks.map(({ name, result }) => [name, result])), texts: Object.fromEntries(checks.map(({ name, text }) => [name, text])) };
  }

  const allPass = { api: "pass", kinds: "pass", lease: "pass", operator: "pass", acks: "pass", skew: "pass", certificates: "pass", alarms: "pass", conditions: "pass" };

  test("everything works", async () => {
    expect(await ask("status")).toMatchObject({ exit: 0, err: "", out: `API server  v1.37.2 at https://cluster.test
kinds       8 of 8 served in v1alpha1
operator    operator-1 leads, version 0.1.0 (Lease of namespace opensvr, renewed 1s ago)
routers     3 of 3 programmed
objects     24 of 24 ready
` });
    expect(await ask("check")).toMatchObject({ exit: 0, err: "", out: `pass     api           API server v1.37.2 answers at https://cluster.test
pass     kinds         all 8 kinds are served in v1alpha1
pass     lease         operator-1 leads and renews its Lease in namespace opensvr
pass     operator      2 of 2 replicas of Deployment opensvr/opensvr are ready
pass     acks          all 3 routers have programmed what they should have
pass     skew          client 0.1.0, operator 0.1.0 and 3 routers: at most one minor version apart
pass     certificates  no router needs one
pass     alarms        no router reports any
pass     conditions    all 24 objects are ready
9 of 9 checks passed
` });
  });

  describe("each thing that can be broken fails its check and the status", () => {
    test.each<[string, (world: TestCluster) => Promise<unknown>, string, string]>([
      ["a kind is not served", (one) => Promise.resolve(Object.assign(one, { served: one.served.slice(0, 7) })), "kinds", "not served in v1alpha1: routerconfigs"],
      ["no operator has ever led", ({ memory }) => memory.remove(leases, { namespace: "opensvr", name: "opensvr-operator" }), "lease", "no operator leads"],
      ["nobody holds the lease", ({ memory }) => putLease(memory, nowMs, ""), "lease", "no operator leads"],
      ["the lease is not renewed", ({ memory }) => putLease(memory, nowMs - 60_000), "lease", "operator-1 led last and does not renew its Lease in namespace opensvr any more"],
      ["a replica is not ready", ({ memory }) => memory.status(deployments, { namespace: "opensvr", name: "opensvr" }, { readyReplicas: 1 }), "operator", "1 of 2 replicas of Deployment opensvr/opensvr are ready"],
      ["a router has something older", ({ memory }) => memory.status(routerConfigs, { name: "cloud" }, { acked: { hash: "0".repeat(64), time: "2026-01-01T00:00:00.000Z" } }), "acks", "2 of 3 routers have programmed what they should have; not: cloud (an older configuration)"],
      ["a router has nothing", ({ memory }) => memory.status(routerConfigs, { name: "cloud" }, {}), "acks", "2 of 3 routers have programmed what they should have; not: cloud (nothing yet)"],
      ["an object is not ready", ({ memory }) => memory.status(planned.Service, { namespace: "shop", name: "web" }, readyStatus({}, { reason: "NotGranted", message: "x" })), "conditions", "23 of 24 objects are ready; not ready: Service shop/web (NotGranted)"],
    ])("%s", async (_name, damage, check, text) => {
      await damage(cluster);
      const { exit, results, texts } = await resultsOf();
      expect({ exit, results }).toEqual({ exit: 3, results: { ...allPass, [check]: "fail" } });
      expect(texts[check]).toBe(text);
      expect((await ask("status")).exit).toBe(3);
    });

    test("versions more than one minor version apart", async () => {
      await cluster.memory.status(planned.Router, { name: "cloud" }, readyStatus({ version: "0.3.0" }));
      const { exit, results, texts } = await resultsOf();
      expect({ exit, results }).toEqual({ exit: 3, results: { ...allPass, skew: "fail" } });
      expect(texts["skew"]).toBe("more than one minor version apart: client 0.1.0, router cloud 0.3.0");
    });

    test("a lease that has run out by our clock, but is renewed while we look, is fresh: the clocks differ", async () => {
      await putLease(cluster.memory, nowMs - 60_000);
      expect((await resultsOf({ paused: () => putLease(cluster.memory, nowMs - 58_000) })).results).toEqual(allPass);
    });

    test("an operator outside of the cluster has no Deployment", async () => {
      await cluster.memory.remove(deployments, { namespace: "opensvr", name: "opensvr" });
      expect((await resultsOf()).texts["operator"]).toBe("no Deployment: the operator runs outside of the cluster");
    });

    test("without CRDs nothing of ours is read", async () => {
      cluster.served = [];
      const { exit, texts } = await resultsOf();
      expect(exit).toBe(3);
      expect(texts["kinds"]).toContain("not served in v1alpha1: tenants, services, serviceroutes");
      expect(cluster.calls).not.toContain("list services");
    });
  });

  test("objects that are not ready stand in the status with reason and the next command; the limit holds", async () => {
    for (const name of ["web", "admin"]) await cluster.memory.status(planned.Service, { namespace: "shop", name }, readyStatus({}, { reason: "Invalid", message: "spec.addresses[0]: is no prefix; write 10.0.0.0/8" }));
    await cluster.memory.status(planned.Router, { name: "cloud" }, readyStatus({}, { reason: "NoAnswer", message: "not heard of for 120 s" }));
    const { exit, out } = await ask("status");
    expect(exit).toBe(3);
    expect(out).toContain("objects     21 of 24 ready\n");
    expect(out).toMatch(/Service shop\/web +False +Invalid +spec\.addresses\[0\]: is no prefix; write 10\.0\.0\.0\/8 +"kubectl edit services\.opensvr\.io -n shop web"\n/);
    expect(out).toMatch(/Router cloud +False +NoAnswer +not heard of for 120 s +"kubectl svr routers cloud", and the log of its pod\n/);
    expect((await ask("status --limit 1")).out).toContain("and 2 more; see --limit\n");
  });

  test("certificates of routers and their alarms, the worst first", async () => {
    const certified = (status: string, reason: string, message = ""): object => ({ type: "Certified", status, reason, message, lastTransitionTime: "2026-01-01T00:00:00Z" });
    const say = (name: string, condition: object, more: object): Promise<unknown> => cluster.memory.status(planned.Router, { name }, { ...readyStatus(more), conditions: [...(readyStatus() as { conditions: object[] }).conditions, condition] });
    await say("branch", certified("True", "CertificateNotNeeded"), { alarms: [] });
    await say("transit", certified("True", "CertificateInUse"), { alarms: [] });
    expect((await ask("status")).out).toContain("certificates  1 of 1 in use\nobjects       24 of 24 ready\n");
    await say("cloud", certified("True", "RenewalLate", "warning: certificate 0a is not renewed"), {
      certificate: { serial: "0a", authority: "CN=routers", notAfter: "2026-01-02T00:00:00Z" }, alarms: ["junk", { severity: "odd" }, { severity: "minor", name: "certificate-ends", object: "Router cloud", text: "renew it" }, { severity: "critical", name: "peer-not-authenticated", object: "peer branch", text: "no answer" }],
    });
    const { exit, out } = await ask("status");
    expect(exit).toBe(3);
    expect(out).toContain("certificates  1 of 2 in use; not: cloud (RenewalLate)\nalarms        2, the worst critical\n");
    expect(out).toMatch(/ROUTER +SEVERITY +ALARM +OBJECT +WHAT\ncloud +critical +peer-not-authenticated +peer branch +no answer\ncloud +minor +certificate-ends +Router cloud +renew it\n$/);
    expect((await ask("status --limit 1")).out).toMatch(/no answer\nand 1 more; see --limit\n$/);
    const checked = await resultsOf();
    expect(checked).toMatchObject({ exit: 3, results: { ...allPass, certificates: "fail", alarms: "fail" } });
    expect([checked.texts["certificates"], checked.texts["alarms"]]).toEqual(["1 of 2 routers that need one have it; not, or not for long: cloud (RenewalLate)", "2, the worst critical, of router cloud: peer-not-authenticated, peer branch: no answer"]);
    expect(JSON.parse((await ask("status -o json")).out)).toMatchObject({ healthy: false, certificates: { needed: 2, good: 1, others: [{ router: "cloud", reason: "RenewalLate" }] }, alarms: [{ router: "cloud", severity: "critical" }, { severity: "minor" }] });
    const detail = (await ask("routers cloud")).out;
    expect(detail).toMatch(/certificate +0a of CN=routers until 2026-01-02T00:00:00Z\ncertified +RenewalLate: warning: certificate 0a is not renewed\n/);
    expect(detail).toMatch(/critical +peer-not-authenticated +peer branch +no answer\n/);
    expect((await ask("routers -o wide")).out).toMatch(/CERT EXPIRY[^]*cloud .* 2026-01-02T00:00:00Z /);
  });

  test("certificates in use: which one ends first; one that has ended by the clock here, whatever the operator said last", async () => {
    const say = (name: string, notAfter: string): Promise<unknown> => cluster.memory.status(planned.Router, { name }, {
      ...readyStatus({ certificate: { serial: "0a", authority: "CN=routers", notAfter }, alarms: [] }), conditions: [...(readyStatus() as { conditions: object[] }).conditions, { type: "Certified", status: "True", reason: "CertificateInUse", message: "", lastTransitionTime: "2026-01-01T00:00:00Z" }],
    });
    const later = new Date(nowMs + 90_000_000).toISOString(), sooner = new Date(nowMs + 80_000_000).toISOString(), gone = new Date(nowMs).toISOString();
    for (const [name, ends] of [["branch", later], ["cloud", sooner]] as const) await say(name, ends);
    expect(await resultsOf()).toMatchObject({ exit: 0, results: allPass, texts: { certificates: `all 2 routers that need one have it; the first to end is that of cloud, at ${sooner}` } });
    await say("cloud", gone);
    expect(await resultsOf()).toMatchObject({ exit: 3, results: { ...allPass, certificates: "fail" }, texts: { certificates: `1 of 2 routers that need one have it; not, or not for long: cloud (ended ${gone} by the clock of this machine)` } });
  });

  test("with -n only that namespace counts", async () => {
    await cluster.memory.status(planned.Service, { namespace: "shop", name: "web" }, readyStatus({}, { reason: "Invalid", message: "x" }));
    expect((await ask("status -n default")).exit).toBe(0);
    expect((await ask("status -n shop")).exit).toBe(3);
  });

  describe("what may not be looked at", () => {
    test.each([
      ["leases", "lease"], ["deployments", "operator"], ["list routerconfigs", "acks"], ["list services", "conditions"],
    ])("%s: check %s cannot be made, the others are", async (call, check) => {
      cluster.deny = (one) => (one.includes(call) ? "SVR_KUBE_DENIED" : undefined);
      const { exit, results } = await resultsOf();
      expect({ exit, results }).toEqual({ exit: 5, results: { ...allPass, [check]: "unknown" } });
      expect(await ask("status")).toMatchObject({ exit: 5, err: expect.stringContaining("SVR_KUBE_DENIED") as string });
    });

    test("an API server that does not answer: one failure, not one a check", async () => {
      cluster.deny = () => "SVR_KUBE_UNREACHABLE";
      const { exit, results } = await resultsOf();
      expect({ exit, api: results["api"] }).toEqual({ exit: 6, api: "fail" });
      const status = await ask("status");
      expect(status).toMatchObject({ exit: 6, out: "" });
      expect(status.err.trimEnd().split("\n")).toHaveLength(1);
      expect(cluster.calls.filter((call) => call !== "read /version")).toEqual([]);
    });
  });

  test("JUnit has a case for each check; a file that cannot be written is a failure", async () => {
    await cluster.memory.status(planned.Service, { namespace: "shop", name: "web" }, readyStatus({}, { reason: "In<valid>&", message: "x" }));
    cluster.deny = (call) => (call === "list deployments" ? "SVR_KUBE_DENIED" : undefined);
    const { written } = await ask("check --junit out.xml");
    const xml = new TextDecoder().decode(written.get("out.xml"));
    expect(xml).toContain('<testsuite name="svrctl check" tests="9" failures="1" errors="1">');
    expect(xml).toContain('<testcase classname="svrctl check" name="conditions"><failure message="23 of 24 objects are ready; not ready: Service shop/web (In&lt;valid&gt;&amp;)">');
    expect(xml).toContain('name="operator"><error message=');
    expect(await ask("check --junit out.xml", { fullDisk: true })).toMatchObject({ exit: 5, err: expect.stringContaining("cannot write out.xml: ENOSPC") as string });
  });
});
