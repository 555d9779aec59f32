// The admin API and svrctl over routers in one process that carry real sessions: what an operator sees of a session on three
// routers, of denials, peers and tables.
import type { SessionView } from "../../pkg/api/view.ts";
import { AdminFault } from "../../pkg/router/admin.ts";
import { filterRefusal } from "../../pkg/router/door.ts";
import { auditSchema, configurationSchema, countersSchema, peersSchema, sessionListSchema, statusSchema, tablesSchema } from "../../pkg/cli/answers.ts";
import { buildPacket } from "../../pkg/svr/build.ts";
import { runCli, socketOf } from "../support/cli.ts";
import type { CannedRouters } from "../support/cli.ts";
import { address } from "./config.ts";
import { adminOf } from "./adminof.ts";
import { createLab, keysOf } from "./lab.ts";
import type { Lab, LabRouter } from "./lab.ts";
import { endsOf, parsed, SYN, tcpUp } from "./packets.ts";

const names = ["branch", "transit", "cloud"];
const services = [{ name: "shop/dns", prefixes: ["10.2.0.0/24"], proto: 17, ports: { first: 53, last: 53 }, sourceNat: true }];

function udp(sourcePort: number, destinationPort = 53): Uint8Array {
  return buildPacket({ source: address("10.1.0.10"), destination: address("10.2.0.20") }, { kind: "udp", sourcePort, destinationPort }, new Uint8Array(20));
}

/** A chain in which `count` clients have each sent one packet to the service, and one client to a port that nobody serves. */
function busyLab(count: number): Lab {
  const lab = createLab(names, { services });
  for (let n = 0; n < count; n++) lab.fromLeft(udp(40_000 + n));
  lab.fromLeft(udp(1, 99));
  lab.run();
  return lab;
}

function routerOf(lab: Lab, name: string): LabRouter {
  const router = lab.routers.find((one) => one.name === name);
  if (router === undefined) throw new Error(`no router ${name}`);
  return router;
}

const ask = (lab: Lab, name: string, path: string): unknown => adminOf(lab, routerOf(lab, name))(path);
const listOf = (lab: Lab, name: string, query: string): ReturnType<typeof sessionListSchema.parse> => sessionListSchema.parse(ask(lab, name, `/api/v1/routers/self/sessions?${query}`));

/** All resources of all routers as canned replies of svrctl's world. */
function worldOf(lab: Lab, paths: readonly string[]): CannedRouters {
  return Object.fromEntries(lab.routers.map((router) => {
    const answer = adminOf(lab, router);
    return [socketOf(router.name), Object.fromEntries(["", ...paths].map((path) => [path.startsWith("/api") ? path : `/api/v1/routers/self${path}`, replyOf(() => answer(path.startsWith("/api") ? path : `/api/v1/routers/self${path}`))]))];
  }));
}

function replyOf(answer: () => unknown): { status: number; body: unknown } {
  try {
    return { status: 200, body: answer() };
  } catch (error) {
    if (!(error instanceof AdminFault)) throw error;
    return { status: error.status, body: { type: "about:blank", title: error.code, status: error.status, detail: error.message, code: error.code } };
  }
}

