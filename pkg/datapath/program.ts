// Makes a configuration true in the kernel: devices are resolved first, so that a missing one changes nothing; then what a packet
// may need is added (rates, next hops, addresses, members), then interfaces, then the programs are attached; only then goes what
// is not wanted any more. Nothing is written that is there already. Called by open.ts; sessions are never touched.
import { SvrError } from "../base/errors.ts";
import type { Handle, Native } from "../native/binding.ts";
import type { DatapathConfig, NexthopEntry } from "../ports/datapath.ts";
import { createAttacher } from "./attach.ts";
import { createConfigMap } from "./configmap.ts";
import type { ConfigMap } from "./configmap.ts";
import { findDevice, findVlan } from "./devices.ts";
import { generationsOf, ifnumsOf, interfaceEntries, localEntries, memberEntry, nexthopEntry, rateEntries } from "./entries.ts";
import type { Way } from "./entries.ts";
import { createGenerations, filterEntries } from "./filters.ts";
import type { Generations } from "./filters.ts";
import { INTERFACE_LINES, INTERFACE_PLACES } from "./layouts.ts";
import { openMap } from "./maps.ts";
import type { MapEntry } from "./maps.ts";
import type { Pins } from "./pins.ts";
import { writeConfig } from "./settings.ts";
import type { SettingsMap } from "./settingsmap.ts";

/** Programmer puts configurations in force, one after the other. */
export interface Programmer {
  program(config: DatapathConfig): void;
  /** our numbers of the interfaces in force */
  ifnums(): number[];
  /** how full each map is */
  fill(): { name: Name; entries: number; limit: number }[];
  close(): void;
}

/** Name of a map of the configuration. */
type Name = "rates" | "nexthops" | "locals" | "members" | "filters" | "interfaces";
type Maps = Record<Name, ConfigMap>;
/** Order of adding; taking away is the reverse. */
const ORDER: readonly Name[] = ["rates", "nexthops", "locals", "members", "filters", "interfaces"];

/** Maps in which an absent entry is one of zeros. */
const ARRAYS: ReadonlySet<Name> = new Set(["nexthops", "interfaces"]);

interface Wanted { entries: Record<Name, MapEntry[]>; devices: number[] }

function refuseMissing(missing: ReadonlySet<string>): void {
  const names = [...missing];
  if (names.length === 0) return;
  throw new SvrError("SVR_INTERFACE_MISSING", {
    object: names.join(", "), attempted: `the configuration names ${names.length === 1 ? "a device" : "devices"} that this network namespace does not have: ${names.join(", ")}`,
    fix: 'make it, or correct spec.interfaces[].device of the Router object; "ip link" lists what is there',
  });
}

/** All devices of a configuration, or the fault that names every missing one. */
function resolve(native: Native, config: DatapathConfig): { index: Map<string, number>; way: (nexthop: NexthopEntry) => Way } {
  const index = new Map<string, number>();
  const missing = new Set<string>();
  for (const name of [...config.interfaces.map((entry) => entry.name), ...config.nexthops.map((entry) => entry.interface)]) {
    const device = index.has(name) ? undefined : findDevice(native, name);
    if (device !== undefined) index.set(name, device.index);
    else if (!index.has(name)) missing.add(name);
  }
  refuseMissing(missing);
  const way = (nexthop: NexthopEntry): Way => {
    const vlan = nexthop.vlan === 0 ? undefined : findVlan(native, nexthop.interface, nexthop.vlan);
    return vlan === undefined ? { ifindex: index.get(nexthop.interface) ?? 0, vlan: nexthop.vlan } : { ifindex: vlan.index, vlan: 0 };
  };
  return { index, way };
}

function linesOf(config: DatapathConfig, devices: readonly number[], generations: ReadonlyMap<number, number>): MapEntry[] {
  const lines = interfaceEntries(config.interfaces, devices, generations);
  if (lines !== undefined) return lines;
  throw new SvrError("SVR_CONFIG_INVALID", {
    object: `${config.interfaces.length} interfaces`, attempted: `more than ${INTERFACE_PLACES} of the interfaces have kernel indexes that differ by multiples of ${INTERFACE_LINES}`,
    fix: "make some of the devices anew, so that they get other indexes, or use fewer interfaces on this router",
  });
}

function wantedOf(native: Native, config: DatapathConfig, generations: Generations): Wanted {
  const { index, way } = resolve(native, config);
  const devices = config.interfaces.map((entry) => index.get(entry.name) ?? 0);
  const filters = filterEntries(config.interfaces);
  return {
    devices,
    entries: {
      rates: rateEntries(config), nexthops: config.nexthops.map((entry) => nexthopEntry(entry, way(entry))), locals: localEntries(config),
      members: config.members.map(memberEntry), filters, interfaces: linesOf(config, devices, generations.next(filters)),
    },
  };
}

function ifnumsIn(maps: Maps): number[] {
  return maps.interfaces.entries().flatMap(ifnumsOf);
}

/** createProgrammer opens the configuration maps; `adopted` ones are read. */
export function createProgrammer(native: Native, load: Handle, at: { pins: Pins; settings: SettingsMap; adopted: boolean }): Programmer {
  const { pins, settings, adopted } = at;
  const open = (name: Name): ConfigMap => createConfigMap(openMap(native, pins.map(name)), ARRAYS.has(name) ? "array" : "hash", adopted);
  const maps: Maps = { rates: open("rates"), nexthops: open("nexthops"), locals: open("locals"), members: open("members"), filters: open("filters"), interfaces: open("interfaces") };
  const generations = createGenerations(maps.filters.entries(), new Map(maps.interfaces.entries().flatMap(generationsOf)));
  const attacher = createAttacher(native, load, pins);
  return {
    program: (config) => {
      const { entries, devices } = wantedOf(native, config, generations);
      settings.change((bytes) => { writeConfig(bytes, config); });
      for (const name of ORDER) maps[name].put(entries[name]);
      attacher.attach(devices);
      attacher.detachOthers(devices);
      for (const name of ORDER.toReversed()) maps[name].drop(entries[name]);
    },
    fill: () => ORDER.map((name) => (name === "interfaces"
      ? { name, entries: ifnumsIn(maps).length, limit: INTERFACE_LINES * INTERFACE_PLACES } : { name, entries: maps[name].entries().length, limit: maps[name].limit })),
    ifnums: () => ifnumsIn(maps),
    close: () => { for (const name of ORDER) maps[name].close(); },
  };
}
