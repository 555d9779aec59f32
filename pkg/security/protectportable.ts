// The engine of protected packets on node:crypto, one packet at a time, behind the same port as the native one: for machines without
// libipsec-mb or the CPU instructions that it needs, and for FIPS mode. The ring and the socket are the native library's.
import { fail } from "../base/result.ts";
import { openHandle } from "../native/binding.ts";
import type { Handle, Native } from "../native/binding.ts";
import type { ProtectBodies, ProtectCounts, ProtectRunner } from "../ports/protect.ts";
import type { DropReason } from "../svr/reasons.ts";
import { Protect } from "../svr/session.ts";
import { openBody, openPacket, sealBody, sealPacket } from "./protectnode.ts";
import type { BodyOf, Opened } from "./protectnode.ts";
import { finish, frameOf, readRecords, splitRecord } from "./protectrecord.ts";
import type { PuntRecord, WirePacket } from "./protectrecord.ts";
import { ringFault } from "./protect.ts";
import type { WorkerOf } from "./protect.ts";
import { readEntry, readPair, wipe } from "./vault.ts";
import type { Entry, Pair, Vault } from "./vault.ts";

const RECORDS_PER_TURN = 1_024, RING_BYTES = 1 << 20, FRAME_WORDS = 3, SKEWS_PER_SECOND = 10, MISSING_PER_TURN = 64;
const C_RECORDS = 0, C_TIMEOUT = 1, C_USED = 2, CALL_WORDS = 4; // struct svr_ring_call

/** How often a second a peer's wrong tags are looked for at other times. */
function createGate(): (peer: number, unixSeconds: number) => boolean {
  const tried = new Map<number, number>();
  let second = 0;
  return (peer, unixSeconds) => {
    if (second !== unixSeconds) tried.clear();
    second = unixSeconds;
    const before = tried.get(peer) ?? 0;
    if (before >= SKEWS_PER_SECOND) return false;
    tried.set(peer, before + 1);
    return true;
  };
}

interface Keys { entry: Entry; pair: Pair; peer: number; body: boolean }

class Portable {
  readonly counts: ProtectCounts = { opened: 0, sealed: 0, openedBytes: 0, sealedBytes: 0, drops: {}, missing: [] };
  readonly #vault: Vault;
  readonly #injectMac: Uint8Array;
  readonly #mayLook = createGate();

  constructor(vault: Vault, injectMac: Uint8Array) {
    this.#vault = vault;
    this.#injectMac = injectMac;
  }

