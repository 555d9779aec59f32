// Captures of sessions on this router: what was asked for, by a user or by the tag of another router, and the packets that came of it,
// kept in memory within bounds until they are fetched, deleted or an hour old. Shards and data plane make the copies (capturing.ts);
// owned by the app, which feeds it and lets it look at the time. Nothing of it survives the process.
import type { CaptureSession, CaptureView } from "../api/view.ts";
import { toHex } from "../base/bytes.ts";
import type { CopiedPacket, Datapath, SessionRef } from "../ports/datapath.ts";
import { CAPTURE_SESSIONS_MOST } from "../svr/capturetag.ts";
import { scrubKeys } from "../svr/scrub.ts";
import type { Session } from "../svr/session.ts";
import { createCopyInbox } from "./captureinbox.ts";
import type { Held } from "./held.ts";
import type { FromShard, ShardHost } from "./messages.ts";

/** CaptureAsk is a capture that a user begins; `query` was checked. */
export interface CaptureAsk {
  id: string;
  filter: Record<string, string>;
  query: string;
  packets: number;
  sessions: number;
  isLocal: boolean;
  lastsMs: number;
}

/** Kept is a capture with its packets. */
export interface Kept {
  ask: CaptureAsk;
  origin: CaptureView["origin"];
  begunMs: number;
  endsMs: number;
  /** over: late copies still count until `doneMs` */
  doneMs?: number;
  isDone: boolean;
  sessions: Map<string, Captured>;
  packets: CopiedPacket[];
  bytes: number;
  lost: number;
}

/** Captured is one session of a capture: packets at each point; copies of it that the data plane had lost before it came in. */
export interface Captured { ref: SessionRef; counts: [number, number, number, number]; lostBefore: number }

/** CaptureParts is what captures work on. */
export interface CaptureParts {
  datapath: Pick<Datapath, "copies" | "lostCopies" | "forgetCopies">;
  shards: readonly Pick<ShardHost, "post">[];
  /** unix milliseconds */
  nowMs(): number;
  every(ms: number, work: () => void): { stop(): void };
}

/** CAPTURES_MOST captures are kept, with BYTES_MOST of packets in all. */
export const CAPTURES_MOST = 16, BYTES_MOST = 48 * 1024 * 1024;

const TICK_MS = 10;       // how often the ring is emptied while something is captured
const GRACE_MS = 500;     // for what shards and ring still hold at the end
const PEER_MS = 60_000;   // a capture of a peer ends so long after its last new session
const KEPT_MS = 3_600_000;
const COPIES_A_TICK = 4096;
const COPY_OVERHEAD = 200; // bytes of memory beside the data

/** Captures keeps them. */
export interface Captures {
  /** begins one with some live sessions, or takes over one that a peer was faster to begin; false when there is one of that id, or as many are kept as may be */
  start(ask: CaptureAsk, sessions: readonly { index: number; state: Session }[]): boolean;
  get(id: string): Kept | undefined;
  list(): Kept[];
  /** ends it now; its packets stay */
  stop(id: string): void;
  remove(id: string): void;
  held(): Held[];
  /** what shards say */
  take(message: Extract<FromShard, { kind: "capturing" | "copies" }>): void;
  /** looks at the ring and the time; called by a timer while something runs */
  tick(): void;
}

/** createCaptures starts with none. */
export function createCaptures(parts: CaptureParts): Captures {
  return new Keeper(parts);
}

class Keeper implements Captures {
  readonly #parts: CaptureParts;
  readonly #kept = new Map<string, Kept>();
  readonly #inbox = createCopyInbox();
  #timer: { stop(): void } | undefined;

  constructor(parts: CaptureParts) {
    this.#parts = parts;
  }

  start(ask: CaptureAsk, sessions: readonly { index: number; state: Session }[]): boolean {
    const refs = sessions.map(({ index, state }) => ({ index, uuid: state.uuid }));
    const kept = this.#takeOver(ask) ?? this.#enter(ask, "user");
    if (kept === undefined) return false;
    for (const ref of refs) this.#enlist(kept, ref);
    const { id, query, packets, isLocal } = ask;
    this.#post({ kind: "capture", spec: { id, query, packets, room: Math.max(ask.sessions - kept.sessions.size, 0), isAnnounced: !isLocal }, refs });
    return true;
  }

