// `svrctl check`: whether a cluster works, one line a check, and as JUnit for machines that run tests. Called by kubecommands.ts. Exit 3 when
// a check fails; 5 or 6 when one could not be made.
import type { Result } from "../base/result.ts";
import { servedVersion } from "../api/served.ts";
import { finish } from "./ask.ts";
import { withCluster } from "./cluster.ts";
import { viewCluster } from "./clusterview.ts";
import type { ClusterView } from "./clusterview.ts";
import type { Context, Style } from "./context.ts";
import { checkSession } from "./checksession.ts";
import type { SessionFlags } from "./checksession.ts";
import type { Endpoint } from "./endpoint.ts";
import { Exit, usageFailure } from "./failure.ts";
import type { ExitCode, Failure } from "./failure.ts";
import { junitText } from "./junit.ts";
import { skewNote } from "./skew.ts";
import { certifiedOf, worstFirst } from "./routeralarms.ts";
import { alarmsOf } from "./routers.ts";
import type { RouterItem } from "./routers.ts";
import { failuresOf, operatorVersion, shortList } from "./status.ts";
import { paint, printable } from "./table.ts";
import { UsageFault } from "./usage.ts";

/** CheckFlags are the options of the command. */
export interface CheckFlags { operatorNamespace?: string; junit?: string; session?: string; to?: Endpoint }

/** CheckResult is one check: what was found, and what to do when it is not as it should be. */
export interface CheckResult { name: string; result: "pass" | "fail" | "unknown"; text: string; next?: string }

/** ClusterCheckData is the answer for programs. */
export interface ClusterCheckData { server: string; passed: number; failed: number; unknown: number; checks: CheckResult[] }

type Verdict = { ok: boolean; text: string; next?: string };

/** checkCluster makes the checks. */
export async function checkCluster(context: Context, flags: CheckFlags): Promise<ExitCode> {
  const session = sessionOf(flags);
  return withCluster(context, async (asked) => {
    const view = await viewCluster(context, asked, flags.operatorNamespace);
    const checks = [...checksOf(context, asked.server, view), ...session === undefined ? [] : [await checkSession(context, asked, session)]];
    const count = (result: CheckResult["result"]): number => checks.filter((one) => one.result === result).length;
    const data: ClusterCheckData = { server: asked.server, passed: count("pass"), failed: count("fail"), unknown: count("unknown"), checks };
    await context.show({ data, text: (style) => checksText(data, style) });
    const failures = [...failuresOf(view), ...await writeJunit(context, flags.junit, data)];
    return finish(context, failures, data.failed > 0 ? Exit.no : Exit.ok);
  });
}

function sessionOf({ session, to }: CheckFlags): SessionFlags | undefined {
  if (session === undefined && to === undefined) return undefined;
  if (session === undefined || to?.port === undefined) throw new UsageFault(usageFailure("--session and --to ADDRESS:PORT go together", "svrctl check"));
  return { session, to: { ...to, port: to.port } };
}

/** The checks in the order in which one rests on the other. */
function checksOf(context: Context, server: string, view: ClusterView): CheckResult[] {
  const client = context.around.version;
  return [
    checkOf("api", view.version, (version) => ({ ok: true, text: `API server ${version} answers at ${server}` })),
    checkOf("kinds", view.kinds, kindsVerdict),
    checkOf("lease", view.lease, (lease) => (lease === undefined || lease.holder === ""
      ? { ok: false, text: "no operator leads", next: 'install or start the operator: "helm status opensvr" or "kubectl get deployments -A -l app.kubernetes.io/part-of=opensvr"' }
      : { ok: lease.fresh, text: lease.fresh ? `${lease.holder} leads and renews its Lease in namespace ${lease.namespace}` : `${lease.holder} led last and does not renew its Lease in namespace ${lease.namespace} any more`, ...(!lease.fresh && { next: `see its log: "kubectl logs -n ${lease.namespace} -l app.kubernetes.io/component=operator"` }) })),
    checkOf("operator", view.deployments, (list) => operatorVerdict(list)),
    checkOf("acks", view.routers, (routers) => acksVerdict(routers, view.failures)),
    checkOf("skew", view.routers, () => skewVerdict(client, view)),
    checkOf("certificates", view.routers, (routers) => certificatesVerdict(routers, context.around.clock.unixMs())),
    checkOf("alarms", view.routers, alarmsVerdict),
    checkOf("conditions", view.objects, ({ all, ready, unready }) => ({
      ok: unready.length === 0, text: unready.length === 0 ? `all ${all} objects are ready` : `${ready} of ${all} objects are ready; not ready: ${shortList(unready.map((one) => `${one.object} (${one.reason})`))}`,
      ...(unready.length > 0 && { next: '"svrctl status" shows why each is not' }),
    })),
  ].map((check) => (check.name === "acks" && check.result === "pass" && view.failures.length > 0 ? { ...check, result: "unknown" as const, text: "the configurations of routers may not be read" } : check));
}

function checkOf<T>(name: string, answer: Result<T, Failure>, verdict: (value: T) => Verdict): CheckResult {
  if (!answer.ok) return { name, result: answer.error.code === "SVR_KUBE_DENIED" || name !== "api" ? "unknown" : "fail", text: answer.error.reason, next: answer.error.next };
  const { ok, text, next } = verdict(answer.value);
  return { name, result: ok ? "pass" : "fail", text, ...(next !== undefined && { next }) };
}

