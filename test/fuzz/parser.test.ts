// Parser fuzz: whatever arrives, the parsers of packets and metadata give a value or a reason. They never throw, and what lies
// around the input never changes the outcome, so nothing outside it is read. FUZZ_PACKETS and FUZZ_SEED as in the other fuzz.
import { equalBytes, toHex } from "../../pkg/base/bytes.ts";
import { parsePacket as parseForModel } from "../../pkg/datapath/model-parse.ts";
import { parsePacket } from "../../pkg/svr/packet.ts";
import { checkSanity } from "../../pkg/svr/sanity.ts";
import { longer, scaled } from "../support/scale.ts";
import { between, MARGIN, plain, readAlone, writeAndRead } from "./decoding.ts";
import { fuzzMetadata } from "./metadata.ts";
import { fuzzPacket } from "./packets.ts";
import { createRandom, seedFrom } from "./random.ts";
import { fuzzSessions } from "./sessions.ts";

const inputs = Number(process.env["FUZZ_PACKETS"] ?? scaled(1_000_000));
const seed = seedFrom(process.env["FUZZ_SEED"], Date.now());
test(`W-6 ${inputs} inputs: metadata gives a value or a reason, and only its own bytes count`, () => {
  console.log(`parser fuzz: FUZZ_SEED=${seed}`);
  const random = createRandom(seed);
  const outcomes: Record<string, number> = {};
  for (let run = 0; run < inputs; run++) {
    const data = fuzzMetadata(random);
    const outcome = readAlone(data);
    if (outcome === undefined) throw new Error(`seed ${seed}, input ${run}: bytes outside count; for corpus/metadata.txt: ${toHex(data)}`);
    outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
  }
  console.log(JSON.stringify(outcomes));
  expect(Object.keys(outcomes).sort()).toEqual(["metadata-malformed", "metadata-unknown-critical", "value"]);
  expect(outcomes["value"]).toBeGreaterThan(inputs / 10);
}, longer(300_000));

test(`${inputs / 10} inputs: metadata that is accepted is written and read back the same`, () => {
  const random = createRandom(seed ^ 0x5555);
  let same = 0;
  for (let run = 0; run < inputs / 10; run++) {
    const data = fuzzMetadata(random);
    const again = writeAndRead(data);
    if (again === undefined) continue;
    if (!again) throw new Error(`seed ${seed}, input ${run}: for corpus/metadata.txt: ${toHex(data)}`);
    same += 1;
  }
  expect(same).toBeGreaterThan(inputs / 200);
}, longer(300_000));

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
    if (seen[0] !== seen[1] || modelled[0] !== modelled[1] || touched) throw new Error(`seed ${seed}, packet ${run}: for corpus/packets.txt: ${toHex(data)}`);
    if (parsed[0]?.ok === true) good += 1;
  }
  expect(good).toBeGreaterThan(inputs / 4);
  expect(good).toBeLessThan(inputs);
}, longer(300_000));
