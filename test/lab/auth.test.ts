// Authentication between routers: what a tag covers, replayed first packets, encrypted metadata, tenants that a peer may not
// assert (S-1, S-2, S-3, S-7).
import { toHex } from "../../pkg/base/bytes.ts";
import type { IpFamily } from "../../pkg/base/address.ts";
import { finishChecksum, finishIpv4Header } from "../../pkg/svr/checksum.ts";
import type { Suite } from "../../pkg/svr/encode.ts";
import { ifnumOf } from "./config.ts";
import type { Chain } from "./config.ts";
import { createLab } from "./lab.ts";
import type { Lab } from "./lab.ts";
import { ACK, SYN, authentic, bodyOf, content, endsOf, everything, headerOf, parsed, readWire, tcpDown, tcpUp, udpDown, udpUp } from "./packets.ts";

const families: readonly IpFamily[] = [4, 6];
const pair = ["east", "west"];

interface Caught { lab: Lab; data: Uint8Array }

/** A session-creating packet that did not arrive yet. */
function caught(packet: Uint8Array, options: Partial<Chain> = {}, names = pair): Caught {
  const lab = createLab(names, { services: [everything], ...options });
  lab.onWire = () => undefined;
  lab.fromLeft(packet);
  lab.run();
  lab.onWire = (wire) => wire.data;
  return { lab, data: lab.wires.splice(0)[0]!.data };
}

/** Checksums as somebody who changes a packet on its way would write them. */
function mended(data: Uint8Array): Uint8Array {
  if (data[0]! >>> 4 === 4) finishIpv4Header(data);
  finishChecksum(data, data[0]! >>> 4 === 4 ? 20 : 40);
  return data;
}

const parseReasons = ["hmac-failure", "unknown-key", "metadata-malformed", "metadata-unknown-critical", "metadata-incomplete", "no-flow", "filter", "state"];

describe.each(families.flatMap((family) => (["udp", "tcp"] as const).map((proto) => [family, proto] as const)))("IPv%i %s", (family, proto) => {
  const ends = endsOf(family);
  const packet = proto === "udp" ? udpUp(ends, content(30)) : tcpUp(ends, { seq: 1000, flags: SYN, mss: 1460, body: content(30) });

  test("S-1 every covered byte of a session-creating packet: dropped, one more on exactly one counter", () => {
    const { lab, data } = caught(packet);
    const west = lab.routers[1]!;
    const { l4 } = parsed(data);
    const seen = new Set<string>();
    for (let at = l4 + 4; at < data.length; at++) {
      if (at - l4 >= (proto === "udp" ? 6 : 16) && at - l4 < (proto === "udp" ? 8 : 18)) continue; // the checksum is not covered
      for (const bit of [0x01, 0x80]) {
        const before = west.drops();
        const bent = data.slice();
        bent[at]! ^= bit;
        lab.inject(1, ifnumOf.left, mended(bent));
        lab.run();
        const counted = Object.entries(west.drops()).filter(([reason, count]) => count !== (before[reason] ?? 0));
        expect([at, bit, counted.length, lab.right.length]).toEqual([at, bit, 1, 0]);
        expect(counted[0]![1] - (before[counted[0]![0]] ?? 0)).toBe(1);
        seen.add(counted[0]![0]);
      }
    }
    expect([...seen].filter((reason) => !parseReasons.includes(reason))).toEqual([]);
    expect(seen.has("hmac-failure")).toBe(true);
    expect(west.sessions()).toEqual([]);
    lab.inject(1, ifnumOf.left, data);
    lab.run();
    expect(lab.right).toHaveLength(1);
  });

  test("S-1 W-12 another source address, source port or TTL, as a NAT writes them, is accepted and answered there", () => {
    const { lab, data } = caught(packet);
    const isV4 = family === 4;
    const bent = data.slice();
    bent[isV4 ? 15 : 23] = 99;
    bent[(isV4 ? 20 : 40) + 1]! ^= 0x42;
    bent[isV4 ? 8 : 7] = 7;
    lab.inject(1, ifnumOf.left, mended(bent));
    lab.run();
    expect(lab.right.map((one) => toHex(bodyOf(one)))).toEqual([toHex(content(30))]);
    lab.wires.length = 0;
    lab.fromRight(proto === "udp" ? udpDown(ends, content(5)) : tcpDown(ends, { seq: 1, ack: 1031, flags: SYN | ACK }));
    lab.run();
    const back = parsed(lab.wires[0]!.data);
    const seen = parsed(bent);
    expect([back.destination, back.destinationPort, back.sourcePort]).toEqual([seen.source, seen.sourcePort, seen.destinationPort]);
  });
});

