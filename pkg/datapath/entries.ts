// The configuration as map entries: interfaces, next hops, addresses, members and rates in the layouts of bpf/svr_types.h. Pure:
// devices are resolved by program.ts before. No rule about what a configuration may say.
import type { IpAddress } from "../base/address.ts";
import type { DatapathConfig, InterfaceEntry, MemberEntry, NexthopEntry } from "../ports/datapath.ts";
import { addressLayout, INTERFACE_LINES, INTERFACE_PLACES, interfaceLayout, interfacesLayout, localLayout, memberKeyLayout, nexthopLayout, offsetOf, rateLayout } from "./layouts.ts";
import type { MapEntry } from "./maps.ts";
import { createBytes, writeAddress } from "./sessioncodec.ts";
import type { Bytes } from "./sessioncodec.ts";

const SHARED = 1, HOSTS = 2, SOURCES = 4, FILTER_SHIFT = 4; // SVR_IF_*
const WAYPOINT = 1, PEER = 2; // SVR_LOCAL_*
const RATE_REMOTE = 0, RATE_NO_TENANT = 0xffffffff; // SVR_RATE_*
const MEMBER_BITS = 64; // ifnum, vlan, family in front of the prefix
const MTU_MAX = 0xffff;
const CUTTABLE = 1; // SVR_NH_CUTTABLE

/** Way is where a next hop's packets go out: a device by its index, and the tag that is still to be pushed. */
export interface Way { ifindex: number; vlan: number }

/** keyOf is a 32-bit key. */
export function keyOf(value: number): Uint8Array {
  const { view, array } = createBytes(4);
  view.setUint32(0, value, true);
  return array;
}

/** interfaceEntries are the lines of the map by the kernel's indexes; undefined when more than eight interfaces fall into one line. */
export function interfaceEntries(interfaces: readonly InterfaceEntry[], ifindexes: readonly number[], generations: ReadonlyMap<number, number> = new Map()): MapEntry[] | undefined {
  const lines = new Map<number, { used: number; bytes: Bytes }>();
  for (const [i, entry] of interfaces.entries()) {
    const ifindex = ifindexes[i] ?? 0, number = ifindex % INTERFACE_LINES;
    const line = lines.get(number) ?? { used: 0, bytes: createBytes(interfacesLayout.size) };
    if (line.used === INTERFACE_PLACES) return undefined;
    const { view } = line.bytes, at = interfaceLayout.size * line.used++;
    view.setUint32(at + offsetOf(interfaceLayout, "ifindex"), ifindex, true);
    view.setUint16(at + offsetOf(interfaceLayout, "ifnum"), entry.ifnum, true);
    view.setUint16(at + offsetOf(interfaceLayout, "flags"), flagsOf(entry, generations.get(entry.ifnum) ?? 0), true);
    lines.set(number, line);
  }
  return [...lines].map(([number, { bytes }]) => ({ key: keyOf(number), value: bytes.array }));
}

function flagsOf(entry: InterfaceEntry, generation: number): number {
  return (entry.shared ? SHARED : 0) | (entry.hosts ? HOSTS : 0) | (entry.sourceCheck === true ? SOURCES : 0) | (generation << FILTER_SHIFT);
}

/** generationsOf are the generations of filters that a line of the map carries, by interface number. */
export function generationsOf({ value }: MapEntry): [ifnum: number, generation: number][] {
  const view = new DataView(value.buffer, value.byteOffset, value.byteLength);
  const places = Array.from({ length: INTERFACE_PLACES }, (_, i) => i * interfaceLayout.size).filter((at) => view.getUint32(at + offsetOf(interfaceLayout, "ifindex"), true) !== 0);
  return places.map((at) => [view.getUint16(at + offsetOf(interfaceLayout, "ifnum"), true), view.getUint16(at + offsetOf(interfaceLayout, "flags"), true) >> FILTER_SHIFT]);
}

/** ifnumsOf are our numbers of the interfaces that a line of the map holds. */
export function ifnumsOf(line: MapEntry): number[] {
  return generationsOf(line).map(([ifnum]) => ifnum);
}

/** nexthopEntry names a device and, if there is one, a gateway; link addresses are the kernel's business. */
export function nexthopEntry(entry: NexthopEntry, way: Way): MapEntry {
  const { view, array } = createBytes(nexthopLayout.size);
  const u16 = (name: string, value: number): void => { view.setUint16(offsetOf(nexthopLayout, name), value, true); };
  view.setUint32(offsetOf(nexthopLayout, "ifindex"), way.ifindex, true);
  view.setUint8(offsetOf(nexthopLayout, "family"), entry.family);
  view.setUint8(offsetOf(nexthopLayout, "flags"), entry.cuttable === true ? CUTTABLE : 0);
  if (entry.gateway !== undefined) writeAddress(view, offsetOf(nexthopLayout, "gateway"), entry.gateway);
  u16("ifnum", entry.ifnum);
  u16("vlan", way.vlan);
  u16("mtu", Math.min(entry.mtu, MTU_MAX));
  u16("mss4", entry.mss4);
  u16("mss6", entry.mss6);
  return { key: keyOf(entry.index), value: array };
}

function addressEntry(address: IpAddress, flags: number): MapEntry {
  const key = createBytes(addressLayout.size), value = createBytes(localLayout.size);
  key.view.setUint32(offsetOf(addressLayout, "family"), address.family, true);
  writeAddress(key.view, offsetOf(addressLayout, "address"), address);
  value.view.setUint32(offsetOf(localLayout, "flags"), flags, true);
  return { key: key.array, value: value.array };
}

/** localEntries are our addresses and those of peers; one that is both is ours. */
export function localEntries(config: DatapathConfig): MapEntry[] {
  return [...config.peers.map((address) => addressEntry(address, PEER)), ...config.locals.map((local) => addressEntry(local.address, local.waypoint ? WAYPOINT : 0))];
}

/** memberEntry gives a prefix of sources on an interface its tenant. */
export function memberEntry(member: MemberEntry): MapEntry {
  const { view, array } = createBytes(memberKeyLayout.size);
  view.setUint32(offsetOf(memberKeyLayout, "prefixlen"), MEMBER_BITS + member.prefix.length, true);
  view.setUint16(offsetOf(memberKeyLayout, "ifnum"), member.ifnum, true);
  view.setUint16(offsetOf(memberKeyLayout, "vlan"), member.vlan, true);
  view.setUint8(offsetOf(memberKeyLayout, "family"), member.prefix.address.family);
  writeAddress(view, offsetOf(memberKeyLayout, "address"), member.prefix.address);
  return { key: array, value: keyOf(member.tenant ?? RATE_NO_TENANT) };
}

/** rateEntries are the token buckets' rates, by tenant, and that of every remote address. */
export function rateEntries(config: DatapathConfig): MapEntry[] {
  const entry = (key: number, perSecond: number, burst: number): MapEntry => {
    const { view, array } = createBytes(rateLayout.size);
    view.setUint32(offsetOf(rateLayout, "per_second"), perSecond, true);
    view.setUint32(offsetOf(rateLayout, "burst"), burst, true);
    return { key: keyOf(key), value: array };
  };
  return [entry(RATE_REMOTE, config.remoteRate.perSecond, config.remoteRate.burst), ...config.rates.map((rate) => entry(rate.tenant, rate.perSecond, rate.burst))];
}
