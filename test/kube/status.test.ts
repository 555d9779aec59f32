// Statuses that come from routers: sessions pass through two router processes that take their configuration from a real API server, and
// every column of `kubectl get` has its value.
//
//   a --lan0 r1 wan0 == wan0 r2 lan0-- b
import { createAuthority, writeIdentity } from "../support/ca.ts";
import type { TestAuthority } from "../support/ca.ts";
import { headOf, operatorNamespace, startOperator } from "../support/kube/operator.ts";
import { reachFromRouters } from "../support/kube/inside.ts";
import { slow, stopMs, testMs } from "../support/kube/patience.ts";
import { openKube } from "../support/kube/server.ts";
import type { Kube } from "../support/kube/server.ts";
import { openNet } from "../support/net.ts";
import { describeNet } from "../support/probe.ts";
import type { TestProcess } from "../support/process.ts";
import { Fabric } from "../support/router.ts";
import { openSite } from "../support/site.ts";
import { hostAddress, pair } from "../support/topologies.ts";
import { startUdpClient, startUdpServer } from "../support/traffic.ts";
import { waitFor } from "../support/wait.ts";

const namespace = "test"; // of the services in test/support/site.ts
const apiVersion = "opensvr.io/v1alpha1";
const SESSIONS = 5;

/** Rows of a table of kubectl by the name of their object; an empty cell is no key. */
function tableOf(kube: Kube, resource: string): Record<string, Record<string, string>> {
  const [head = "", ...lines] = kube.kubectl(["get", `${resource}.opensvr.io`, "-A", "-o", "wide"]).trimEnd().split("\n");
  const headers = [...head.matchAll(/\S+/g)].map(({ 0: name, index }) => ({ name, index }));
  const rows = lines.map((line) => Object.fromEntries(headers.flatMap(({ name, index }, at) => {
    const cell = line.slice(index, headers[at + 1]?.index).trim();
    return cell === "" ? [] : [[name, cell]];
  })));
  return Object.fromEntries(rows.map((row) => [row["NAME"] ?? "", row]));
}

