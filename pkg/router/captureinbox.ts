// Copies of sessions that nobody has told of yet: the data plane is sometimes faster than the message of the shard that began the
// capture. They wait a second, a bounded number of them; those that find no room are counted for their session. Owned by captures.ts.
import type { CopiedPacket } from "../ports/datapath.ts";
import type { Held } from "./held.ts";

const PATIENCE_MS = 1_000, WAITING_MOST = 4_096, LOSERS_MOST = 4_096;

/** CopyInbox holds them. */
export interface CopyInbox {
  /** `name`: the session of the copy, as text */
  wait(copy: CopiedPacket, name: string, nowMs: number): void;
  /** those that have not waited too long, to be looked at again; nothing stays */
  takeAgain(nowMs: number): CopiedPacket[];
  /** how many copies of a session found no room in the last second */
  lostOf(name: string): number;
  held(): Held[];
}

/** createCopyInbox starts empty; when it is full, what comes is dropped. */
export function createCopyInbox(): CopyInbox {
  const since = new WeakMap<CopiedPacket, number>();
  const lost = new Map<string, { count: number; ms: number }>();
  let waiting: CopiedPacket[] = [];
  return {
    wait: (copy, name, nowMs) => {
      if (waiting.length >= WAITING_MOST) return lose(lost, name, nowMs);
      if (!since.has(copy)) since.set(copy, nowMs);
      waiting.push(copy);
    },
    takeAgain: (nowMs) => {
      for (const [name, { ms }] of lost) if (nowMs - ms >= PATIENCE_MS) lost.delete(name); // of a capture that is over: nobody comes
      const again = waiting.filter((copy) => nowMs - (since.get(copy) ?? nowMs) < PATIENCE_MS);
      waiting = [];
      return again;
    },
    lostOf: (name) => lost.get(name)?.count ?? 0,
    held: () => [{ name: "copies that wait for their capture", entries: waiting.length, limit: WAITING_MOST }],
  };
}

/** As many sessions as the data plane captures at once. */
function lose(lost: Map<string, { count: number; ms: number }>, name: string, nowMs: number): void {
  const before = lost.get(name);
  if (before !== undefined) before.count++;
  else if (lost.size < LOSERS_MOST) lost.set(name, { count: 1, ms: nowMs });
}
