// Pools, static 1:1 and hairpin through whole routers (N-3, N-4, N-6): what hosts at both ends see, there and back.
import { formatAddress } from "../../pkg/base/addresstext.ts";
import type { RouterConfig, StaticNatConfig } from "../../pkg/plan/config.ts";
import { buildPacket } from "../../pkg/svr/build.ts";
import { hasGoodChecksum } from "../../pkg/svr/sanity.ts";
import { address, ifnumOf, prefix } from "./config.ts";
import type { LabService } from "./config.ts";
import { createLab } from "./lab.ts";
import type { Lab } from "./lab.ts";
import { ACK, SYN, authentic, content, endsOf, parsed, readWire, tcpDown, tcpUp, udpUp } from "./packets.ts";

const origin = { object: "test", field: "spec" };
const families = [4, 6] as const;
const chains = [["one"], ["east", "west"], ["branch", "transit", "cloud"]];
const to = (name: string, prefixes: string[], more: Partial<LabService> = {}): LabService => ({ name, prefixes, ...more });
const east = (more: Partial<LabService> = {}): LabService => to("net/east", ["10.2.0.0/16", "2001:db8:2::/64"], more);
const west = (more: Partial<LabService> = {}): LabService => to("net/west", ["10.1.0.0/16", "2001:db8:1::/64"], more);

function changed(lab: Lab, change: (config: RouterConfig, index: number) => void): Lab {
  lab.routers.forEach((router, index) => {
    change(router.config, index);
    lab.reconfigure(index);
  });
  return lab;
}

/** `source > destination` with ports, of a packet that must be sound. */
function shown(data: Uint8Array | undefined): string {
  const packet = parsed(data);
  expect(hasGoodChecksum(packet)).toBe(true);
  return `${formatAddress(packet.source)} ${packet.sourcePort} > ${formatAddress(packet.destination)} ${packet.destinationPort}`;
}

/** The answer to a packet, as a host gives it to whom it sees. */
function answerTo(data: Uint8Array | undefined): Uint8Array {
  const { source, destination, sourcePort, destinationPort } = parsed(data);
  return buildPacket({ source: destination, destination: source }, { kind: "udp", sourcePort: destinationPort, destinationPort: sourcePort }, content(9));
}

