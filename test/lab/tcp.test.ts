// TCP and ICMP sessions through routers in one process: sequence numbers untouched, enforcement, NAT, resets.
import { toHex } from "../../pkg/base/bytes.ts";
import { buildPacket } from "../../pkg/svr/build.ts";
import { startsWithCookie } from "../../pkg/svr/decode.ts";
import { parsePacket } from "../../pkg/svr/packet.ts";
import type { Packet } from "../../pkg/svr/packet.ts";
import { hasGoodChecksum } from "../../pkg/svr/sanity.ts";
import { readMss } from "../../pkg/svr/tcp.ts";
import { address } from "./config.ts";
import type { LabService } from "./config.ts";
import { createLab } from "./lab.ts";
import type { Lab } from "./lab.ts";

const web: LabService = { name: "shop/web", prefixes: ["10.2.0.0/24"], proto: 6, ports: { first: 80, last: 80 } };
const client = address("10.1.0.10");
const server = address("10.2.0.20");
const FIN = 1, SYN = 2, RST = 4, ACK = 16;
const options = Uint8Array.of(2, 4, 5, 0xb4);
interface Segment { seq: number; ack?: number; flags: number; body?: Uint8Array; port?: number }
const up = (segment: Segment): Uint8Array => tcp(client, server, { source: segment.port ?? 40000, destination: 80 }, segment);
const down = (segment: Segment): Uint8Array => tcp(server, client, { source: 80, destination: segment.port ?? 40000 }, segment);
function tcp(source: Packet["source"], destination: Packet["source"], ports: { source: number; destination: number }, segment: Segment): Uint8Array {
  const syn = (segment.flags & SYN) !== 0 ? { options } : {};
  return buildPacket({ source, destination }, {
    kind: "tcp", sourcePort: ports.source, destinationPort: ports.destination, seq: segment.seq, ack: segment.ack ?? 0, flags: segment.flags, window: 1000, ...syn,
  }, segment.body);
}
const parsed = (data: Uint8Array | undefined): Packet => {
  const packet = parsePacket(data ?? new Uint8Array(0));
  if (!packet.ok) throw new Error(packet.error);
  return packet.value;
};
const seqOf = (data: Uint8Array | undefined): (number | undefined)[] => [parsed(data).tcp?.seq, parsed(data).tcp?.ack, parsed(data).tcp?.flags];
const metadataWires = (lab: Lab): number => lab.wires.filter(({ data }) => startsWithCookie(data, parsed(data).payload, data.length)).length;

/** Three-way handshake and one segment each way. */
function connect(lab: Lab): void {
  lab.fromLeft(up({ seq: 1000, flags: SYN }));
  lab.run();
  lab.fromRight(down({ seq: 5000, ack: 1001, flags: SYN | ACK }));
  lab.run();
  lab.fromLeft(up({ seq: 1001, ack: 5001, flags: ACK }));
  lab.run();
}

