// `svrctl sessions`: pages, limits and filters of the list in each format; one session hop by hop.
import { parse } from "yaml";
import type { SessionView } from "../api/view.ts";
import { runCli, self, socketOf, statusBody } from "../../test/support/cli.ts";
import type { CannedReply, CannedRouters, CliWorld } from "../../test/support/cli.ts";
import { sessionHops, sessionId } from "../../test/support/sessions.ts";

const numbered = (count: number): SessionView[] => Array.from({ length: count }, (_, at) => ({ ...sessionHops.branch, sessionId: String(at).padStart(32, "0") }));
const list = `${self}/sessions`;

function world(router: string, replies: Record<string, CannedReply>): CannedRouters {
  return { [socketOf(router)]: { [self]: statusBody(router), ...replies } };
}

const one: CliWorld = { sockets: world("branch", { [`${list}?limit=1000`]: { body: { items: [sessionHops.branch, sessionHops.cloud] } } }) };
const uuidPath = `/api/v1/sessions/${sessionId}`;

test("the table", async () => {
  expect(await runCli("sessions", one)).toMatchObject({ exit: 0, err: "", out:
`SESSION                           ROLE     TENANT            SERVICE   PROTO  SOURCE           DESTINATION    STATE          AGE   IDLE  PACKETS         BYTES
5d0c2a7e9b1f4c3d8e6f7a8b9c0d1e2f  ingress  engineering.acme  shop/web  tcp    10.1.0.10:40000  10.9.0.10:443  established  3m12s  400ms     10/8  1.0KiB/98KiB
5d0c2a7e9b1f4c3d8e6f7a8b9c0d1e2f  egress   engineering.acme  shop/web  tcp    10.1.0.10:40000  10.9.0.10:443  established  3m12s  400ms     10/8  1.0KiB/98KiB
` });
});

test("the wide table adds interfaces, path, waypoints, NAT, metadata and speed", async () => {
  const lines = (await runCli("sessions list -o wide", one)).out.split("\n");
  expect(lines.map((line) => line.slice(line.indexOf("INTERFACES") < 0 ? lines[0]?.indexOf("INTERFACES") : line.indexOf("INTERFACES")))).toEqual([
    "INTERFACES    PATH        WAYPOINTS                              NAT                    METADATA  FAST         SECURITY",
    "lan-eng>wan0  transit/v4  192.0.2.1:16384>192.0.2.2:16385        -                      I-QUIET   yes          encrypted",
    "wan0>lan0     transit/v4  198.51.100.1:20001>198.51.100.2:16390  source 10.9.0.1:32768  R-META    not reverse  encrypted",
    "",
  ]);
});

test("json and yaml hold the items and whether more may follow", async () => {
  const data = { items: [{ ...sessionHops.branch, router: "branch" }, { ...sessionHops.cloud, router: "branch" }], more: false };
  expect(JSON.parse((await runCli("sessions -o json", one)).out)).toEqual(data);
  expect(parse((await runCli("sessions -o yaml", one)).out)).toEqual(data);
});

test.each(["json", "yaml"])("no session is an empty list in %s, with a note on the standard error", async (format) => {
  const { exit, out, err } = await runCli(`sessions -o ${format}`, { sockets: world("branch", { [`${list}?limit=1000`]: { body: { items: [] } } }) });
  expect({ exit, err }).toEqual({ exit: 0, err: "no session fits\n" });
  expect(parse(out)).toEqual({ items: [], more: false });
});

test("pages are asked until the end, whatever their size", async () => {
  const items = numbered(3);
  const pages = world("branch", {
    [`${list}?limit=1000`]: { body: { items: [items[0]], next: "64" } },
    [`${list}?limit=1000&cursor=64`]: { body: { items: [], next: "128" } },
    [`${list}?limit=1000&cursor=128`]: { body: { items: items.slice(1) } },
  });
  const { exit, out, asked } = await runCli("sessions -o json --limit 0", { sockets: pages });
  expect(exit).toBe(0);
  expect((JSON.parse(out) as { items: SessionView[] }).items.map((item) => item.sessionId)).toEqual(items.map((item) => item.sessionId));
  expect(asked).toHaveLength(4);
});

