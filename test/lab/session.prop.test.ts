// Random interleavings of two and three routers: packets lost, copied and re-ordered on every link, time that passes, routers
// that lose their maps or only their process, hosts of two tenants with the same addresses. Whatever happens, nothing reaches a
// host but what the other host of its tenant sent; when the network is whole again, one session a conversation is left.
import fc from "fast-check";
import { toHex } from "../../pkg/base/bytes.ts";
import { formatAddress } from "../../pkg/base/addresstext.ts";
import type { IpFamily } from "../../pkg/base/address.ts";
import { Life } from "../../pkg/svr/session.ts";
import type { Session } from "../../pkg/svr/session.ts";
import { hasGoodChecksum } from "../../pkg/svr/sanity.ts";
import type { LabService, Side } from "./config.ts";
import { createLab } from "./lab.ts";
import type { Lab } from "./lab.ts";
import { bodyOf, content, endsOf, parsed, udpDown, udpUp } from "./packets.ts";

const tenants = ["red", "blue"];
const services: LabService[] = tenants.flatMap((tenant, vlan): LabService[] => [
  { name: `${tenant}/there`, prefixes: ["10.2.0.0/16", "2001:db8:2::/64"], allow: [tenant], vlan },
  { name: `${tenant}/back`, prefixes: ["10.1.0.0/16", "2001:db8:1::/64"], allow: [tenant], vlan },
]);

const conversations = [0, 1].flatMap((vlan) => ([4, 6] as const).flatMap((family) => [0, 1, 2].map((flow) => ({ vlan, family, flow }))));
const ROUNDS = 6;

type Step =
  | { do: "send"; end: Side; flow: number; vlan: number; family: IpFamily; size: number }
  | { do: "land" | "lose" | "copy"; place: number }
  | { do: "think" | "run" }
  | { do: "pass"; ms: number }
  | { do: "restart" | "reboot"; router: number };

const place = fc.nat(40);
const send = fc.record({
  do: fc.constant("send" as const), end: fc.constantFrom("left" as const, "right" as const), flow: fc.nat(2), vlan: fc.nat(1), family: fc.constantFrom(4 as const, 6 as const),
  size: fc.oneof(fc.integer({ min: 12, max: 60 }), fc.integer({ min: 1200, max: 3000 })),
});
const landing = fc.record({ do: fc.constantFrom("land" as const, "land" as const, "land" as const, "copy" as const, "lose" as const), place });
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: send }, { weight: 12, arbitrary: landing }, { weight: 5, arbitrary: fc.record({ do: fc.constantFrom("think" as const, "think" as const, "run" as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("pass" as const), ms: fc.constantFrom(300, 1100, 6000, 40_000) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom("restart" as const, "reboot" as const), router: fc.nat(2) }) },
);

/** World plays steps and knows what hosts sent. */
class World {
  readonly lab: Lab;
  readonly #sent = new Set<string>();
  #seen = 0;
  #next = 0;

  constructor(names: string[], shards: number, seed: number) {
    this.lab = createLab(names, { services, tenants, shards, seed, pairs: 400, mtu: 1400, lanMtu: 9000 });
  }

  play(one: Step): void {
    const { lab } = this;
    switch (one.do) {
      case "send": return this.send(one);
      case "land": return lab.land(one.place % Math.max(1, lab.flights.length));
      case "lose": return void lab.flights.splice(one.place % Math.max(1, lab.flights.length), 1);
      case "copy": return this.#copy(one.place % Math.max(1, lab.flights.length));
      case "think": return void lab.think();
      case "run": return lab.run();
      case "pass": return this.#pass(one.ms);
      case "restart": return this.#restart(one.router % lab.routers.length);
      case "reboot": return lab.reboot(one.router % lab.routers.length);
    }
  }

  send(one: Extract<Step, { do: "send" }>): void {
    const { end, flow, vlan, family, size } = one;
    const ends = endsOf(family);
    const body = content(size, this.#next);
    new DataView(body.buffer).setUint32(0, this.#next++);
    const ports = { from: 40_000 + flow, to: 53 };
    const data = end === "left" ? udpUp(ends, body, ports) : udpDown(ends, body, ports);
    this.#sent.add(keyOf(end === "left" ? "right" : "left", vlan, data));
    if (end === "left") this.lab.fromLeft(data, 0, vlan);
    else this.lab.fromRight(data, 0, vlan);
  }

  /** No packet is under way for more than 5 s. */
  #pass(ms: number): void {
    if (ms > 5000) this.lab.flights.length = 0;
    this.lab.wait(ms);
  }

  /** A router that lost its maps is away for longer than packets are under way. */
  #restart(index: number): void {
    this.lab.flights.length = 0;
    this.lab.restart(index);
  }

