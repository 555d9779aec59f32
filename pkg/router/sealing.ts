// Packets on their way to peers: without metadata as they are, with metadata as jobs that are signed when the batch ends (one
// call of the engine for all), in fragments where they do not fit. planOutput is called by emit.ts, the rest by the shard.
import { fail, ok } from "../base/result.ts";
import type { Result } from "../base/result.ts";
import type { Frame } from "../ports/datapath.ts";
import { finishChecksum } from "../svr/checksum.ts";
import { PROTO_TCP } from "../svr/constants.ts";
import { cutPacket } from "../svr/fragment.ts";
import { firstCounter } from "../svr/keys.ts";
import { rewritePacket } from "../svr/rewrite.ts";
import { hasGoodChecksum } from "../svr/sanity.ts";
import { planSealing } from "../svr/seal.ts";
import type { SealEngine } from "../svr/seal.ts";
import type { Output } from "./batch.ts";
import { planCut } from "./cutting.ts";
import { contentOf, signingOf } from "./outputplan.ts";
import type { OutputPlan, Refusal } from "./outputplan.ts";
import { coverBody, growthOf, moveInTrain } from "./protection.ts";
import type { Turn } from "./turn.ts";

/** SealSource counts this shard's metadata packets: a counter never repeats under a key (protocol 8.1). */
export interface SealSource {
  nextCounter(): bigint;
}

/** createSealSource starts at a second that no earlier process used; the shard's number keeps shards apart. */
export function createSealSource(from: { shard: number; counterSecond: number }): SealSource {
  let counter = firstCounter(from.counterSecond, from.shard);
  return { nextCounter: () => counter++ };
}

/** planOutput queues a packet for a peer, or says why it cannot be sent: `too-big` above what fragments can carry. */
export function planOutput(turn: Turn, plan: OutputPlan): Result<void, Refusal> {
  const arrivedInPieces = plan.original !== undefined && plan.original.largest !== 0;
  const whole = arrivedInPieces ? undefined : inOnePiece(turn, plan);
  if (whole?.ok === true && whole.value.frame.data.length <= plan.path.mtu) return push(turn, whole.value);
  if (whole?.ok === false && whole.error !== "too-big") return whole;
  if (!isSound(plan)) return fail("filter");
  const pieces = planCut(turn, plan);
  return pieces.ok ? push(turn, pieces.value) : pieces;
}

function push(turn: Turn, output: Output): Result<void, Refusal> {
  turn.batch.outputs.push(output);
  return ok(undefined);
}

function inOnePiece(turn: Turn, plan: OutputPlan): Result<Output, Refusal> {
  const { packet, to, options, nexthop, path, cover, body } = plan;
  const metadata = contentOf(plan);
  if (metadata === undefined && cover === undefined) {
    const data = rewritePacket(packet, to, options);
    return data.ok ? ok({ frame: { nexthop, data: data.value } }) : data;
  }
  if (!isSound(plan)) return fail("filter");
  const signing = signingOf(turn, path.peer);
  if (signing === undefined) return fail("no-key");
  const length = body.end - body.at, growth = growthOf(cover, length);
  const job = planSealing(packet, to, { layout: options, body, signing, metadata, suite: path.peer.suite, growth });
  if (!job.ok) return job;
  const { data, tag } = job.value;
  const at = (tag === 0 ? data.length : tag) - growth - length;
  const covered = coverBody(turn, cover, data, { at, end: at + length });
  if (metadata === undefined && cover !== undefined && packet.tcp !== undefined && options.carrier === PROTO_TCP) moveInTrain(cover, data, { l4: job.value.l4, body: at });
  return covered.ok ? ok({ frame: { nexthop, data }, seal: job.value }) : covered;
}

/** A new checksum over damaged bytes would hide the damage (behaviour 10.2). */
function isSound(plan: OutputPlan): boolean {
  return plan.isVerified || hasGoodChecksum(plan.packet);
}

/** signOutputs seals all planned packets in one call and finishes their checksums. */
export function signOutputs(outputs: readonly Output[], engine: SealEngine): void {
  const jobs = outputs.flatMap((output) => (output.seal === undefined ? [] : [output.seal]));
  if (jobs.length === 0) return;
  engine.seal(jobs);
  for (const { seal, cut } of outputs) if (seal !== undefined && cut === undefined) finishChecksum(seal.data, seal.l4);
}

/** framesOf gives the packets that signed outputs leave as: one each, or its fragments. */
export function framesOf(outputs: readonly Output[]): Frame[] {
  return outputs.flatMap(({ frame, cut }) => {
    if (cut === undefined) return [frame];
    let used = 0;
    return cutPacket(cut.whole, cut.plan, () => cut.ipIds[used++] ?? 0).map((data) => ({ nexthop: frame.nexthop, data }));
  });
}