test("every resource answers what svrctl expects, on every router", () => {
  const lab = busyLab(3);
  for (const { name } of lab.routers) {
    const self = `/api/v1/routers/${name}`;
    expect(statusSchema.parse(ask(lab, name, self))).toMatchObject({ name, version: "0.1.0", uptime: 5, shards: 1, sessions: 3, adopted: false, configuration: { hash: "0123456789abcdef", stale: false } });
    expect(sessionListSchema.parse(ask(lab, name, `${self}/sessions`)).items).toHaveLength(3);
    expect(countersSchema.parse(ask(lab, name, `${self}/counters`)).shards).toEqual([{ punts: expect.any(Number) as number, denialsSuppressed: 0 }]);
    const rows = ["sessions", "half-open sessions", "session slots", "flow index", "quarantine", "names", "records waiting", "captures", "captures, bytes", "copies that wait for their capture"];
    const held = ["first packets seen in 2 s, about", "incomplete packets", "incomplete packets, bytes", "SVR fragments of other shards", "denied flows of 10 s", "origin signatures", "sessions asked for their origin in a second", "payload keys", "first payloads that wait for more", "sessions asked for another key in a second", "flows told to use metadata in a second", "peers with a skewed clock in a second", "interfaces with ICMP errors in a second", "sessions with ICMP errors in a second", "captures that shards take part in", "captured sessions"];
    const told = ["next hops", "own addresses and those of peers", "filters", "interfaces", "ring of first packets, bytes, shard 0"]; // of the model: test/ports has those of eBPF
    expect(tablesSchema.parse(ask(lab, name, `${self}/tables`)).map((table) => table.name)).toEqual([...rows, ...held, ...told, ...routerOf(lab, name).config.paths.map((path) => `waypoints ${path.key}`)]);
    expect(peersSchema.parse(ask(lab, name, `${self}/peers`)).map((peer) => peer.name)).toEqual(routerOf(lab, name).config.peers.map((peer) => peer.name));
    expect(configurationSchema.parse(ask(lab, name, `${self}/configuration`))).toEqual(JSON.parse(JSON.stringify(routerOf(lab, name).config)));
    expect(auditSchema.parse(ask(lab, name, `${self}/audit`))).toEqual({ path: `/state/${name}/audit.jsonl`, head: { sequence: 7, hash: "a".repeat(64) } });
    expect(ask(lab, name, "/healthz")).toEqual({ status: "ok" });
    expect(ask(lab, name, "/api/v1/routers")).toEqual([ask(lab, name, self)]);
  }
});

test("another router's name is not found", () => {
  expect(() => ask(busyLab(0), "branch", "/api/v1/routers/cloud/tables")).toThrow(expect.objectContaining({ status: 404, message: "this is router branch, not cloud" }));
});

test("L-1 one session is shown on all three routers in path order, with one UUID, waypoints that fit and NAT at the last", async () => {
  const lab = busyLab(1);
  const sessionId = listOf(lab, "branch", "").items[0]?.sessionId ?? "";
  const { exit, out } = await runCli(`sessions show ${sessionId} -o json`, { sockets: worldOf(lab, [`/api/v1/sessions/${sessionId}`]), found: ["cloud", "transit", "branch"].map(socketOf) });
  expect(exit).toBe(0);
  const { hops } = JSON.parse(out) as { hops: SessionView[] };
  expect(hops.map(({ router, role }) => [router, role])).toEqual([["branch", "ingress"], ["transit", "transit"], ["cloud", "egress"]]);
  expect(new Set(hops.map((hop) => hop.sessionId))).toEqual(new Set([sessionId]));
  expect(hops.map((hop) => hop.parentSpanId)).toEqual([undefined, hops[0]?.spanId, hops[1]?.spanId]);
  const [first, second, third] = hops.map((hop) => ({ in: hop.flows[0], out: hop.flows[1] }));
  expect([second?.in?.source, second?.in?.destination]).toEqual([first?.out?.destination, first?.out?.source]);
  expect([third?.in?.source, third?.in?.destination]).toEqual([second?.out?.destination, second?.out?.source]);
  expect(hops.map((hop) => hop.natSource)).toEqual(["", "", expect.stringMatching(/^10\.2\.0\.1:\d+$/)]);
  expect(hops.map((hop) => hop.forwardPackets)).toEqual([1, 1, 1]);
});

test("a session that nobody has, and what is no session id", () => {
  const lab = busyLab(1);
  expect(() => ask(lab, "branch", `/api/v1/sessions/${"0".repeat(32)}`)).toThrow(expect.objectContaining({ status: 404, code: "SVR_NOT_FOUND" }));
  expect(() => ask(lab, "branch", "/api/v1/sessions/xyz")).toThrow(expect.objectContaining({ status: 400, code: "SVR_USAGE" }));
});

test("pages of any size list each session once", () => {
  const lab = busyLab(20);
  const all = listOf(lab, "branch", "limit=1000").items.map((item) => item.sessionId);
  expect(new Set(all).size).toBe(20);
  for (const limit of [1, 7, 19, 20]) {
    const seen: string[] = [];
    for (let cursor: string | undefined = "0"; cursor !== undefined;) {
      const page = listOf(lab, "branch", `limit=${limit}&cursor=${cursor}`);
      expect(page.items.length).toBeLessThanOrEqual(limit);
      seen.push(...page.items.map((item) => item.sessionId));
      cursor = page.next;
    }
    expect(seen).toEqual(all);
  }
});

