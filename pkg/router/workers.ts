// Shards as worker threads: the app's end of the line to each. Constructed by cmd/router, which owns the thread's entry file.
// A thread that ends by a fault rejects `closed`; the app then ends the process, and the data plane goes on forwarding.
import { Worker } from "node:worker_threads";
import type { FromShard, ShardHost, ToShard } from "./messages.ts";

/** WorkerOptions is how one shard's thread is started. */
export interface WorkerOptions {
  entry: URL;
  number: number;
  /** structured data for the entry */
  data: unknown;
  /** ends the thread's wait for packets, so that a message is read at once */
  wake(): void;
}

/** startWorker starts the thread of one shard. */
export function startWorker(options: WorkerOptions): ShardHost {
  const worker = new Worker(options.entry, { name: `shard-${options.number}`, workerData: options.data });
  const closed = new Promise<void>((resolve, reject) => {
    worker.once("error", reject);
    worker.once("exit", (code) => {
      if (code === 0) resolve();
      else reject(new Error(`the thread of shard ${options.number} ended with code ${code}`));
    });
  });
  return {
    post(message: ToShard) {
      worker.postMessage(message);
      options.wake();
    },
    onMessage: (listener) => void worker.on("message", (message: FromShard) => { listener(message); }),
    closed,
  };
}
