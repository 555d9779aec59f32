// What is to be on disk and may have to wait for it: written one after the other, the last one stays; a disk that refuses is told once
// and tried again, and keeps nothing from force. Called by lastgood.ts and clusterkeep.ts.
import type { Log } from "../ports/log.ts";

/** DiskWriter writes the newest state. */
export interface DiskWriter<T> {
  /** never rejects */
  write(state: T): Promise<void>;
  /** writes again what could not be written; never rejects */
  retry(): Promise<void>;
  /** why the disk does not have the newest state; undefined when it has */
  trouble(): string | undefined;
}

/** createDiskWriter makes a writer; `what` is named in the log. */
export function createDiskWriter<T>(options: { what: string; log: Log; write: (state: T) => Promise<void> }): DiskWriter<T> {
  const { what, log, write } = options;
  let waiting: { state: T } | undefined;
  let trouble: string | undefined;
  let writing = Promise.resolve();
  const turn = async (): Promise<void> => {
    const next = waiting;
    if (next === undefined) return;
    try {
      await write(next.state);
      if (waiting === next) waiting = undefined;
      if (trouble !== undefined) log.info({}, `${what} is kept on disk again`);
      trouble = undefined;
    } catch (error) {
      if (trouble === undefined) log.error({ error, event: "configuration.unkept" }, `${what} cannot be kept on disk; it is in force, and it is tried again`);
      trouble = error instanceof Error ? error.message : String(error);
    }
  };
  const queue = (): Promise<void> => (writing = writing.then(turn));
  return {
    write(state) {
      waiting = { state };
      return queue();
    },
    retry: () => (waiting === undefined ? Promise.resolve() : queue()),
    trouble: () => trouble,
  };
}
