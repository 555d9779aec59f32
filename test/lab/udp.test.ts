// UDP sessions through one, two and three routers: metadata on the first packets, none after, the same bytes at the far end.
import { toHex } from "../../pkg/base/bytes.ts";
import { buildPacket } from "../../pkg/svr/build.ts";
import { startsWithCookie } from "../../pkg/svr/decode.ts";
import { parsePacket } from "../../pkg/svr/packet.ts";
import type { Packet } from "../../pkg/svr/packet.ts";
import { hasGoodChecksum } from "../../pkg/svr/sanity.ts";
import { address } from "./config.ts";
import type { LabService } from "./config.ts";
import { createLab } from "./lab.ts";
import type { Wire } from "./lab.ts";

const services: LabService[] = [{ name: "shop/dns", prefixes: ["10.2.0.0/24"], proto: 17, ports: { first: 53, last: 53 } }];
const client = address("10.1.0.10");
const server = address("10.2.0.20");
const text = (value: string): Uint8Array => new TextEncoder().encode(value);
const query = (body = "ping", port = 40000): Uint8Array => buildPacket({ source: client, destination: server }, { kind: "udp", sourcePort: port, destinationPort: 53 }, text(body));
const answer = (body = "pong", port = 40000): Uint8Array => buildPacket({ source: server, destination: client }, { kind: "udp", sourcePort: 53, destinationPort: port }, text(body));
const parsed = (data: Uint8Array | undefined): Packet => {
  const packet = parsePacket(data ?? new Uint8Array(0));
  if (!packet.ok) throw new Error(packet.error);
  return packet.value;
};
const bodyOf = (data: Uint8Array | undefined): string => {
  const packet = parsed(data);
  return new TextDecoder().decode(packet.data.subarray(packet.payload, packet.end));
};
const hasMetadata = (wire: Wire): boolean => {
  const packet = parsed(wire.data);
  return startsWithCookie(packet.data, packet.payload, packet.end);
};

describe.each([[["east", "west"]], [["branch", "transit", "cloud"]]])("UDP through %j", (names) => {
  test("W-1 L-1 first packets carry metadata, the rest none, one uuid everywhere", () => {
    const lab = createLab(names, { services });
    lab.fromLeft(query("one"));
    lab.run();
    expect(lab.right.map(bodyOf)).toEqual(["one"]);
    lab.fromRight(answer("two"));
    lab.run();
    expect(lab.left.map(bodyOf)).toEqual(["two"]);
    lab.fromLeft(query("three"));
    lab.run();
    lab.wires.length = 0;
    lab.fromLeft(query("four"));
    lab.fromRight(answer("five"));
    lab.run();
    expect(lab.wires.map(hasMetadata)).toEqual(lab.wires.map(() => false));
    expect(lab.wires.map((wire) => wire.data.length)).toEqual(lab.wires.map((wire) => (wire.forward ? query("four") : answer("five")).length));
    expect([lab.right.map(bodyOf), lab.left.map(bodyOf)]).toEqual([["one", "three", "four"], ["two", "five"]]);
    const uuids = new Set(lab.routers.map((router) => router.sessions().map((session) => toHex(session.uuid)).join()));
    expect([...uuids]).toHaveLength(1);
    expect(lab.routers.map((router) => router.sessions()[0]?.packets)).toEqual(names.map(() => [3n, 2n]));
    expect([...lab.left, ...lab.right].map(parsed).every(hasGoodChecksum)).toBe(true);
  });

  test("W-2 our port is even, the peer's odd, both in range", () => {
    const lab = createLab(names, { services });
    for (let port = 1; port <= 20; port++) lab.fromLeft(query("x", 40000 + port));
    lab.run();
    const ports = lab.wires.filter((wire) => wire.forward).map((wire) => parsed(wire.data));
    expect(ports.length).toBe(20 * (names.length - 1));
    for (const packet of ports) {
      expect([packet.sourcePort % 2, packet.destinationPort % 2]).toEqual([0, 1]);
      expect(packet.sourcePort).toBeGreaterThanOrEqual(16384);
    }
  });

  test("P-1 without a service or access nothing leaves, and the reason is counted", () => {
    const lab = createLab(names, { services: [{ ...services[0]!, allow: ["other"] }] });
    lab.fromLeft(query());
    lab.fromLeft(buildPacket({ source: client, destination: address("10.9.9.9") }, { kind: "udp", sourcePort: 1, destinationPort: 9 }));
    lab.run();
    expect([lab.wires.length, lab.right.length, lab.routers[0]?.sessions().length]).toEqual([0, 0, 0]);
    expect(lab.routers[0]?.drops()).toMatchObject({ access: 1, "no-service": 1 });
    const denials = lab.routers[0]?.reports().find((message) => message.kind === "denials");
    expect(denials).toBeUndefined();
  });

  test("W-3 a lost reverse metadata packet is repeated", () => {
    const lab = createLab(names, { services });
    lab.fromLeft(query("one"));
    lab.run();
    let lost = 0;
    lab.onWire = (wire) => (!wire.forward && lost++ === 0 ? undefined : wire.data);
    lab.fromRight(answer("gone"));
    lab.run();
    lab.wires.length = 0;
    lab.fromLeft(query("two"));
    lab.run();
    expect(lab.wires.every(hasMetadata)).toBe(true);
    lab.fromRight(answer("three"));
    lab.run();
    expect(lab.left.map(bodyOf)).toEqual(["three"]);
    lab.fromLeft(query("four"));
    lab.run();
    lab.wires.length = 0;
    lab.fromLeft(query("five"));
    lab.run();
    expect(lab.wires.some(hasMetadata)).toBe(false);
  });
});
