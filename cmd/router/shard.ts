// Entry of a shard's thread: opens its hold on the data plane and its crypto engine, then runs the loop of pkg/router.
// Started by main.ts through pkg/router/workers.ts; shares nothing with other threads but the replay memory.
import { parentPort, receiveMessageOnPort, workerData } from "node:worker_threads";
import { openNative } from "../../pkg/native/binding.ts";
import type { Native } from "../../pkg/native/binding.ts";
import { openShardPort } from "../../pkg/datapath/shardport.ts";
import type { ShardSpec } from "../../pkg/datapath/shardport.ts";
import type { FromShard, ToShard } from "../../pkg/router/messages.ts";
import type { ProtectTools } from "../../pkg/router/protection.ts";
import { Shard } from "../../pkg/router/shard.ts";
import { runShard } from "../../pkg/router/shardloop.ts";
import { chooseEngine } from "../../pkg/security/engine.ts";
import { openOriginKeys } from "../../pkg/security/origin.ts";
import { nodeHkdf } from "../../pkg/security/hkdf.ts";
import { peekBody } from "../../pkg/security/payloadbody.ts";
import { openBodies, protectStore } from "../../pkg/security/protectengine.ts";
import type { ProtectHandle } from "../../pkg/security/protectengine.ts";
import { createRandomSource } from "../../pkg/security/random.ts";
import { systemClock } from "./clock.ts";

/** ShardData is what main.ts hands to each thread. */
export interface ShardData {
  number: number;
  count: number;
  spec: ShardSpec;
  counterSecond: number;
  replayMemory: SharedArrayBuffer;
  stateDir: string;
  /** libipsec-mb is in no FIPS module */
  fips: boolean;
  /** the store of keys of protected sessions; absent: this machine protects none */
  protect?: ProtectHandle;
}

function openTools(handle: ProtectHandle | undefined, native: Native): ProtectTools | undefined {
  return handle === undefined ? undefined : { keys: protectStore(handle, native), bodies: openBodies(handle, native), hkdf: nodeHkdf, peek: peekBody };
}

function main(data: ShardData): void {
  if (parentPort === null) throw new Error("cmd/router/shard.ts runs in a thread of cmd/router/main.ts only");
  const mail = parentPort;
  const native = openNative();
  const port = openShardPort(data.spec, native);
  const chosen = chooseEngine(data.fips ? undefined : native);
  mail.postMessage({ kind: "started", engine: chosen.description } satisfies FromShard);
  const tools = openTools(data.protect, native);
  const shard = new Shard({ ...data, port, engine: chosen.engine, clock: systemClock, random: createRandomSource(), protect: tools, originKeys: openOriginKeys({ stateDir: data.stateDir, nowMs: () => systemClock.monotonicMs() }) });
  const still = new Int32Array(new SharedArrayBuffer(4));
  runShard(shard, {
    take: () => (receiveMessageOnPort(mail) as { message: ToShard } | undefined)?.message,
    send: (message) => { mail.postMessage(message); },
    rest: (ms) => void Atomics.wait(still, 0, 0, ms),
  }, () => systemClock.monotonicMs());
  tools?.bodies.close();
  chosen.close();
  port.close();
}

main(workerData as ShardData);
