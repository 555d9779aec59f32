// Parser fuzz: whatever arrives, the parsers of packets and metadata give a value or a reason. They never throw, and what lies
// around the input never changes the outcome, so nothing outside it is read. FUZZ_PACKETS and FUZZ_SEED as in the other fuzz.
import { equalBytes } from "../../pkg/base/bytes.ts";
import { parsePacket as parseForModel } from "../../pkg/datapath/model-parse.ts";
import { parseHeader, parsePayload } from "../../pkg/svr/decode.ts";
import { encodeMetadata } from "../../pkg/svr/encode.ts";
import type { Metadata } from "../../pkg/svr/metadata.ts";
import { parsePacket } from "../../pkg/svr/packet.ts";
import { checkSanity } from "../../pkg/svr/sanity.ts";
import { fuzzMetadata } from "./metadata.ts";
import { fuzzPacket } from "./packets.ts";
import { createRandom, seedFrom } from "./random.ts";
import { fuzzSessions } from "./sessions.ts";

const inputs = Number(process.env["FUZZ_PACKETS"] ?? 100_000);
const seed = seedFrom(process.env["FUZZ_SEED"], Date.now());
const MARGIN = 64;

/** The input between two margins of one byte value. */
function between(data: Uint8Array, fill: number): Uint8Array {
  const around = new Uint8Array(data.length + 2 * MARGIN).fill(fill);
  around.set(data, MARGIN);
  return around;
}

/** Decodes [at, end) of the data; offsets in the answer count from `at`. */
function decode(data: Uint8Array, at: number, end: number): { outcome: string; metadata?: Metadata; seen: unknown } {
  const header = parseHeader(data, at, end);
  if (!header.ok) return { outcome: header.error, seen: header.error };
  const { headerLength, payloadLength, body, suite } = header.value;
  const all = parsePayload(data, header.value, payloadLength);
  if (!all.ok) return { outcome: all.error, seen: all.error };
  expect(body).toBeLessThanOrEqual(end);
  return { outcome: "value", metadata: all.value, seen: [headerLength, payloadLength, body - at, suite, all.value] };
}

function plain(value: unknown): string {
  return JSON.stringify(value, (_key, part: unknown) => (typeof part === "bigint" ? `${part}` : part instanceof Uint8Array ? [...part] : part));
}

test(`W-6 ${inputs} inputs: metadata gives a value or a reason, and only its own bytes count`, () => {
  console.log(`parser fuzz: FUZZ_SEED=${seed}`);
  const random = createRandom(seed);
  const outcomes: Record<string, number> = {};
  for (let run = 0; run < inputs; run++) {
    const data = fuzzMetadata(random);
    const first = decode(between(data, 0), MARGIN, MARGIN + data.length);
    const second = decode(between(data, 0xff), MARGIN, MARGIN + data.length);
    if (plain(first.seen) !== plain(second.seen)) throw new Error(`seed ${seed}, input ${run}: bytes outside count: ${Buffer.from(data).toString("hex")}`);
    outcomes[first.outcome] = (outcomes[first.outcome] ?? 0) + 1;
  }
  console.log(JSON.stringify(outcomes));
  expect(Object.keys(outcomes).sort()).toEqual(["metadata-malformed", "metadata-unknown-critical", "value"]);
  expect(outcomes["value"]).toBeGreaterThan(inputs / 10);
}, 300_000);

/** As a sender orders it: TLVs of unknown types stand by type. */
function ordered(metadata: Metadata | undefined): unknown {
  return metadata?.unknownPayload === undefined ? metadata : { ...metadata, unknownPayload: metadata.unknownPayload.toSorted((a, b) => a.type - b.type) };
}

test(`${inputs / 10} inputs: metadata that is accepted is written and read back the same`, () => {
  const random = createRandom(seed ^ 0x5555);
  let same = 0;
  for (let run = 0; run < inputs / 10; run++) {
    const data = fuzzMetadata(random);
    const { metadata } = decode(data, 0, data.length);
    const made = metadata === undefined || metadata.iv !== undefined ? undefined : encodeMetadata(metadata);
    if (made?.ok !== true) continue;
    const again = decode(made.value.bytes, 0, made.value.bytes.length);
    if (plain(ordered(again.metadata)) !== plain(ordered(metadata))) throw new Error(`seed ${seed}, input ${run}: ${Buffer.from(data).toString("hex")}`);
    same += 1;
  }
  expect(same).toBeGreaterThan(inputs / 200);
}, 300_000);

test(`${inputs} packets: headers give a value or a reason, and only the packet's own bytes count`, () => {
  const random = createRandom(seed ^ 0xaaaa);
  const sessions = fuzzSessions(random);
  let good = 0;
  for (let run = 0; run < inputs; run++) {
    const packet = fuzzPacket(random, sessions);
    const data = random.chance(10) ? packet.data.subarray(0, random.below(60)) : packet.data;
    const views = [0, 0xff].map((fill) => between(data, fill).subarray(MARGIN, MARGIN + data.length));
    const parsed = views.map((view) => parsePacket(view));
    const seen = parsed.map((result) => plain(result.ok ? { ...result.value, data: 0, sane: checkSanity(result.value) } : result));
    const modelled = views.map((view) => plain(parseForModel({ ...packet, data: view })));
    const touched = views.some((view) => !equalBytes(view, data));
    if (seen[0] !== seen[1] || modelled[0] !== modelled[1] || touched) throw new Error(`seed ${seed}, packet ${run}: ${Buffer.from(data).toString("hex")}`);
    if (parsed[0]?.ok === true) good += 1;
  }
  expect(good).toBeGreaterThan(inputs / 4);
  expect(good).toBeLessThan(inputs);
}, 300_000);
