// Copies of sessions that nobody has told of yet: the data plane is sometimes faster than the message of the shard that began the
// capture. They wait a second, a bounded number of them. Owned by captures.ts.
import type { CopiedPacket } from "../ports/datapath.ts";

const PATIENCE_MS = 1_000, WAITING_MOST = 4_096;

/** CopyInbox holds them. */
export interface CopyInbox {
  wait(copy: CopiedPacket, nowMs: number): void;
  /** those that have not waited too long, to be looked at again; nothing stays */
  takeAgain(nowMs: number): CopiedPacket[];
}

/** createCopyInbox starts empty; when it is full, what comes is dropped. */
export function createCopyInbox(): CopyInbox {
  const since = new WeakMap<CopiedPacket, number>();
  let waiting: CopiedPacket[] = [];
  return {
    wait: (copy, nowMs) => {
      if (waiting.length >= WAITING_MOST) return;
      if (!since.has(copy)) since.set(copy, nowMs);
      waiting.push(copy);
    },
    takeAgain: (nowMs) => {
      const again = waiting.filter((copy) => nowMs - (since.get(copy) ?? nowMs) < PATIENCE_MS);
      waiting = [];
      return again;
    },
  };
}
