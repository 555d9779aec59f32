// Reads of tables take their share and no more, whoever asks: one piece at a time, a rest after each, whatever becomes of it.
import { createPace, PACE_SHARE } from "./pace.ts";

/** A clock that only work and rests move; what happened, in order. */
function world(): { pace: ReturnType<typeof createPace>; log: string[]; busy(name: string, ms: number): () => string } {
  let now = 0;
  const log: string[] = [];
  const pace = createPace({ nowMs: () => now, wait: (ms) => { log.push(`rest ${ms}`); now += ms; return Promise.resolve(); } });
  return { pace, log, busy: (name, ms) => () => { log.push(`${name} at ${now}`); now += ms; return name; } };
}

test("one reader after the other, with rests that leave the rest of the CPU to others", async () => {
  const { pace, log, busy } = world();
  expect(await Promise.all([pace.piece(busy("a", 40)), pace.piece(busy("b", 8)), pace.piece(busy("c", 0))])).toEqual(["a", "b", "c"]);
  expect(PACE_SHARE).toBe(0.25);
  expect(log.slice(0, 5)).toEqual(["a at 0", "rest 120", "b at 160", "rest 24", "c at 192"]);
});

test("a reader has its answer before the rest is over", async () => {
  const endless = createPace({ nowMs: () => 0, wait: () => new Promise(() => undefined) });
  expect(await endless.piece(() => "answered")).toBe("answered");
});

test("work that fails fails for its reader, rests, and the next one runs", async () => {
  const { pace, log, busy } = world();
  const failing = pace.piece(() => { busy("a", 10)(); throw new Error("no such table"); });
  await expect(failing).rejects.toThrow("no such table");
  expect(await pace.piece(busy("b", 1))).toBe("b");
  expect(log.slice(0, 3)).toEqual(["a at 0", "rest 30", "b at 40"]);
});