describeNet("statuses that come from routers", () => {
  let kube: Kube, fabric: Fabric, authority: TestAuthority, operator: TestProcess, endRelay = (): Promise<void> => Promise.resolve();

  beforeAll(async () => {
    kube = await openKube();
    kube.applyCrds();
    const site = openSite({ routers: { r1: { more: { pathMtuDiscovery: { interval: "1s" } }, paths: { r2: { mtu: 1288 } } } }, more: { servicePolicyRef: { name: "gold" }, securityPolicyRef: { name: "plain" } } });
    site.services.push({ name: "closed", addresses: ["10.2.0.200"], access: ["!corp"], at: { router: "r2", interface: "lan0" } });
    fabric = new Fabric(await openNet(pair), site);
    for (const name of [operatorNamespace, namespace]) kube.kubectl(["create", "namespace", name]);
    operator = await startOperator(kube, { args: ["--no-default-class"] });
    const items = [
      ...fabric.objects.map((one) => ({ ...one, spec: { ...one.spec, ...(one.kind === "Tenant" ? { serviceNamespaces: { names: [namespace] } } : {}) } })),
      { apiVersion, kind: "ServicePolicy", metadata: { name: "gold", namespace }, spec: {} }, { apiVersion, kind: "SecurityPolicy", metadata: { name: "plain", namespace }, spec: {} },
      { apiVersion, kind: "Tenant", metadata: { name: "guests.corp" }, spec: {} }, { apiVersion, kind: "RouterClass", metadata: { name: "edge" }, spec: { nodeSelector: { role: "edge" }, image: "opensvr/router:test" } },
    ];
    kube.kubectl(["apply", "--server-side", "-f", "-"], JSON.stringify({ apiVersion: "v1", kind: "List", items }));
    endRelay = await reachFromRouters(kube, fabric);
    await waitFor("both routers have a head", () => ["r1", "r2"].every((name) => headOf(kube, name) !== undefined), { ...slow, show: () => operator.lines.slice(-20).join("\n") });
    authority = await createAuthority("status");
    writeIdentity(fabric.router("r1").stateDir, await authority.issue("r1", { serial: "5a01", notBefore: Date.parse("2026-01-01T00:00:00Z"), notAfter: Date.parse("2099-01-01T00:00:00Z") }), [authority]);
    await Promise.all(fabric.routers.map((router) => router.start()));
  }, testMs);
  afterAll(async () => {
    await operator.stop(stopMs);
    try {
      await fabric.close();
    } finally {
      await endRelay();
      await kube.close();
    }
  }, testMs);

  async function send(to: string, port: number): Promise<number> {
    const client = await startUdpClient(fabric.net, "a", { to, port, sockets: SESSIONS });
    return (await client.send(1)).answered;
  }

  /** Waits until a row has these cells, and gives it. */
  async function row(resource: string, name: string, cells: Record<string, string>, deadlineMs = slow.deadlineMs): Promise<Record<string, string>> {
    let last: Record<string, string> = {};
    const isThere = (): boolean => Object.entries(cells).every(([header, cell]) => last[header] === cell);
    await waitFor(`${resource} ${name} shows ${JSON.stringify(cells)}`, () => { last = tableOf(kube, resource)[name] ?? {}; return isThere(); }, { deadlineMs, everyMs: 500, show: () => JSON.stringify(last) });
    return last;
  }

  test("sessions, ways, denials, peers and users are in the columns, each session once", async () => {
    await row("routers", "r1", { READY: "True", PEERS: "1/1" });
    const at = { address: hostAddress(2, 4), port: 2000 };
    await startUdpServer(fabric.net, "b", at);
    expect([await send(at.address, at.port), await send("10.2.0.200", 2000)]).toEqual([SESSIONS, 0]);
    const east = await row("services", "east", { READY: "True", PROGRAMMED: "2/2", SESSIONS: "5" });
    expect(east).toMatchObject({ REASON: "Ready", TENANTS: "corp", POLICY: "gold", AGE: expect.any(String) as string });
    const closed = await row("services", "closed", { SESSIONS: "0" });
    expect((await row("tenants", "corp", { SESSIONS: "5" }))).toMatchObject({ READY: "True", REASON: "Ready", MEMBERS: "2", ROUTERS: "2/2" });
    expect(closed["LASTDENIAL"]).toMatch(/^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ access at r1$/);
    expect(tableOf(kube, "tenants")["guests.corp"]).toMatchObject({ MEMBERS: "0", SESSIONS: "0", PARENT: "corp", ROUTERS: "2/2" });
    const toEast = Object.entries(tableOf(kube, "serviceroutes")).filter(([, one]) => one["SERVICE"] === "east");
    expect(toEast.map(([, one]) => one["TYPE"]).toSorted()).toEqual(["Local", "Peer"]);
    for (const [name] of toEast) expect((await row("serviceroutes", name, { READY: "True", SESSIONS: "5", COST: "1" }))["UP"]).toMatch(/^([1-9]\d*)\/\1$/);
    for (const [kind, name, wide] of [["servicepolicies", "gold", "SLA"], ["securitypolicies", "plain", "SUITE"]] as const) expect(await row(kind, name, { "USED-BY": "2" })).toMatchObject({ READY: "True", [wide]: expect.any(String) as string });
    const r1 = await row("routers", "r1", { SESSIONS: "5" });
    expect(r1).toMatchObject({ TIER: "TC", VERSION: expect.stringMatching(/^\d/) as string, ACKED: expect.stringMatching(/^[0-9a-f]{12}$/) as string, REASON: "Ready" });
    expect(tableOf(kube, "routerconfigs")["r1"]).toMatchObject({ ROUTER: "r1", ACKED: expect.any(String) as string, HASH: expect.stringMatching(new RegExp(`^${r1["ACKED"] ?? "none"}`)) as string });
    expect(tableOf(kube, "routerclasses")["edge"]).toMatchObject({ READY: "True", ROUTERS: "0/0", VERSION: "opensvr/router:test", SELECTOR: expect.stringContaining("edge") as string });
  }, testMs);

  test("a router reports its certificate and its alarms; the operator says how it is with the certificate", async () => {
    expect(await row("routers", "r1", { CERTEXPIRY: "2099-01-01T00:00:00Z" })).toMatchObject({ READY: "True" });
    expect(tableOf(kube, "routers")["r2"]).not.toHaveProperty("CERTEXPIRY");
    const statusOf = (name: string): Record<string, unknown> => JSON.parse(kube.kubectl(["get", "routers.opensvr.io", name, "-o", "jsonpath={.status}"])) as Record<string, unknown>;
    expect(statusOf("r1")["certificate"]).toMatchObject({ serial: "5a01", authority: "CN=status", authorityKey: "", notBefore: "2026-01-01T00:00:00Z", notAfter: "2099-01-01T00:00:00Z" });
    expect(statusOf("r2")).toMatchObject({ alarms: [], conditions: expect.arrayContaining([expect.objectContaining({ type: "Certified", status: "True", reason: "CertificateNotNeeded" })]) as unknown });
    writeIdentity(fabric.router("r1").stateDir, await authority.issue("r1", { serial: "5a02", notAfter: Date.parse("2098-01-01T00:00:00Z") }), [authority]);
    await row("routers", "r1", { CERTEXPIRY: "2098-01-01T00:00:00Z" }, 10_000);
  }, testMs);

  test("a router reports its busiest services with what entered there; a peer that does not answer any more takes the ways to it down", async () => {
    const status = JSON.parse(kube.kubectl(["get", "routers.opensvr.io", "r2", "-o", "jsonpath={.status}"])) as { services: object[]; routes: object[]; tenants: object[]; silentPeers?: string[] };
    expect(status).toMatchObject({ services: [{ name: "test/east", sessions: SESSIONS }], tenants: [{ name: "corp", sessions: SESSIONS }], silentPeers: [] });
    expect(JSON.stringify(status)).not.toContain("entered"); // they entered at r1
    await fabric.net.must("r2", "ip", "link", "set", "wan0", "down");
    await row("routers", "r1", { PEERS: "0/1" });
    const [name = ""] = Object.entries(tableOf(kube, "serviceroutes")).find(([, one]) => one["SERVICE"] === "east" && one["TYPE"] === "Peer") ?? [];
    const { UP: up = "" } = await waitFor("its ways are down", () => { const one = tableOf(kube, "serviceroutes")[name]; return one?.["UP"]?.startsWith("0/") === true ? one : undefined; }, slow);
    expect(up).toMatch(/^0\/[1-9]/);
  }, testMs);
});
