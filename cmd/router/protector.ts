// Entry of a protect worker's thread: opens its ring and its socket, then runs the loop of pkg/router. Started by protecting.ts; shares
// the store of keys with all threads of the process.
import { parentPort, receiveMessageOnPort, workerData } from "node:worker_threads";
import { createPins } from "../../pkg/datapath/pins.ts";
import type { ShardSpec } from "../../pkg/datapath/shardport.ts";
import { runProtector } from "../../pkg/router/protectorloop.ts";
import { openNative } from "../../pkg/native/binding.ts";
import { openWorker } from "../../pkg/security/protectengine.ts";
import type { ProtectHandle } from "../../pkg/security/protectengine.ts";
import { systemClock } from "./clock.ts";

/** ProtectorData is what protecting.ts hands to each thread; `keys` is the store. */
export interface ProtectorData { spec: ShardSpec; keys: ProtectHandle }

function main({ spec, keys }: ProtectorData): void {
  if (parentPort === null) throw new Error("cmd/router/protector.ts runs in a thread of cmd/router/main.ts only");
  const mail = parentPort;
  const worker = openWorker(keys, { pin: createPins(spec.pinDir).protect(spec.number), injectMac: spec.injectMac, wakeFd: spec.wakeFd }, openNative());
  runProtector(worker, {
    isStopped: () => receiveMessageOnPort(mail) !== undefined, // there is one message: to stop
    send: (message) => { mail.postMessage(message); },
  }, () => systemClock.monotonicMs());
  worker.close();
}

main(workerData as ProtectorData);
