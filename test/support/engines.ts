// The seal engines that tests and benches run on. Both always run: the native library is built by scripts/setup, and its
// CPU instructions are as old as the machines that tests run on; without them the test fails and says so.
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { openNative } from "../../pkg/native/binding.ts";
import { createNativeEngine } from "../../pkg/security/native-engine.ts";
import type { NativeEngine } from "../../pkg/security/native-engine.ts";
import { createNodeEngine } from "../../pkg/security/node-engine.ts";
import { chooseProtect, openBodies, openWorker } from "../../pkg/security/protectengine.ts";
import type { ProtectEngine } from "../../pkg/security/protectengine.ts";
import type { WorkerOf } from "../../pkg/security/protect.ts";
import type { ProtectBodies, ProtectRunner } from "../../pkg/ports/protect.ts";
import type { SealEngine } from "../../pkg/svr/seal.ts";

/** nativeEngine opens the native engine with room for `keys` key sets; the caller closes it. */
export function nativeEngine(keys?: number): NativeEngine {
  const made = createNativeEngine(openNative(), keys);
  if (!made.ok) throw new Error("this CPU lacks the instructions that libipsec-mb needs");
  return made.value;
}

/** sealEngines lists all engines by name, for suites that each must pass; closes them after the suite. */
export function sealEngines(): [name: string, engine: SealEngine][] {
  const native = nativeEngine();
  afterAll(() => native.close());
  return [["node:crypto", createNodeEngine()], ["libipsec-mb", native]];
}

/** MadeProtect is a store and what opens workers on it; the caller closes all of them. */
export interface MadeProtect { engine: ProtectEngine; worker(of: WorkerOf): ProtectRunner; bodies(): ProtectBodies }

function makeProtect(kind: ProtectEngine["kind"], slots: number): MadeProtect {
  const native = openNative(), engine = chooseProtect(slots, native, { fips: kind === "node" });
  if (engine.kind !== kind) throw new Error(`this machine has no such engine: ${engine.description}`);
  return { engine, worker: (of) => openWorker(engine.handle, of, native), bodies: () => openBodies(engine.handle, native) };
}

/** protectEngines lists the engines of protected packets, for suites that each must pass. */
export const protectEngines = [
  { name: "libipsec-mb", make: (slots: number): MadeProtect => makeProtect("native", slots) },
  { name: "node:crypto", make: (slots: number): MadeProtect => makeProtect("node", slots) },
];

/** hideLibrary makes a router that starts next find no libipsec-mb: its engine is node:crypto then. `folder` is the test's own. */
export function hideLibrary(router: { name: string; environment: Record<string, string> }, folder: string): void {
  const libraries = join(folder, `libraries-${router.name}`);
  mkdirSync(libraries);
  writeFileSync(join(libraries, "libIPSec_MB.so.1"), ""); // found first, and no library
  router.environment["LD_LIBRARY_PATH"] = libraries;
}
