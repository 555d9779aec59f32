// The native engine against the node:crypto engine: any batch of packets, whole or damaged, gives the same bytes and the
// same answers, whatever the number of jobs and keys a call has room for.
import fc from "fast-check";
import { addressOfWords } from "../base/address.ts";
import { equalBytes } from "../base/bytes.ts";
import { buildPacket, type TransportSpec } from "../svr/build.ts";
import { parseHeader } from "../svr/decode.ts";
import { acceptedEpochs, type AuthMode } from "../svr/epoch.ts";
import type { PeerKeys } from "../svr/keys.ts";
import type { Metadata } from "../svr/metadata.ts";
import { planOpen, type OpenJob, type OpenResult } from "../svr/open.ts";
import { parsePacket } from "../svr/packet.ts";
import { planSeal, type SealJob } from "../svr/seal.ts";
import { nativeEngine } from "../../test/support/engines.ts";
import { createNodeEngine } from "./node-engine.ts";

const EPOCH = 0xfffffffe; // so that e + 1 and e + 2 are near the end of 32 bits
const KEY_SETS = 6;
const FEW_KEYS = 3; // fewer than there are key sets: evicts

const bytes = (length: number, seed: number): Uint8Array => Uint8Array.from({ length }, (_, index) => (Math.imul(index + 1, 2_654_435_761) + Math.imul(seed, 40_503)) >>> 24);
const keySets: PeerKeys[] = Array.from({ length: KEY_SETS }, (_, number) => ({
  keyId: (0xf0000000 + number) >>> 0, hmac: bytes(32, number), meta: bytes(32, number + 50), salt: bytes(8, number + 90), sender: "a", receiver: `b${number}`, generation: 0,
}));
const source = addressOfWords(4, 0x0a000001), destination = addressOfWords(4, 0x0a000002);
const ends = { source: addressOfWords(4, 0x0a010001), destination: addressOfWords(4, 0x0a010002), sourcePort: 16384, destinationPort: 16385 };

/** What a generated packet is; `damage` flips bits of the sealed bytes by position modulo their length. */
interface Drawn {
  tcp: boolean; options: number; body: number; tenant: string | undefined; metadata: "full" | "header" | "empty" | "none"; suite: 0 | 1 | 2; mode: AuthMode;
  counter: bigint; key: number; offered: number[]; epochOff: number; damage: readonly number[];
}

const drawn: fc.Arbitrary<Drawn> = fc.record({
  tcp: fc.boolean(), options: fc.integer({ min: 0, max: 10 }), body: fc.oneof(fc.integer({ min: 0, max: 200 }), fc.integer({ min: 0, max: 9000 })),
  tenant: fc.option(fc.stringMatching(/^[a-z]{1,40}$/), { nil: undefined }), metadata: fc.constantFrom("full", "full", "header", "empty", "none"),
  suite: fc.constantFrom(0, 1, 2), mode: fc.constantFrom("time-based", "time-based", "regular", "disabled"), counter: fc.bigInt({ min: 1n, max: (1n << 64n) - 1n }),
  key: fc.nat(KEY_SETS - 1), offered: fc.array(fc.nat(KEY_SETS - 1), { minLength: 1, maxLength: 3 }), epochOff: fc.integer({ min: -2, max: 2 }),
  damage: fc.oneof(fc.constant([]), fc.array(fc.nat(80_000), { minLength: 1, maxLength: 3 })),
});

function metadataOf(packet: Drawn, key: PeerKeys): { metadata?: Metadata } {
  if (packet.metadata === "none") return {};
  if (packet.metadata === "empty") return { metadata: {} };
  const tlvs = packet.metadata === "header" || packet.tenant === undefined ? {} : { tenant: packet.tenant, uuid: bytes(16, packet.body) };
  return { metadata: { keyId: key.keyId, ...tlvs } };
}