describe.each(chains.map((chain) => [chain] as const))("through %j", (chain) => {
  test.each(families)("N-3 IPv%i: a source leaves with its own address of the pool, there and back, over all its ports", (family) => {
    const pool = { name: "p", addresses: ["198.51.100.64/28", "2001:db8:7::/124"].map(prefix), tenants: ["corp"], origin };
    const lab = changed(createLab(chain, { services: [east({ sourceNat: "Pool" })], pairs: 200 }), (config) => { config.natPools = [pool]; });
    const used = new Map<number, Set<string>>();
    for (let round = 0; round < 3; round++) {
      for (let host = 10; host < 40; host++) {
        lab.fromLeft(udpUp(endsOf(family, host), content(9), { from: 40_000 + round }));
        lab.run();
        const [source, port] = shown(lab.right.at(-1)).split(" ");
        expect([source?.startsWith(family === 4 ? "198.51.100." : "2001:db8:7::"), Number(port) >= 16_384]).toEqual([true, true]);
        used.set(host, (used.get(host) ?? new Set()).add(source!));
        lab.fromRight(answerTo(lab.right.at(-1)));
        lab.run();
        expect(shown(lab.left.at(-1))).toBe(`${formatAddress(endsOf(family).server)} 53 > ${formatAddress(endsOf(family, host).client)} ${40_000 + round}`);
      }
    }
    expect([...used.values()].map((set) => set.size)).toEqual(Array(30).fill(1));
    expect(new Set([...used.values()].flatMap((set) => [...set])).size).toBeGreaterThan(8);
    expect(lab.routers.at(-1)!.drops()).toEqual({});
  });

  test("N-3 no pool for the tenant: refused with nat, nothing leaves untranslated", () => {
    const pool = { name: "p", addresses: [prefix("198.51.100.64/28")], tenants: ["red"], origin };
    const lab = changed(createLab(chain, { services: [east({ sourceNat: "Pool" })], pairs: 200 }), (config) => { config.natPools = [pool]; });
    lab.fromLeft(udpUp(endsOf(4), content(9)));
    lab.run();
    expect([lab.right, lab.routers.at(-1)!.drops()]).toEqual([[], { nat: 1 }]);
  });

  /** At the last router the left hosts are seen as 10.9.0.0/16 and 2001:db8:9::/64. */
  const rules: StaticNatConfig[] = [["10.1.0.0/16", "10.9.0.0/16"], ["2001:db8:1::/64", "2001:db8:9::/64"]].map(([inside, outside]) =>
    ({ inside: prefix(inside!), outside: prefix(outside!), ifnum: ifnumOf.right, vlan: 0, tenants: [], origin }));
  const seen = (family: 4 | 6, host: number): string => (family === 4 ? `10.9.0.${host}` : `2001:db8:9::${host.toString(16)}`);
  const last = chain.length - 1;
  const open = (): Lab => changed(createLab(chain, { services: [east(), west()] }), (config, index) => { if (index === last) config.staticNats = rules; });

  test.each(families)("N-4 IPv%i: out of the interface the host part is kept, ports too, and answers come back", (family) => {
    const [ends, lab] = [endsOf(family), open()];
    lab.fromLeft(tcpUp(ends, { seq: 1000, flags: SYN, port: 40_007 }));
    lab.run();
    const outside = seen(family, 10), server = formatAddress(ends.server), client = formatAddress(ends.client);
    expect(shown(lab.right.at(-1))).toBe(`${outside} 40007 > ${server} 80`);
    lab.fromRight(tcpDown({ server: ends.server, client: address(outside) }, { seq: 5000, ack: 1001, flags: SYN | ACK, port: 40_007 }));
    lab.run();
    expect(shown(lab.left.at(-1))).toBe(`${server} 80 > ${client} 40007`);
    expect(lab.routers.map((router) => router.live().length)).toEqual(chain.map(() => 1));
  });

  test.each(families)("N-4 IPv%i: an outside address is nobody's own, also of a service that leaves from the interface: a change of configuration ends no session", (family) => {
    const [ends, lab] = [endsOf(family), changed(createLab(chain, { services: [east({ sourceNat: true, idleMs: 180_000 })] }), (config, index) => { if (index === last) config.staticNats = rules; })];
    const send = (): void => { lab.fromLeft(udpUp(ends, content(9))); lab.run(); };
    send();
    const { datapath, shards, live } = lab.routers[last]!, before = live().map(({ uuid }) => uuid);
    shards[0]!.tell({ kind: "moved", refs: datapath.sessions(0, 9).sessions.map(({ index, state }) => ({ index, uuid: state.uuid })) });
    lab.wait(6_000);
    send();
    send();
    expect([before.length, live().map(({ uuid }) => uuid), lab.right.map(shown)]).toEqual([1, before, Array(3).fill(`${seen(family, 10)} 40000 > ${formatAddress(ends.server)} 53`)]);
  });

  test.each(families)("N-4 IPv%i: a session to the outside address goes inside, by the access to the inside service", (family) => {
    const [ends, lab] = [endsOf(family), open()];
    lab.fromRight(udpUp({ client: ends.server, server: address(seen(family, 10)) }, content(9), { to: 5000 }));
    lab.run();
    expect(shown(lab.left.at(-1))).toBe(`${formatAddress(ends.server)} 40000 > ${formatAddress(ends.client)} 5000`);
    lab.fromLeft(answerTo(lab.left.at(-1)));
    lab.run();
    expect(shown(lab.right.at(-1))).toBe(`${seen(family, 10)} 5000 > ${formatAddress(ends.server)} 40000`);
    const [session] = lab.routers[last]!.live();
    expect(formatAddress(session!.context.destination)).toBe(formatAddress(ends.client)); // what other routers look up
    lab.fromRight(udpUp({ client: ends.server, server: address(family === 4 ? "10.8.0.10" : "2001:db8:8::10") }, content(9)));
    lab.run();
    expect(lab.routers[last]!.drops()).toEqual({ "no-service": 1 });
  });
});

