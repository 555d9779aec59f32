// The alarm on drops of behaviour 9.4: above 100 a second for 10 s, by peer and reason.
import { createDropRates } from "./droprates.ts";
import type { DropTotals } from "./droprates.ts";

const totals = (peer: Record<string, number>, all = peer): DropTotals => ({ drops: all, peerDrops: { west: peer } });
/** the seconds at which the alarm holds, of totals that grow by `perSecond` until `until` */
function alarms(reason: string, perSecond: number, until: number): string[] {
  const rates = createDropRates("east");
  return Array.from({ length: 30 }, (_, second) => rates.step(totals({ [reason]: perSecond * Math.min(second, until) }), second * 1000).map(({ name, object }) => `${second} ${object} ${name}`)).flat();
}

test("9.4 RB-21 raised after 10 s above 100 a second, cleared when it falls, by peer", () => {
  expect(alarms("hmac-failure", 101, 12)).toEqual(["10 peer west hmac-failure", "11 peer west hmac-failure", "12 peer west hmac-failure"]);
  expect([alarms("replay-first-packet", 101, 10), alarms("replay-payload", 101, 10)]).toEqual([["10 peer west replay"], ["10 peer west replay"]]);
  expect([alarms("hmac-failure", 100, 30), alarms("hmac-failure", 500, 9), alarms("no-flow", 500, 30)]).toEqual([[], [], []]);
});

test("drops of nobody known count for the router; counters that begin high say nothing", () => {
  const rates = createDropRates("east");
  const said = Array.from({ length: 12 }, (_, second) => rates.step(totals({ "hmac-failure": 50 * second }, { "hmac-failure": 1_000_000 + 250 * second }), second * 1000));
  expect(said.at(-1)).toEqual([{ severity: "major", name: "hmac-failure", object: "Router east", text: "more than 100 packets a second were dropped for 10 s or longer (hmac-failure)" }]);
  expect(said.slice(0, 10).flat()).toEqual([]);
});
