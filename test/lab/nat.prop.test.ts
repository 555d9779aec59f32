// Random interleavings through source and destination NAT: clients of two tenants with the same addresses ask one server each, which
// answers what it saw. Whatever is lost, copied or re-ordered, an answer reaches the client that asked, and no other; no source
// leaves untranslated; no two flows of the last router are one.
import fc from "fast-check";
import { readU32, toHex } from "../../pkg/base/bytes.ts";
import { formatAddress } from "../../pkg/base/addresstext.ts";
import { buildPacket } from "../../pkg/svr/build.ts";
import { PROTO_TCP, TCP_ACK } from "../../pkg/svr/constants.ts";
import type { Packet } from "../../pkg/svr/packet.ts";
import { hasGoodChecksum } from "../../pkg/svr/sanity.ts";
import type { LabService } from "./config.ts";
import { createLab } from "./lab.ts";
import type { Lab } from "./lab.ts";
import { bodyOf, content, endsOf, parsed, tcpUp, udpUp } from "./packets.ts";

const tenants = ["red", "blue"];
const services: LabService[] = tenants.map((tenant, vlan) => ({
  name: `${tenant}/server`, prefixes: ["10.2.0.0/16"], allow: [tenant], vlan, sourceNat: true, target: "10.2.0.99", enforcement: "Allow",
}));

type Step =
  | { do: "ask"; client: number; vlan: number; tcp: boolean; size: number }
  | { do: "answer" | "land" | "lose" | "copy"; place: number }
  | { do: "think" | "run" }
  | { do: "pass"; ms: number }
  | { do: "reboot" | "restart"; router: number };

const ask = fc.record({ do: fc.constant("ask" as const), client: fc.nat(5), vlan: fc.nat(1), tcp: fc.boolean(), size: fc.oneof(fc.integer({ min: 8, max: 60 }), fc.integer({ min: 1200, max: 2500 })) });
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: ask }, { weight: 5, arbitrary: fc.record({ do: fc.constant("answer" as const), place: fc.nat(30) }) },
  { weight: 12, arbitrary: fc.record({ do: fc.constantFrom("land" as const, "land" as const, "land" as const, "copy" as const, "lose" as const), place: fc.nat(40) }) },
  { weight: 6, arbitrary: fc.record({ do: fc.constantFrom("think" as const, "run" as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("pass" as const), ms: fc.constantFrom(300, 1100, 6000, 40_000) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom("reboot" as const, "restart" as const), router: fc.nat(2) }) },
);

/** One body on its way: whose it is, and what it must look like where it arrives. */
interface Message { vlan: number; client: string; body: string }

const clientOf = (packet: Packet): string => `${packet.proto} ${formatAddress(packet.source)} ${packet.sourcePort}`;

class World {
  readonly lab: Lab;
  readonly #messages: Message[] = [];
  /** packets at the server that may still be answered */
  #open: { vlan: number; data: Uint8Array; message: Message }[] = [];
  #seen = 0;

  constructor(names: string[], shards: number, seed: number) {
    this.lab = createLab(names, { services, tenants, shards, seed, pairs: 400, mtu: 1400, lanMtu: 9000 });
  }

  play(one: Step): void {
    const { lab } = this;
    const flights = Math.max(1, lab.flights.length);
    switch (one.do) {
      case "ask": return this.#ask(one);
      case "answer": return this.#answer(one.place);
      case "land": return lab.land(one.place % flights);
      case "lose": return void lab.flights.splice(one.place % flights, 1);
      case "copy": return this.#copy(one.place % flights);
      case "think": return void lab.think();
      case "run": return lab.run();
      case "pass": return this.#pass(one.ms);
      case "reboot": return lab.reboot(one.router % lab.routers.length);
      case "restart": return this.#restart(one.router % (lab.routers.length - 1));
    }
  }