describe.each(families)("S-2 replay on IPv%i", (family) => {
  const ends = endsOf(family);
  const end = (lab: Lab, index: number): void => {
    const { datapath, shards } = lab.routers[index]!;
    const refs = datapath.sessions(0, 10).sessions.map((one) => ({ index: one.index, uuid: one.state.uuid }));
    shards[0]!.tell({ kind: "end", refs, reason: 101 });
  };

  test.each([["TimeBased", 0], ["Regular", 1]] as const)("S-2 a first packet replayed after 10 s, mode %s", (mode, delivered) => {
    const { lab, data } = caught(udpUp(ends, content(30)), { mode });
    lab.inject(1, ifnumOf.left, data.slice());
    lab.run();
    end(lab, 1);
    lab.run();
    lab.wait(10_000);
    lab.right.length = 0;
    lab.inject(1, ifnumOf.left, data.slice());
    lab.run();
    expect(lab.right).toHaveLength(delivered);
    expect(lab.routers[1]!.live()).toHaveLength(delivered);
    if (delivered === 0) expect(lab.routers[1]!.drops()).toEqual({ "hmac-clock-skew": 1 });
  });

  test.each([["and open one session though their time is over", 6_000, 1, {}], ["too long to know a copy by then: the shard was behind", 14_000, 0, { "ring-full": 2 }]] as const)("RB-21 a first packet and a copy of it wait for their shard, %s", (_desc, ms, delivered, drops) => {
    const { lab, data } = caught(udpUp(ends, content(30)));
    for (let copy = 0; copy < 2; copy++) {
      lab.inject(1, ifnumOf.left, data.slice());
      lab.land();
    }
    const { shards, live } = lab.routers[1]!, waiting = shards.splice(0);
    lab.wait(ms);
    shards.push(...waiting);
    lab.run();
    expect([lab.right.length, live().length, lab.routers[1]!.drops()]).toEqual([2 * delivered, delivered, drops]);
    if (delivered === 0) return;
    end(lab, 1);
    lab.run();
    lab.inject(1, ifnumOf.left, data.slice()); // now it arrives late
    lab.run();
    expect([live().length, lab.routers[1]!.drops()]).toEqual([0, { "hmac-clock-skew": 1 }]);
  });

  test("S-2 replayed in the window after its session ended: dropped", () => {
    const { lab, data } = caught(udpUp(ends, content(30)));
    lab.inject(1, ifnumOf.left, data.slice());
    lab.run();
    end(lab, 1);
    lab.run();
    lab.right.length = 0;
    for (let copy = 0; copy < 3; copy++) lab.inject(1, ifnumOf.left, data.slice());
    lab.run();
    expect([lab.right.length, lab.routers[1]!.live().length]).toEqual([0, 0]);
    expect(lab.routers[1]!.drops()).toEqual({ "replay-first-packet": 3 });
  });

  test("6.3 a copy while the session lives is a repeat", () => {
    const { lab, data } = caught(udpUp(ends, content(30)));
    lab.inject(1, ifnumOf.left, data.slice());
    lab.inject(1, ifnumOf.left, data.slice());
    lab.run();
    expect([lab.right.length, lab.routers[1]!.live().length]).toEqual([2, 1]);
    expect(lab.routers[1]!.drops()).toEqual({});
  });

  test("6.1 a copy from where the peer is not known does not move its session", () => {
    const { lab, data } = caught(udpUp(ends, content(30)));
    lab.inject(1, ifnumOf.left, data.slice());
    lab.run();
    const elsewhere = data.slice();
    elsewhere[family === 4 ? 15 : 23] = 66;
    lab.inject(1, ifnumOf.left, mended(elsewhere));
    lab.run();
    expect(lab.routers[1]!.drops()).toEqual({ "uuid-mismatch": 1 });
    lab.fromRight(udpDown(ends, content(5)));
    lab.run();
    expect(lab.wires.map((wire) => parsed(wire.data).destination)).toEqual([parsed(data).source]);
  });
});

