// Filters of interfaces for the differential fuzz: rules that often match the flows of the world, most of them permitting, so that
// packets still get through. Pure: everything comes from the generator it is given.
import type { InterfaceEntry } from "../../pkg/ports/datapath.ts";
import type { FilterRule } from "../../pkg/svr/filter.ts";
import { place } from "../support/flows.ts";
import type { Random } from "./random.ts";

const PLACES = ["host", "server", "waypoint", "peer", "nat"] as const;

/** fuzzFilters gives every second interface a filter in every second round. */
export function fuzzFilters(random: Random, interfaces: readonly InterfaceEntry[]): InterfaceEntry[] {
  const isFiltered = random.chance(50);
  return interfaces.map((one) => {
    const entry = { ...one, sourceCheck: random.chance(20) };
    if (!isFiltered || random.chance(50)) return entry;
    const rules = Array.from({ length: 1 + random.below(random.chance(10) ? 256 : 6) }, () => ruleOf(random));
    return { ...entry, filter: { rules, ...(random.chance(30) ? { options: { except: random.chance(50) ? [7, 148] : [] } } : {}) } };
  });
}

function prefixOf(random: Random, family: 4 | 6): NonNullable<FilterRule["source"]> {
  const address = place(family, random.pick(PLACES), random.below(4));
  return { address, length: address.family === 4 ? random.pick([0, 8, 16, 24, 30, 32]) : random.pick([0, 32, 64, 96, 127, 128]) };
}

function rangeOf(random: Random): { first: number; last: number } {
  const ends = [random.pick([0, 53, 443, 16_384, 20_000, 40_000]), random.pick([443, 1024, 20_000, 45_000, 65_535])].sort((a, b) => a - b);
  return { first: ends[0] ?? 0, last: ends[1] ?? 0 };
}

/** Few fields, so that a rule matches now and then. */
function ruleOf(random: Random): FilterRule {
  const rule: FilterRule = { permit: random.chance(75) };
  const family = random.chance(50) ? 4 : 6; // a rule of two families matches nothing, and the compiler lets none through
  if (random.chance(20)) rule.family = family;
  if (random.chance(10)) rule.vlan = random.pick([0, 7, 12]);
  if (random.chance(40)) rule.source = prefixOf(random, family);
  if (random.chance(30)) rule.destination = prefixOf(random, family);
  if (random.chance(40)) rule.proto = random.pick([1, 6, 17, 44, 58]);
  if (random.chance(25)) rule.sourcePorts = rangeOf(random);
  if (random.chance(25)) rule.destinationPorts = rangeOf(random);
  if (random.chance(15)) {
    const mask = random.below(64);
    rule.tcpFlags = { mask, value: mask & random.below(64) };
  }
  if (random.chance(8)) rule.icmpType = random.pick([0, 3, 8, 128, 129]);
  if (random.chance(10)) rule.dscp = random.below(64);
  if (random.chance(10)) rule.length = { first: random.below(200), last: 200 + random.below(1400) };
  return rule;
}
