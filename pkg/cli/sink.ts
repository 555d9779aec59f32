// Text to a stream of the process, in order and with its pace. Constructed by cmd/svrctl for the standard output and the
// standard error. A reader that went away (`svrctl sessions | head`) ends the writing, not the program.
import type { Writable } from "node:stream";
import type { TextSink } from "./surroundings.ts";

const readerGone = new Set(["EPIPE", "ERR_STREAM_DESTROYED"]);

/** createTextSink writes to `stream`; a write resolves when the stream has taken the text, and rejects on any fault but a reader that went away. */
export function createTextSink(stream: Writable): TextSink {
  let isGone = false;
  const note = (error: NodeJS.ErrnoException): void => {
    isGone ||= readerGone.has(error.code ?? "");
  };
  stream.on("error", note); // the write's own callback reports everything else
  return {
    isGone: () => isGone,
    write: (text) => new Promise((resolve, reject) => {
      if (isGone || text === "") {
        resolve();
        return;
      }
      stream.write(text, (error) => {
        if (error === null || error === undefined) return resolve();
        note(error);
        if (isGone) resolve();
        else reject(error);
      });
    }),
  };
}
