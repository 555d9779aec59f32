// `svrctl trace` against what a real packet then gets, on random services, filters, limits and pools that run out: the same verdict, reason,
// service, ports and way out; and a trace leaves nothing behind.
import fc from "fast-check";
import type { TraceView } from "../../pkg/api/view.ts";
import { parsePrefix } from "../../pkg/base/prefix.ts";
import { buildPacket } from "../../pkg/svr/build.ts";
import type { FilterRule } from "../../pkg/svr/filter.ts";
import { TCP_ACK, TCP_FIN, TCP_SYN } from "../../pkg/svr/constants.ts";
import { address } from "./config.ts";
import { createLab } from "./lab.ts";
import type { Lab } from "./lab.ts";
import { adminOf } from "./adminof.ts";

interface Shot { protocol: number; from: string; fromPort: number; to: string; toPort: number; flags: string }
interface RandomWorld { pairs: number; sessions: number; halfOpen: number; enforcement: string; rules: readonly FilterRule[]; checked: boolean }

const known = "10.1.0.10", stranger = "10.77.0.1";

const shots = fc.array(fc.record({
  protocol: fc.constantFrom(6, 17), from: fc.constantFrom(known, known, known, stranger), fromPort: fc.integer({ min: 1, max: 12 }), to: fc.constantFrom("10.2.0.20", "10.2.0.21", "10.3.0.1", "10.9.9.9"),
  toPort: fc.constantFrom(53, 80, 99), flags: fc.constantFrom("S", "S", "S", "A", "FA", "SF"),
}), { minLength: 1, maxLength: 25 });
const rule = fc.record({
  permit: fc.boolean(), proto: fc.constantFrom(6, 17, undefined), ports: fc.constantFrom(53, 80, undefined), flags: fc.constantFrom(TCP_SYN, undefined), to: fc.constantFrom("10.2.0.0/24", "10.3.0.1/32", undefined),
}).map(({ permit, proto, ports, flags, to }): FilterRule => ({
  permit, ...(proto && { proto }), ...(ports && { destinationPorts: { first: ports, last: ports } }), ...(flags && { tcpFlags: { mask: flags, value: flags } }), ...(to && { destination: parsePrefix(to)! }),
}));
const worlds = fc.record({
  rules: fc.oneof(fc.constant([]), fc.array(rule, { maxLength: 3 })), checked: fc.boolean(),
  pairs: fc.constantFrom(2, 6, 100), sessions: fc.constantFrom(2, 1000), halfOpen: fc.constantFrom(0, 3), enforcement: fc.constantFrom("Reset", "Allow", "Block"),
});

const bits: Readonly<Record<string, number>> = { S: TCP_SYN, A: TCP_ACK, F: TCP_FIN };

function packetOf({ protocol, from, fromPort, to, toPort, flags }: Shot): Uint8Array {
  const ports = { sourcePort: fromPort, destinationPort: toPort };
  const all = [...flags].reduce((sum, letter) => sum | (bits[letter] ?? 0), 0);
  return buildPacket({ source: address(from), destination: address(to) }, protocol === 6 ? { kind: "tcp", ...ports, seq: 1, flags: all } : { kind: "udp", ...ports }, new Uint8Array(16));
}

function makeLab(world: RandomWorld): Lab {
  const services = [
    { name: "shop/dns", prefixes: ["10.2.0.0/24"], proto: 17, ports: { first: 53, last: 53 }, sourceNat: true },
    { name: "shop/web", prefixes: ["10.2.0.0/24"], proto: 6, ports: { first: 80, last: 80 } },
    { name: "shop/any", prefixes: ["10.3.0.0/24"] },
  ];
  const lab = createLab(["branch", "cloud"], { services, seed: 7 });
  for (const { config } of lab.routers) {
    config.limits.sessions = world.sessions;
    config.limits.halfOpen = world.halfOpen;
    const [lan] = config.interfaces;
    if (lan !== undefined) Object.assign(lan, world.rules.length > 0 ? { filter: { rules: world.rules } } : {}, world.checked ? { sourceCheck: true } : {});
    for (const path of config.paths) path.pairs = world.pairs;
    for (const service of config.services) service.enforcement = world.enforcement as typeof service.enforcement;
  }
  lab.reconfigure(0);
  lab.reconfigure(1);
  return lab;
}

/** Everything that a trace could have touched. */
function stateOf(lab: Lab): string {
  return JSON.stringify(lab.routers.map(({ datapath, counters, sessions }) => [datapath.gauges(), counters(), sessions().length, lab.wires.length]), (_key, value: unknown) => (typeof value === "bigint" ? `${value}` : value));
}

test("trace says what a real packet then gets, and changes nothing", async () => {
  const seen = new Set<string>();
  await fc.assert(fc.asyncProperty(worlds, shots, async (world, list) => {
    const lab = makeLab(world);
    const branch = lab.routers[0]!;
    for (const shot of list) {
      const query = new URLSearchParams({ interface: branch.config.interfaces[0]!.name, from: shot.from, fromPort: `${shot.fromPort}`, to: shot.to, toPort: `${shot.toPort}`, protocol: `${shot.protocol}`, flags: shot.flags });
      const before = stateOf(lab);
      const view = await adminOf(lab, branch)(`/api/v1/routers/self/trace?${query.toString()}`) as TraceView;
      expect(stateOf(lab)).toBe(before);
      const [drops, ids] = [branch.drops(), new Set(branch.sessions().map((one) => one.uuid.join()))];
      lab.fromLeft(packetOf(shot));
      lab.land();
      branch.shards.forEach((shard) => shard.turn(0));
      const begun = branch.sessions().filter((one) => !ids.has(one.uuid.join()));
      const refused = Object.entries(branch.drops()).filter(([reason, count]) => count > (drops[reason] ?? 0)).map(([reason]) => reason);
      lab.run();
      seen.add(view.reason ?? view.verdict);
      if (view.verdict === "deny") expect([begun, refused]).toEqual([[], [view.reason]]);
      else if (view.verdict === "existing") expect(begun).toEqual([]);
      else {
        expect([begun.length, refused]).toEqual([1, []]);
        const to = begun[0]!.side[1];
        expect([view.leaves?.source.split(":").at(-1), view.leaves?.destination.split(":").at(-1), view.leaves?.protocol]).toEqual([`${to.localPort}`, `${to.remotePort}`, to.proto]);
        expect(view.service).toBe(branch.config.services.find((one) => branch.datapath.nameOf(begun[0]!.service)?.endsWith(one.name))?.name);
        expect(view.leaves?.bytes.length).toBeGreaterThan(0);
      }
    }
  }), { numRuns: 500 });
  expect([...seen]).toEqual(expect.arrayContaining(["allow", "existing", "filter", "limit", "nat", "no-service", "state"]));
}, 60_000);
