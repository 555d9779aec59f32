// Packets that somebody caught and sends again, and session properties that no router here keeps: neither may end a session, reach a
// host, or leave a segment with numbers of another one (S-2, RB-2, protocol 6.3, 10.2, 13).
import { toHex } from "../../pkg/base/bytes.ts";
import type { IpFamily } from "../../pkg/base/address.ts";
import { finishChecksum, finishIpv4Header } from "../../pkg/svr/checksum.ts";
import { ifnumOf } from "./config.ts";
import { createLab } from "./lab.ts";
import type { Lab } from "./lab.ts";
import { ACK, RST, SYN, authentic, content, endsOf, everything, headerOf, parsed, readWire, tcpDown, tcpUp, udpUp } from "./packets.ts";

const families: readonly IpFamily[] = [4, 6];
const live = (lab: Lab, index: number): string[] => lab.routers[index]!.live().map((session) => toHex(session.uuid));

/** The session-creating packet of a client, which did not arrive. */
function caught(packet: Uint8Array, names = ["east", "west"]): { lab: Lab; data: Uint8Array } {
  const lab = createLab(names, { services: [everything] });
  lab.onWire = () => undefined;
  lab.fromLeft(packet);
  lab.run();
  lab.onWire = (wire) => wire.data;
  return { lab, data: lab.wires.splice(0)[0]!.data };
}

/** A packet on the ports of another one: a tag covers neither, and checksums can be made anew. */
function onPortsOf(packet: Uint8Array, like: Uint8Array): Uint8Array {
  const data = packet.slice();
  const { l4 } = parsed(like);
  data.set(like.subarray(l4, l4 + 4), l4);
  if (data[0]! >>> 4 === 4) finishIpv4Header(data);
  finishChecksum(data, l4);
  return data;
}

