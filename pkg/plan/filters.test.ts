// Filters, source checks and session types from the objects of a Router to its configuration.
import { parseDocuments } from "../api/document.ts";
import { writtenPlace } from "../svr/filter.ts";
import { compile } from "./compile.ts";
import type { RouterConfig } from "./config.ts";

function routerOf(lan: object, spec: object = {}): { config: RouterConfig; problems: string[] } {
  const text = JSON.stringify({ apiVersion: "opensvr.io/v1alpha1", kind: "Router", metadata: { name: "r" }, spec: { interfaces: [{ name: "lan0", type: "LAN", addresses: ["10.1.0.1/24"], ...lan }], ...spec } });
  const { routers, problems } = compile(parseDocuments([{ path: "r.yaml", text }]));
  return { config: routers.get("r") as RouterConfig, problems: problems.map((problem) => `${problem.severity} ${problem.field ?? ""}: ${problem.message}`) };
}

const rulesOf = (...filters: object[]): unknown => routerOf({ filters }).config.interfaces[0]?.filter?.rules;

test("Q-4 every field of a rule reaches the data plane", () => {
  expect(rulesOf({ action: "Deny", vlan: 5, source: "10.1.0.0/24", destination: "10.2.0.9", protocol: "TCP", sourcePort: "1-9", destinationPort: 23, tcpFlags: ["SYN", "!ACK"], dscp: 46, length: "100-200" })).toMatchObject([{
    permit: false, family: 4, vlan: 5, source: { length: 24 }, destination: { length: 32 }, proto: 6, sourcePorts: { first: 1, last: 9 }, destinationPorts: { first: 23, last: 23 },
    tcpFlags: { mask: 0x12, value: 0x02 }, dscp: 46, length: { first: 100, last: 200 },
  }]);
});

test("Q-4 ICMP without a family becomes a rule of each; with one it is one", () => {
  expect(rulesOf({ action: "Deny", protocol: "ICMP", icmpType: 8 })).toEqual([{ permit: false, family: 4, proto: 1, icmpType: 8 }, { permit: false, family: 6, proto: 58, icmpType: 8 }]);
  expect(rulesOf({ action: "Permit", family: "IPv6", protocol: "ICMP" })).toEqual([{ permit: true, family: 6, proto: 58 }]);
});

test("Q-4 a rule keeps the place that its author gave it, behind rules that became two and that were left out", () => {
  const ssh = { action: "Deny", protocol: "TCP", destinationPort: 22 }, ping = { action: "Deny", protocol: "ICMP" }, mixed = { action: "Deny", source: "10.1.0.0/24", destination: "fd00::/64" };
  const places = (...filters: object[]): unknown => { const { filter } = routerOf({ filters }).config.interfaces[0] ?? {}; return filter?.rules.map((_, place) => writtenPlace(filter, place)); };
  expect([places(ssh, ping, ssh), places(ssh, mixed, ssh), places(ping, mixed, ping), places(ssh, ssh)]).toEqual([[0, 1, 1, 2], [0, 2], [0, 0, 2, 2], [0, 1]]);
  expect(routerOf({ filters: [ssh, ssh] }).config.interfaces[0]?.filter).not.toHaveProperty("written");
});

test("Q-4 a rule of two families is told and left out; too many are told and cut", () => {
  const mixed = routerOf({ filters: [{ action: "Deny", source: "10.1.0.0/24", destination: "fd00::/64" }, { action: "Permit" }] });
  expect(mixed.config.interfaces[0]?.filter?.rules).toEqual([{ permit: true }]);
  expect(mixed.problems).toEqual(["error spec.interfaces[0].filters[0]: source, destination and family are not of one family, so the rule matches nothing; it is left out"]);
  const many = routerOf({ filters: Array.from({ length: 200 }, () => ({ action: "Deny", protocol: "ICMP" })) });
  expect([many.config.interfaces[0]?.filter?.rules.length, many.problems.length]).toEqual([256, 1]);
});

test.each<[desc: string, fields: object, problem: string]>([
  ["ports without a protocol", { destinationPort: 80 }, "ports need protocol TCP or UDP"], ["flags without TCP", { tcpFlags: ["SYN"] }, "tcpFlags need protocol TCP"],
  ["a type without ICMP", { icmpType: 8 }, "icmpType needs protocol ICMP"], ["lengths the wrong way", { length: "9-1" }, "is not a range of bytes such as 0-100"],
])("Q-4 %s are refused", (_desc, fields, problem) => {
  expect(routerOf({ filters: [{ action: "Deny", ...fields }] }).problems.join()).toContain(problem);
});

test("behaviour 10 options and source check: defaults, and as asked", () => {
  const one = (fields: object): unknown => { const { filter, sourceCheck } = routerOf(fields).config.interfaces[0] ?? {}; return { filter, sourceCheck }; };
  expect([one({}), one({ sourceCheck: "None" }), one({ type: "WAN" }), one({ type: "WAN", sourceCheck: "Strict" })].map((found) => (found as { sourceCheck?: true }).sourceCheck)).toEqual([true, undefined, undefined, true]);
  expect(one({ ipOptions: { action: "Drop", except: [148] } })).toEqual({ filter: { rules: [], options: { except: [148] } }, sourceCheck: true });
});

test("L-2 session types keep their order, one for each range of ports; an unknown service is told", () => {
  const { config, problems } = routerOf({}, { timers: { udpInitial: "5s" }, sessionTypes: [{ name: "voice", protocol: "UDP", ports: [5060, "7000-7010"], service: "s/none", idleTimeout: "60s", initialTimeout: "2s", trafficClass: "High" }, { name: "ping", protocol: "ICMP", idleTimeout: "3s" }] });
  expect(config.sessionTypes).toEqual([
    ...[{ first: 5060, last: 5060 }, { first: 7000, last: 7010 }].map((ports) => ({ name: "voice", protocol4: 17, protocol6: 17, ports, service: "s/none", idleMs: 60_000, initialMs: 2_000, trafficClass: "High" })),
    { name: "ping", protocol4: 1, protocol6: 58, idleMs: 3_000 },
  ]);
  expect([config.timers.udpInitialMs, problems]).toEqual([5_000, ['warning spec.sessionTypes[0].service: there is no Service "s/none"']]);
});
