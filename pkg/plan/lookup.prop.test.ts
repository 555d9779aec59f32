// P-1, P-2, P-3, P-6: the service lookup against a linear model that tries every entry.
import fc from "fast-check";
import type { IpAddress } from "../base/address.ts";
import { globalTenant } from "./config.ts";
import type { RouterConfig } from "./config.ts";
import { compareNames, entriesOf, entryMatches, matchersOf, tenantLine } from "./entries.ts";
import type { LookupEntry } from "./entries.ts";
import { buildLookup } from "./lookup.ts";
import { addressOf, configOf } from "../../test/support/config/sample.ts";
import type { ServiceSketch } from "../../test/support/config/sample.ts";

interface Packet { tenant: string; proto: number; port: number; destination: IpAddress }

/** The order of behaviour 2.3, the winner first. */
function compareEntries(a: LookupEntry, b: LookupEntry): number {
  const levels = (entry: LookupEntry): number => entry.access.tenant.split(".").length;
  const width = ({ ports }: LookupEntry): number => (ports === undefined ? 65_536 : ports.last - ports.first + 1);
  return a.class - b.class || b.prefix.length - a.prefix.length || levels(b) - levels(a) || width(a) - width(b) || compareNames(a.service.name, b.service.name);
}

/** The slow truth: all entries of the tenant and its ancestors that match, best first by behaviour 2.3. */
function slowFind(config: RouterConfig, packet: Packet): { access: string; why: string; service?: string } {
  const line = tenantLine(packet.tenant);
  const hits = config.services.flatMap(entriesOf).filter((entry) => line.includes(entry.access.tenant) && entryMatches(entry, packet)).sort(compareEntries);
  const best = hits[0];
  if (best !== undefined) return { access: best.access.permission.toLowerCase(), why: best.access.permission === "Allow" ? "allow" : "access", service: best.service.name };
  const met = config.services.some((service) => service.enabled && matchersOf(service).some((matcher) => entryMatches(matcher, packet)));
  return { access: "miss", why: met ? "access" : "no-service" };
}

function fastFind(config: RouterConfig, packet: Packet): { access: string; why: string; service?: string } {
  const lookup = buildLookup(config);
  const selection = lookup.find(lookup.tenantId(packet.tenant) ?? -1, packet.proto, packet.port, packet.destination);
  const { access, why } = selection;
  return selection.access === "miss" ? { access, why } : { access, why, service: selection.service.name };
}

const tenants = ["acme", "hr.acme", "dev.acme", "web.dev.acme", "zeta"];
const prefixes = ["0.0.0.0/0", "10.0.0.0/8", "10.1.0.0/16", "10.1.2.0/24", "10.1.2.3/32", "::/0", "2001:db8::/32", "2001:db8::1/128"];
const transports = ["tcp", "udp", "icmp", "47", "tcp/80", "tcp/443", "tcp/1-1024", "tcp/400-500", "tcp/430-450", "udp/53", "udp/1-65535", "udp/65535"];
const subset = (values: string[], maxLength: number): fc.Arbitrary<string[]> => fc.uniqueArray(fc.constantFrom(...values), { maxLength });

const sketch = fc.tuple(subset(prefixes, 4), subset(transports, 4), subset([...tenants, globalTenant], 4), fc.nat(5), fc.boolean())
  .map(([to, list, access, denied, enabled]) => ({ to, transports: list, allow: access.slice(denied), deny: access.slice(0, denied), enabled: enabled || denied < 4 }));
const sketches: fc.Arbitrary<ServiceSketch[]> = fc.array(sketch, { maxLength: 12 })
  .map((list) => list.map((one, index) => ({ ...one, name: `shop/${String.fromCharCode(97 + ((index * 7) % 26))}` })));
const packets: fc.Arbitrary<Packet[]> = fc.array(fc.record({
  tenant: fc.constantFrom(...tenants, globalTenant),
  proto: fc.constantFrom(6, 17, 1, 58, 47),
  port: fc.constantFrom(0, 1, 53, 80, 400, 430, 443, 450, 451, 500, 501, 1024, 1025, 65_535),
  destination: fc.constantFrom("10.1.2.3", "10.1.2.4", "10.1.3.1", "10.9.9.9", "11.0.0.1", "2001:db8::1", "2001:db8::2", "fd00::1").map(addressOf),
}), { minLength: 5, maxLength: 30 });

test("P-1 P-2 P-3 P-6 the fast lookup gives what the linear model gives, in any order of services", () => {
  fc.assert(fc.property(sketches, packets, (services, list) => {
    const config = configOf(tenants, services);
    const reversed = configOf(tenants, services.toReversed());
    for (const packet of list) {
      const expected = slowFind(config, packet);
      expect(fastFind(config, packet)).toEqual(expected);
      expect(fastFind(reversed, packet)).toEqual(expected);
    }
  }), { numRuns: 200 });
});
