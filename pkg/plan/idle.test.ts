// Idle timeouts by behaviour 3.5: of the service, of known traffic, of the protocol.
import { configOf } from "../../test/support/config/sample.ts";
import { idleTimeout } from "./idle.ts";

test.each<[desc: string, proto: number, port: number, service: { idleMs?: number }, idleMs: number]>([
  ["TCP", 6, 443, {}, 1_900_000], ["UDP", 17, 443, {}, 180_000], ["ICMP", 1, 0, {}, 10_000], ["ICMPv6", 58, 0, {}, 10_000], ["another protocol", 47, 0, {}, 180_000],
  ["L-2 DNS", 17, 53, {}, 5_000], ["L-2 DNS over TCP", 6, 53, {}, 5_000], ["SSH", 6, 22, {}, 1_900_000], ["the service's own, also for DNS", 17, 53, { idleMs: 7 }, 7],
])("%s", (_desc, proto, port, service, idleMs) => {
  expect(idleTimeout(configOf([], []), service, { proto, port })).toBe(idleMs);
});
