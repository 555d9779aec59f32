// Idle timeouts by behaviour 3.5: of the service, of a user type, of known traffic, of the protocol.
import { configOf } from "../../test/support/config/sample.ts";
import type { SessionTypeConfig } from "./config.ts";
import { sessionTypeOf, timeoutsOf } from "./idle.ts";

const sessionTypes: SessionTypeConfig[] = [
  { name: "voice", protocol4: 17, protocol6: 17, ports: { first: 5060, last: 5061 }, idleMs: 60, initialMs: 5, trafficClass: "High" },
  { name: "dns", protocol4: 17, protocol6: 17, ports: { first: 53, last: 53 }, service: "s/dns", idleMs: 9 }, { name: "ping", protocol4: 1, protocol6: 58, initialMs: 3 },
];

test.each<[desc: string, proto: number, port: number, service: { idleMs?: number }, idleMs: number]>([
  ["TCP", 6, 443, {}, 1_900_000], ["UDP", 17, 443, {}, 180_000], ["ICMP", 1, 0, {}, 10_000], ["ICMPv6", 58, 0, {}, 10_000], ["another protocol", 47, 0, {}, 180_000],
  ["L-2 DNS", 17, 53, {}, 5_000], ["L-2 DNS over TCP", 6, 53, {}, 5_000], ["SSH", 6, 22, {}, 1_900_000], ["the service's own, also for DNS", 17, 53, { idleMs: 7 }, 7],
])("%s", (_desc, proto, port, service, idleMs) => {
  expect(timeoutsOf(configOf([], []), { name: "s", ...service }, { proto, port })).toEqual({ idleMs, initialMs: 0 });
});

test.each<[desc: string, proto: number, port: number, service: { name: string; idleMs?: number }, idleMs: number, initialMs: number]>([
  ["a user type", 17, 5061, { name: "s/x" }, 60, 5], ["before a built-in one, for its service", 17, 53, { name: "s/dns" }, 9, 0], ["not for another service", 17, 53, { name: "s/x" }, 5_000, 0],
  ["a service's own timeout wins", 17, 5060, { name: "s/x", idleMs: 7 }, 7, 5], ["ICMP of both families", 58, 0, { name: "s/x" }, 10_000, 3], ["not for another port", 17, 5062, { name: "s/x" }, 180_000, 0],
])("L-2 session types: %s", (_desc, proto, port, service, idleMs, initialMs) => {
  expect(timeoutsOf({ ...configOf([], []), sessionTypes }, service, { proto, port })).toEqual({ idleMs, initialMs });
});

test("L-2 UDP has an initial timeout of its own; a type has a class", () => {
  const config = configOf([], []);
  expect(timeoutsOf({ ...config, timers: { ...config.timers, udpInitialMs: 11 } }, { name: "s" }, { proto: 17, port: 9 })).toEqual({ idleMs: 180_000, initialMs: 11 });
  expect(sessionTypeOf({ sessionTypes }, { name: "s" }, { proto: 17, port: 5060 })?.trafficClass).toBe("High");
});