describe.each([[["east", "west"]], [["branch", "transit", "cloud"]]])("TCP through %j", (names) => {
  test("W-8 outer numbers equal inner ones, also around SYN and SYN-ACK with metadata", () => {
    const lab = createLab(names, { services: [web] });
    connect(lab);
    expect(lab.right.map(seqOf)).toEqual([[1000, 0, SYN], [1001, 5001, ACK]]);
    expect(lab.left.map(seqOf)).toEqual([[5000, 1001, SYN | ACK]]);
    expect(new Set(lab.wires.map(({ data, forward }) => `${forward} ${parsed(data).tcp?.seq}`))).toEqual(new Set(["true 1000", "false 5000", "true 1001"]));
    lab.wires.length = 0;
    lab.fromLeft(up({ seq: 1001, ack: 5001, flags: ACK, body: new Uint8Array(10) }));
    lab.run();
    expect(metadataWires(lab)).toBe(0);
    expect(lab.routers.map((router) => router.sessions()[0]?.tcpState)).toEqual(names.map(() => 3));
    expect([...lab.left, ...lab.right].map(parsed).every(hasGoodChecksum)).toBe(true);
  });

  test("M-3 the MSS of SYN and SYN-ACK is lowered to the path", () => {
    const lab = createLab(names, { services: [web], mtu: 1400 });
    connect(lab);
    expect([readMss(parsed(lab.right[0]).data, 20), readMss(parsed(lab.left[0]).data, 20)]).toEqual([1360, 1360]);
  });

  test("L-3 FIN ends early on every router, and L-4 the tuple may be used again at once", () => {
    const lab = createLab(names, { services: [web] });
    connect(lab);
    const first = toHex(lab.routers[0]!.sessions()[0]!.uuid);
    lab.fromLeft(up({ seq: 1001, ack: 5001, flags: FIN | ACK }));
    lab.run();
    lab.fromRight(down({ seq: 5001, ack: 1002, flags: FIN | ACK }));
    lab.run();
    lab.fromLeft(up({ seq: 1002, ack: 5002, flags: ACK }));
    lab.run();
    expect(lab.routers.map((router) => router.sessions()[0]?.endReason)).toEqual(names.map(() => 96));
    lab.fromLeft(up({ seq: 9000, flags: SYN }));
    lab.run();
    const live = lab.routers.map((router) => router.sessions().filter((session) => session.life === 2).map((session) => toHex(session.uuid)));
    expect(live.every((uuids) => uuids.length === 1 && uuids[0] !== first)).toBe(true);
    expect(seqOf(lab.right.at(-1))).toEqual([9000, 0, SYN]);
  });

  test("P-5 the egress denies although the ingress allows: dropped there", () => {
    const lab = createLab(names, { services: [web] }, (index) => (index === names.length - 1 ? { services: [{ ...web, allow: ["other"] }] } : {}));
    lab.fromLeft(up({ seq: 1, flags: SYN }));
    lab.run();
    expect(lab.right).toEqual([]);
    expect(lab.routers.at(-1)?.drops()).toMatchObject({ access: 1 });
  });

  test("S-7 a peer asserts a tenant outside its list: dropped and counted", () => {
    const lab = createLab(names, { services: [web] }, (index) => (index === names.length - 1 ? { allowed: ["other"] } : {}));
    lab.fromLeft(up({ seq: 1, flags: SYN }));
    lab.run();
    expect(lab.right).toEqual([]);
    expect(lab.routers.at(-1)?.drops()).toMatchObject({ "tenant-not-allowed": 1 });
  });

  test("L-5 L-6 a far router that lost its sessions asks for metadata, and the stream goes on with the same uuid", () => {
    const lab = createLab(names, { services: [web] });
    connect(lab);
    lab.fromLeft(up({ seq: 1001, ack: 5001, flags: ACK, body: new Uint8Array(5) }));
    lab.run();
    const uuid = toHex(lab.routers[0]!.sessions()[0]!.uuid);
    for (let index = 1; index < names.length; index++) {
      lab.restart(index);
      lab.wait(2000);
      for (let tries = 0; tries < 3; tries++) lab.fromLeft(up({ seq: 1006, ack: 5001, flags: ACK, body: new Uint8Array(5) }));
      lab.run();
      lab.wait(2000);
      lab.fromLeft(up({ seq: 1006, ack: 5001, flags: ACK, body: new Uint8Array(5) }));
      lab.run();
      expect(lab.routers.map((router) => router.sessions().filter((one) => one.life === 2).map((one) => toHex(one.uuid)))).toEqual(names.map(() => [uuid]));
      expect(seqOf(lab.right.at(-1))).toEqual([1006, 5001, ACK]);
      lab.fromRight(down({ seq: 5001, ack: 1006, flags: ACK, body: new Uint8Array(7) }));
      lab.run();
      expect(seqOf(lab.left.at(-1))).toEqual([5001, 1006, ACK]);
    }
  });

  test("N-1 N-5 destination NAT is undone on the way back, source NAT never leaks a source", () => {
    const lab = createLab(names, { services: [{ ...web, sourceNat: true, target: "10.2.0.99" }] });
    lab.fromLeft(up({ seq: 1000, flags: SYN }));
    lab.run();
    const arrived = parsed(lab.right[0]);
    expect([arrived.destination, arrived.source]).toEqual([address("10.2.0.99"), address("10.2.0.1")]);
    expect(arrived.sourcePort).toBeGreaterThanOrEqual(16384);
    lab.fromRight(buildPacket({ source: address("10.2.0.99"), destination: address("10.2.0.1") },
      { kind: "tcp", sourcePort: 80, destinationPort: arrived.sourcePort, seq: 7, ack: 1001, flags: SYN | ACK }));
    lab.run();
    const back = parsed(lab.left[0]);
    expect([back.source, back.destination, back.sourcePort, back.destinationPort]).toEqual([server, client, 80, 40000]);
  });
});

describe("P-4 a first packet that is no SYN", () => {
  const first = up({ seq: 77, ack: 88, flags: ACK, body: new Uint8Array(3) });
  test.each([["Reset", 1, 0], ["Block", 0, 0], ["Allow", 0, 1]] as const)("P-4 enforcement %s", (enforcement, resets, delivered) => {
    const lab = createLab(["east", "west"], { services: [{ ...web, enforcement }] });
    lab.fromLeft(first);
    lab.run();
    expect([lab.left.length, lab.right.length]).toEqual([resets, delivered]);
    if (resets === 1) expect(seqOf(lab.left[0])).toEqual([88, 0, RST]);
  });
});

describe.each([[["east", "west"]], [["branch", "transit", "cloud"]]])("ICMP echo through %j", (names) => {
  const ping = (source: Packet["source"], destination: Packet["source"], type: number): Uint8Array =>
    buildPacket({ source, destination }, { kind: "icmp", type, rest: 0x12340001 }, new TextEncoder().encode("payload"));

  test("an echo and its answer cross in UDP and leave as they were", () => {
    const lab = createLab(names, { services: [{ name: "shop/ping", prefixes: ["10.2.0.0/24"], proto: 1 }] });
    for (let round = 0; round < 3; round++) {
      lab.fromLeft(ping(client, server, 8));
      lab.run();
      lab.fromRight(ping(server, client, 0));
      lab.run();
    }
    expect(lab.wires.every(({ data }) => parsed(data).proto === 17)).toBe(true);
    expect(lab.right.map((data) => toHex(data.subarray(20)))).toEqual(Array<string>(3).fill(toHex(ping(client, server, 8).subarray(20))));
    expect(lab.left.map((data) => toHex(data.subarray(20)))).toEqual(Array<string>(3).fill(toHex(ping(server, client, 0).subarray(20))));
    expect(lab.routers.map((router) => router.sessions().length)).toEqual(names.map(() => 1));
  });
});
