// A shard in a thread of its own that waits for packets: tells when it waits and what woke it. Started by restart.test.ts with the
// ShardSpec as worker data.
import { parentPort, workerData } from "node:worker_threads";
import { openShardPort } from "../../../pkg/datapath/shardport.ts";
import type { ShardSpec } from "../../../pkg/datapath/shardport.ts";

const port = openShardPort(workerData as ShardSpec);
for (let turn = 0; turn < 2; turn++) {
  parentPort?.postMessage({ waiting: turn });
  const before = performance.now();
  const count = port.drain(16, 20_000).length;
  parentPort?.postMessage({ count, ms: performance.now() - before });
}
port.close();
