// Differential fuzz: the eBPF program and the model must agree on every generated packet. FUZZ_PACKETS and FUZZ_SEED repeat a
// run or make it longer; the seed of every run is printed, and that of a run that failed goes into corpus/seeds.json.
import { describeDifference, runDifferential } from "./differential.ts";
import { longer, scaled } from "../support/scale.ts";
import { seedFrom } from "./random.ts";

const packets = Number(process.env["FUZZ_PACKETS"] ?? scaled(1_000_000));
const seed = seedFrom(process.env["FUZZ_SEED"], Date.now());

test(`${packets} generated packets get the same verdict, bytes, session, copies and records from eBPF and from the model`, async () => {
  console.log(`differential fuzz: ${packets} packets, FUZZ_SEED=${seed}`);
  const found = await runDifferential({ packets, seed });
  console.log(JSON.stringify(found.counts));
  if (found.difference !== undefined) throw new Error(describeDifference(found.difference, seed));
  expect(found.packets).toBe(packets);
  // The generator must reach every verdict, or agreement would mean little.
  const causes = Object.keys(found.counts).filter((label) => label.startsWith("punt")).length;
  expect(causes).toBe(13);
  expect(Object.keys(found.counts)).toEqual(expect.arrayContaining(["opened: out", "opened: punt 6", "opened: punt 13", "opened: drop no-flow", "opened: drop state"]));
  expect(found.counts["out"]).toBeGreaterThan(packets / 5);
  expect(Object.keys(found.counts)).toEqual(expect.arrayContaining(["pass", "cuttable", "icmp by type", "icmp answer first", "drop filter", "drop state", "drop no-service", "drop no-nexthop", "told filter", "told state", "told no-service"]));
  expect(Object.keys(found.counts)).toEqual(expect.arrayContaining(["copy 0", "copy 1", "copy 2", "copy 3", "copy of a super-packet", "copies lost"]));
  expect(Object.keys(found.counts)).toEqual(expect.arrayContaining(["record start", "record end", "record release", "record waits", "records lost"]));
}, longer(600_000));