  run(records: Uint8Array, unixSeconds: number): Uint8Array[] {
    this.counts.missing = [];
    return readRecords(records).flatMap((record) => this.#record(record, unixSeconds));
  }

  drop(reason: DropReason, count = 1): void {
    if (count > 0) this.counts.drops[reason] = (this.counts.drops[reason] ?? 0) + count;
  }

  #record(record: PuntRecord, unixSeconds: number): Uint8Array[] {
    const entry = readEntry(this.#vault, record.slot), peer = entry?.peers[(record.opens ? record.side : 1 - record.side) as 0 | 1] ?? 0, pair = readPair(this.#vault, peer);
    try {
      const keys = keysOf(record, { entry, pair, peer });
      if (keys === undefined) {
        this.drop("no-key");
        if (!this.counts.missing.includes(record.slot) && this.counts.missing.length < MISSING_PER_TURN) this.counts.missing.push(record.slot);
        return [];
      }
      const packets = splitRecord(record);
      if (typeof packets !== "string") return packets.flatMap((packet) => this.#packet(packet, record, { keys, unixSeconds }));
      this.drop(packets);
      return [];
    } finally {
      wipe({ entry, pair });
    }
  }

  #packet(packet: WirePacket, record: PuntRecord, { keys: { entry, pair, peer, body: encrypted }, unixSeconds }: { keys: Keys; unixSeconds: number }): Uint8Array[] {
    const body: BodyOf | undefined = encrypted ? { vault: this.#vault, slot: record.slot, entry, direction: record.side, unixSeconds } : undefined;
    const keyed = { pair, body, passes: !record.plain && (entry.protect & (record.side === 0 ? Protect.encrypted : Protect.encryptedRev)) !== 0 && entry.peers.every((one) => one !== 0), unixSeconds };
    const done: Opened = record.opens ? openPacket(packet, { ...keyed, mayLook: () => this.#mayLook(peer, unixSeconds) }) : sealPacket(packet, keyed);
    if (!done.ok) {
      this.drop(done.error);
      if (done.skew !== undefined) this.counts.skew = { peer, epochs: done.skew };
      return [];
    }
    finish(done.value);
    this.counts[record.opens ? "opened" : "sealed"]++;
    this.counts[record.opens ? "openedBytes" : "sealedBytes"] += done.value.data.length;
    return [frameOf(done.value, record, this.#injectMac)];
  }
}

/** Session and peer of a record; undefined when something is missing. */
function keysOf({ side, opens, plain }: PuntRecord, { entry, pair, peer }: { entry: Entry | undefined; pair: Pair | undefined; peer: number }): Keys | undefined {
  if (entry === undefined || pair === undefined) return undefined;
  if (pair.mode !== "disabled" && (opens ? pair.receive.length === 0 : pair.send === undefined)) return undefined;
  const body = !plain && (entry.protect & (side === 0 ? Protect.bodyFwd : Protect.bodyRev)) !== 0;
  return body && entry.current === undefined ? undefined : { entry, pair, peer, body };
}

interface Line { ring: Handle; send: Handle; buffer: Uint8Array; call: Int32Array }

function openLine(native: Native, pin: string, { injectMac, wakeFd }: WorkerOf): Line {
  const ring = openHandle((out) => native.ringOpen(pin, wakeFd ?? -1, out));
  if (typeof ring === "number") throw ringFault(pin, ring);
  const send = openHandle((out) => native.sendOpen(injectMac, injectMac.length, out));
  if (typeof send !== "number") return { ring, send, buffer: new Uint8Array(RING_BYTES), call: new Int32Array(CALL_WORDS) };
  native.ringClose(ring);
  throw ringFault(pin, send);
}

/** Writes complete frames to lo; how many it did not take. */
function sendAll(native: Native, send: Handle, frames: readonly Uint8Array[]): number {
  if (frames.length === 0) return 0;
  const data = new Uint8Array(frames.reduce((sum, { length }) => sum + length, 0)), list = new Uint32Array(frames.length * FRAME_WORDS);
  let at = 0;
  frames.forEach((frame, i) => {
    list.set([0, at, frame.length], i * FRAME_WORDS);
    data.set(frame, at);
    at += frame.length;
  });
  const sent = native.sendEther(send, list, list.byteLength, data, data.length);
  if (sent < 0) throw new Error(`the socket on lo refuses frames (${sent})`);
  return frames.length - sent;
}

function turnOf(native: Native, { ring, send, buffer, call }: Line, { engine, timeoutMs }: { engine: Portable; timeoutMs: number }): number {
  call[C_RECORDS] = RECORDS_PER_TURN;
  call[C_TIMEOUT] = timeoutMs;
  const records = native.ringPunts(ring, call, buffer, buffer.length);
  if (records < 0) throw new Error(`the ring cannot be read (${records})`);
  const frames = engine.run(buffer.subarray(0, call[C_USED]), Math.floor(Date.now() / 1000));
  engine.drop("protect-full", sendAll(native, send, frames));
  return records;
}

/** openPortableWorker opens a worker in the calling thread; without `pin`, its ring, it only runs what it is given. */
export function openPortableWorker(vault: Vault, of: WorkerOf, native: Native): ProtectRunner {
  const engine = new Portable(vault, of.injectMac), line = of.pin === undefined ? undefined : openLine(native, of.pin, of);
  return {
    turn: (timeoutMs) => {
      if (line === undefined) throw new Error("this protect worker has no ring");
      return turnOf(native, line, { engine, timeoutMs });
    },
    run: (records, unixSeconds) => engine.run(records, unixSeconds),
    counts: () => ({ ...engine.counts, drops: { ...engine.counts.drops }, missing: [...engine.counts.missing] }),
    close: () => {
      if (line === undefined) return;
      native.sendClose(line.send);
      native.ringClose(line.ring);
    },
  };
}

/** openPortableBodies does the bodies of a shard. */
export function openPortableBodies(vault: Vault): ProtectBodies {
  return {
    run: (jobs, unixSeconds) => jobs.map(({ ref, direction, opens, body }) => {
      const entry = readEntry(vault, ref.index);
      try {
        if (entry?.current === undefined || !entry.uuid.every((byte, i) => byte === ref.uuid[i])) return fail("no-key");
        const of: BodyOf = { vault, slot: ref.index, entry, direction, unixSeconds };
        const done = opens ? openBody(body, of) : sealBody(body, of);
        return done.ok ? { ok: true, value: new Uint8Array(done.value) } : done;
      } finally {
        wipe({ entry });
      }
    }),
    close: () => undefined,
  };
}