  #ask({ client, vlan, tcp, size }: Extract<Step, { do: "ask" }>): void {
    const ends = endsOf(4, 10 + client % 2);
    const port = 40_000 + (client >> 1);
    const body = this.#say(size);
    const data = tcp ? tcpUp(ends, { seq: 1000 + this.#messages.length, ack: 1, flags: TCP_ACK, port, body }) : udpUp(ends, body, { from: port, to: 80 });
    this.#messages.push({ vlan, client: clientOf(parsed(data)), body: toHex(body) });
    this.lab.fromLeft(data, 0, vlan);
  }

  /** The server turns round what it got, as it saw it. */
  #answer(place: number): void {
    const asked = this.#open[place % Math.max(1, this.#open.length)];
    if (asked === undefined) return;
    const { proto, source, destination, sourcePort, destinationPort } = parsed(asked.data);
    const body = this.#say(40);
    const ports = { sourcePort: destinationPort, destinationPort: sourcePort };
    const spec = proto === PROTO_TCP ? { kind: "tcp" as const, ...ports, seq: 1, ack: 1, flags: TCP_ACK } : { kind: "udp" as const, ...ports };
    this.#messages.push({ ...asked.message, body: toHex(body) });
    this.lab.fromRight(buildPacket({ source: destination, destination: source }, spec, body), 0, asked.vlan);
  }

  /** A body that names its message. */
  #say(size: number): Uint8Array {
    const body = content(size, this.#messages.length);
    new DataView(body.buffer).setUint32(0, this.#messages.length);
    return body;
  }

  #copy(at: number): void {
    const flight = this.lab.flights[at];
    if (flight !== undefined && this.lab.flights.length < 300) this.lab.flights.push({ ...flight, data: flight.data.slice() });
  }

  /** Neither packets nor servers take longer than 5 s. */
  #pass(ms: number): void {
    if (ms > 5000) this.#forget();
    this.lab.wait(ms);
  }

  #restart(index: number): void {
    this.#forget();
    this.lab.restart(index);
  }

  #forget(): void {
    this.lab.flights.length = 0;
    this.#open = [];
  }

  check(): void {
    for (const { end, vlan, data } of this.lab.delivered.slice(this.#seen)) {
      const packet = parsed(data);
      const message = this.#messages[readU32(bodyOf(data), 0)];
      expect(hasGoodChecksum(packet)).toBe(true);
      expect([toHex(bodyOf(data)), vlan]).toEqual([message?.body, message?.vlan]);
      if (end === "right") this.#atServer(vlan, data, message!);
      else expect(`${packet.proto} ${formatAddress(packet.destination)} ${packet.destinationPort} from ${formatAddress(packet.source)} ${packet.sourcePort}`).toBe(`${message!.client} from 10.2.0.20 80`);
    }
    this.#seen = this.lab.delivered.length;
    for (const router of this.lab.routers) expect(router.drops()["fault"]).toBeUndefined();
    const keys = this.lab.routers.at(-1)!.live().map(({ side: [, out] }) => `${out.vlan} ${out.proto} ${formatAddress(out.local)} ${out.localPort} ${formatAddress(out.remote)} ${out.remotePort}`);
    expect(new Set(keys).size).toBe(keys.length);
  }

  #atServer(vlan: number, data: Uint8Array, message: Message): void {
    const packet = parsed(data);
    expect([formatAddress(packet.source), formatAddress(packet.destination), packet.destinationPort, packet.sourcePort >= 16384]).toEqual(["10.2.0.1", "10.2.0.99", 80, true]);
    this.#open.push({ vlan, data, message });
  }
}

test.each([[["east", "west"], 1], [["branch", "transit", "cloud"], 3]] as const)("N-1 N-5 random interleavings through NAT, %j with %i shards", (names, shards) => {
  fc.assert(fc.property(fc.array(step, { minLength: 60, maxLength: 150, size: "max" }), fc.nat(), (steps, seed) => {
    const world = new World([...names], shards, seed);
    for (const one of steps) {
      world.play(one);
      world.check();
    }
    world.lab.run();
    world.check();
  }), { numRuns: 40, interruptAfterTimeLimit: 40_000 });
}, 120_000);