test("Q-4 rules of a filter are counted and told under the place that their author gave them", () => {
  const lab = createLab(["branch", "cloud"], { services });
  const router = routerOf(lab, "branch"), [lan] = router.config.interfaces, ssh = { permit: false, proto: 6, destinationPorts: { first: 22, last: 22 } };
  lan!.filter = { rules: [ssh, { permit: false, family: 4, proto: 1 }, { permit: false, family: 6, proto: 58 }, { permit: false, proto: 6 }], written: [0, 1, 1, 2] }; // the second is of ICMP without a family
  router.datapath.model.denied.set(lan!.ifnum, new Map([[1, 4], [2, 3], [3, 5]]));
  expect(countersSchema.parse(ask(lab, "branch", "/api/v1/routers/branch/counters")).filtered).toEqual([{ interface: lan!.name, rule: 1, packets: 7 }, { interface: lan!.name, rule: 2, packets: 5 }]);
  expect(filterRefusal(lan!, 0, parsed(tcpUp(endsOf(4), { seq: 1, flags: SYN })))).toContain("rule 2 of the filter");
});

test("a filter finds one of many in one request", () => {
  const lab = busyLab(20);
  const found = listOf(lab, "transit", "sourcePort=40013&destinationAddress=10.2.0.20&protocol=17&peer=branch&limit=1");
  expect(found.items.map((item) => item.sourcePort)).toEqual([40_013]);
  expect(listOf(lab, "transit", "peer=nobody")).toEqual({ items: [] });
});

test.each(["limit=0", "limit=1001", "cursor=-1", "colour=red"])("sessions?%s is refused", (query) => {
  expect(() => listOf(busyLab(0), "branch", query)).toThrow(expect.objectContaining({ status: 400 }));
});

test("P-1 a denial is counted under its reason, and all reasons are there", () => {
  const { drops } = countersSchema.parse(ask(busyLab(1), "branch", "/api/v1/routers/self/counters"));
  expect(drops).toMatchObject({ "no-service": 1, access: 0, "hmac-failure": 0, ttl: 0 });
  expect(drops).not.toHaveProperty("timeout");
});

test("9.1 what was refused on UDP 1280 counts with the drops of shards and data plane, and for its peer", () => {
  const { drops, peerDrops } = countersSchema.parse(ask(busyLab(1), "branch", "/api/v1/routers/self/counters"));
  expect([drops, peerDrops]).toMatchObject([{ rate: 2, "no-service": 1 }, { west: { "hmac-failure": 3 } }]);
});

test("a table without bound, or a pool that nobody reported yet, raises no alarm; a full one does", () => {
  const tables = tablesSchema.parse(ask(createLab(names, { services, pairs: 2 }), "branch", "/api/v1/routers/self/tables"));
  expect(tables.filter((table) => table.alarm)).toEqual([]);
  const full = createLab(names, { services, pairs: 2 });
  for (let n = 0; n < 3; n++) full.fromLeft(udp(50_000 + n));
  full.run();
  expect(tablesSchema.parse(ask(full, "branch", "/api/v1/routers/self/tables")).filter((table) => table.alarm)).toEqual([{ name: "waypoints transit/right4", entries: 2, limit: 2, alarm: true }]);
});

test("peers show key ids and never key bytes", () => {
  const lab = busyLab(0);
  const [peer] = peersSchema.parse(ask(lab, "branch", "/api/v1/routers/self/peers"));
  expect(peer).toMatchObject({ name: "transit", state: "up", hmac: "TimeBased", metadataEncryption: "CBC", allowedTenants: ["corp"], paths: [{ name: "transit/right4" }, { name: "transit/right6" }] });
  expect(peer?.paths[0]).toEqual({ name: "transit/right4", interface: "right", local: "192.0.2.1", remote: "192.0.2.2", mtu: 1500, mtuDiscovery: "off", state: "up", waypoints: { used: 0, free: 64, size: 64 } });
  expect(peer?.keys).toEqual({ send: expect.stringMatching(/^[0-9a-f]{8}$/) as string, receive: expect.stringMatching(/^[0-9a-f]{8}$/) as string });
  const everything = JSON.stringify(["/peers", "/configuration", "/tables", "/counters", ""].map((path) => ask(lab, "branch", `/api/v1/routers/self${path}`)));
  for (const bytes of [keysOf("branch", "transit").hmac, keysOf("branch", "transit").meta]) expect(everything).not.toContain(Buffer.from(bytes).toString("hex"));
});
