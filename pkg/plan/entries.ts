// Lookup entries of behaviour 2.3: one per address, transport and access line of a service.
// Called by the lookup, by the compiler's check for equal entries, and by explain. Pure; which entry wins is decided by servicetable.ts.
import { containsAddress } from "../base/prefix.ts";
import type { IpAddress } from "../base/address.ts";
import type { Prefix } from "../base/prefix.ts";
import { globalTenant } from "./config.ts";
import type { AccessConfig, Origin, PortRange, ServiceConfig, TransportConfig } from "./config.ts";

/** EntryClass: 1 prefix, protocol and ports; 2 prefix and protocol; 3 prefix only. The lowest class with a match wins. */
export type EntryClass = 1 | 2 | 3;

/** Matcher is what a packet must be like: a destination prefix, perhaps a protocol, perhaps a destination port. */
export interface Matcher {
  service: ServiceConfig;
  class: EntryClass;
  prefix: Prefix;
  protocol?: number;
  ports?: PortRange;
  address: Origin;
  transport?: Origin;
}

/** LookupEntry is a matcher with one access line. */
export interface LookupEntry extends Matcher {
  access: AccessConfig;
}

/** largestExpansion bounds the entries of one service; more is refused at validation. */
export const largestExpansion = 65_536;

/** expansionOf counts the entries of a service without making them. */
export function expansionOf(service: ServiceConfig): number {
  return service.addresses.length * Math.max(1, service.transports.length) * Math.max(1, service.access.length);
}

/** matchersOf lists what selects a service, whoever asks. */
export function matchersOf(service: ServiceConfig): Matcher[] {
  return service.addresses.flatMap(({ prefix, origin: address }) => {
    if (service.transports.length === 0) return [{ service, class: 3 as const, prefix, address }];
    return service.transports.map((transport) => matcherOf({ service, prefix, address, transport }));
  });
}

function matcherOf(part: { service: ServiceConfig; prefix: Prefix; address: Origin; transport: TransportConfig }): Matcher {
  const { service, prefix, address, transport } = part;
  const protocol = prefix.address.family === 4 ? transport.protocol4 : transport.protocol6;
  const base = { service, prefix, protocol, address, transport: transport.origin };
  return transport.ports === undefined ? { ...base, class: 2 } : { ...base, class: 1, ports: transport.ports };
}

/** entriesOf lists the entries of a service; a disabled one has none. */
export function entriesOf(service: ServiceConfig): LookupEntry[] {
  if (!service.enabled) return [];
  const matchers = matchersOf(service);
  return service.access.flatMap((access) => matchers.map((matcher) => ({ ...matcher, access })));
}

/** entryMatches tells whether a packet fits a matcher; port 0 for protocols without ports. */
export function entryMatches(matcher: Matcher, packet: { proto: number; port: number; destination: IpAddress }): boolean {
  if (!containsAddress(matcher.prefix, packet.destination)) return false;
  if (matcher.protocol !== undefined && matcher.protocol !== packet.proto) return false;
  return matcher.ports === undefined || (packet.port >= matcher.ports.first && packet.port <= matcher.ports.last);
}

/** tenantLine lists a tenant and its ancestors, most specific first (behaviour 2.1: `child.parent`); `<global>` is no ancestor. */
export function tenantLine(name: string): string[] {
  const labels = name.split(".");
  return labels.map((_label, index) => labels.slice(index).join(".")).filter((one) => one !== globalTenant || one === name);
}

/** compareNames orders names by their bytes; names are ASCII. */
export function compareNames(a: string, b: string): number {
  return a === b ? 0 : a < b ? -1 : 1;
}
