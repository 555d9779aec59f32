// Session records as lines of JSON in a file, kept within bounds by rotation. Constructed by cmd/router; the router's record
// pump calls it, one batch at a time. A batch is in the file as a whole or not at all, so that the pump's count of losses is exact.
import { open, rename } from "node:fs/promises";
import type { FileHandle } from "node:fs/promises";
import { SvrError } from "../base/errors.ts";
import type { RecordSink } from "../ports/records.ts";
import { codeOf } from "./folder.ts";

/** RecordFileOptions bound the space: about (older + 1) x bytes. */
export interface RecordFileOptions {
  path: string;
  /** a file that has more is put aside before the next batch, 64 MiB */
  bytes?: number;
  /** files put aside, at least one, `path.1` the newest, 4 */
  older?: number;
}

/** the records name hosts and what they talk to */
const fileMode = 0o640;

/**
 * createRecordFile makes a sink that appends. The file is opened for each batch, so others may move it away at any time.
 * write rejects with SVR_RECORD_FILE when the batch is not in the file; close has nothing to wait for.
 */
export function createRecordFile(options: RecordFileOptions): RecordSink {
  const { path, bytes: most, older } = { bytes: 67_108_864, older: 4, ...options };
  return {
    async write(batches) {
      if (batches.length === 0) return;
      const batch = Buffer.concat(batches.map(({ lines }) => lines));
      try {
        await append(path, batch, async (size) => {
          if (size === 0 || size + batch.length <= most) return false;
          await putAside(path, older);
          return true;
        });
      } catch (cause) {
        throw new SvrError("SVR_RECORD_FILE", { object: path, attempted: `${batches.reduce((sum, { count }) => sum + count, 0)} session records cannot be written to ${path} (${cause instanceof AggregateError ? cause.message : codeOf(cause)})`, fix: "make room or the folder writable; the router goes on", cause });
      }
    },
    close: () => Promise.resolve(),
  };
}

async function append(path: string, batch: Buffer, rotate: (size: number) => Promise<boolean>): Promise<void> {
  const file = await open(path, "a+", fileMode);
  try {
    const size = await wholeLines(file);
    if (await rotate(size)) await append(path, batch, () => Promise.resolve(false));
    else await appendWhole(file, batch, size);
  } finally {
    await file.close();
  }
}

/** What stands before a batch that fails stays; the batch goes as a whole. */
async function appendWhole(file: FileHandle, batch: Buffer, size: number): Promise<void> {
  try {
    await file.writeFile(batch);
  } catch (cause) {
    await file.truncate(size).catch((undo: unknown) => { throw new AggregateError([cause, undo], `${codeOf(cause)}, and part of it stays: ${codeOf(undo)}`); });
    throw cause;
  }
}

/** Size of the file without a last line that a crash cut off, which is removed: every line is JSON. */
async function wholeLines(file: FileHandle): Promise<number> {
  const { size } = await file.stat();
  const tail = Buffer.alloc(Math.min(size, longestLine));
  await file.read(tail, 0, tail.length, size - tail.length);
  if (size === 0 || tail.at(-1) === newline) return size;
  const whole = size - tail.length + tail.lastIndexOf(newline) + 1;
  await file.truncate(whole);
  return whole;
}

const newline = 0x0a;
const longestLine = 65_536;

/** path.3 becomes path.4 and so on; the oldest is overwritten. */
async function putAside(path: string, older: number): Promise<void> {
  for (let number = older; number >= 1; number -= 1) {
    await rename(number === 1 ? path : `${path}.${number - 1}`, `${path}.${number}`).catch((cause: unknown) => {
      if (codeOf(cause) !== "ENOENT") throw cause;
    });
  }
}
