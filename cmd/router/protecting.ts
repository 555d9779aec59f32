// Threads of protect workers, and the store of keys that they and the shards share. Used by main.ts once the data plane is open.
import { Worker } from "node:worker_threads";
import { SvrError } from "../../pkg/base/errors.ts";
import type { EbpfDatapath } from "../../pkg/datapath/open.ts";
import type { Log } from "../../pkg/ports/log.ts";
import type { ProtectKeys } from "../../pkg/ports/protect.ts";
import type { FromProtector } from "../../pkg/router/protectorloop.ts";
import type { ProtectHost } from "../../pkg/router/protectors.ts";
import { openProtect } from "../../pkg/security/protect.ts";
import type { ProtectorData } from "./protector.ts";

/** ProtectStore is the store of a router; `handle` travels to its threads. */
interface ProtectStore extends ProtectKeys { readonly handle: bigint; close(): void }

/** Protecting is what main.ts has of all this. */
export interface Protecting {
  /** workers, and rings for them */
  readonly count: number;
  start(datapath: EbpfDatapath): { keys: ProtectKeys; hosts: ProtectHost[]; close(): void } | undefined;
  /** for the data of a shard's thread, once started */
  shared(): { protect?: bigint };
}

/** createProtecting prepares the workers of a machine with so many processors. */
export function createProtecting(processors: number, { log, fips }: { log: Log; fips: boolean }): Protecting {
  const count = protectorsOf(processors);
  let store: ProtectStore | undefined;
  return {
    count, shared: () => (store === undefined ? {} : { protect: store.handle }),
    start(datapath) {
      if (fips) return undefined; // libipsec-mb is in no FIPS module
      const keys = store = openStore(datapath.gauges().sessionLimit, log);
      return keys && { keys, hosts: startProtectors(keys, datapath, count), close: () => { keys.close(); } };
    },
  };
}

/** protectorsOf is how many workers serve so many processors: half of them, since shards and packets that are not protected need some, too. */
function protectorsOf(processors: number): number {
  return Math.max(1, Math.floor(processors / 2));
}

/** openStore makes the store; without AES instructions there is none, and no session may be protected. */
function openStore(slots: number, log: Log): ProtectStore | undefined {
  try {
    return openProtect(slots);
  } catch (error) {
    if (!(error instanceof SvrError)) throw error;
    log.warn({ error }, "this machine cannot protect packets of established sessions: services that ask for it are refused");
    return undefined;
  }
}

/** startProtectors starts the threads. */
function startProtectors(store: ProtectStore, datapath: EbpfDatapath, count: number): ProtectHost[] {
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
