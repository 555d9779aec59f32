// Interface filters as map entries: struct svr_filter by interface number, and the generation that an interface's line carries, which
// rises when its filter changes, so that flows permitted by the one before are judged again. Called by program.ts.
import type { IpAddress } from "../base/address.ts";
import type { Datapath, InterfaceEntry } from "../ports/datapath.ts";
import type { FilterRule, InterfaceFilter } from "../svr/filter.ts";
import { filterLayout, offsetOf, ruleLayout } from "./layouts.ts";
import { keyOf } from "./entries.ts";
import type { BpfMap, MapEntry } from "./maps.ts";
import { createBytes, writeAddress } from "./sessioncodec.ts";
import type { Bytes } from "./sessioncodec.ts";

const PERMIT = 1, VLAN = 2, PROTO = 4, PORTS = 8, TCP = 16, ICMP = 32, DSCP = 64, LENGTH = 128; // SVR_RULE_*
const DROPS_OPTIONS = 1; // SVR_FILTER_OPTIONS
const LAST_GENERATION = 4095;
const EVERY = { first: 0, last: 65_535 };
const at = (name: string): number => offsetOf(ruleLayout, name);

function testsOf(rule: FilterRule): number {
  const asked: [unknown, number][] = [
    [rule.vlan, VLAN], [rule.proto, PROTO], [rule.sourcePorts ?? rule.destinationPorts, PORTS], [rule.tcpFlags, TCP], [rule.icmpType, ICMP], [rule.dscp, DSCP], [rule.length, LENGTH],
  ];
  return asked.reduce((tests, [value, bit]) => (value === undefined ? tests : tests | bit), rule.permit ? PERMIT : 0);
}

function writePrefix({ view }: Bytes, to: number, prefix: { address: IpAddress; length: number } | undefined): void {
  if (prefix === undefined) return;
  writeAddress(view, to, prefix.address);
  for (let word = 0; word < 4; word++) {
    const bits = Math.min(32, Math.max(0, prefix.length - 32 * word));
    view.setUint32(to + 16 + 4 * word, bits === 0 ? 0 : (0xffffffff << (32 - bits)) >>> 0);
  }
}

function writeRule(to: Bytes, base: number, rule: FilterRule): void {
  const u16 = (name: string, value: number): void => { to.view.setUint16(base + at(name), value, true); };
  const u8 = (name: string, value: number): void => { to.view.setUint8(base + at(name), value); };
  writePrefix(to, base + at("source"), rule.source);
  writePrefix(to, base + at("destination"), rule.destination);
  u16("tests", testsOf(rule));
  u16("vlan", rule.vlan ?? 0);
  for (const [name, range] of [["source", rule.sourcePorts], ["destination", rule.destinationPorts], ["length", rule.length]] as const) {
    u16(`${name}_first`, (range ?? EVERY).first);
    u16(`${name}_last`, (range ?? EVERY).last);
  }
  u8("family", rule.family ?? rule.source?.address.family ?? rule.destination?.address.family ?? 0);
  u8("proto", rule.proto ?? 0);
  u8("tcp_mask", rule.tcpFlags?.mask ?? 0);
  u8("tcp_value", rule.tcpFlags?.value ?? 0);
  u8("icmp_type", rule.icmpType ?? 0);
  u8("dscp", rule.dscp ?? 0);
}

function filterEntry(ifnum: number, filter: InterfaceFilter): MapEntry {
  const value = createBytes(filterLayout.size);
  const u32 = (name: string, number: number): void => { value.view.setUint32(offsetOf(filterLayout, name), number >>> 0, true); };
  u32("count", filter.rules.length);
  u32("flags", filter.options === undefined ? 0 : DROPS_OPTIONS);
  u32("options", (filter.options?.except ?? []).reduce((bits, option) => bits | (1 << (option & 31)), 0));
  filter.rules.forEach((rule, index) => { writeRule(value, offsetOf(filterLayout, "rule") + index * ruleLayout.size, rule); });
  return { key: keyOf(ifnum), value: value.array };
}

/** filterEntries are the filters of the interfaces that have one. */
export function filterEntries(interfaces: readonly InterfaceEntry[]): MapEntry[] {
  return interfaces.flatMap(({ ifnum, filter }) => (filter === undefined ? [] : [filterEntry(ifnum, filter)]));
}

/** Generations numbers the filters of interfaces. */
export interface Generations {
  /** by ifnum: the generation of each filter once `entries` are in force */
  next(entries: readonly MapEntry[]): Map<number, number>;
}

/** createGenerations starts from what the maps hold: filters, and the generations that the lines of interfaces carry. */
export function createGenerations(filters: readonly MapEntry[], carried: ReadonlyMap<number, number>): Generations {
  const text = ({ value }: MapEntry): string => Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString("base64");
  const ifnumOf = ({ key }: MapEntry): number => new DataView(key.buffer, key.byteOffset).getUint32(0, true);
  const last = new Map<number, { filter: string; generation: number }>();
  for (const [ifnum, generation] of carried) last.set(ifnum, { filter: "", generation });
  for (const entry of filters) last.set(ifnumOf(entry), { filter: text(entry), generation: carried.get(ifnumOf(entry)) ?? 0 });
  return {
    next: (entries) => new Map(entries.map((entry) => {
      const ifnum = ifnumOf(entry), filter = text(entry), before = last.get(ifnum);
      const same = before?.filter === filter && before.generation !== 0;
      const generation = same ? before.generation : ((before?.generation ?? 0) % LAST_GENERATION) + 1;
      last.set(ifnum, { filter, generation });
      return [ifnum, generation];
    })),
  };
}

/** readDenied gives what the rules of an interface denied, by place. */
export function readDenied(map: BpfMap, ifnum: number): ReturnType<Datapath["denied"]> {
  return new Map(map.dump().flatMap(({ key, value }): [number, number][] => {
    const name = new DataView(key.buffer, key.byteOffset).getUint32(0, true);
    return name >>> 16 === ifnum ? [[name & 0xffff, Number(new DataView(value.buffer, value.byteOffset).getBigUint64(0, true))]] : [];
  }));
}
