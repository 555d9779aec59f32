// Encrypted TCP segments that were one super-packet follow each other on the wire, as trains that kernels and devices can cut and join
// (docs/decisions/026), through routers that do not decrypt them, whatever tags the links have; for both engines.
import { addressOfWords } from "../../pkg/base/address.ts";
import { toHex } from "../../pkg/base/bytes.ts";
import type { ProtectPeer, ProtectRunner } from "../../pkg/ports/protect.ts";
import { buildPacket } from "../../pkg/svr/build.ts";
import { Protect } from "../../pkg/svr/session.ts";
import { protectEngines } from "../support/engines.ts";

const NOW = 1_767_225_600, OPEN = 12, SEAL = 13, SEQ = 0xfffff000, WEST = 8, EAST = 9;
const PUNT = { size: 40, length: 8, entry: 12, cause: 16, gsoSize: 22 } as const; // struct svr_punt
const uuid = new Uint8Array(16).fill(3), secret = { keyId: 1, hmac: new Uint8Array(32).fill(1) }, way = (fill: number) => ({ key: new Uint8Array(32).fill(fill), salt: new Uint8Array(8).fill(fill) });
const closers: (() => void)[] = [];
afterEach(() => { for (const close of closers.splice(0)) close(); });

type Mode = ProtectPeer["mode"];
const families = [4, 6] as const, suites = [{ suite: 1 as const, name: "CBC" }, { suite: 2 as const, name: "GCM" }];

function record(cause: number, packet: Uint8Array, gsoSize = 0): Uint8Array {
  const bytes = new Uint8Array(PUNT.size + packet.length), view = new DataView(bytes.buffer);
  view.setUint32(PUNT.length, packet.length, true);
  view.setUint32(PUNT.entry, 1 << 1, true);
  view.setUint16(PUNT.cause, cause, true);
  view.setUint16(PUNT.gsoSize, gsoSize, true);
  bytes.set(packet, PUNT.size);
  return bytes;
}

function superPacket(family: 4 | 6, size: number): Uint8Array {
  const address = (last: number) => family === 4 ? addressOfWords(4, 0xc0000200 | last) : addressOfWords(6, 0x20010db8, 0, 0, last);
  return buildPacket({ source: address(1), destination: address(2), ttl: 63, ipId: 1, dontFragment: true }, { kind: "tcp", sourcePort: 16384, destinationPort: 16385, flags: 0x18, seq: SEQ, ack: 7 }, Uint8Array.from({ length: size }, (_, i) => i * 7));
}

interface Read { seq: number; payload: Uint8Array; push: boolean }
function read(packet: Uint8Array): Read {
  const l4 = packet[0]! >> 4 === 4 ? 20 : 40, view = new DataView(packet.buffer, packet.byteOffset, packet.length);
  return { seq: view.getUint32(l4 + 4), payload: packet.subarray(l4 + 20), push: (packet[l4 + 13]! & 8) !== 0 };
}

