// Metadata on its way out: which keys, which counter, which epoch. planOutput is called by emit.ts, signOutputs by the shard
// when the batch ends (one call of the engine for all).
import { epochAt } from "../svr/epoch.ts";
import { firstCounter } from "../svr/keys.ts";
import type { Endpoints, LayoutOptions } from "../svr/layout.ts";
import type { Metadata } from "../svr/metadata.ts";
import type { Packet } from "../svr/packet.ts";
import { finishChecksum } from "../svr/checksum.ts";
import { planSeal } from "../svr/seal.ts";
import type { SealEngine } from "../svr/seal.ts";
import type { Output } from "./batch.ts";
import type { PathEntry } from "./tables.ts";
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

/** OutputPlan is a packet with metadata toward a peer. */
export interface OutputPlan {
  packet: Packet;
  to: Endpoints;
  options: LayoutOptions;
  path: PathEntry;
  tlvs: Metadata;
  nexthop: number;
}

/** planOutput lays the packet out and queues it; what cannot be said within the limits is counted, not sent. */
export function planOutput(turn: Turn, plan: OutputPlan): void {
  const { peer } = plan.path;
  const isEmpty = Object.values(plan.tlvs).every((value) => value === undefined);
  const job = planSeal(plan.packet, plan.to, {
    ...plan.options, metadata: isEmpty ? {} : { ...plan.tlvs, keyId: peer.send.keyId }, suite: peer.suite, key: peer.send, mode: peer.mode,
    counter: turn.seals.nextCounter(), epoch: epochAt(turn.nowUnixMs / 1000),
  });
  if (job.ok) turn.batch.outputs.push({ frame: { nexthop: plan.nexthop, data: job.value.data }, seal: job.value });
  else turn.count(job.error, peer);
}

/** signOutputs seals all planned packets in one call and finishes their checksums. */
export function signOutputs(outputs: readonly Output[], engine: SealEngine): void {
  const jobs = outputs.flatMap((output) => (output.seal === undefined ? [] : [output.seal]));
  if (jobs.length === 0) return;
  engine.seal(jobs);
  for (const job of jobs) finishChecksum(job.data, job.l4);
}