test("the limit bounds what is asked, over all routers, and says that more may follow", async () => {
  const sockets = { ...world("branch", { [`${list}?limit=2`]: { body: { items: numbered(2), next: "2" } } }), ...world("cloud", {}) };
  const { exit, out, err, asked } = await runCli("sessions -o json --limit 2", { sockets });
  expect({ exit, err }).toEqual({ exit: 0, err: "more sessions may follow the first 2; --limit 0 shows all\n" });
  expect(JSON.parse(out)).toMatchObject({ more: true });
  expect(asked.filter((path) => path.includes("/sessions"))).toEqual([`${socketOf("branch")} ${list}?limit=2`]);
});

test("several routers stand in a column of their own", async () => {
  const sockets = { ...world("branch", { [`${list}?limit=1000`]: { body: { items: [sessionHops.branch] } } }), ...world("cloud", { [`${list}?limit=999`]: { body: { items: [sessionHops.cloud] } } }) };
  const { out } = await runCli("sessions", { sockets });
  expect(out.split("\n").map((line) => line.slice(0, 15).trimEnd())).toEqual(["ROUTER  SESSION", "branch  5d0c2a7", "cloud   5d0c2a7", ""]);
});

test("columns are as wide as the widest row of all routers, and the heading stands once", async () => {
  const sockets = { ...world("branch", { [`${list}?limit=1000`]: { body: { items: [sessionHops.branch] } } }), ...world("transit-of-a-long-name", { [`${list}?limit=999`]: { body: { items: [sessionHops.transit] } } }) };
  const lines = (await runCli("sessions", { sockets })).out.split("\n");
  expect(lines.map((line) => line.indexOf(line.startsWith("ROUTER") ? "SESSION" : sessionId))).toEqual([24, 24, 24, -1]);
});

test("a long list is written in pieces, each row once", async () => {
  const items = numbered(1_000);
  const pages = Object.fromEntries(["", "&cursor=1", "&cursor=2"].map((cursor, at) => [`${list}?limit=1000${cursor}`, { body: { items, ...(at < 2 ? { next: String(at + 1) } : {}) } }]));
  const { out } = await runCli("sessions --limit 0", { sockets: world("branch", pages) });
  const lines = out.trimEnd().split("\n");
  expect([lines.length, lines.filter((line) => line.startsWith("SESSION")).length, lines.filter((line) => line.startsWith(items[7]?.sessionId ?? "")).length]).toEqual([3_001, 1, 3]);
});

test("filters are the query of the admin API", async () => {
  const { asked } = await runCli("sessions --tenant a.b --service shop/web --protocol udp --peer transit --from 10.1.0.10:40000 --to 2001:db8::1 --limit 5", one);
  expect(asked.at(-1)).toBe(`${socketOf("branch")} ${list}?limit=5&tenant=a.b&service=shop%2Fweb&peer=transit&protocol=17&sourceAddress=10.1.0.10&sourcePort=40000&destinationAddress=2001%3Adb8%3A%3A1`);
});

test("pages that do not advance end with a fault", async () => {
  const stuck = { body: { items: numbered(1), next: "7" } };
  const { exit, err } = await runCli("sessions -o json", { sockets: world("branch", { [`${list}?limit=1000`]: stuck, [`${list}?limit=999&cursor=7`]: stuck }) });
  expect(exit).toBe(1);
  expect(err).toContain("SVR_ADMIN_ANSWER: cannot read the sessions of router branch: its pages do not advance");
});

test("a fault in the middle leaves whole JSON and its exit code", async () => {
  const { exit, out } = await runCli("sessions -o json", { sockets: world("branch", { [`${list}?limit=1000`]: { body: { items: numbered(1), next: "7" } }, [`${list}?limit=999&cursor=7`]: { kind: "timeout", detail: "no answer" } }) });
  expect(exit).toBe(6);
  expect(JSON.parse(out)).toMatchObject({ items: [{ router: "branch" }] });
});

test("nobody is asked for more when the reader went away", async () => {
  const { exit, asked } = await runCli("sessions --limit 0", { goneAfter: 2, sockets: world("branch", { [`${list}?limit=1000`]: { body: { items: numbered(1), next: "7" } } }) });
  expect(exit).toBe(0);
  expect(asked).toHaveLength(2);
});

