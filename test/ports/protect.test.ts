// The conformance suite of engines that protect packets, on single records: the vectors of protocol 16.3, both suites and protocols back and forth, every bit that a tag
// covers, replay, overlap of payload keys, super-packets. Two stores play two routers.
import { fromHex, toHex } from "../../pkg/base/bytes.ts";
import { buildPacket } from "../../pkg/svr/build.ts";
import { addressOfWords } from "../../pkg/base/address.ts";
import { PROTO_TCP, PROTO_UDP } from "../../pkg/svr/constants.ts";
import { Protect } from "../../pkg/svr/session.ts";
import type { ProtectRunner, ProtectSession } from "../../pkg/ports/protect.ts";
import { nodeHkdf } from "../../pkg/security/hkdf.ts";
import type { ProtectEngine } from "../../pkg/security/protectengine.ts";
import { protectEngines } from "../support/engines.ts";

const NOW = 1_767_225_600, SEAL = 13, OPEN = 12;
const uuid = fromHex("3f2a9c1e5b7d4e8f9a0b1c2d3e4f5061")!;
const east = { keyId: 0xe6b4c9d8, hmac: fromHex("fc76db74f5a53ee86b188ea4afb35764027dc69f09d115eb8ed162b7b91af3ad")! };
const west = { keyId: 0xf4f7a6fc, hmac: fromHex("d864b2ff9eaf352afd078133b55e0038cc4c330bc13f2e161af819a1fa1d6943")! };
const secret = Uint8Array.from({ length: 32 }, (_, i) => 0x40 + i), utf8 = new TextEncoder();
const of = (direction: string): { key: Uint8Array; salt: Uint8Array } => ({ key: nodeHkdf.expand(secret, utf8.encode(`svr1 payload ${direction}`), 32), salt: nodeHkdf.expand(secret, utf8.encode(`svr1 salt ${direction}`), 8) });
const PUNT = { size: 40, length: 8, entry: 12, cause: 16, gsoSize: 22, localFlags: 26, flags: 34 } as const, PLAIN = 8; // struct svr_punt, SVR_PUNT_PLAIN
const injectMac = new Uint8Array([2, 1, 2, 3, 4, 5]);

