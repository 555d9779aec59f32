// Payload keys become old by time and by packets, each period once, at the ingress of encrypted sessions only.
import { flowSession } from "../../test/support/flows.ts";
import type { DatapathRecord } from "../ports/datapath.ts";
import { Protect, Role } from "../svr/session.ts";
import type { Session } from "../svr/session.ts";
import { createKeyAges } from "./keyages.ts";

const HOUR = 3_600_000;
const interim = (timeMs: number, change: Partial<Session> = {}, type: DatapathRecord["type"] = "interim"): DatapathRecord => ({
  type, timeMs, index: 3, session: flowSession({ family: 4, proto: "udp", role: "ingress" }, 1, { createdMs: 0, protect: Protect.encrypted, service: 7, packets: [0n, 0n], ...change }),
});

test("8.2 an old key is due once in each period, whenever its interim record comes", () => {
  const ages = createKeyAges((service) => (service === 7 ? 24 * HOUR : 0));
  expect([1, 23.9, 24.1, 24.2, 47, 72.5, 73].map((hours) => ages.isDue(interim(hours * HOUR)))).toEqual([false, false, true, false, false, true, false]);
});

test("8.2 2^31 packets of either direction are as good as a period", () => {
  const ages = createKeyAges(() => 0), most = 2n ** 31n;
  expect([most - 1n, most, most + 1n].map((packets) => ages.isDue(interim(1, { packets: [5n, packets] })))).toEqual([false, true, false]);
  expect(ages.isDue(interim(2, { packets: [2n * most, 0n] }))).toBe(true);
});

test("other roles, clear sessions and other records are not asked; a slot begins anew with its next session", () => {
  const ages = createKeyAges(() => HOUR), late = 2 * HOUR;
  expect([ages.isDue(interim(late, { role: Role.egress })), ages.isDue(interim(late, { protect: Protect.watch })), ages.isDue(interim(late, {}, "start"))]).toEqual([false, false, false]);
  expect([ages.isDue(interim(late)), ages.isDue(interim(late)), ages.isDue(interim(late, {}, "end")), ages.isDue(interim(late))]).toEqual([true, false, false, true]);
});
