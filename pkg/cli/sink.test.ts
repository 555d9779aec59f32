// Text sinks: order and pace, a reader that went away, other faults.
import { PassThrough, Writable } from "node:stream";
import { text } from "node:stream/consumers";
import { createTextSink } from "./sink.ts";

function failing(code: string): Writable {
  return new Writable({ write: (_chunk, _encoding, done) => { done(Object.assign(new Error(code), { code })); } });
}

test("what is written arrives in order", async () => {
  const stream = new PassThrough();
  const all = text(stream);
  const sink = createTextSink(stream);
  for (const part of ["one\n", "", "two\n"]) await sink.write(part);
  stream.end();
  expect(await all).toBe("one\ntwo\n");
  expect(sink.isGone()).toBe(false);
});

test("a write waits until the stream has taken it", async () => {
  const taken: (() => void)[] = [];
  const sink = createTextSink(new Writable({ write: (_chunk, _encoding, done) => { taken.push(done); } }));
  let isDone = false;
  const writing = sink.write("a").then(() => { isDone = true; });
  await Promise.resolve();
  expect({ isDone, started: taken.length }).toEqual({ isDone: false, started: 1 });
  taken[0]?.();
  await writing;
  expect(isDone).toBe(true);
});

test.each(["EPIPE", "ERR_STREAM_DESTROYED"])("%s ends the writing without a failure", async (code) => {
  const sink = createTextSink(failing(code));
  await sink.write("a");
  expect(sink.isGone()).toBe(true);
  await sink.write("b");
});

test("a full disk is a fault", async () => {
  const sink = createTextSink(failing("ENOSPC"));
  await expect(sink.write("a")).rejects.toThrow("ENOSPC");
  expect(sink.isGone()).toBe(false);
});
