// Jobs of the seal engine as the native library reads them: packets copied into one arena, a fixed record a job (struct
// svr_job), lists of key slots and epochs. Filled and emptied by native-engine.ts, a call at a time; judges no offsets
// (the library refuses bad ones) and chooses no keys.
import type { PeerKeys } from "../svr/keys.ts";
import type { OpenJob } from "../svr/open.ts";
import type { SealJob } from "../svr/seal.ts";

const ARENA_BYTES = 1 << 19; // several of the largest packets; untouched pages cost nothing
const JOBS_MAX = 256; // as many as a shard drains at once
const LIST_WORDS = 1 << 14;
const ALIGNMENT = 64; // a packet starts on a cache line

/** The words of struct svr_job (pkg/native/src/svr_native.h); behind KEYS and EPOCHS stand their counts. */
const JOB_WORDS = 20;
const AT = 0, LENGTH = 1, L4 = 2, L4_LENGTH = 3, METADATA = 4, HEADER_LENGTH = 5, IV = 6, PLAIN = 7, PLAIN_LENGTH = 8;
const CIPHER_LENGTH = 9, TAG = 10, SUITE = 11, KEYS = 12, EPOCHS = 14, COUNTER = 16, RESULT = 18, FIT = 19;

/** JOB_HMAC is svr_job.result of a packet whose tag no key and epoch fitted. */
export const JOB_HMAC = -1;
const JOB_REFUSED = -3;

/** SlotOf finds the slot of a key set in the engine, loading it first if need be. */
export type SlotOf = (keys: PeerKeys) => number;

/** JobBuffer holds the jobs of one call; its arrays are passed to the library as they are. */
export class JobBuffer {
  readonly arena = new Uint8Array(ARENA_BYTES);
  readonly jobs = new Uint32Array(JOBS_MAX * JOB_WORDS);
  readonly lists = new Uint32Array(LIST_WORDS);
  /** struct svr_job_call: bytes used of arena, jobs and lists */
  readonly call = Uint32Array.of(ARENA_BYTES, 0, 0);
  readonly #counters = new BigUint64Array(this.jobs.buffer);
  readonly #results = new Int32Array(this.jobs.buffer);
  readonly #keysMax: number;
  #count = 0;
  #keyCount = 0;
  #arenaUsed = 0;
  #listUsed = 0;
  #lastEpochs: readonly number[] | undefined;
  #lastEpochsAt = 0;

  /** keysMax bounds the keys that the jobs of one call name, so that all are loaded at once. */
  constructor(keysMax: number) {
    this.#keysMax = keysMax;
  }

  get count(): number {
    return this.#count;
  }

  clear(): void {
    this.#count = 0;
    this.#keyCount = 0;
    this.#arenaUsed = 0;
    this.#listUsed = 0;
    this.#lastEpochs = undefined;
  }

  /** addSeal puts a job behind the others; false when there is no room left. */
  addSeal(job: SealJob, slotOf: SlotOf): boolean {
    if (!this.#hasRoom(job.data.length, 1, 1)) return false;
    const at = this.#add(job);
    this.jobs[at + PLAIN_LENGTH] = job.plainLength;
    this.#counters[(at + COUNTER) >> 1] = job.counter;
    this.#list(at + KEYS, this.#listUsed, 1);
    this.#list(at + EPOCHS, this.#listUsed + 1, 1);
    this.lists[this.#listUsed++] = slotOf(job.key);
    this.lists[this.#listUsed++] = job.epoch;
    this.#keyCount++;
    return true;
  }

  /** addOpen puts a job behind the others; false when there is no room left. */
  addOpen(job: OpenJob, slotOf: SlotOf): boolean {
    const { keys, epochs } = job;
    if (!this.#hasRoom(job.data.length, keys.length, epochs.length)) return false;
    const at = this.#add(job);
    this.#list(at + KEYS, this.#listUsed, keys.length);
    for (const key of keys) this.lists[this.#listUsed++] = slotOf(key);
    if (epochs !== this.#lastEpochs) this.#addEpochs(epochs); // most jobs of a call share one array
    this.#list(at + EPOCHS, this.#lastEpochsAt, epochs.length);
    this.#keyCount += keys.length;
    return true;
  }

  /** finish tells the library how much there is. */
  finish(): void {
    this.call[1] = this.#count * JOB_WORDS * 4;
    this.call[2] = this.#listUsed * 4;
  }

  /** refused is the number of the job that the library refused, when it refused one. */
  refused(): number {
    for (let number = 0; number < this.#count; number++) if (this.resultOf(number) === JOB_REFUSED) return number;
    return 0;
  }

  /** resultOf is bytes of payload TLVs, or one of the negative results. */
  resultOf(number: number): number {
    return this.#results[number * JOB_WORDS + RESULT]!;
  }

  /** fitOf is key number x number of epochs + epoch number. */
  fitOf(number: number): number {
    return this.jobs[number * JOB_WORDS + FIT]!;
  }

  /** copyBack writes bytes from..end of a packet from the arena to where it came from. */
  copyBack(number: number, data: Uint8Array, from: number, end: number): void {
    const at = this.jobs[number * JOB_WORDS + AT]!;
    data.set(this.arena.subarray(at + from, at + end), from);
  }

  #hasRoom(bytes: number, keys: number, epochs: number): boolean {
    return this.#count < JOBS_MAX && this.#arenaUsed + bytes <= ARENA_BYTES && this.#keyCount + keys <= this.#keysMax
      && this.#listUsed + keys + epochs <= LIST_WORDS;
  }

  #add(job: Omit<OpenJob, "keys" | "epochs">): number {
    const { jobs } = this;
    const at = this.#count++ * JOB_WORDS;
    this.arena.set(job.data, this.#arenaUsed);
    jobs[at + AT] = this.#arenaUsed;
    jobs[at + LENGTH] = job.data.length;
    jobs[at + L4] = job.l4;
    jobs[at + L4_LENGTH] = job.l4Length;
    jobs[at + METADATA] = job.metadata;
    jobs[at + HEADER_LENGTH] = job.headerLength;
    jobs[at + IV] = job.iv;
    jobs[at + PLAIN] = job.plain;
    jobs[at + CIPHER_LENGTH] = job.cipherLength;
    jobs[at + TAG] = job.tag;
    jobs[at + SUITE] = job.suite;
    this.#arenaUsed += Math.ceil(job.data.length / ALIGNMENT) * ALIGNMENT;
    return at;
  }

  #list(at: number, first: number, count: number): void {
    this.jobs[at] = first;
    this.jobs[at + 1] = count;
  }

  #addEpochs(epochs: readonly number[]): void {
    this.#lastEpochs = epochs;
    this.#lastEpochsAt = this.#listUsed;
    for (const epoch of epochs) this.lists[this.#listUsed++] = epoch;
  }
}
