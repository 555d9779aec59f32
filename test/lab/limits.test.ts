// Limits on sessions (behaviour 3.8): of a tenant, of a route and its rate, of a source, and the guard against floods of SYN. At a
// limit new sessions are refused by name, live ones go on; counts hold over shards, a reboot and a reload (L-8, RB-12).
import type { LimitsConfig, RouterConfig } from "../../pkg/plan/config.ts";
import { createLab } from "./lab.ts";
import type { Lab } from "./lab.ts";
import { ACK, SYN, content, endsOf, everything, tcpUp, udpUp } from "./packets.ts";

const names = ["east", "west"];
const ends = endsOf(4);
const other = endsOf(4, 11);

function limited(limits: Partial<LimitsConfig>, change: (config: RouterConfig) => void = () => undefined, shards = 1): Lab {
  const lab = createLab(names, { services: [everything], limits, shards }, (index) => (index === 0 ? {} : { limits: {} }));
  change(lab.routers[0]!.config);
  lab.reconfigure(0);
  return lab;
}

function udp(lab: Lab, from: number, of = ends): void {
  lab.fromLeft(udpUp(of, content(5), { from }));
  lab.run();
}

function syn(lab: Lab, port: number, of = ends): void {
  lab.fromLeft(tcpUp(of, { seq: 1000, flags: SYN, port }));
  lab.run();
}

const liveOf = (lab: Lab): number => lab.routers[0]!.live().length;

test.each<{ desc: string; limits: Partial<LimitsConfig>; change?: (config: RouterConfig) => void }>([
  { desc: "of a tenant", limits: {}, change: (config) => { config.tenants[0]!.maxSessions = 2; } },
  { desc: "of a route", limits: {}, change: (config) => { for (const route of config.routes) route.maxSessions = 2; } },
  { desc: "of a source", limits: { sessionsPerSource: 2 } },
])("L-8 the limit $desc: refused with limit and an event, live sessions go on, an end makes room", ({ limits, change }) => {
  const lab = limited(limits, change, 2);
  for (const from of [5001, 5002, 5003, 5004]) udp(lab, from);
  expect([liveOf(lab), lab.right.length]).toEqual([2, 2]);
  expect(lab.routers[0]!.reports().flatMap((report) => (report.kind === "denials" ? report.denials.map((denial) => denial.reason) : []))).toEqual(["limit", "limit"]);
  udp(lab, 5001);
  expect(lab.right).toHaveLength(3);
  lab.wait(185_000);
  udp(lab, 5003);
  expect([liveOf(lab), lab.right.length]).toEqual([1, 4]);
});

test("L-8 a limit of a source leaves other sources alone", () => {
  const lab = limited({ sessionsPerSource: 1 });
  udp(lab, 5001);
  udp(lab, 5002);
  udp(lab, 5001, other);
  expect([liveOf(lab), lab.routers[0]!.drops()]).toEqual([2, { limit: 1 }]);
});

test.each([
  { desc: "the parent's budget counts parent and children, at the ingress and behind a peer", budgets: { corp: 3 }, live: 3, refused: 3 },
  { desc: "a child has a budget of its own inside it", budgets: { corp: 5, "dev.corp": 1 }, live: 3, refused: 3 },
  { desc: "a grandchild counts for both above it", budgets: { "dev.corp": 3 }, live: 5, refused: 1 },
  { desc: "another tenant is not concerned", budgets: { guest: 1 }, live: 6, refused: 0 },
])("L-8 $desc", ({ budgets, live, refused }) => {
  for (const at of [0, 1]) {
    const tenants = ["corp", "dev.corp", "x.dev.corp", "guest"];
    const lab = createLab(names, { services: [{ ...everything, allow: ["corp", "guest"] }], tenants, shards: 2 });
    const { config } = lab.routers[at]!;
    for (const tenant of config.tenants) tenant.maxSessions = (budgets as Record<string, number>)[tenant.name] ?? 0;
    lab.reconfigure(at);
    for (const from of [5001, 5002]) for (const vlan of [0, 1, 2]) {
      lab.fromLeft(udpUp(ends, content(5), { from: from + 100 * vlan }), 0, vlan);
      lab.run();
    }
    expect([lab.routers[at]!.live().length, lab.delivered.filter((one) => one.end === "right").length, lab.routers[at]!.drops()["limit"] ?? 0]).toEqual([live, live, refused]);
    lab.wait(185_000);
    lab.fromLeft(udpUp(ends, content(5), { from: 5003 }), 0, 1);
    lab.run();
    expect(lab.routers[at]!.live()).toHaveLength(1); // an end makes room
  }
});