  #copy(at: number): void {
    const flight = this.lab.flights[at];
    if (flight !== undefined && this.lab.flights.length < 400) this.lab.flights.push({ ...flight, data: flight.data.slice() });
  }

  /** Everything that reached a host was sent by the other host of its tenant, byte for byte. */
  check(): void {
    for (const { end, vlan, data } of this.lab.delivered.slice(this.#seen)) {
      if (!this.#sent.has(keyOf(end, vlan, data))) throw new Error(`${end} VLAN ${vlan} got what nobody sent: ${toHex(data)}`);
      if (!hasGoodChecksum(parsed(data))) throw new Error("bad checksum");
    }
    this.#seen = this.lab.delivered.length;
    for (const router of this.lab.routers) {
      checkSessions(router.live());
      expect(router.drops()["fault"]).toBeUndefined();
    }
  }

  /** A network that loses nothing: each conversation talks a few times both ways, and in the last round all arrives. */
  heal(): void {
    this.lab.run();
    this.talk(ROUNDS);
    expect(this.lab.delivered.length).toBe(2 * conversations.length);
  }

  /** Rounds in which every host says something and the network delivers it. */
  talk(rounds: number): void {
    for (let round = 0; round < rounds; round++) {
      this.check();
      this.lab.delivered.length = this.#seen = 0;
      for (const end of ["left", "right"] as const) {
        for (const conversation of conversations) this.send({ do: "send", end, ...conversation, size: 40 });
        this.lab.run();
      }
      this.lab.wait(1100);
    }
  }
}

const keyOf = (end: Side, vlan: number, data: Uint8Array): string => {
  const packet = parsed(data);
  return `${end} ${vlan} ${formatAddress(packet.source)} ${packet.sourcePort} ${formatAddress(packet.destination)} ${packet.destinationPort} ${toHex(bodyOf(data))}`;
};

/** Both directions of a conversation have one name. */
const tupleOf = ({ context, tenant }: Session): string =>
  `${tenant} ${context.proto} ${[`${formatAddress(context.source)}:${context.sourcePort}`, `${formatAddress(context.destination)}:${context.destinationPort}`].sort().join(" ")}`;

/** At a router with hosts a conversation of a tenant has one session at most. */
function checkSessions(live: readonly Session[]): void {
  const atHosts = live.filter((session) => session.side.some((side) => side.path === 0)).map(tupleOf);
  expect(atHosts.length).toBe(new Set(atHosts).size);
}

/** What a shard counts as used is held or rests in the data plane. */
function checkPools(lab: Lab): void {
  for (const router of lab.routers) {
    const held = [...router.datapath.sessions(0, 100_000).sessions, ...router.datapath.resting(0, 100_000).sessions].map((one) => one.state).filter((session) => session.side[1].path !== 0);
    const pools = router.counters().flatMap((one) => one.pools);
    expect(pools.every((pool) => pool.used + pool.free === pool.size)).toBe(true);
    expect(pools.reduce((sum, pool) => sum + pool.used, 0)).toBe(held.length);
  }
}

/** One session a conversation, the same on the whole path, and quiet. */
function checkHealed(lab: Lab): void {
  const first = new Map(lab.routers[0]!.live().map((session) => [tupleOf(session), toHex(session.uuid)]));
  const last = new Map(lab.routers.at(-1)!.live().map((session) => [tupleOf(session), toHex(session.uuid)]));
  expect(first.size).toBe(conversations.length);
  expect([...first].map(([, uuid]) => uuid).sort()).toEqual([...last].map(([, uuid]) => uuid).sort());
  for (const router of lab.routers) {
    const uuids = new Set(router.live().map((session) => toHex(session.uuid)));
    expect([...first.values()].filter((uuid) => !uuids.has(uuid))).toEqual([]);
  }
  expect(lab.routers.every((router) => router.sessions().every((session) => session.life !== Life.free))).toBe(true);
}

test.each([[["east", "west"], 1], [["east", "west"], 3], [["branch", "transit", "cloud"], 2]] as const)("random interleavings through %j with %i shards", (names, shards) => {
  fc.assert(fc.property(fc.array(step, { minLength: 30, maxLength: 120, size: "max" }), fc.nat(3), fc.nat(), (steps, warm, seed) => {
    const world = new World([...names], shards, seed);
    world.talk(warm);
    for (const one of steps) {
      world.play(one);
      world.check();
    }
    world.heal();
    world.check();
    checkHealed(world.lab);
    world.lab.delivered.length = 0;
    world.lab.wait(60_000); // GUARD and quarantine are over
    checkPools(world.lab);
  }), { numRuns: 40, interruptAfterTimeLimit: 40_000 });
}, 120_000);