describe.each(protectEngines)("$name", ({ make }) => {
  /** A router of session 0, with a peer to the west or a host, and to the east. */
  function router(protect: number, { west, east, suite }: { west?: Mode; east?: Mode; suite: 1 | 2 }): ProtectRunner {
    const { engine, worker } = make(4), runner = worker({ injectMac: Uint8Array.of(2, 1, 2, 3, 4, 5) });
    closers.push(() => {
      runner.close();
      engine.close();
    });
    for (const [peer, mode] of [[WEST, west], [EAST, east]] as const) if (mode !== undefined) engine.peer({ peer, mode, window: 1, ...(mode === "disabled" ? { receive: [] } : { send: secret, receive: [secret] }) });
    const isEnd = west === undefined || east === undefined;
    engine.session({ ref: { index: 0, uuid }, protect: protect | Protect.encrypted, peers: [west === undefined ? 0 : WEST, east === undefined ? 0 : EAST], ...(isEnd && { body: { suite, keyIndex: 1, forward: way(4), reverse: way(5) } }) });
    return runner;
  }
  const run = (runner: ProtectRunner, cause: number, packets: readonly Uint8Array[], gsoSize = 0): Uint8Array[] => packets.flatMap((packet) => runner.run(record(cause, packet, gsoSize), NOW).map((frame) => frame.slice(14)));
  const ingress = (suite: 1 | 2, east: Mode): ProtectRunner => router(Protect.sealFwd | Protect.bodyFwd, { east, suite });
  const egress = (suite: 1 | 2, west: Mode): ProtectRunner => router(Protect.openFwd | Protect.bodyFwd, { west, suite });

  describe.each(suites)("$name", ({ suite }) => {
    test.each(families)("whole segments follow each other over IPv%i, each with its position; what is shorter stands alone", (family) => {
      const sealed = run(ingress(suite, "time-based"), SEAL, [superPacket(family, 2_500)], 1_000), wire = sealed.map(read);
      const grown = 1_000 + 16 + 8 + (suite === 1 ? 8 : 16);
      expect(wire.map(({ seq, payload, push }) => [(seq - SEQ) >>> 0, payload.length, payload[1]! >> 3, push])).toEqual([[0, grown, 0, false], [grown, grown, 1, false], [2_000, suite === 1 ? 500 + 36 : 500 + 40, 0, true]]);
      const opened = run(egress(suite, "time-based"), OPEN, sealed).map(read);
      expect(opened.map(({ seq }) => (seq - SEQ) >>> 0)).toEqual([0, 1_000, 2_000]);
    });

    test("positions begin again after 32, and counters of a train are told apart", () => {
      const sealed = run(ingress(suite, "time-based"), SEAL, [superPacket(4, 40 * 1_000)], 1_000), frames = sealed.map((packet) => read(packet).payload.slice(0, 8));
      expect(frames.map((frame) => frame[1]! >> 3)).toEqual(Array.from({ length: 40 }, (_, i) => i % 32));
      expect(frames.map((frame) => (frame[6]! << 8) | frame[7]!)).toEqual(Array.from({ length: 40 }, (_, i) => i + 1));
      const target = egress(suite, "time-based"), [last = new Uint8Array(), ...others] = [...sealed].reverse();
      expect(run(target, OPEN, [last, ...others, last]).map((packet) => (read(packet).seq - SEQ) >>> 0)).toEqual(Array.from({ length: 40 }, (_, i) => (39 - i) * 1_000)); // each once, in any order
    });

    test.each([["time-based", "time-based"], ["regular", "disabled"], ["disabled", "time-based"], ["disabled", "disabled"]] as const)("a router between links with tags %s and %s passes them on so that the hosts' numbers come out", (west, east) => {
      const body = superPacket(4, 3_300), sealed = run(ingress(suite, west), SEAL, [body], 1_100);
      const between = router(Protect.openFwd | Protect.sealFwd, { west, east, suite });
      const passed = run(between, SEAL, run(between, OPEN, sealed));
      const wire = passed.map(read);
      expect(wire[1]!.seq - wire[0]!.seq).toBe(wire[0]!.payload.length); // still a train
      const opened = run(egress(suite, east), OPEN, passed).map(read);
      expect(opened.map(({ seq }) => (seq - SEQ) >>> 0)).toEqual([0, 1_100, 2_200]);
      expect(opened.map(({ payload }) => toHex(payload)).join("")).toBe(toHex(read(body).payload));
    });

    test("a position that was changed on the way is a wrong tag", () => {
      const [sealed] = run(ingress(suite, "time-based"), SEAL, [superPacket(4, 900)]), target = egress(suite, "time-based");
      sealed![41]! ^= 8;
      expect(run(target, OPEN, [sealed!])).toEqual([]);
      expect(target.counts().drops).toEqual({ "hmac-failure": 1 });
    });
  });

  test("what has a tag only has no position", () => {
    const tagged = router(Protect.sealFwd, { east: "time-based", suite: 2 }), seqs = run(tagged, SEAL, [superPacket(4, 3_000)], 1_000).map((packet) => (read(packet).seq - SEQ) >>> 0);
    expect(seqs).toEqual([0, 1_000, 2_000]);
  });
});
