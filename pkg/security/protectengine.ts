// Chooses the engine of protected packets: the native one where libipsec-mb and this CPU allow it, else node:crypto. Its store travels to
// other threads as a handle, which says by its kind which engine it belongs to. Called by who starts a router and by its threads.
import { openHandle } from "../native/binding.ts";
import type { Handle, Native } from "../native/binding.ts";
import type { ProtectBodies, ProtectKeys, ProtectRunner } from "../ports/protect.ts";
import { openProtectWorker, protectKeys } from "./protect.ts";
import type { WorkerOf } from "./protect.ts";
import { openProtectBodies } from "./protectbodies.ts";
import { openPortableBodies, openPortableWorker } from "./protectportable.ts";
import { createVault, vaultKeys, wipeVault } from "./vault.ts";
import type { Vault } from "./vault.ts";

const ENOENT = 2, ENOTSUP = 95;

/** ProtectHandle is the store of keys as it travels between threads of one process. */
export type ProtectHandle = Handle | Vault;

/** ProtectEngine is the store of a router and what it is; closed after all workers. */
export interface ProtectEngine extends ProtectKeys {
  /** "native": batches on libipsec-mb; "node": one packet at a time on node:crypto */
  readonly kind: "native" | "node";
  /** for people: what runs, and why it is not faster */
  readonly description: string;
  readonly handle: ProtectHandle;
  close(): void;
}

function portable(slots: number, native: Native, why: string): ProtectEngine {
  const handle = createVault(slots);
  return { ...protectStore(handle, native), kind: "node", description: `node:crypto: ${why}`, handle, close: () => { wipeVault(handle); } };
}

/** chooseProtect makes the store for so many session slots. In FIPS mode everything is OpenSSL's: libipsec-mb is in no FIPS module. */
export function chooseProtect(slots: number, native: Native, { fips }: { fips: boolean }): ProtectEngine {
  if (fips) return portable(slots, native, "FIPS mode");
  const handle = openHandle((out) => native.protectCreate(slots, out));
  if (handle === -ENOENT) return portable(slots, native, "libipsec-mb is not installed");
  if (handle === -ENOTSUP) return portable(slots, native, "this CPU lacks the instructions that libipsec-mb needs");
  if (typeof handle === "number") throw new Error(`the protect engine cannot be opened for ${slots} sessions (${handle})`);
  return { ...protectStore(handle, native), kind: "native", description: "libipsec-mb", handle, close: () => { native.protectClose(handle); } };
}

/** protectStore is the store behind a handle, for any thread of the process that opened it. */
export function protectStore(handle: ProtectHandle, native: Native): ProtectKeys {
  return typeof handle === "bigint" ? protectKeys(handle, native) : vaultKeys(handle);
}

/** openWorker opens a worker in the calling thread. */
export function openWorker(handle: ProtectHandle, of: WorkerOf, native: Native): ProtectRunner {
  return typeof handle === "bigint" ? openProtectWorker(handle, of, native) : openPortableWorker(handle, of, native);
}

/** openBodies opens the calling thread's part of the engine for single bodies. */
export function openBodies(handle: ProtectHandle, native: Native): ProtectBodies {
  return typeof handle === "bigint" ? openProtectBodies(handle, native) : openPortableBodies(handle);
}