function kindsVerdict({ served, missing }: { served: string[]; missing: string[] }): Verdict {
  if (missing.length === 0) return { ok: true, text: `all ${served.length} kinds are served in ${servedVersion}` };
  return { ok: false, text: `not served in ${servedVersion}: ${missing.join(", ")}`, next: "install the CRDs of this version: they are in the chart and in crds/" };
}

function operatorVerdict(list: readonly { namespace: string; name: string; ready: number; wanted: number }[]): Verdict {
  if (list.length === 0) return { ok: true, text: "no Deployment: the operator runs outside of the cluster" };
  const text = list.map((one) => `${one.ready} of ${one.wanted} replicas of Deployment ${one.namespace}/${one.name} are ready`).join("; ");
  const bad = list.find((one) => one.ready < one.wanted);
  return { ok: bad === undefined, text, ...(bad && { next: `"kubectl describe -n ${bad.namespace} deployment ${bad.name}"` }) };
}

function acksVerdict(routers: readonly { name: string; programmed?: boolean; acked?: { hash: string }; error?: string }[], failures: readonly Failure[]): Verdict {
  const waiting = failures.length > 0 ? [] : routers.filter((one) => one.programmed !== true);
  if (waiting.length === 0) return { ok: true, text: routers.length === 0 ? "there is no router" : `all ${routers.length} routers have programmed what they should have` };
  const told = waiting.map((one) => `${one.name} (${one.error ?? (one.acked === undefined ? "nothing yet" : one.programmed === undefined ? "no configuration is written for it" : "an older configuration")})`);
  return { ok: false, text: `${routers.length - waiting.length} of ${routers.length} routers have programmed what they should have; not: ${shortList(told)}`, next: `"svrctl routers ${waiting[0]?.name ?? ""}"` };
}

function skewVerdict(client: string, view: ClusterView): Verdict {
  const operator = operatorVersion(view).version;
  const routers = view.routers.ok ? view.routers.value.flatMap(({ name, version }) => (version === undefined ? [] : [{ name: `router ${name}`, version }])) : [];
  const all = [...(operator === undefined ? [] : [{ name: "the operator", version: operator }]), ...routers];
  const base = operator ?? client;
  const far = [...all.filter((one) => skewNote(client, { router: one.name, version: one.version }) !== undefined), ...routers.filter((one) => skewNote(base, { router: one.name, version: one.version }) !== undefined)];
  if (far.length === 0) return { ok: true, text: `client ${client}${operator === undefined ? "" : `, operator ${operator}`}${routers.length === 0 ? "" : ` and ${routers.length} routers`}: at most one minor version apart` };
  return { ok: false, text: `more than one minor version apart: client ${client}, ${shortList([...new Set(far.map((one) => `${one.name} ${one.version}`))])}`, next: "upgrade in this order: CRDs, operator, routers, client" };
}

/** Whether each router that needs a certificate has one that counts and is renewed in time, as the operator says, and by the clock here. */
function certificatesVerdict(routers: readonly RouterItem[], nowMs: number): Verdict {
  const all = routers.flatMap((item) => { const certified = certifiedOf(item); return certified === undefined ? [] : [{ ...item, ...certified, ends: item.certificate?.notAfter ?? "" }]; });
  if (all.length === 0) return { ok: true, text: routers.length === 0 ? "there is no router" : "no router needs one" };
  const bad = all.flatMap(({ name, isGood, condition, ends }) => (!isGood ? [`${name} (${condition.reason})`] : Date.parse(ends) <= nowMs ? [`${name} (ended ${ends} by the clock of this machine)`] : []));
  const [first] = all.filter(({ ends }) => ends !== "").toSorted((a, b) => Date.parse(a.ends) - Date.parse(b.ends));
  const told = first === undefined ? "" : `; the first to end is that of ${first.name}, at ${first.ends}`;
  if (bad.length === 0) return { ok: true, text: `all ${all.length} routers that need one have it${told}` };
  return { ok: false, text: `${all.length - bad.length} of ${all.length} routers that need one have it; not, or not for long: ${shortList(bad)}`, next: `"svrctl routers ${bad[0]?.split(" ")[0] ?? ""}"` };
}

function alarmsVerdict(routers: readonly RouterItem[]): Verdict {
  const alarms = worstFirst(routers.flatMap(alarmsOf)), [worst] = alarms;
  if (worst === undefined) return { ok: true, text: "no router reports any" };
  return { ok: false, text: `${alarms.length}, the worst ${worst.severity}, of router ${worst.router}: ${worst.name}, ${worst.object}: ${worst.text}`, next: '"svrctl status" shows them' };
}

function checksText(data: ClusterCheckData, style: Style): string {
  const tones = { pass: "good", fail: "bad", unknown: "warn" } as const;
  const lines = data.checks.map(({ name, result, text, next }) => `${paint(result.padEnd(7), tones[result], style.colour)}  ${name.padEnd(12)}  ${printable(`${text}${next === undefined ? "" : `; ${next}`}`)}\n`);
  return `${lines.join("")}${data.passed} of ${data.checks.length} checks passed${data.failed === 0 ? "" : `, ${data.failed} failed`}${data.unknown === 0 ? "" : `, ${data.unknown} could not be made`}\n`;
}

async function writeJunit({ around }: Context, path: string | undefined, data: ClusterCheckData): Promise<Failure[]> {
  if (path === undefined) return [];
  const why = await around.writeFile(path, new TextEncoder().encode(junitText("svrctl check", data.checks)));
  return why === undefined ? [] : [{ code: "SVR_NOT_PERMITTED", attempted: `cannot write ${path}`, reason: why, next: "name a file that can be written with --junit" }];
}