test("L-8 many first packets of a family in one turn do not pass its budget", () => {
  const lab = createLab(names, { services: [everything], tenants: ["corp", "dev.corp"] });
  lab.routers[0]!.config.tenants.find((one) => one.name === "corp")!.maxSessions = 3;
  lab.reconfigure(0);
  for (let from = 5001; from <= 5008; from++) lab.fromLeft(udpUp(ends, content(5), { from }), 0, from % 2);
  lab.run();
  expect([lab.delivered.filter((one) => one.end === "right").length, lab.routers[0]!.drops()]).toEqual([3, { limit: 5 }]);
});

test("R-9 a full route gives way to the next one of the service", () => {
  const lab = createLab(names, { services: [everything] });
  const { config } = lab.routers[0]!;
  for (const route of config.routes) route.maxSessions = 1;
  config.routes.push(...config.routes.map((route) => ({ ...route, route: "shop/second", cost: 10 })));
  lab.reconfigure(0);
  for (const from of [5001, 5002, 5003]) udp(lab, from);
  expect([liveOf(lab), lab.routers[0]!.drops()]).toEqual([2, { limit: 1 }]);
  expect(new Set(lab.routers[0]!.live().map((session) => session.route)).size).toBe(2);
});

test("R-9 the session rate of a route holds for each second", () => {
  const lab = limited({}, (config) => { for (const route of config.routes) route.sessionRate = 3; });
  for (let from = 5001; from <= 5005; from++) udp(lab, from);
  expect(liveOf(lab)).toBe(3);
  lab.wait(1000);
  for (let from = 5101; from <= 5105; from++) udp(lab, from);
  expect(liveOf(lab)).toBe(6);
});

test.each<{ desc: string; limits: Partial<LimitsConfig>; othersPass: boolean }>([
  { desc: "of one source", limits: { halfOpenPerSource: 3 }, othersPass: true }, { desc: "of one tenant", limits: { halfOpenPerTenant: 3 }, othersPass: false },
])("RB-12 a flood of SYN $desc: only new connections of the offender are refused, UDP of it passes", ({ limits, othersPass }) => {
  const lab = limited(limits);
  for (let port = 6001; port <= 6010; port++) syn(lab, port);
  expect([liveOf(lab), lab.routers[0]!.drops()["limit"]]).toEqual([3, 7]);
  udp(lab, 5001);
  syn(lab, 7001, other);
  expect(liveOf(lab)).toBe(othersPass ? 5 : 4);
  lab.wait(11_000); // the half-open timer
  expect(lab.routers[0]!.live().filter((session) => session.context.proto === 6)).toEqual([]);
  syn(lab, 6100);
  expect(lab.routers[0]!.live().filter((session) => session.context.proto === 6)).toHaveLength(1);
});

test("L-8 counts hold over a reboot and a limit that a reload sets", () => {
  const lab = limited({});
  for (const from of [5001, 5002, 5003]) udp(lab, from);
  lab.reboot(0);
  lab.routers[0]!.config.limits.sessionsPerSource = 4;
  lab.reconfigure(0);
  for (const from of [5004, 5005]) udp(lab, from);
  expect([liveOf(lab), lab.routers[0]!.drops()]).toEqual([4, { limit: 1 }]);
  lab.fromLeft(tcpUp(other, { seq: 1, ack: 1, flags: ACK, port: 9000 }));
  lab.run();
  expect(liveOf(lab)).toBe(4);
});