  get(id: string): Kept | undefined {
    return this.#kept.get(id);
  }

  list(): Kept[] {
    for (const [id, kept] of this.#kept) if (kept.isDone && kept.endsMs + KEPT_MS < this.#parts.nowMs()) this.#kept.delete(id);
    return [...this.#kept.values()];
  }

  stop(id: string): void {
    const kept = this.#kept.get(id);
    if (kept !== undefined && kept.doneMs === undefined) this.#end(kept);
  }

  remove(id: string): void {
    const kept = this.#kept.get(id);
    if (kept === undefined) return;
    if (!kept.isDone) { // else its slots may be of other sessions by now
      this.#end(kept);
      this.#release(kept);
    }
    this.#kept.delete(id);
  }

  held(): Held[] {
    const kept = [...this.#kept.values()];
    return [{ name: "captures", entries: kept.length, limit: CAPTURES_MOST }, { name: "captures, bytes", entries: kept.reduce((sum, one) => sum + one.bytes, 0), limit: BYTES_MOST }, ...this.#inbox.held()];
  }

  take(message: Extract<FromShard, { kind: "capturing" | "copies" }>): void {
    if (message.kind === "copies") this.#keep(message.copies);
    else this.#join(message);
  }

  tick(): void {
    const now = this.#parts.nowMs();
    this.#keep(this.#parts.datapath.copies(COPIES_A_TICK));
    this.#keep(this.#inbox.takeAgain(now));
    for (const kept of this.#kept.values()) {
      if (kept.isDone) continue;
      if (kept.doneMs === undefined && (now >= kept.endsMs || isFull(kept))) this.#end(kept);
      else if (kept.doneMs !== undefined && now >= kept.doneMs) this.#finish(kept);
    }
    if ([...this.#kept.values()].some((kept) => !kept.isDone)) return;
    this.#timer?.stop();
    this.#timer = undefined;
  }

  #post(message: Parameters<ShardHost["post"]>[0]): void {
    for (const shard of this.#parts.shards) shard.post(message);
  }

  /** The tag of a session came before the user's own word. */
  #takeOver(ask: CaptureAsk): Kept | undefined {
    const kept = this.#kept.get(ask.id);
    if (kept?.origin !== "peer" || kept.doneMs !== undefined) return undefined;
    return Object.assign(kept, { ask, origin: "user", endsMs: this.#parts.nowMs() + ask.lastsMs });
  }

  /** Room is made by the oldest capture that is done. */
  #enter(ask: CaptureAsk, origin: Kept["origin"]): Kept | undefined {
    const oldest = this.list().find((kept) => kept.isDone);
    if (this.#kept.size >= CAPTURES_MOST && oldest !== undefined) this.#kept.delete(oldest.ask.id);
    if (this.#kept.size >= CAPTURES_MOST || this.#kept.has(ask.id)) return undefined;
    const now = this.#parts.nowMs();
    const kept: Kept = { ask, origin, begunMs: now, endsMs: now + ask.lastsMs, isDone: false, sessions: new Map(), packets: [], bytes: 0, lost: 0 };
    this.#kept.set(ask.id, kept);
    this.#timer ??= this.#parts.every(TICK_MS, () => { this.tick(); });
    return kept;
  }

  /** A shard captures a session; one of a capture that is over, or that there is no room for, is let go. */
  #join({ id, packets, ref }: Extract<FromShard, { kind: "capturing" }>): void {
    const kept = this.#kept.get(id) ?? this.#enter({ id, filter: {}, query: "", packets, sessions: CAPTURE_SESSIONS_MOST, isLocal: false, lastsMs: PEER_MS }, "peer");
    if (kept === undefined || kept.doneMs !== undefined) {
      this.#post({ kind: "captureOver", id });
      if (!this.#isWanted(toHex(ref.uuid))) this.#parts.datapath.forgetCopies(ref.index);
      return;
    }
    const name = toHex(ref.uuid);
    if (kept.origin === "peer") kept.endsMs = this.#parts.nowMs() + PEER_MS;
    if (kept.sessions.size < kept.ask.sessions) this.#enlist(kept, ref);
    if (!this.#isWanted(name)) this.#parts.datapath.forgetCopies(ref.index); // another shard was faster: each had the whole room
    if (kept.sessions.size >= kept.ask.sessions) this.#post({ kind: "captureFull", id });
  }

  /** A session comes into a capture once. What others that have it lost before is not this one's; what found no room while nobody had it is. */
  #enlist(kept: Kept, ref: SessionRef): void {
    const name = toHex(ref.uuid);
    if (kept.sessions.has(name)) return;
    kept.lost += this.#inbox.lostOf(name);
    kept.sessions.set(name, { ref, counts: [0, 0, 0, 0], lostBefore: this.#isWanted(name) ? this.#parts.datapath.lostCopies(ref.index) : 0 });
  }

  #isWanted(uuid: string): boolean {
    return [...this.#kept.values()].some((kept) => !kept.isDone && kept.sessions.has(uuid));
  }

  #keep(copies: readonly CopiedPacket[]): void {
    for (const copy of copies) {
      const name = toHex(copy.uuid);
      const wanting = [...this.#kept.values()].filter((kept) => !kept.isDone && kept.sessions.has(name));
      if (wanting.length === 0) this.#inbox.wait(copy, name, this.#parts.nowMs()); // its shard has not said so yet
      else scrubKeys(copy.data, copy.gsoSize);
      for (const kept of wanting) this.#keepIn(kept, name, copy);
    }
  }

  #keepIn(kept: Kept, name: string, copy: CopiedPacket): void {
    const counts = kept.sessions.get(name)?.counts;
    if (counts === undefined || counts[copy.point] >= kept.ask.packets) return;
    const bytes = copy.data.length + COPY_OVERHEAD;
    const used = [...this.#kept.values()].reduce((sum, one) => sum + one.bytes, 0);
    if (used + bytes > BYTES_MOST) {
      kept.lost++;
      return;
    }
    counts[copy.point]++;
    kept.bytes += bytes;
    kept.packets.push(copy);
  }

  #end(kept: Kept): void {
    const now = this.#parts.nowMs();
    kept.endsMs = Math.min(kept.endsMs, now);
    kept.doneMs = now + GRACE_MS;
    this.#post({ kind: "captureOver", id: kept.ask.id });
  }

  #finish(kept: Kept): void {
    kept.isDone = true;
    this.#release(kept);
  }

  /** What the data plane lost while it ran is told; what it still wanted for it and nobody else is forgotten. */
  #release(kept: Kept): void {
    const { datapath } = this.#parts;
    kept.isDone = true;
    for (const [name, { ref, lostBefore }] of kept.sessions) {
      const lost = this.#isWanted(name) ? datapath.lostCopies(ref.index) : datapath.forgetCopies(ref.index);
      kept.lost += Math.max(0, lost - lostBefore);
    }
  }
}

/** As many sessions as it may have, and all that is wanted of each, as it arrived. */
function isFull({ ask, sessions }: Kept): boolean {
  return sessions.size >= ask.sessions && [...sessions.values()].every(({ counts }) => counts[0] >= ask.packets && counts[2] >= ask.packets);
}

/** captureView shows a capture. */
export function captureView(kept: Kept): CaptureView {
  const { ask, origin, sessions } = kept;
  const timeText = (ms: number): string => new Date(ms).toISOString();
  return {
    id: ask.id, state: kept.isDone ? "done" : "running", origin, filter: ask.filter, limits: { packets: ask.packets, sessions: ask.sessions }, begun: timeText(kept.begunMs), ends: timeText(kept.endsMs),
    sessions: [...sessions].map(([sessionId, { counts: [forwardIn, forwardOut, reverseIn, reverseOut] }]): CaptureSession => ({ sessionId, forwardIn, forwardOut, reverseIn, reverseOut })),
    packets: kept.packets.length, bytes: kept.packets.reduce((sum, one) => sum + one.data.length, 0), lost: kept.lost,
  };
}
