// Entry of a shard's thread: opens its hold on the data plane and its crypto engine, then runs the loop of pkg/router.
// Started by main.ts through pkg/router/workers.ts; shares nothing with other threads but the replay memory.
import { randomFillSync } from "node:crypto";
import { parentPort, receiveMessageOnPort, workerData } from "node:worker_threads";
import { openShardPort } from "../../pkg/datapath/shardport.ts";
import type { ShardSpec } from "../../pkg/datapath/shardport.ts";
import type { ToShard } from "../../pkg/router/messages.ts";
import { Shard } from "../../pkg/router/shard.ts";
import { runShard } from "../../pkg/router/shardloop.ts";
import { createNodeEngine } from "../../pkg/security/node-engine.ts";
import { systemClock } from "./clock.ts";

/** ShardData is what main.ts hands to each thread. */
export interface ShardData {
  number: number;
  count: number;
  spec: ShardSpec;
  counterSecond: number;
  replayMemory: SharedArrayBuffer;
}

function main(data: ShardData): void {
  if (parentPort === null) throw new Error("cmd/router/shard.ts runs in a thread of cmd/router/main.ts only");
  const mail = parentPort;
  const port = openShardPort(data.spec);
  const engine = createNodeEngine();
  const shard = new Shard({ ...data, port, engine, clock: systemClock, random: { bytes: (count) => randomFillSync(new Uint8Array(count)) } });
  const still = new Int32Array(new SharedArrayBuffer(4));
  runShard(shard, {
    take: () => (receiveMessageOnPort(mail) as { message: ToShard } | undefined)?.message,
    send: (message) => { mail.postMessage(message); },
    rest: (ms) => void Atomics.wait(still, 0, 0, ms),
  }, () => systemClock.monotonicMs());
  port.close();
}

main(workerData as ShardData);
