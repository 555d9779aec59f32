// One flipped bit in what the tag of a metadata packet covers: exactly one counter, no session, nothing passed on, whether or
// not somebody mended the UDP checksum. Every bit of a forward and of a reverse metadata packet, by a whole shard.
import { buildPacket } from "../../pkg/svr/build.ts";
import { finishChecksum } from "../../pkg/svr/checksum.ts";
import { address } from "./config.ts";
import type { LabService } from "./config.ts";
import { createLab } from "./lab.ts";
import type { Lab } from "./lab.ts";

const services: LabService[] = [{ name: "shop/dns", prefixes: ["10.2.0.0/24"], proto: 17, ports: { first: 53, last: 53 } }];
const client = address("10.1.0.10"), server = address("10.2.0.20");
const text = (value: string): Uint8Array => new TextEncoder().encode(value);
const query = buildPacket({ source: client, destination: server }, { kind: "udp", sourcePort: 40000, destinationPort: 53 }, text("ping"));
const answer = buildPacket({ source: server, destination: client }, { kind: "udp", sourcePort: 53, destinationPort: 40000 }, text("pong"));
const L4 = 20, UDP_LENGTH = [L4 + 4, L4 + 5], PAYLOAD = L4 + 8, COOKIE = 8;

/** Where the packet under test is stopped, kept, and handed in changed. */
interface Stopped { lab: Lab; router: number; ifnum: number; packet: Uint8Array }

/** A forward metadata packet on its way to a router that knows nothing of the session. */
function stoppedForward(): Stopped {
  const lab = createLab(["east", "west"], { services });
  lab.onWire = () => undefined;
  lab.fromLeft(query);
  lab.run();
  return { lab, router: 1, ifnum: 1, packet: lab.wires[0]!.data };
}

/** The first reverse metadata packet on its way to the router that waits for it. */
function stoppedReverse(): Stopped {
  const lab = createLab(["east", "west"], { services });
  lab.fromLeft(query);
  lab.run();
  lab.onWire = (wire) => (wire.forward ? wire.data : undefined);
  lab.fromRight(answer);
  lab.run();
  return { lab, router: 0, ifnum: 2, packet: lab.wires.findLast((wire) => !wire.forward)!.data };
}

const total = (counts: Record<string, number>): number => Object.values(counts).reduce((sum, count) => sum + count, 0);

/** The bits, as byte.bit, whose packet did not raise exactly one counter or was passed on. */
function wrongBits(at: Stopped, bytes: readonly number[], mended: boolean): string[] {
  const { lab, router, ifnum, packet } = at;
  const watched = lab.routers[router]!;
  const wrong: string[] = [];
  for (let bit = 0; bit < bytes.length * 8; bit++) {
    const [byte, shift] = [bytes[bit >> 3]!, bit & 7];
    const flipped = packet.slice();
    flipped[byte]! ^= 1 << shift;
    if (mended) finishChecksum(flipped, L4);
    const before = total(watched.drops());
    const passed = [lab.left.length, lab.right.length, watched.sessions().length].join();
    lab.inject(router, ifnum, flipped);
    lab.run();
    if (total(watched.drops()) !== before + 1 || [lab.left.length, lab.right.length, watched.sessions().length].join() !== passed) wrong.push(`${byte}.${shift}`);
  }
  return wrong;
}

const range = (from: number, end: number): number[] => Array.from({ length: end - from }, (_, index) => from + index);

describe.each([["as it came", false], ["with a mended checksum", true]])("S-1 a flipped bit, %s", (_desc, mended) => {
  test("in the covered bytes of a session-creating packet: one counter, no session", () => {
    const at = stoppedForward();
    const { lab, router, ifnum, packet } = at;
    expect(wrongBits(at, [...UDP_LENGTH, ...range(PAYLOAD, packet.length)], mended)).toEqual([]);
    lab.inject(router, ifnum, packet);
    lab.run();
    expect([lab.right.length, lab.routers[1]!.sessions().length]).toEqual([1, 1]);
  });

  // Without its cookie a packet of a live flow is a packet without metadata, which scope metadata-only does not cover.
  test("in the covered bytes of a reverse packet behind the cookie: one counter, nothing passed on", () => {
    const at = stoppedReverse();
    const { lab, router, ifnum, packet } = at;
    expect(wrongBits(at, [...UDP_LENGTH, ...range(PAYLOAD + COOKIE, packet.length)], mended)).toEqual([]);
    lab.inject(router, ifnum, packet);
    lab.run();
    expect(lab.left.length).toBe(1);
  });
});