describe.each(protectEngines)("$name", ({ make }) => {
  interface Side { keys: ProtectEngine; worker: ProtectRunner }
  const open: Side[] = [];
  afterEach(() => {
    for (const { keys, worker } of open.splice(0)) {
      worker.close();
      keys.close();
    }
  });

  function side(sends: typeof east, receives: readonly (typeof east)[]): Side {
    const { engine: keys, worker } = make(64);
    keys.peer({ peer: 9, mode: "time-based", window: 1, send: sends, receive: receives });
    open.push({ keys, worker: worker({ injectMac }) });
    return open.at(-1)!;
  }

  /** Ingress and egress of session 0: the ingress has the peer on side 1, the egress on side 0. */
  function routers(suite: 0 | 1 | 2, keyIndex = 1): { ingress: Side; egress: Side; bodies(index: number): void } {
    const [ingress, egress] = [side(east, [west]), side(west, [east])];
    const bodies = (index: number): void => {
      const body = suite === 0 ? {} : { body: { suite, keyIndex: index, forward: of("fwd"), reverse: of("rev") } };
      const encrypted = suite === 0 ? 0 : Protect.bodyFwd | Protect.bodyRev;
      const session: ProtectSession = { ref: { index: 0, uuid }, protect: Protect.sealFwd | Protect.openRev | encrypted, peers: [0, 9], ...body };
      ingress.keys.session(session);
      egress.keys.session({ ...session, protect: Protect.openFwd | Protect.sealRev | encrypted, peers: [9, 0] });
    };
    bodies(keyIndex);
    return { ingress, egress, bodies };
  }

  const text: Uint8Array = utf8.encode("ping");
  function udp(body = text, family: 4 | 6 = 4): Uint8Array {
    const [source, destination] = family === 4 ? [addressOfWords(4, 0xc0000201 | 0), addressOfWords(4, 0xc6336401 | 0)] : [addressOfWords(6, 0x20010db8, 0, 0, 1), addressOfWords(6, 0x20010db8, 0, 0, 2)];
    return buildPacket({ source, destination, ttl: 63, ipId: 1, dontFragment: true }, { kind: "udp", sourcePort: 16384, destinationPort: 16385 }, body);
  }
  function tcp(body = text, flags = 0x18): Uint8Array {
    return buildPacket({ source: addressOfWords(4, 0xc0000201 | 0), destination: addressOfWords(4, 0xc6336401 | 0), ttl: 63, ipId: 1, dontFragment: true }, { kind: "tcp", sourcePort: 16384, destinationPort: 16385, flags, seq: 0xfffffff0, ack: 7 }, body);
  }

  /** struct svr_punt and its packet; side is that of arrival. */
  function record(cause: number, packet: Uint8Array, more: { side?: 0 | 1; gsoSize?: number; index?: number; flags?: number } = {}): Uint8Array {
    const bytes = new Uint8Array(PUNT.size + packet.length), view = new DataView(bytes.buffer);
    view.setUint32(PUNT.length, packet.length, true);
    view.setUint32(PUNT.entry, (((more.index ?? 0) + 1) << 1) | (more.side ?? 0), true);
    view.setUint16(PUNT.cause, cause, true);
    view.setUint16(PUNT.localFlags, cause === SEAL ? 40 : 0, true);
    view.setUint16(PUNT.gsoSize, more.gsoSize ?? 0, true);
    view.setUint16(PUNT.flags, more.flags ?? 0, true);
    bytes.set(packet, PUNT.size);
    return bytes;
  }

  const seal = ({ worker }: Side, packet: Uint8Array, gsoSize = 0): Uint8Array[] => worker.run(record(SEAL, packet, { gsoSize }), NOW).map((frame) => frame.slice(14));
  const openOne = ({ worker }: Side, packet: Uint8Array, now = NOW): Uint8Array | undefined => worker.run(record(OPEN, packet), now)[0]?.slice(14);

  test.each([1, 2] as const)("027 what passed before its direction was encrypted is sealed and opened with a tag alone, though its session encrypts by now (suite %i)", (suite) => {
    const { ingress, egress } = routers(suite), tagged = routers(0);
    for (const packet of [udp(), tcp()]) {
      const [sealed] = ingress.worker.run(record(SEAL, packet, { flags: PLAIN }), NOW);
      expect(toHex(sealed!)).toBe(toHex(tagged.ingress.worker.run(record(SEAL, packet), NOW)[0]!));
      expect(toHex(egress.worker.run(record(OPEN, sealed!.subarray(14), { flags: PLAIN }), NOW)[0]!.subarray(14))).toBe(toHex(packet));
    }
    expect([ingress.worker.counts().drops, egress.worker.counts().drops]).toEqual([{}, {}]);
  });

  describe("protocol 16.3", () => {
    test("the CBC body and its tag, in a UDP packet of length 48", () => {
      const [sealed] = seal(routers(1).ingress, udp());
      expect(toHex(sealed!.subarray(28))).toBe("0100000000000001f287f43a2992944ab4765ab57481709346fe96ea10dd1d5daae9e565fc15a149");
      expect(new DataView(sealed!.buffer).getUint16(24)).toBe(48);
    });

    test("the GCM body", () => {
      const [sealed] = seal(routers(2).ingress, udp());
      expect(toHex(sealed!.subarray(28, -16))).toBe("0100000000000001d4560bb8403f44c2d4a162ecc6485b02ecaeff7b");
    });
  });

  const suites = [{ suite: 0 as const, name: "tag only" }, { suite: 1 as const, name: "CBC" }, { suite: 2 as const, name: "GCM" }];
  const packets = [{ kind: "UDP", make: udp }, { kind: "UDP over IPv6", make: (body?: Uint8Array) => udp(body, 6) }, { kind: "TCP", make: tcp }];
  const cases = suites.flatMap((one) => packets.map((packet) => ({ ...one, ...packet })));

  describe.each(cases)("$kind, $name", ({ suite, make }) => {
    test.each([0, 1, 15, 16, 17, 1400])("a body of %p bytes is the same behind the other router, headers and checksums included", (size) => {
      const { ingress, egress } = routers(suite), packet = make(Uint8Array.from({ length: size }, (_, i) => i * 7));
      const [sealed] = seal(ingress, packet);
      const growth = 16 + (suite === 0 || size === 0 ? 0 : suite === 1 ? 8 + 16 - size % 16 : 24);
      expect(sealed!.length).toBe(packet.length + growth);
      expect(toHex(openOne(egress, sealed!)!)).toBe(toHex(packet));
    });

    test("S-1 one flipped bit of anything that is covered is dropped: L4 header but for ports and checksum, body, tag", () => {
      const { ingress, egress } = routers(suite), packet = make();
      const [sealed] = seal(ingress, packet);
      const isUdp = sealed![sealed![0]! >> 4 === 4 ? 9 : 6] === PROTO_UDP, l4 = sealed![0]! >> 4 === 4 ? 20 : 40;
      const check = isUdp ? 6 : 16;
      const covered = Array.from({ length: sealed!.length - l4 }, (_, i) => i).filter((i) => i >= 4 && i !== check && i !== check + 1);
      for (const at of covered) {
        const broken = sealed!.slice();
        broken[l4 + at]! ^= 1 << (at % 8);
        expect([at, openOne(egress, broken)]).toEqual([at, undefined]);
      }
      const { drops } = egress.worker.counts();
      expect((drops["hmac-failure"] ?? 0) + (drops["too-big"] ?? 0)).toBe(covered.length); // a header longer than its packet is none
      expect(toHex(openOne(egress, sealed!)!)).toBe(toHex(packet));
    });
  });

  describe("RB-21 7.1 epochs", () => {
    const names = (drops: object): string => Object.keys(drops).sort().join();
    test.each([[0, 1], [2, 1], [-2, 1], [4, 2], [-4, 2], [10, 5], [-10, 5]] as const)("a clock that is %i s ahead is accepted with a window of %i, one epoch further it is not", (ahead, window) => {
      const { ingress, egress } = routers(0);
      egress.keys.peer({ peer: 9, mode: "time-based", window, send: west, receive: [east] });
      const [sealed] = seal(ingress, udp());
      expect(openOne(egress, sealed!, NOW - ahead)).toBeDefined();
      const beyond = ahead < 0 ? NOW + 2 * (window + 1) : NOW - 2 * (window + 1);
      expect([openOne(egress, sealed!, beyond), names(egress.worker.counts().drops), egress.worker.counts().skew]).toEqual([undefined, "hmac-clock-skew", { peer: 9, epochs: (ahead < 0 ? -1 : 1) * (window + 1) }]);
    });

    test("differences up to 30 epochs are told as that, ten times a second and peer, whichever key it is; more are a wrong tag, and nothing is told in regular mode", () => {
      const { ingress, egress } = routers(0), [sealed] = seal(ingress, udp());
      egress.keys.peer({ peer: 9, mode: "time-based", window: 1, send: west, receive: [west, west, east] });
      for (const [now, drops] of [[NOW + 60, { "hmac-clock-skew": 1 }], [NOW - 60, { "hmac-clock-skew": 2 }], [NOW + 62, { "hmac-clock-skew": 2, "hmac-failure": 1 }]] as const) {
        expect([openOne(egress, sealed!, now), egress.worker.counts().drops]).toEqual([undefined, drops]);
      }
      for (let i = 0; i < 12; i++) openOne(egress, sealed!, NOW + 20);
      expect(egress.worker.counts().drops).toEqual({ "hmac-clock-skew": 12, "hmac-failure": 3 });
      openOne(egress, sealed!, NOW + 22);
      expect(egress.worker.counts()).toMatchObject({ drops: { "hmac-clock-skew": 13, "hmac-failure": 3 }, skew: { peer: 9, epochs: -11 } });
      expect(openOne(egress, sealed!)).toBeDefined();
      for (const { keys } of [ingress, egress]) keys.peer({ peer: 9, mode: "regular", window: 1, send: keys === ingress.keys ? east : west, receive: [east] });
      const [regular] = seal(ingress, udp());
      expect([openOne(egress, regular!, NOW + 86_400) !== undefined, openOne(egress, sealed!), names(egress.worker.counts().drops)]).toEqual([true, undefined, "hmac-clock-skew,hmac-failure"]);
      expect(egress.worker.counts().drops).toEqual({ "hmac-clock-skew": 13, "hmac-failure": 4 });
    });

    test("disabled: nothing is tagged and nothing is looked at", () => {
      const { ingress, egress } = routers(0), packet = udp();
      for (const { keys } of [ingress, egress]) keys.peer({ peer: 9, mode: "disabled", window: 1, send: east, receive: [west] });
      const [sealed] = seal(ingress, packet);
      expect([toHex(sealed!), toHex(openOne(egress, sealed!, NOW + 86_400)!)]).toEqual([toHex(packet), toHex(packet)]);
    });
  });

  test("ports, checksum and IP header may change on the way: a NAT does not break it", () => {
    const { ingress, egress } = routers(1);
    const [sealed] = seal(ingress, udp());
    for (const at of [8, 12, 15, 20, 23, 26]) sealed![at]! ^= 0x11;
    expect(toHex(openOne(egress, sealed!)!.subarray(28))).toBe(toHex(text));
  });

  test("S-4 a sealed packet that comes twice, or is 1,024 counters late, is dropped", () => {
    const { ingress, egress } = routers(2);
    const all = Array.from({ length: 1_100 }, () => seal(ingress, udp())[0]!);
    expect(openOne(egress, all[5]!)).toBeDefined();
    expect(openOne(egress, all[5]!)).toBeUndefined();
    expect(openOne(egress, all[4]!)).toBeDefined();
    expect(openOne(egress, all[1_099]!)).toBeDefined();
    expect(openOne(egress, all[1_099 - 1_023]!)).toBeDefined();
    expect(openOne(egress, all[1_099 - 1_024]!)).toBeUndefined();
    expect(egress.worker.counts().drops).toEqual({ "replay-payload": 2 });
  });

  test("epochs: one to either side is accepted, two are not", () => {
    const { ingress, egress } = routers(0);
    const [sealed] = seal(ingress, udp());
    expect([-4, -2, 0, 2, 4].map((seconds) => openOne(egress, sealed!, NOW + seconds) !== undefined)).toEqual([false, true, true, true, false]);
  });

  test("keys of a peer roll over: what was sent under the old one is accepted while it is among those received", () => {
    const { ingress, egress } = routers(0);
    const [old] = seal(ingress, udp());
    const next = { keyId: 77, hmac: new Uint8Array(32).fill(7) };
    ingress.keys.peer({ peer: 9, mode: "time-based", window: 1, send: next, receive: [west] });
    egress.keys.peer({ peer: 9, mode: "time-based", window: 1, send: west, receive: [next, east] });
    expect([seal(ingress, udp())[0]!, old!].map((packet) => openOne(egress, packet) !== undefined)).toEqual([true, true]);
    egress.keys.peer({ peer: 9, mode: "time-based", window: 1, send: west, receive: [next] });
    expect(openOne(egress, old!)).toBeUndefined();
  });

  test("rekey: a new index begins at counter 1, the old one is accepted for a while, an unknown one never", () => {
    const { ingress, egress, bodies } = routers(1, 1);
    const [first, second] = [seal(ingress, udp())[0]!, seal(ingress, udp())[0]!];
    bodies(2);
    const [third] = seal(ingress, udp());
    expect(toHex(third!.subarray(28, 36))).toBe("0200000000000001");
    expect([third!, first].map((packet) => openOne(egress, packet) !== undefined)).toEqual([true, true]);
    bodies(3);
    expect(openOne(egress, second)).toBeUndefined();
    expect(egress.worker.counts().drops).toEqual({ "decrypt-failure": 1 });
  });

  test("a super-packet becomes its segments, each with a tag of its own; numbers, flags and identifications follow", () => {
    const { ingress, egress } = routers(1), body = Uint8Array.from({ length: 2_500 }, (_, i) => i);
    const segments = seal(ingress, tcp(body, 0x99), 1_000).map((sealed) => openOne(egress, sealed)!);
    const read = segments.map((packet) => new DataView(packet.buffer, packet.byteOffset, packet.byteLength));
    expect(read.map((view) => [view.byteLength - 40, view.getUint16(4), view.getUint32(24), view.getUint8(33)])).toEqual([
      [1_000, 1, 0xfffffff0, 0x90], [1_000, 2, 0x3d8, 0x10], [500, 3, 0x7c0, 0x19],
    ]);
    expect(toHex(new Uint8Array(Buffer.concat(segments.map((packet) => packet.subarray(40)))))).toBe(toHex(body));
    for (const packet of segments) expect(packet[9]).toBe(PROTO_TCP);
  });

  test("frames name where they go: the next hop of the record, or the entry of what was opened", () => {
    const { ingress, egress } = routers(0);
    const [frame] = ingress.worker.run(record(SEAL, udp()), NOW);
    expect(toHex(frame!.subarray(0, 14))).toBe("0253565200280201020304050800");
    const [opened] = egress.worker.run(record(OPEN, frame!.subarray(14)), NOW);
    expect(toHex(opened!.subarray(0, 14))).toBe("024f000000020201020304050800");
  });

  test("without keys nothing passes, and the slot is told; what is no packet is dropped", () => {
    const { ingress } = routers(1);
    expect(ingress.worker.run(record(SEAL, udp(), { index: 7 }), NOW)).toEqual([]);
    expect(ingress.worker.counts()).toMatchObject({ drops: { "no-key": 1 }, missing: [7] });
    expect(ingress.keys.end({ index: 0, uuid: new Uint8Array(16) })).toBe(false);
    expect(ingress.keys.end({ index: 0, uuid })).toBe(true);
    expect(seal(ingress, udp())).toEqual([]);
    ingress.keys.session({ ref: { index: 0, uuid }, protect: Protect.sealFwd, peers: [0, 8] });
    expect(seal(ingress, udp())).toEqual([]);
    ingress.keys.session({ ref: { index: 0, uuid }, protect: Protect.sealFwd, peers: [0, 9] });
    for (const bad of [new Uint8Array(), udp().subarray(0, 21), new Uint8Array(100).fill(0x55)]) expect(seal(ingress, bad)).toEqual([]);
    const damaged = udp();
    damaged[28]! ^= 1;
    expect(seal(ingress, damaged)).toEqual([]);
    expect(ingress.worker.counts().drops).toEqual({ "no-key": 3, "too-big": 3, filter: 1 });
  });
});
