// Completion: words of the grammar, values, live names of a cluster, and nothing at all when the cluster does not answer.
import { runCli, socketOf } from "../../test/support/cli.ts";
import type { CliWorld } from "../../test/support/cli.ts";
import { threeCluster } from "../../test/support/kube/cluster.ts";
import { shells } from "./completionscripts.ts";

const { kube } = await threeCluster();

/** The last word is what stands behind the last space. */
async function complete(line: string, world: CliWorld = { kube, called: "kubectl svr" }): Promise<string[]> {
  const { exit, out, err } = await runCli(["__complete", ...line.split(" ")], world);
  expect({ exit, err }).toEqual({ exit: 0, err: "" });
  return out.trimEnd().split("\n").map((one) => one.split("\t")[0] ?? "");
}

test.each([
  ["sta", ["status", ":4"]], ["t", ["tenants", "tables", "trace", ":4"]], ["config ", ["validate", "diff", ":4"]], ["sessions s", ["show", ":4"]], ["config validate ", [":0"]], ["config diff a ", [":0"]],
  ["tenants ", ["acme", "engineering.acme", "finance.acme", ":4"]], ["tenants acme f", ["finance.acme", ":4"]], ["services -n shop w", ["web", ":4"]], ["services --namespace=shop w", ["web", ":4"]], ["services ", [":4"]], ["-n shop services r", ["reports", ":4"]],
  ["services -A w", ["web", ":4"]], ["routers c", ["cloud", ":4"]], ["why --tenant e", ["engineering.acme", ":4"]], ["why --tenant=e", ["--tenant=engineering.acme", ":4"]], ["why --router b", ["branch", ":4"]], ["status -n sh", ["shop", ":4"]],
  ["why --proto t", ["tcp", ":4"]], ["-o j", ["json", "jsonpath=", ":4"]], ["status --li", ["--limit", ":4"]], ["sessions --ten", ["--tenant", ":4"]], ["sessions list --service shop/w", ["shop/web", ":4"]], ["completion f", ["fish", ":4"]],
  ["why --from ", [":4"]], ["nonsense ", [":4"]], ["status x ", [":4"]], ["--kubeconfig ", [":0"]], ["--nothing status --l", ["--limit", ":4"]], ["tenantz", ["tenants", ":4"]], ["check --junit ", [":0"]], ["status --", expect.arrayContaining(["--limit", "--context", "--help", ":4"])],
])("%s", async (line, expected) => { expect(await complete(line)).toEqual(expected); });

test("an empty line has all commands, with their meaning", async () => {
  const { out } = await runCli(["__complete", ""], { kube });
  expect(out).toContain("status\tA cluster on one screen\n");
  expect(out.trimEnd().split("\n").at(-1)).toBe(":4");
});

test("routers of this machine when no cluster is asked", async () => {
  const sockets = { [socketOf("branch")]: {}, [socketOf("cloud")]: {} };
  expect(await complete("why --router c", { sockets })).toEqual(["cloud", ":4"]);
  expect(await complete("sessions --tenant a", { sockets })).toEqual([":4"]);
});

test("without a kubeconfig, without rights, without an answer: nothing, and nothing is said", async () => {
  expect(await complete("tenants ", {})).toEqual([":4"]);
  const denied = await threeCluster();
  denied.deny = () => "SVR_KUBE_DENIED";
  expect(await complete("tenants ", { kube: denied.kube })).toEqual([":4"]);
  const started = performance.now();
  expect(await complete("tenants ", { kube: { ...kube, list: () => new Promise(() => undefined) } })).toEqual([":4"]);
  expect(performance.now() - started).toBeLessThan(5_000);
});

test("the options of the cluster are used, with a second for a call", async () => {
  const { opened, closed } = await runCli(["__complete", "tenants", "--context", "lab", "--as=eve", "--as-group", "staff", "--kubeconfig", "k", ""], { kube });
  expect({ opened, closed }).toEqual({ opened: [{ context: "lab", as: "eve", asGroups: ["staff"], kubeconfig: "k", timeoutMs: 1_000 }], closed: 1 });
});

test.each(shells)("a script for %s", async (shell) => {
  const { exit, out, err } = await runCli(`completion ${shell}`);
  expect({ exit, err }).toEqual({ exit: 0, err: "" });
  expect(out).toContain("svrctl __complete");
});