describe("S-3 encrypted metadata", () => {
  const ends = endsOf(4);
  const secrets = ["corp", "shop/all", "east"].map((word) => toHex(new TextEncoder().encode(word)));

  test.each([["CBC", 1, 16], ["GCM", 2, 12]] as const)("S-3 %s: payload TLVs cannot be read, header TLVs can", (suite, number, iv) => {
    const { lab, data } = caught(udpUp(ends, content(30)), { suite });
    const header = headerOf({ data });
    expect([header.suite, header.metadata.iv?.length, header.metadata.keyId !== undefined]).toEqual([number, iv, true]);
    const wire = toHex(data);
    expect(secrets.filter((word) => wire.includes(word))).toEqual([]);
    const tlvs = readWire(lab, { link: 0, forward: true, data })!;
    expect(wire.includes(toHex(tlvs.uuid!))).toBe(false);
    expect([tlvs.tenant, tlvs.service, tlvs.sourceRouter]).toEqual(["corp", "shop/all", "east"]);
  });

  test("S-3 without encryption they are readable, so the check above can fail", () => {
    const { data } = caught(udpUp(ends, content(30)), { suite: "off" });
    expect(secrets.filter((word) => !toHex(data).includes(word))).toEqual([]);
  });

  test.each([0, 1, 2] as const)("8.1 a peer that must encrypt and sends suite %i", (suite: Suite) => {
    const { lab, data } = caught(udpUp(ends, content(30)));
    const tlvs = { ...readWire(lab, { link: 0, forward: true, data })!, iv: undefined };
    lab.inject(1, ifnumOf.left, authentic(lab, { link: 0, forward: true, like: data, tlvs, suite, body: content(30) }));
    lab.run();
    expect(lab.right).toHaveLength(suite === 0 ? 0 : 1);
    expect(lab.routers[1]!.drops()).toEqual(suite === 0 ? { "decrypt-failure": 1 } : {});
  });

  test("8.1 no IV is used twice, whatever is sent", () => {
    const lab = createLab(["branch", "transit", "cloud"], { services: [everything] });
    for (let port = 1; port <= 50; port++) lab.fromLeft(udpUp(ends, content(10), { from: port }));
    lab.run();
    for (let port = 1; port <= 50; port++) lab.fromRight(udpDown(ends, content(10), { from: port }));
    lab.run();
    const ivs = lab.wires.map((wire) => `${wire.link} ${wire.forward} ${toHex(headerOf(wire).metadata.iv!)}`);
    expect(new Set(ivs).size).toBe(200);
  });
});

describe("S-7 tenants that a peer may not assert", () => {
  const names = ["branch", "transit", "cloud"];
  const ends = endsOf(4);

  test.each([1, 2])("S-7 refused by router %i of the path, whatever the others allow", (at) => {
    const lab = createLab(names, { services: [everything] }, (index) => (index === at ? { allowed: ["guest"] } : {}));
    lab.fromLeft(udpUp(ends, content(10)));
    lab.run();
    expect(lab.right).toEqual([]);
    expect(lab.routers[at]!.drops()).toEqual({ "tenant-not-allowed": 1 });
    expect(lab.routers[at]!.sessions()).toEqual([]);
  });

  test("S-7 a listed tenant covers its children, and a child says nothing about its parent", () => {
    const tenants = ["dev.corp"];
    const services = [{ ...everything, allow: ["corp"] }];
    const parent = createLab(names, { services, tenants: [...tenants, "corp"], allowed: ["corp"] });
    parent.fromLeft(udpUp(ends, content(10)));
    parent.run();
    expect(parent.right).toHaveLength(1);
    const child = createLab(names, { services, tenants: ["corp", "dev.corp"], allowed: ["dev.corp"] });
    child.fromLeft(udpUp(ends, content(10)));
    child.run();
    expect([child.right.length, child.routers[1]!.drops()]).toEqual([0, { "tenant-not-allowed": 1 }]);
  });

  test("S-7 7.4 the key of another peer on a known flow", () => {
    const lab = createLab(names, { services: [everything] });
    lab.fromLeft(udpUp(ends, content(10)));
    lab.run();
    const toTransit = lab.wires.find((wire) => wire.link === 0)!.data;
    const stolen = authentic(lab, { link: 1, forward: false, like: toTransit, tlvs: { control: 6, uuid: lab.routers[1]!.sessions()[0]!.uuid } });
    lab.inject(1, ifnumOf.left, mended(addressedLike(stolen, toTransit)));
    lab.run();
    expect(lab.routers[1]!.drops()).toEqual({ "peer-mismatch": 1 });
    expect(lab.routers[1]!.live()).toHaveLength(1);
  });
});

/** Addresses and ports of one packet on another one; a tag covers neither. */
function addressedLike(data: Uint8Array, like: Uint8Array): Uint8Array {
  data.set(like.subarray(12, 24), 12);
  return data;
}
