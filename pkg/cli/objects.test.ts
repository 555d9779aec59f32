// Tables and details of tenants, services and routers of a cluster: what works, what is broken, what is not there, what may not be read.
import { runCli } from "../../test/support/cli.ts";
import type { CliOutcome } from "../../test/support/cli.ts";
import { hashOf, readyStatus, threeCluster } from "../../test/support/kube/cluster.ts";
import type { TestCluster } from "../../test/support/kube/cluster.ts";
import { planned, routerConfigs } from "../api/resources.ts";

describe("objects of a cluster", () => {
  let cluster: TestCluster;

  beforeEach(async () => { cluster = await threeCluster(); });

  const ask = (words: string | string[]): Promise<CliOutcome> => runCli(words, { kube: cluster.kube, called: "kubectl svr" });

  describe("tables", () => {
    test("tenants", async () => {
      expect(await ask("tenants -o wide")).toMatchObject({ exit: 0, err: "", out: `NAME              READY  REASON  MEMBERS  ROUTERS  SESSIONS  PARENT  AGE  MESSAGE
acme              True   Ready         0  3/3             -  -       2h   on 3 of 3 routers
engineering.acme  True   Ready         1  3/3             -  acme    2h   on 3 of 3 routers
finance.acme      True   Ready         1  3/3             -  acme    2h   on 3 of 3 routers
` });
    });

    test("services of a namespace, with the one that was refused last", async () => {
      await cluster.memory.status(planned.Service, { namespace: "shop", name: "web" }, readyStatus({ programmed: "2/3", sessions: 7, lastDenial: "access finance.acme" }, { reason: "Pending", message: "on 2 of 3 routers; waiting for cloud" }));
      expect(await ask("services -n shop")).toMatchObject({ exit: 0, err: "", out: `NAME     READY  REASON   PROGRAMMED  SESSIONS  LAST DENIAL          AGE
admin    True   Ready    3/3                7  -                    2h
bulk     True   Ready    3/3                7  -                    2h
reports  True   Ready    3/3                7  -                    2h
web      False  Pending  2/3                7  access finance.acme  2h
` });
    });

    test("services of all namespaces have a column for it; of an empty namespace there is a hint", async () => {
      expect((await ask("services -A")).out).toMatch(/^NAMESPACE {2}NAME .*\nshop {7}admin /);
      expect(await ask("services")).toMatchObject({ exit: 0, out: "", err: "there are no services in namespace default; -A shows all namespaces\n" });
      expect(JSON.parse((await ask("services -o json")).out)).toEqual({ items: [] });
    });

    test("routers: one behind, one that refuses its configuration, one without", async () => {
      await cluster.memory.status(routerConfigs, { name: "branch" }, { acked: { hash: "0".repeat(64), time: "2026-01-01T00:05:00.000Z" } });
      await cluster.memory.status(routerConfigs, { name: "cloud" }, { acked: { hash: "0".repeat(64), time: "2026-01-01T00:05:00.000Z" }, error: { hash: hashOf("cloud"), code: "SVR_INTERFACE_MISSING", message: "no device wan7" } });
      await cluster.memory.remove(routerConfigs, { name: "transit" });
      const { out } = await ask("routers -o json");
      const { items } = JSON.parse(out) as { items: { name: string; programmed?: boolean; error?: string }[] };
      expect(items.map(({ name, programmed, error }) => ({ name, programmed, error }))).toEqual([
        { name: "branch", programmed: false }, { name: "cloud", programmed: false, error: "SVR_INTERFACE_MISSING: no device wan7" }, { name: "transit" },
      ]);
      expect((await ask("routers")).out).toMatch(/branch .* no .*\ncloud .* no .*\ntransit +True +Ready +- /);
    });

    test("an error about an earlier configuration is none of this one", async () => {
      await cluster.memory.status(routerConfigs, { name: "branch" }, { acked: { hash: hashOf("branch"), time: "2026-01-01T00:05:00.000Z" }, error: { hash: "0".repeat(64), code: "X", message: "old" } });
      expect((await ask("routers branch")).out).not.toContain("old");
    });

    test("names and templates", async () => {
      expect((await ask("services -n shop -o name")).out).toBe("service.opensvr.io/admin\nservice.opensvr.io/bulk\nservice.opensvr.io/reports\nservice.opensvr.io/web\n");
      expect((await ask("routers branch -o name")).out).toBe("router.opensvr.io/branch\n");
      expect((await ask(["routers", "-o", 'jsonpath={range .items[?(@.programmed==true)]}{.name} {.acked.time}{"\\n"}{end}'])).out).toBe("branch 2026-01-01T00:05:00.000Z\ncloud 2026-01-01T00:05:00.000Z\ntransit 2026-01-01T00:05:00.000Z\n");
    });
  });

  describe("a status that says nothing of the object as it is now", () => {
    test.each([
      ["none", {}, "no operator has looked at it yet"],
      ["of an earlier generation", { ...readyStatus(), observedGeneration: 0 }, "no operator has looked at generation 1 yet, the last one was 0"],
      ["that is no status", { conditions: [7, { type: 3 }, { type: "Ready", status: "Perhaps" }], sessions: "many", programmed: {} }, ""],
      ["that is a list", { conditions: "Ready" }, "no operator has looked at it yet"],
    ])("%s", async (_name, status, message) => {
      await cluster.memory.status(planned.Service, { namespace: "shop", name: "web" }, status);
      const { out } = await ask("services -n shop web -o json");
      expect(JSON.parse(out)).toMatchObject({ items: [{ ready: "Unknown", message }] });
      expect((await ask("services -n shop web")).exit).toBe(0);
    });
  });

  describe("details", () => {
    test("a tenant has its children and what it may reach", async () => {
      const { out, exit } = await ask("tenants acme");
      expect(exit).toBe(0);
      expect(out).toContain("children  engineering.acme, finance.acme\n");
      expect(out).toContain("shop/web   Allow       acme\n");
      expect(out).not.toContain("shop/admin");
    });

    test("a service has its routes and who may reach it; the namespace may stand in the name", async () => {
      const { out, exit } = await ask("services shop/web");
      expect(exit).toBe(0);
      expect(out).toContain("transports  TCP 80,443,8000-8010\n");
      expect(out).toContain("web-branch   True   Ready   Peer transit     1  branch\n");
      expect(out).toContain("CONDITION  STATUS  REASON    SINCE  MESSAGE\nAccepted   True    Accepted  10m    -\n");
    });

    test("an object that this version does not understand is shown as far as it goes", async () => {
      const web = await cluster.memory.get(planned.Service, { namespace: "shop", name: "web" });
      if (web === undefined) throw new Error("the example has no service web");
      await cluster.memory.apply(planned.Service, { ...web, spec: { colour: "blue" } }, { manager: "svrctl" });
      expect(await ask("services shop/web")).toMatchObject({ exit: 0, out: expect.stringContaining("ROUTE") as string });
    });

    test("names that are not there: the others are shown, and what was meant", async () => {
      const { exit, out, err } = await ask("routers branch brnch nothing");
      expect(exit).toBe(4);
      expect(out).toContain("branch");
      expect(err).toContain('SVR_NOT_FOUND: cannot show Router brnch: there is none; did you mean "branch"?\n');
      expect(err).toContain('SVR_NOT_FOUND: cannot show Router nothing: there is none; list what there is with "kubectl svr routers"\n');
    });
  });

  describe("what may not be read, or not reached", () => {
    test.each([
      ["SVR_KUBE_DENIED", 5], ["SVR_KUBE_UNREACHABLE", 6], ["SVR_KUBE_BUSY", 6], ["SVR_KUBE_ANSWER", 1], ["SVR_NOT_FOUND", 4],
    ] as const)("%s ends with %d", async (code, exit) => {
      cluster.deny = () => code;
      const outcome = await ask("services");
      expect(outcome).toMatchObject({ exit, out: "", closed: 1 });
      expect(outcome.err).toBe(`${code}: cannot read the services of the cluster: list services is refused; ask for the right\n`);
    });

    test("routers without the right to their configurations are shown without", async () => {
      cluster.deny = (call) => (call.includes("routerconfigs") ? "SVR_KUBE_DENIED" : undefined);
      const { exit, out, err } = await ask("routers");
      expect(exit).toBe(5);
      expect(out).toMatch(/branch +True +Ready +- +2\/2/);
      expect(err).toMatch(/^SVR_KUBE_DENIED: cannot read the router configurations[^\n]*\n$/);
    });

    test("a tenant without the right to services is shown without", async () => {
      cluster.deny = (call) => (call === "list services" ? "SVR_KUBE_DENIED" : undefined);
      expect(await ask("tenants acme")).toMatchObject({ exit: 5, out: expect.stringContaining("children") as string });
    });

    test("no kubeconfig", async () => {
      expect(await runCli("routers --kubeconfig gone --context lab --as eve --as-group a --as-group b --request-timeout 2s")).toMatchObject({
        exit: 2, out: "", err: "SVR_KUBE_CONFIG: cannot choose a cluster: the kubeconfig cannot be used: there is none; name one with --kubeconfig\n",
        opened: [{ kubeconfig: "gone", context: "lab", as: "eve", asGroups: ["a", "b"], timeoutMs: 2_000 }],
      });
    });

    test("an interrupt ends the wait with 130", async () => {
      expect(await runCli("routers", { kube: cluster.kube, interrupted: true })).toMatchObject({ exit: 130, out: "", closed: 1 });
    });

    test("a fault of the program is no answer", async () => {
      cluster.deny = () => { throw new TypeError("broken"); };
      await expect(ask("routers")).rejects.toThrow("broken");
    });
  });
});