function sealJob(packet: Drawn): SealJob | undefined {
  const l4: TransportSpec = packet.tcp
    ? { kind: "tcp", sourcePort: 1, destinationPort: 2, seq: 3, ack: 4, flags: 16, window: 5, options: new Uint8Array(4 * packet.options).fill(1) }
    : { kind: "udp", sourcePort: 1, destinationPort: 2 };
  const inner = parsePacket(buildPacket({ source, destination }, l4, bytes(packet.body, packet.body)));
  if (!inner.ok) throw new Error(inner.error);
  const key = keySets[packet.key]!;
  const job = planSeal(inner.value, ends, { suite: packet.suite, mode: packet.mode, epoch: (EPOCH + packet.epochOff) >>> 0, counter: packet.counter, key, ...metadataOf(packet, key) });
  return job.ok ? job.value : undefined;
}

/** The job of the receiver, on damaged bytes; header and offsets are those of the whole packet, as the parser would bound them. */
function openJob(packet: Drawn, sealed: Uint8Array): OpenJob | undefined {
  const parsed = parsePacket(sealed);
  if (!parsed.ok) throw new Error(parsed.error);
  const header = packet.metadata === "none" ? undefined : parseHeader(sealed, parsed.value.payload, parsed.value.end);
  if (header?.ok === false) throw new Error(header.error);
  const keys = packet.offered.map((number) => keySets[number]!);
  const job = planOpen(parsed.value, header?.value, { mode: packet.mode, keys, epochs: acceptedEpochs(packet.mode, EPOCH, 1) });
  if (!job.ok) return undefined;
  const data = sealed.slice();
  for (const bit of packet.damage) data[Math.trunc(bit / 8) % data.length]! ^= 1 << (bit % 8);
  return { ...job.value, data };
}

const copied = <Job extends { data: Uint8Array }>(jobs: Job[]): Job[] => jobs.map((job) => ({ ...job, data: job.data.slice() }));
/** Numbers of the jobs whose bytes differ. */
const differing = (a: { data: Uint8Array }[], b: { data: Uint8Array }[]): number[] => [...a.keys()].filter((number) => !equalBytes(a[number]!.data, b[number]!.data));
const plainResult = (result: OpenResult) => (result.ok ? { ...result, key: result.key.receiver } : result);

describe.each([["room for all keys", 1024], ["room for few keys", FEW_KEYS]])("engines agree, %s", (_desc, room) => {
  const node = createNodeEngine();
  const native = nativeEngine(room);
  afterAll(() => native.close());

  test("S-1 on sealed bytes, and on what is opened of them whole or damaged", () => {
    const seen = new Set<string>();
    fc.assert(fc.property(fc.array(drawn, { maxLength: 40 }), (packets) => {
      const planned = packets.map((packet) => ({ packet, job: sealJob(packet) })).filter((one): one is { packet: Drawn; job: SealJob } => one.job !== undefined);
      const seals = planned.map((one) => one.job);
      const ours = copied(seals), theirs = copied(seals);
      native.seal(ours);
      node.seal(theirs);
      expect(differing(ours, theirs)).toEqual([]);
      const opens = planned.map((one, index) => openJob(one.packet, ours[index]!.data)).filter((job) => job !== undefined);
      const oursOpened = copied(opens), theirsOpened = copied(opens);
      const results = native.open(oursOpened).map(plainResult);
      expect(results).toEqual(node.open(theirsOpened).map(plainResult));
      for (const result of results) seen.add(result.ok ? "ok" : result.reason);
      expect(differing(oursOpened, theirsOpened)).toEqual([]);
    }), { numRuns: 400 });
    expect([...seen].sort()).toEqual(["decrypt-failure", "hmac-failure", "ok"]);
  });

  test("on more jobs than one call takes", () => {
    const many = Array.from({ length: 700 }, (_, number) => sealJob({
      tcp: false, options: 0, body: number, tenant: "acme", metadata: "full", suite: 1, mode: "time-based", counter: BigInt(number + 1),
      key: number % KEY_SETS, offered: [0], epochOff: 0, damage: [] })!);
    const ours = copied(many), theirs = copied(many);
    native.seal(ours);
    node.seal(theirs);
    expect(differing(ours, theirs)).toEqual([]);
  });
});
