// The seal engine on libipsec-mb: all jobs of a call run in one foreign call (more when they are many). Used by shards
// where the library and the CPU allow it; the node:crypto engine is its judge in tests. Belongs to one thread.
import { SvrError } from "../base/errors.ts";
import { fail, ok, type Result } from "../base/result.ts";
import { openHandle, type Handle, type Native } from "../native/binding.ts";
import type { OpenJob, OpenResult } from "../svr/open.ts";
import type { SealEngine, SealJob } from "../svr/seal.ts";
import * as wire from "../svr/constants.ts";
import { JOB_HMAC, JobBuffer, type SlotOf } from "./jobs.ts";
import { KeySlots } from "./keyslots.ts";

const KEY_SLOTS = 1024; // about 1.7 KiB each, for the keys of both directions of all peers
const ENOENT = 2, EINVAL = 22, ENOTSUP = 95; // Linux
const ARCHITECTURES = ["none", "none", "SSE", "AVX", "AVX2", "AVX-512"];

const HMAC_FAILURE: OpenResult = { ok: false, reason: "hmac-failure" };
const DECRYPT_FAILURE: OpenResult = { ok: false, reason: "decrypt-failure" };

/** NativeEngine is a seal engine that holds keys outside of JavaScript; close wipes them. */
export interface NativeEngine extends SealEngine {
  /** instruction set in use: SSE, AVX, AVX2 or AVX-512 */
  readonly instructions: string;
  close(): void;
}

/** createNativeEngine makes an engine with room for `keys` key sets; `unsupported` when libipsec-mb is not there, or this CPU lacks what it needs. Calls throw SVR_SEAL_JOB, with nothing done, for a job that points outside of its packet. */
export function createNativeEngine(native: Native, keys: number = KEY_SLOTS): Result<NativeEngine, "unsupported"> {
  const handle = openHandle((out) => native.engineCreate(keys, out));
  if (handle === -ENOTSUP || handle === -ENOENT) return fail("unsupported");
  if (typeof handle === "number") throw fault("the engine", `failed to open with errno ${-handle}`);
  return ok(new Engine(native, handle, keys));
}

class Engine implements NativeEngine {
  readonly instructions: string;
  readonly #native: Native;
  readonly #buffer: JobBuffer;
  readonly #slotOf: SlotOf;
  #handle: Handle | undefined;

  constructor(native: Native, handle: Handle, keys: number) {
    this.#native = native;
    this.#handle = handle;
    this.instructions = ARCHITECTURES[native.engineArch(handle)] ?? "unknown";
    this.#buffer = new JobBuffer(keys);
    const slots = new KeySlots(keys, (slot, secret) => this.#load(slot, secret));
    this.#slotOf = (peerKeys) => slots.slotOf(peerKeys);
  }

  seal(jobs: readonly SealJob[]): void {
    const buffer = this.#buffer;
    for (let next = 0; next < jobs.length;) {
      const first = next;
      buffer.clear();
      while (next < jobs.length && buffer.addSeal(jobs[next]!, this.#slotOf)) next++;
      this.#run("sealRun", first);
      for (let number = 0; number < buffer.count; number++) takeSealed(buffer, number, jobs[first + number]!);
    }
  }

  open(jobs: readonly OpenJob[]): OpenResult[] {
    const buffer = this.#buffer;
    const results: OpenResult[] = [];
    for (let next = 0; next < jobs.length;) {
      const first = next;
      buffer.clear();
      while (next < jobs.length && buffer.addOpen(jobs[next]!, this.#slotOf)) next++;
      this.#run("openRun", first);
      for (let number = 0; number < buffer.count; number++) results.push(takeOpened(buffer, number, jobs[first + number]!));
    }
    return results;
  }

  close(): void {
    if (this.#handle !== undefined) this.#native.engineClose(this.#handle);
    this.#handle = undefined;
  }

  #load(slot: number, secret: Uint8Array): void {
    const status = this.#native.engineKey(this.#opened(), slot, secret, secret.length);
    if (status < 0) throw fault("a key", `failed with errno ${-status}`);
  }

  #run(call: "sealRun" | "openRun", first: number): void {
    const { call: sizes, arena, jobs, lists } = this.#buffer;
    if (this.#buffer.count === 0) throw fault(`job ${first}`, "is larger than a whole call");
    this.#buffer.finish();
    const status = this.#native[call](this.#opened(), sizes, arena, jobs, lists);
    if (status < 0) throw fault(`job ${first + this.#buffer.refused()}`, status === -EINVAL ? "points outside of its packet" : `failed with errno ${-status}`);
  }

  #opened(): Handle {
    if (this.#handle === undefined) throw fault("engine", "was used after it was closed");
    return this.#handle;
  }
}

function fault(object: string, problem: string): SvrError {
  return new SvrError("SVR_SEAL_JOB", { object, attempted: `${object} of a batch to be signed or verified ${problem}`, fix: "this is a fault of the program: please report it" });
}

/** What the engine wrote lies between the IV, or the tag, and the end. */
function takeSealed(buffer: JobBuffer, number: number, job: SealJob): void {
  const from = job.suite === wire.SUITE_CLEAR ? job.tag : job.iv;
  if (from !== 0) buffer.copyBack(number, job.data, from, job.data.length);
}

function takeOpened(buffer: JobBuffer, number: number, job: OpenJob): OpenResult {
  const plainLength = buffer.resultOf(number);
  if (plainLength < 0) return plainLength === JOB_HMAC ? HMAC_FAILURE : DECRYPT_FAILURE;
  if (job.suite !== wire.SUITE_CLEAR) buffer.copyBack(number, job.data, job.plain, job.plain + job.cipherLength);
  if (job.tag === 0) return { ok: true, key: job.keys[0]!, epoch: 0, plainLength };
  const fit = buffer.fitOf(number);
  const epochs = job.epochs.length;
  return { ok: true, key: job.keys[Math.trunc(fit / epochs)]!, epoch: job.epochs[fit % epochs]!, plainLength };
}
