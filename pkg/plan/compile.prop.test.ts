// The contract of the compiler over random configurations: order has no effect, a bad object changes nothing but itself, and
// every name in the result leads somewhere.
import fc from "fast-check";
import { parsedOf, randomObjects } from "../../test/support/config/random.ts";
import type { ParsedObject } from "../api/document.ts";
import { canonicalJson } from "./canonical.ts";
import { compile } from "./compile.ts";
import type { RouterConfig } from "./config.ts";

const bytesOf = (objects: ParsedObject[]): string => {
  const { routers, problems } = compile({ objects });
  return canonicalJson([...routers]) + canonicalJson(problems);
};

test("the same objects in any order give the same bytes", () => {
  const shuffled = randomObjects.chain((objects) => fc.tuple(fc.constant(objects), fc.shuffledSubarray(objects, { minLength: objects.length })));
  fc.assert(fc.property(shuffled, ([objects, mixed]) => { expect(bytesOf(mixed)).toBe(bytesOf(objects)); }), { numRuns: 50 });
});

const bad: ParsedObject[] = [
  parsedOf("Tenant", { name: "lost.nowhere" }, { members: [{ router: "one", interface: "lan9" }, { interface: "wan0" }] }),
  parsedOf("Service", { name: "bad", namespace: "zz" }, { addresses: ["203.0.113.0/24"], access: [{ tenant: "nobody" }], servicePolicyRef: { name: "gone" }, securityPolicyRef: { name: "gone" }, tests: [{ tenant: "acme", to: "203.0.113.1" }] }),
  parsedOf("ServiceRoute", { name: "bad", namespace: "zz" }, { serviceRef: { name: "gone" }, routers: ["one", "gone"], type: "Peer", peer: { peer: "gone" } }),
  parsedOf("Router", { name: "bad" }, {
    interfaces: [{ name: "lan0", type: "LAN", gateways: ["10.0.0.1"], waypoints: [{ address: "10.0.0.9" }] }, { name: "again", type: "LAN", device: "lan0" }],
    peers: [{ name: "bad", paths: [{ name: "p", interface: "lan0", remoteAddress: "10.0.0.2" }] }, { name: "one", psk: { file: "k" }, paths: [{ name: "p", interface: "gone", remoteAddress: "10.0.0.2" }] }],
  }),
];

/** A configuration without what came from one object, and without tenant numbers, which count all names. */
function without(config: RouterConfig | undefined, id: string): unknown {
  const strip = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.filter((one: { origin?: { object?: string } }) => one.origin?.object !== id).map(strip);
    return typeof value === "object" && value !== null ? Object.fromEntries(Object.entries(value).filter(([key]) => key !== "id").map(([key, one]: [string, unknown]) => [key, strip(one)])) : value;
  };
  return strip(config);
}

test("one bad object of any kind changes nothing of the others", () => {
  fc.assert(fc.property(randomObjects, fc.constantFrom(...bad), (objects, one) => {
    const alone = compile({ objects });
    const beside = compile({ objects: [...objects, one] });
    for (const name of ["one", "two"]) expect(without(beside.routers.get(name), one.id)).toEqual(without(alone.routers.get(name), one.id));
    expect(beside.problems.some((problem) => problem.object === one.id && problem.severity === "error")).toBe(true);
  }), { numRuns: 50 });
});

test("every name in a configuration leads somewhere; keys and numbers are unique; lists are sorted", () => {
  fc.assert(fc.property(randomObjects, (objects) => {
    for (const config of compile({ objects }).routers.values()) {
      const keys = config.nexthops.map((one) => one.key);
      const paths = config.paths.map((one) => one.key);
      const services = config.services.map((one) => one.name);
      const tenants = config.tenants.map((one) => one.name);
      for (const list of [keys, paths, services, tenants.slice(1)]) expect(list).toEqual([...new Set(list)].sort());
      expect(config.tenants.map((one) => one.id)).toEqual(tenants.map((_name, index) => index));
      expect(new Set(config.interfaces.map((one) => one.ifnum)).size).toBe(config.interfaces.length);
      for (const path of config.paths) expect([keys.includes(path.nexthop), config.peers.some((peer) => peer.name === path.peer)]).toEqual([true, true]);
      for (const member of config.members) expect(tenants).toContain(member.tenant);
      for (const route of config.routes) {
        expect(services).toContain(route.service);
        const used = route.kind === "peer" ? [] : Object.values(route.nexthops);
        expect(keys).toEqual(expect.arrayContaining(used));
        if (route.kind === "peer") expect(paths).toContain(route.path);
      }
      for (const { networks } of config.interfaces) for (const network of networks) expect(keys).toEqual(expect.arrayContaining([...Object.values(network.gateways), ...Object.values(network.onLink)]));
    }
  }), { numRuns: 50 });
});
