// Chooses the seal engine of a shard: native where the library and this CPU allow it, else node:crypto. Called once a
// shard by whoever starts it; tells which it is, so that the router can show it.
import type { Native } from "../native/binding.ts";
import type { SealEngine } from "../svr/seal.ts";
import { createNativeEngine } from "./native-engine.ts";
import { createNodeEngine } from "./node-engine.ts";

/** ChosenEngine is an engine and what it is; the owner closes it. */
export interface ChosenEngine {
  engine: SealEngine;
  /** "native": batches on libipsec-mb; "node": one packet at a time on node:crypto */
  kind: "native" | "node";
  /** for people: what runs, and why it is not faster */
  description: string;
  close(): void;
}

/** chooseEngine makes the fastest engine of this machine; without `native`, or on a CPU without AES instructions, the portable one. */
export function chooseEngine(native: Native | undefined): ChosenEngine {
  if (native === undefined) return portable("the native library is not loaded");
  const made = createNativeEngine(native);
  if (!made.ok) return portable("libipsec-mb is not installed, or this CPU lacks the instructions that it needs");
  const engine = made.value;
  return { engine, kind: "native", description: `libipsec-mb, ${engine.instructions}`, close: () => engine.close() };
}

function portable(why: string): ChosenEngine {
  return { engine: createNodeEngine(), kind: "node", description: `node:crypto: ${why}`, close: () => undefined };
}