describe("N-6 hairpin", () => {
  const rule: StaticNatConfig = { inside: prefix("10.1.0.0/24"), outside: prefix("10.9.0.0/24"), ifnum: ifnumOf.right, vlan: 0, tenants: [], origin };

  test.each([
    ["static 1:1, both hosts have an outside address", "10.1.0.10", "10.9.0.11", "10.9.0.10"], ["static 1:1, the caller has none", "10.1.7.10", "10.9.0.11", "10.1.0.1"],
    ["destination NAT", "10.1.0.10", "10.3.0.80", "10.1.0.1"],
  ])("N-6 two inside hosts through an outside address: %s", (_desc, from, to, seenAs) => {
    const lab = changed(createLab(["one"], { services: [west(), { name: "net/shown", prefixes: ["10.3.0.80/32"], target: "10.1.0.11" }] }), (config) => {
      config.staticNats = [rule];
      for (const route of config.routes) if (route.service === "net/shown" && route.kind !== "peer") Object.assign(route, { interface: "left", ifnum: ifnumOf.left, nexthops: { 4: "left-link" }, addresses: [address("10.1.0.1")] });
    });
    lab.fromLeft(udpUp({ client: address(from), server: address(to) }, content(9)));
    lab.run();
    const [source, port] = shown(lab.left.at(-1)).split(" ");
    expect([source, shown(lab.left.at(-1)).split(" > ")[1]]).toEqual([seenAs, "10.1.0.11 53"]);
    expect(lab.routers[0]!.live().map((session) => session.side.map((side) => side.ifnum))).toEqual([[ifnumOf.left, ifnumOf.left]]);
    lab.fromLeft(answerTo(lab.left.at(-1)));
    lab.run();
    expect(shown(lab.left.at(-1))).toBe(`${to} 53 > ${from} 40000`);
    expect([Number(port) > 0, lab.routers[0]!.drops()]).toEqual([true, {}]);
  });
});

describe.each(chains.slice(1).map((chain) => [chain] as const))("an ingress that translates, through %j (TLV 25)", (chain) => {
  const given = address("203.0.113.9");

  /** A first packet of the ingress as if it had translated the source: the address in TLV 25, the port in the context. */
  function opened(services: LabService[], family: 4 | 6 = 4): Lab {
    const lab = createLab(chain, { services });
    const ends = endsOf(family);
    lab.onWire = () => undefined;
    lab.fromLeft(udpUp(ends, content(9)));
    lab.run();
    lab.onWire = (wire) => wire.data;
    again(lab, ends);
    return lab;
  }

  function again(lab: Lab, { client, server }: ReturnType<typeof endsOf>): void {
    const like = lab.wires.splice(0)[0]!.data;
    const uuid = Uint8Array.from({ length: 16 }, (_, at) => at + 1);
    const tlvs = { forwardContext: { source: client, destination: server, sourcePort: 50_001, destinationPort: 53, proto: 17, family: client.family }, uuid, tenant: "corp", service: "net/east", sourceRouter: chain[0]!, natSource: given };
    lab.inject(1, ifnumOf.left, authentic(lab, { link: 0, forward: true, like, tlvs, body: content(9) }));
    lab.run();
  }

  test("the egress emits that address and that port, every router passes it on, answers come back", () => {
    const lab = opened([east()]);
    expect(lab.right.map(shown)).toEqual([`203.0.113.9 50001 > ${formatAddress(endsOf(4).server)} 53`]);
    expect(lab.wires.filter(({ forward }) => forward).map((wire) => readWire(lab, wire)?.natSource)).toEqual(chain.slice(2).map(() => given));
    lab.wires.length = 0;
    lab.fromRight(answerTo(lab.right.at(-1)));
    lab.run();
    const back = lab.wires.filter(({ forward, link }) => !forward && link === 0).map((wire) => readWire(lab, wire)?.reverseContext);
    expect(back.map((context) => [formatAddress(context!.destination), context?.destinationPort])).toEqual([[formatAddress(endsOf(4).client), 50_001]]);
  });

  test("rules of the egress see the translated source", () => {
    const lab = opened([east({ sourceNat: true })]);
    expect(shown(lab.right.at(-1))).toMatch(/^10\.2\.0\.1 (?!50001)\d+ > /);
  });

  test("N-1 an address of another family is refused, never an untranslated source", () => {
    const lab = opened([east()], 6);
    expect([lab.right.length, lab.routers[1]!.drops()]).toEqual([0, { nat: 1 }]);
  });
});
