// Both engines that protect packets do the same with the same records, byte for byte: packets of both families and protocols, sound and broken
// ones, super-packets, sealed by either and opened by either, some of them changed on the way.
import fc from "fast-check";
import { addressOfWords } from "../../pkg/base/address.ts";
import { toHex } from "../../pkg/base/bytes.ts";
import type { ProtectRunner } from "../../pkg/ports/protect.ts";
import { buildPacket } from "../../pkg/svr/build.ts";
import { Protect } from "../../pkg/svr/session.ts";
import { protectEngines } from "../support/engines.ts";
import type { MadeProtect } from "../support/engines.ts";

const NOW = 1_767_225_600, OPEN = 12, SEAL = 13, SESSIONS = 3; // session n has suite n: tags only, CBC, GCM
const PUNT = { size: 40, length: 8, entry: 12, cause: 16, gsoSize: 22, localFlags: 26, flags: 34 } as const; // struct svr_punt
const secret = (fill: number): { keyId: number; hmac: Uint8Array } => ({ keyId: fill, hmac: new Uint8Array(32).fill(fill) });
const way = (fill: number): { key: Uint8Array; salt: Uint8Array } => ({ key: new Uint8Array(32).fill(fill), salt: new Uint8Array(8).fill(fill) });
const closers: (() => void)[] = [];
afterEach(() => { for (const close of closers.splice(0)) close(); });

/** A worker of the router on one end: forward packets are sealed at the ingress and opened at the egress. */
function end(make: (slots: number) => MadeProtect, isIngress: boolean): ProtectRunner {
  const { engine, worker } = make(SESSIONS + 1), runner = worker({ injectMac: Uint8Array.of(2, 1, 2, 3, 4, 5) });
  closers.push(() => {
    runner.close();
    engine.close();
  });
  engine.peer({ peer: 9, mode: "time-based", window: 2, send: secret(isIngress ? 1 : 2), receive: isIngress ? [secret(2)] : [secret(3), secret(1)] });
  for (const suite of [0, 1, 2] as const) {
    const uuid = new Uint8Array(16).fill(suite), protect = (isIngress ? Protect.sealFwd : Protect.openFwd) | (suite === 0 ? 0 : Protect.bodyFwd);
    engine.session({ ref: { index: suite, uuid }, protect, peers: isIngress ? [0, 9] : [9, 0], ...(suite > 0 && { body: { suite: suite as 1 | 2, keyIndex: 7, forward: way(4), reverse: way(5) } }) });
  }
  return runner;
}

interface Given { family: 4 | 6; proto: "udp" | "tcp"; body: Uint8Array; index: number; gsoSize: number; flags: number; tcpFlags: number; noChecksum: boolean; change?: { at: number; bit: number } | undefined }
const given: fc.Arbitrary<Given> = fc.record({
  family: fc.constantFrom(4 as const, 6 as const), proto: fc.constantFrom("udp" as const, "tcp" as const), body: fc.uint8Array({ maxLength: 3_000, size: "max" }), index: fc.integer({ min: 0, max: SESSIONS }),
  gsoSize: fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 1_500 }).map((size) => Math.max(size, 100))), flags: fc.integer({ min: 0, max: 3 }), tcpFlags: fc.integer({ min: 0, max: 255 }), noChecksum: fc.boolean(),
  change: fc.option(fc.record({ at: fc.nat({ max: 120 }), bit: fc.integer({ min: 0, max: 7 }) }), { nil: undefined, freq: 2 }),
});

function packetOf({ family, proto, body, tcpFlags, noChecksum }: Given): Uint8Array {
  const address = (last: number) => family === 4 ? addressOfWords(4, 0xc0000200 | last) : addressOfWords(6, 0x20010db8, 0, 0, last);
  const ports = { sourcePort: 16384, destinationPort: 16385 };
  const transport = proto === "tcp" ? { kind: "tcp" as const, ...ports, flags: tcpFlags, seq: 0xffffff00, ack: 7 } : { kind: "udp" as const, ...ports, noChecksum: noChecksum && family === 4 };
  return buildPacket({ source: address(1), destination: address(2), ttl: 63, ipId: 0xfffe, dontFragment: true }, transport, body);
}

function recordOf(cause: number, packet: Uint8Array, { index, gsoSize, flags, change }: Pick<Given, "index" | "gsoSize" | "flags" | "change">): Uint8Array {
  const bytes = new Uint8Array(PUNT.size + packet.length), view = new DataView(bytes.buffer);
  view.setUint32(PUNT.length, packet.length, true);
  view.setUint32(PUNT.entry, (index + 1) << 1, true);
  [[PUNT.cause, cause], [PUNT.localFlags, cause === SEAL ? 40 : 0], [PUNT.gsoSize, gsoSize], [PUNT.flags, flags]].forEach(([at, value]) => { view.setUint16(at!, value!, true); });
  bytes.set(packet, PUNT.size);
  if (change !== undefined && change.at < packet.length) bytes[PUNT.size + change.at]! ^= 1 << change.bit;
  return bytes;
}

const hex = (frames: readonly Uint8Array[]): string[] => frames.map(toHex);

test("what one makes of records the other makes too, and counts as", () => {
  fc.assert(fc.property(fc.array(given, { minLength: 1, maxLength: 12 }), fc.integer({ min: -8, max: 8 }), (packets, late) => {
    const [ingresses, egresses] = [true, false].map((isIngress) => protectEngines.map(({ make }) => end(make, isIngress))) as [ProtectRunner[], ProtectRunner[]];
    for (const one of packets) {
      const [native, node] = ingresses.map((runner) => runner.run(recordOf(SEAL, packetOf(one), { ...one, change: one.change?.bit === 0 ? one.change : undefined }), NOW));
      expect(hex(node!)).toEqual(hex(native!));
      for (const frame of native!) {
        const [first, second] = egresses.map((runner) => hex(runner.run(recordOf(OPEN, frame.slice(14), { ...one, gsoSize: 0, flags: 0 }), NOW + late)));
        expect(second).toEqual(first);
      }
    }
    for (const [native, node] of [ingresses, egresses]) expect(node!.counts()).toEqual(native!.counts());
    for (const close of closers.splice(0)) close();
  }), { numRuns: 150 });
});
