// Bench of the seal engines: packets signed and opened per second of one core, marshalling included, native beside
// node:crypto in one run. `node test/bench/engine.ts [--json]`; docs/decisions/005-batch-engine.md quotes it. Asserts nothing.
import process from "node:process";
import { addressOfWords } from "../../pkg/base/address.ts";
import { buildPacket } from "../../pkg/svr/build.ts";
import { parseHeader } from "../../pkg/svr/decode.ts";
import type { PeerKeys } from "../../pkg/svr/keys.ts";
import type { Metadata } from "../../pkg/svr/metadata.ts";
import { planOpen } from "../../pkg/svr/open.ts";
import type { OpenJob } from "../../pkg/svr/open.ts";
import { parsePacket } from "../../pkg/svr/packet.ts";
import { planSeal } from "../../pkg/svr/seal.ts";
import type { SealEngine, SealJob } from "../../pkg/svr/seal.ts";
import { createNodeEngine } from "../../pkg/security/node-engine.ts";
import { nativeEngine } from "../support/engines.ts";

const BATCHES = [1, 8, 32, 128, 256];
const ROUNDS = 5, ROUND_MS = 200;
const TASKS = ["seal", "open"] as const;
const PEERS = 16; // as many key sets take turns
const EPOCH = 883_612_800;

/** Measured is one figure: jobs a second, the median of the rounds. */
interface Measured { engine: string; task: (typeof TASKS)[number]; batch: number; jobsPerSecond: number }

const source = addressOfWords(4, 0x0a01010a), destination = addressOfWords(4, 0x0a02020a);
const ends = { source: addressOfWords(4, 0xc0000201 | 0), destination: addressOfWords(4, 0xc6336401 | 0), sourcePort: 16384, destinationPort: 16385 };

function peerKeys(number: number): PeerKeys {
  const bytes = (length: number): Uint8Array => Uint8Array.from({ length }, (_, index) => (index * 7 + number) & 0xff);
  return { keyId: number + 1, hmac: bytes(32), meta: bytes(32), salt: bytes(8), sender: "east", receiver: `west-${number}`, generation: 1 };
}

const metadata: Metadata = {
  forwardContext: { source, destination, sourcePort: 40000, destinationPort: 53, proto: 17, family: 4 },
  uuid: Uint8Array.from({ length: 16 }, (_, index) => index), tenant: "engineering.acme", service: "shop/dns", sourceRouter: "branch-7",
  traceContext: { flags: 1, parentSpan: new Uint8Array(8) },
};

/** One first packet: 40 bytes of body behind encrypted metadata. */
function sealJob(number: number, keys: PeerKeys): SealJob {
  const packet = parsePacket(buildPacket({ source, destination, ttl: 64 }, { kind: "udp", sourcePort: 40000, destinationPort: 53 }, new Uint8Array(40)));
  if (!packet.ok) throw new Error(packet.error);
  const job = planSeal(packet.value, ends, {
    suite: 1, counter: BigInt(number + 1), epoch: EPOCH, mode: "time-based", key: keys, metadata: { ...metadata, keyId: keys.keyId },
  });
  if (!job.ok) throw new Error(job.error);
  return job.value;
}

function openJob(sealed: SealJob): OpenJob {
  const data = sealed.data.slice();
  const packet = parsePacket(data);
  if (!packet.ok) throw new Error(packet.error);
  const header = parseHeader(data, packet.value.payload, packet.value.end);
  if (!header.ok) throw new Error(header.error);
  const job = planOpen(packet.value, header.value, { mode: "time-based", keys: [sealed.key], epochs: EPOCHS });
  if (!job.ok) throw new Error(job.error);
  return job.value;
}
const EPOCHS = [EPOCH, EPOCH - 1, EPOCH + 1];

/** Jobs per second of CPU time of the whole process, so that a busy machine does not count. */
function rate(run: () => number): number {
  const start = performance.now();
  const used = process.cpuUsage();
  let jobs = 0;
  while (performance.now() - start < ROUND_MS) jobs += run();
  const { user, system } = process.cpuUsage(used);
  return (jobs * 1_000_000) / (user + system);
}

function median(values: number[]): number {
  return values.sort((a, b) => a - b)[values.length >> 1]!;
}

/** Opening changes the packets in place, so their bytes are put back first; that is timed too, as a small part. */
function tasks(engine: SealEngine, batch: number): Record<Measured["task"], () => number> {
  const keys = Array.from({ length: PEERS }, (_, number) => peerKeys(number));
  const seals = Array.from({ length: batch }, (_, number) => sealJob(number, keys[number % PEERS]!));
  const fresh = seals.map((job) => ({ ...job, data: job.data.slice() }));
  engine.seal(fresh);
  const opens = fresh.map(openJob);
  return {
    seal: () => {
      engine.seal(seals);
      return batch;
    },
    open: () => {
      for (const [index, job] of opens.entries()) job.data.set(fresh[index]!.data);
      if (engine.open(opens).some((result) => !result.ok)) throw new Error("a good packet was not opened");
      return batch;
    },
  };
}

/** All engines and tasks of one batch size, in turns. */
function measureBatch(engines: readonly [string, SealEngine][], batch: number): Measured[] {
  const runs = engines.flatMap(([engine, made]) => {
    const both = tasks(made, batch);
    return TASKS.map((task) => ({ engine, task, run: both[task], rates: [] as number[] }));
  });
  for (let round = 0; round < ROUNDS; round++) for (const { run, rates } of runs) rates.push(rate(run));
  return runs.map(({ engine, task, rates }) => ({ engine, task, batch, jobsPerSecond: Math.round(median(rates)) }));
}

const native = nativeEngine();
const engines: [string, SealEngine][] = [["libipsec-mb", native], ["node:crypto", createNodeEngine()]];
const results = BATCHES.flatMap((batch) => measureBatch(engines, batch));
native.close();
if (process.argv.includes("--json")) console.log(JSON.stringify(results));
else console.log(`packets of ${sealJob(0, peerKeys(0)).data.length} bytes, CBC`);
if (!process.argv.includes("--json")) console.table(results);
