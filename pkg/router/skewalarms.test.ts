// Alarms on clocks: from how many packets on, for how long, and what they say.
import { addSkews, createSkewAlarms } from "./skewalarms.ts";

const west = (count: number, epochs = 5): { west: { count: number; epochs: number } } => ({ west: { count, epochs } });

test("RB-21 five packets in a minute that would be right at another time raise the alarm, with peer, offset and what to do; a minute without clears it", () => {
  const alarms = createSkewAlarms();
  expect([alarms.step({}, 0), alarms.step(west(4), 1_000), alarms.step(west(4), 2_000)]).toEqual([[], [], []]);
  expect(alarms.step(west(5), 3_000)).toEqual([{
    severity: "major", name: "clock-skew", object: "peer west",
    text: "its clock is about 10 s ahead of ours: what it sends is dropped (hmac-clock-skew). Set both clocks by NTP; hmac.window of the peer widens what is accepted, by 2 s each",
  }]);
  expect([alarms.step(west(5), 60_999).length, alarms.step(west(5), 61_000)]).toEqual([1, []]); // the first four are too old by then
});

test("few packets over a long time, such as old ones sent again, are no alarm; one that is behind is told as that", () => {
  const alarms = createSkewAlarms();
  expect(Array.from({ length: 20 }, (_, i) => alarms.step(west(i), i * 20_000)).flat()).toEqual([]);
  expect(alarms.step(west(30, -6), 400_000)[0]?.text).toContain("its clock is about 12 s behind ours, or somebody sends old packets of it again:");
});

test("a peer that is gone has no alarm; totals of several are added", () => {
  const alarms = createSkewAlarms();
  expect([alarms.step(west(9), 1_000).length, alarms.step({}, 2_000), alarms.step(west(4), 3_000)]).toEqual([1, [], []]);
  expect(addSkews([west(3, 5), { ...west(1, 6), east: { count: 2, epochs: -7 } }])).toEqual({ west: { count: 4, epochs: 6 }, east: { count: 2, epochs: -7 } });
});