describe("one session", () => {
  const hops = Object.entries(sessionHops);
  const sockets = Object.assign({}, ...hops.toReversed().map(([router, view]) => world(router, { [uuidPath]: { body: view } }))) as CannedRouters;

  test("is shown hop by hop in path order, whatever the order of the routers", async () => {
    expect(await runCli(`sessions show ${sessionId}`, { sockets })).toMatchObject({ exit: 0, err: "", out:
`session  5d0c2a7e9b1f4c3d8e6f7a8b9c0d1e2f
flow     tcp 10.1.0.10:40000 -> 10.9.0.10:443
tenant   engineering.acme
service  shop/web
started  3m12s ago
seen on  3 routers

1. branch (ingress)
   FLOW     INTERFACE  VLAN  SOURCE           DESTINATION      PROTO  FAST  PACKETS   BYTES
   forward  lan-eng    -     10.1.0.10:40000  10.9.0.10:443    tcp    yes        10  1.0KiB
   reverse  wan0       -     192.0.2.2:16385  192.0.2.1:16384  udp    yes         8   98KiB
   state          established, idle 400ms
   metadata       toward ingress: host, toward egress: I-QUIET
   waypoints out  192.0.2.1:16384 -> 192.0.2.2:16385, path transit/v4 over udp
   NAT            none
   counters       forward 10 packets 1.0KiB, reverse 8 packets 98KiB, 0 retransmissions, 1 out of order, set up in 12ms
   security       encrypted

2. transit (transit)
   FLOW     INTERFACE  VLAN  SOURCE              DESTINATION         PROTO  FAST  PACKETS   BYTES
   forward  west0      -     192.0.2.1:16384     192.0.2.2:16385     udp    yes        10  1.0KiB
   reverse  east0      -     198.51.100.1:20001  198.51.100.2:16390  udp    yes         8   98KiB
   state          established, idle 400ms
   metadata       toward ingress: R-QUIET, toward egress: I-QUIET
   waypoints in   192.0.2.1:16384 -> 192.0.2.2:16385
   waypoints out  198.51.100.2:16390 -> 198.51.100.1:20001, path cloud/v4 over udp
   NAT            none
   counters       forward 10 packets 1.0KiB, reverse 8 packets 98KiB, 0 retransmissions, 1 out of order
   security       encrypted

3. cloud (egress)
   FLOW     INTERFACE  VLAN  SOURCE              DESTINATION         PROTO  FAST  PACKETS   BYTES
   forward  wan0       -     198.51.100.2:16390  198.51.100.1:20001  udp    yes        10  1.0KiB
   reverse  lan0       -     10.9.0.10:443       10.9.0.1:32768      tcp    no          8   98KiB
   state         established, idle 400ms
   metadata      toward ingress: R-META, toward egress: host
   waypoints in  198.51.100.2:16390 -> 198.51.100.1:20001, path transit/v4 over udp
   NAT           source 10.9.0.1:32768
   counters      forward 10 packets 1.0KiB, reverse 8 packets 98KiB, 0 retransmissions, 1 out of order
   security      encrypted
` });
  });

  test("in json, hops are in path order with their UUID", async () => {
    const { out } = await runCli(`sessions show ${sessionId.slice(0, 8)}-${sessionId.slice(8, 12)}-${sessionId.slice(12, 16)}-${sessionId.slice(16, 20)}-${sessionId.slice(20)} -o json`, { sockets });
    const data = JSON.parse(out) as { sessionId: string; hops: SessionView[] };
    expect(data.sessionId).toBe(sessionId);
    expect(data.hops).toEqual(hops.map(([, view]) => view));
  });

  test("routers that it does not cross are left out", async () => {
    const { exit, out, err } = await runCli(`sessions show ${sessionId} -o json`, { sockets: { ...sockets, ...world("other", {}) } });
    expect({ exit, err }).toEqual({ exit: 0, err: "" });
    expect((JSON.parse(out) as { hops: SessionView[] }).hops.map((hop) => hop.router)).toEqual(["branch", "transit", "cloud"]);
  });

  test("a gap is told when a router in between was not asked", async () => {
    const { out } = await runCli(`sessions show ${sessionId} --router branch --router cloud`, { sockets });
    expect(out).toContain("\n2. cloud (egress), the router before it was not asked\n");
  });

  test("nobody has it", async () => {
    const { exit, out, err } = await runCli(`sessions show ${sessionId}`, { sockets: world("other", {}) });
    expect({ exit, out }).toEqual({ exit: 4, out: "" });
    expect(err).toContain(`SVR_NOT_FOUND: cannot read session ${sessionId} of router other: `);
  });

  test("no UUID", async () => {
    expect(await runCli("sessions show abc", { sockets })).toMatchObject({ exit: 2, out: "", err: 'SVR_USAGE: cannot read the command line: "abc" is no UUID: 32 hexadecimal digits; run "svrctl sessions show --help"\n' });
  });
});
