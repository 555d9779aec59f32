// Counts the session records of a router while it writes them, however many they become: follows the record file over its rotations.
// Called by tests whose records are more than one reads at once (million.test.ts). Keeps counts, never the records.
import { closeSync, fstatSync, openSync, readSync, readdirSync } from "node:fs";
import { join } from "node:path";

/** RecordCounts is what was written so far, by one start of a process. */
export interface RecordCounts {
  received: number;
  /** by record type */
  types: Record<string, number>;
  /** `end` records by reason */
  reasons: Record<string, number>;
  /** the sum of what loss records declare */
  declaredLost: number;
  /** the highest sequence number */
  last: number;
}

/** RecordTail follows one file; `stop` gives the counts after a last look. */
export interface RecordTail { counts(): RecordCounts; stop(): RecordCounts }

const LOOK_MS = 100; // a full file takes seconds, and four full ones are kept
const CHUNK = 1 << 20;
const typeOf = /"recordType":"(\w+)"/, sequenceOf = /"sequence":(\d+)/; // a million lines are not parsed as JSON

/** A file may be put aside between the listing and now; the next look finds it under its other name. */
function openIfThere(path: string): number | undefined {
  try {
    return openSync(path, "r");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

/** Reads what was appended to each file since the last look, whatever its name is by now. */
class Follower {
  readonly counts: RecordCounts = { received: 0, types: {}, reasons: {}, declaredLost: 0, last: -1 };
  readonly #folder: string;
  readonly #name: string;
  readonly #files = new Map<string, { at: number; rest: string }>(); // by inode and birth: the number of a deleted file is given again
  readonly #chunk = Buffer.alloc(CHUNK);

  constructor(folder: string, name: string) {
    this.#folder = folder;
    this.#name = name;
  }

  look(): void {
    for (const name of readdirSync(this.#folder).filter((one) => one.startsWith(this.#name))) this.#read(join(this.#folder, name));
  }

  #read(path: string): void {
    const fd = openIfThere(path);
    if (fd === undefined) return;
    try {
      const { ino, birthtimeNs } = fstatSync(fd, { bigint: true }), identity = `${ino} ${birthtimeNs}`;
      const file = this.#files.get(identity) ?? { at: 0, rest: "" };
      this.#files.set(identity, file);
      for (let count = readSync(fd, this.#chunk, 0, CHUNK, file.at); count > 0; count = readSync(fd, this.#chunk, 0, CHUNK, file.at)) {
        file.at += count;
        const lines = (file.rest + this.#chunk.toString("latin1", 0, count)).split("\n");
        file.rest = lines.pop() ?? "";
        for (const line of lines) this.#take(line);
      }
    } finally {
      closeSync(fd);
    }
  }

  #take(line: string): void {
    const type = typeOf.exec(line)?.[1], sequence = sequenceOf.exec(line)?.[1];
    if (type === undefined || sequence === undefined) throw new Error(`not a record: ${line.slice(0, 200)}`);
    const { counts } = this;
    counts.received++;
    counts.types[type] = (counts.types[type] ?? 0) + 1;
    counts.last = Math.max(counts.last, Number(sequence));
    if (type === "loss") counts.declaredLost += Number(/"lost":(\d+)/.exec(line)?.[1]);
    const reason = type === "end" ? /"endReason":"([\w-]+)"/.exec(line)?.[1] : undefined;
    if (reason !== undefined) counts.reasons[reason] = (counts.reasons[reason] ?? 0) + 1;
  }
}

/** followRecords starts with an empty folder or one whose files have been read; `name` is that of the file, and the start of those put aside. */
export function followRecords(folder: string, name: string): RecordTail {
  const follower = new Follower(folder, name);
  let fault: unknown;
  const timer = setInterval(() => {
    try {
      follower.look();
    } catch (error) {
      fault ??= error; // told to who stops
    }
  }, LOOK_MS).unref();
  return {
    counts: () => structuredClone(follower.counts),
    stop() {
      clearInterval(timer);
      if (fault !== undefined) throw new Error("the records cannot be followed", { cause: fault });
      follower.look();
      return structuredClone(follower.counts);
    },
  };
}