describe.each(families)("IPv%i", (family) => {
  const ends = endsOf(family);

  /** A session that is over, its first packet, and another one that lives. */
  function overAndLive(names: string[]): { lab: Lab; data: Uint8Array; onward: Uint8Array } {
    const { lab, data } = caught(udpUp(ends, content(30)), names);
    lab.inject(1, ifnumOf.left, data.slice());
    lab.run();
    const { datapath, shards } = lab.routers[1]!;
    shards[0]!.tell({ kind: "end", refs: datapath.sessions(0, 10).sessions.map(({ index, state }) => ({ index, uuid: state.uuid })), reason: 101 });
    lab.run();
    lab.fromLeft(udpUp(ends, content(30), { from: 41000 }));
    lab.run();
    return { lab, data, onward: lab.wires.findLast((wire) => wire.link === 0 && wire.forward)!.data };
  }

  test.each([[["east", "west"]], [["branch", "transit", "cloud"]]])("S-2 a replayed first packet on the ports of another session ends nothing, through %j", (names) => {
    const { lab, data, onward } = overAndLive(names);
    const before = live(lab, 1);
    lab.inject(1, ifnumOf.left, onPortsOf(data, onward));
    lab.run();
    expect([before.length, live(lab, 1)]).toEqual([1, before]);
    expect(lab.routers[1]!.drops()).toEqual({ "replay-first-packet": 1 });
  });

  test("RB-2 a new first packet there does end it, and the routers beyond hear of it", () => {
    const { lab, onward } = overAndLive(["branch", "transit", "cloud"]);
    const tlvs = readWire(lab, { link: 0, forward: true, data: onward })!;
    const context = { ...tlvs.forwardContext!, sourcePort: 42000 };
    const uuid = tlvs.uuid!.map((byte, at) => (at === 15 ? byte ^ 1 : byte));
    lab.inject(1, ifnumOf.left, authentic(lab, { link: 0, forward: true, like: onward, tlvs: { ...tlvs, iv: undefined, uuid, forwardContext: context }, body: content(30) }));
    lab.run();
    expect([live(lab, 1), live(lab, 2)]).toEqual([[toHex(uuid)], [toHex(uuid)]]);
    expect(parsed(lab.right.at(-1)).sourcePort).toBe(42000);
  });

  test("RB-2 two first packets of different sessions on one 5-tuple in one turn: one of them gets it, and keeps it", () => {
    const { lab, data } = caught(udpUp(ends, content(30)));
    const tlvs = { ...readWire(lab, { link: 0, forward: true, data })!, iv: undefined };
    for (const last of [1, 2]) {
      const uuid = tlvs.uuid!.map((byte, at) => (at === 15 ? byte ^ last : byte));
      lab.inject(1, ifnumOf.left, authentic(lab, { link: 0, forward: true, like: data, tlvs: { ...tlvs, uuid }, body: content(30) }));
      lab.land();
    }
    lab.run();
    expect(live(lab, 1)).toHaveLength(1);
  });

  test("S-2 a replayed SYN in GUARD of its own session is dropped, another late packet is not", () => {
    const { lab, data } = caught(tcpUp(ends, { seq: 1000, flags: SYN }));
    lab.inject(1, ifnumOf.left, data.slice());
    lab.run();
    lab.fromRight(tcpDown(ends, { seq: 0, ack: 1001, flags: RST | ACK }));
    lab.run();
    lab.right.length = 0;
    const tlvs = { ...readWire(lab, { link: 0, forward: true, data })!, iv: undefined };
    for (let copy = 0; copy < 2; copy++) lab.inject(1, ifnumOf.left, data.slice());
    lab.run();
    expect([lab.right.length, lab.routers[1]!.drops()]).toEqual([0, { "replay-first-packet": 2 }]);
    lab.inject(1, ifnumOf.left, authentic(lab, { link: 0, forward: true, like: data, tlvs, body: content(3) }));
    lab.run();
    expect([lab.right.length, live(lab, 1)]).toEqual([1, []]);
  });

  test("10.2 a transit router gives fragments a number of its own", () => {
    const lab = createLab(["branch", "transit", "cloud"], { services: [everything], mtu: 1400, lanMtu: 9216 });
    lab.fromLeft(udpUp(ends, content(3000)));
    lab.run();
    const [near, far] = [0, 1].map((link) => new Set(lab.wires.filter((wire) => wire.link === link && wire.forward).map((wire) => headerOf(wire).metadata.fragment!.extId)));
    expect([near!.size, far!.size, [...far!].some((id) => near!.has(id))]).toEqual([1, 1, false]);
    expect(lab.right).toHaveLength(1);
  });

  test.each([
    { security: { suite: 0, scope: 1 } }, { security: { suite: 1, scope: 1 } }, { security: { suite: 2, scope: 0 } }, { payloadEncrypted: true as const },
    { resilience: { duplication: false, fec: true, leg: 0, fecRound: 10 } }, { resilience: { duplication: true, fec: false, leg: 0, fecRound: 0 } },
  ])("a session with trailers or ciphertext that nobody here removes is refused: %j", (more) => {
    const { lab, data } = caught(udpUp(ends, content(20)));
    const tlvs = { ...readWire(lab, { link: 0, forward: true, data })!, iv: undefined };
    lab.inject(1, ifnumOf.left, authentic(lab, { link: 0, forward: true, like: data, tlvs: { ...tlvs, ...more }, body: content(20) }));
    lab.run();
    expect([lab.right, lab.routers[1]!.sessions(), lab.routers[1]!.drops()]).toEqual([[], [], { "metadata-unknown-critical": 1 }]);
    const nothing = { security: { suite: 0, scope: 0 }, resilience: { duplication: false, fec: false, leg: 0, fecRound: 0 } };
    lab.inject(1, ifnumOf.left, authentic(lab, { link: 0, forward: true, like: data, tlvs: { ...tlvs, ...nothing }, body: content(20) }));
    lab.run();
    expect(lab.right).toHaveLength(1);
  });
});
