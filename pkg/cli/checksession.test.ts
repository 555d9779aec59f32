// `svrctl check --session`: it passes when two routers report the session since it was opened, one of them as where it entered, and says what is
// missing otherwise. With real routers: test/kube/router.
import { nowMs, runCli } from "../../test/support/cli.ts";
import type { CliWorld } from "../../test/support/cli.ts";
import { readyStatus, threeCluster } from "../../test/support/kube/cluster.ts";
import { planned } from "../api/resources.ts";

const web = (sessions: number, entered?: number): object => ({ name: "shop/web", sessions, ...(entered !== undefined && { entered }) });
const after = new Date(nowMs + 1_000).toISOString(), before = new Date(nowMs - 1_000).toISOString();

async function sessionCheck(reports: Record<string, { time: string; services: object[] }>, world: CliWorld = {}): Promise<{ exit: number; check: { result: string; text: string }; closed: number }> {
  const cluster = await threeCluster();
  for (const [router, report] of Object.entries(reports)) await cluster.memory.status(planned.Router, { name: router }, readyStatus(report));
  const seen = { closed: 0 };
  const { exit, out } = await runCli("check --session shop/web --to 10.9.0.10:443 -o json", { kube: cluster.kube, connected: { isOpen: () => true, close: () => { seen.closed += 1; } }, ...world });
  const check = (JSON.parse(out) as { checks: { name: string; result: string; text: string }[] }).checks.find(({ name }) => name === "session");
  return { exit, check: check ?? { result: "none", text: "" }, ...seen };
}

test("two routers that report it are a session through both, and the connection is closed", async () => {
  expect(await sessionCheck({ branch: { time: after, services: [web(1, 1)] }, cloud: { time: after, services: [web(1)] } })).toEqual({
    exit: 0, check: expect.objectContaining({ result: "pass", text: "a session to 10.9.0.10 port 443 passes routers branch (it entered there), cloud" }) as object, closed: 1,
  });
});

test.each<[string, Record<string, { time: string; services: object[] }>, CliWorld, string]>([
  ["one router", { branch: { time: after, services: [web(1, 1)] } }, {}, "is open, but only branch (it entered there) reports a session of Service shop/web"],
  ["none", {}, {}, "is open, but no router reports a session"],
  ["reports from before", { branch: { time: before, services: [web(1, 1)] }, cloud: { time: before, services: [web(1)] } }, {}, "no router reports"],
  ["other services and none left", { branch: { time: after, services: [{ name: "shop/x", sessions: 9 }] }, cloud: { time: after, services: [web(0)] } }, {}, "no router reports"],
  ["nobody who answers", {}, { connected: undefined as never }, "no TCP connection to 10.9.0.10 port 443 (ECONNREFUSED)"],
  ["a server that hangs up", {}, { connected: { isOpen: () => false, close: () => undefined } }, "was closed before routers reported it"],
])("%s is a failed check", async (_what, reports, world, said) => {
  expect(await sessionCheck(reports, world)).toMatchObject({ exit: 3, check: { result: "fail", text: expect.stringContaining(said) as string } });
});

test("a Service without an address, or an address without a Service, is a usage error", async () => {
  const { kube } = await threeCluster();
  for (const words of ["check --session shop/web", "check --to 10.9.0.10:443", "check --session shop/web --to 10.9.0.10"]) expect(await runCli(words, { kube })).toMatchObject({ exit: 2, err: expect.stringContaining("go together") as string });
});
