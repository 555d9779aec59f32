// Small RouterConfigs for tests of the compiler and of routers, built in memory. Imported by tests only.
import { parseAddress } from "../../../pkg/base/addresstext.ts";
import type { IpAddress } from "../../../pkg/base/address.ts";
import { networkOf, parsePrefix } from "../../../pkg/base/prefix.ts";
import type { Prefix } from "../../../pkg/base/prefix.ts";
import { globalTenant } from "../../../pkg/plan/config.ts";
import type { AccessConfig, Origin, RouterConfig, ServiceConfig, TransportConfig } from "../../../pkg/plan/config.ts";

/** addressOf reads an address of a test, which must be right. */
export function addressOf(text: string): IpAddress {
  const address = parseAddress(text);
  if (address === undefined) throw new Error(`not an address: ${text}`);
  return address;
}

/** prefixOf reads a prefix of a test, which must be right. */
export function prefixOf(text: string): Prefix {
  const prefix = parsePrefix(text);
  if (prefix === undefined) throw new Error(`not a prefix: ${text}`);
  return networkOf(prefix);
}

/** originOf names a line of the test. */
export function originOf(object: string, field = "spec"): Origin {
  return { object, field };
}

/** ServiceSketch is a service in short form: transports as `tcp/443`, `udp/5000-5010`, `udp`, `icmp` or a number. */
export interface ServiceSketch {
  name: string;
  to: string[];
  transports?: string[];
  allow?: string[];
  deny?: string[];
  enabled?: boolean;
}

const numbers: Record<string, [number, number]> = { tcp: [6, 6], udp: [17, 17], icmp: [1, 58] };

function transportOf(text: string, origin: Origin): TransportConfig {
  const [name = "", ports] = text.split("/");
  const [protocol4, protocol6] = numbers[name] ?? [Number(name), Number(name)];
  if (ports === undefined) return { protocol4, protocol6, origin };
  const [first, last] = ports.split("-");
  return { protocol4, protocol6, ports: { first: Number(first), last: Number(last ?? first) }, origin };
}

/** serviceOf makes a service of a sketch. */
export function serviceOf(sketch: ServiceSketch): ServiceConfig {
  const object = `Service ${sketch.name}`;
  const access = (permission: AccessConfig["permission"], tenants: string[] = []): AccessConfig[] =>
    tenants.map((tenant) => ({ tenant, permission, origin: originOf(object, "spec.access") }));
  return {
    name: sketch.name, enabled: sketch.enabled ?? true, enforcement: "Reset", sourceNat: "None", trafficClass: "BestEffort", sessionRecovery: "PacketBased",
    addresses: sketch.to.map((one) => ({ prefix: prefixOf(one), origin: originOf(object, "spec.addresses") })),
    transports: (sketch.transports ?? []).map((one) => transportOf(one, originOf(object, "spec.transports"))),
    access: [...access("Allow", sketch.allow), ...access("Deny", sketch.deny)],
    origin: originOf(object),
  };
}

/** configOf makes a configuration with these tenants and services and nothing else. */
export function configOf(tenants: string[], services: ServiceSketch[]): RouterConfig {
  const origin = originOf("Router one");
  return {
    format: 1, name: "one", origin, interfaces: [], nexthops: [], locals: [], members: [], routes: [], peers: [], paths: [],
    tenants: [globalTenant, ...tenants.toSorted()].map((name, id) => ({ name, id, maxSessions: 0, firstPacketsPerSecond: 0, origin: originOf(`Tenant ${name}`) })),
    services: services.map(serviceOf),
    limits: { sessions: 1_000_000, halfOpen: 0, firstPacketRate: 0, perRemoteRate: 0, sessionsPerSource: 0, halfOpenPerSource: 0, halfOpenPerTenant: 0 },
    timers: {
      quarantineMs: 30_000, guardMs: 2_000, synSentMs: 10_000, synRcvdMs: 10_000, halfClosedIdleMs: 300_000, closingMs: 10_000, resetMs: 5_000,
      interimMs: 300_000, inactivityMs: 5_000, tcpIdleMs: 1_900_000, udpIdleMs: 180_000, icmpIdleMs: 10_000, otherIdleMs: 180_000,
    },
    natPools: [], staticNats: [], mssClamp: "Automatic", pathMtu: { discovery: true, intervalMs: 600_000 }, shards: 0,
  };
}
