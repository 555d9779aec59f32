// Threads of protect workers, and the store of keys that they and the shards share. Used by main.ts once the data plane is open.
import { Worker } from "node:worker_threads";
import type { EbpfDatapath } from "../../pkg/datapath/open.ts";
import type { Log } from "../../pkg/ports/log.ts";
import type { ProtectKeys } from "../../pkg/ports/protect.ts";
import type { FromProtector } from "../../pkg/router/protectorloop.ts";
import type { ProtectHost } from "../../pkg/router/protectors.ts";
import { openNative } from "../../pkg/native/binding.ts";
import { chooseProtect } from "../../pkg/security/protectengine.ts";
import type { ProtectEngine, ProtectHandle } from "../../pkg/security/protectengine.ts";
import type { ProtectorData } from "./protector.ts";

/** Protecting is what main.ts has of all this. */
export interface Protecting {
  /** workers, and rings for them */
  readonly count: number;
  start(datapath: EbpfDatapath): { keys: ProtectKeys; hosts: ProtectHost[]; engine: string; close(): void };
  /** for the data of a shard's thread, once started */
  shared(): { protect?: ProtectHandle };
}

/** createProtecting prepares the workers of a machine with so many processors. */
export function createProtecting(processors: number, { log, fips }: { log: Log; fips: boolean }): Protecting {
  const count = protectorsOf(processors);
  let store: ProtectEngine | undefined;
  return {
    count, shared: () => (store === undefined ? {} : { protect: store.handle }),
    start(datapath) {
      const engine = store = chooseProtect(datapath.gauges().sessionLimit, openNative(), { fips });
      log.info({ event: "protect.engine", engine: engine.description }, "the engine of protected packets is chosen");
      return { keys: engine, hosts: startProtectors(engine, datapath, count), engine: engine.description, close: () => { engine.close(); } };
    },
  };
}

/** protectorsOf is how many workers serve so many processors: half of them, since shards and packets that are not protected need some, too. */
function protectorsOf(processors: number): number {
  return Math.max(1, Math.floor(processors / 2));
}

/** startProtectors starts the threads. */
function startProtectors(store: ProtectEngine, datapath: EbpfDatapath, count: number): ProtectHost[] {
  return Array.from({ length: count }, (_, number) => {
    const data: ProtectorData = { spec: datapath.protectSpec(number), keys: store.handle };
    const worker = new Worker(new URL("./protector.ts", import.meta.url), { name: `protector-${number}`, workerData: data });
    const closed = new Promise<void>((resolve, reject) => {
      worker.once("error", reject);
      worker.once("exit", (code) => {
        if (code === 0) resolve();
        else reject(new Error(`the thread of protect worker ${number} ended with code ${code}`));
      });
    });
    return {
      closed,
      onCounts: (listener) => void worker.on("message", ({ counts }: FromProtector) => { listener(counts); }),
      stop: () => {
        worker.postMessage("stop");
        datapath.wakeProtector(number);
      },
    };
  });
}
