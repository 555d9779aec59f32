// When a configuration counts as programmed: every shard has said so, and nothing newer is there by then.
import type { Applied } from "./intake.ts";
import type { ShardAnswer } from "./messages.ts";
import { createSettling } from "./settle.ts";

const quiet = { info: () => undefined, warn: () => undefined, error: () => undefined };
const applied = (hash: string): Applied => ({ hash }) as Applied;
const one = applied("1"), two = applied("2");

function makeWorld() {
  const asked: PromiseWithResolvers<ShardAnswer>[] = [];
  const told: Applied[] = [];
  const world = { current: one, asked, told };
  const settling = createSettling({
    log: quiet, intake: { current: () => world.current, programmed: (what) => void told.push(what) },
    questions: { shards: 2, ask: () => { const next = Promise.withResolvers<ShardAnswer>(); asked.push(next); return next.promise; } },
  });
  return { ...world, settling, set: (what: Applied) => { world.current = what; } };
}

test("it is told when the last shard has answered", async () => {
  const { settling, asked, told } = makeWorld();
  const done = settling.follow(one);
  asked[0]?.resolve({ kind: "settled" });
  await new Promise(setImmediate);
  expect(told).toEqual([]);
  asked[1]?.resolve({ kind: "settled" });
  await done;
  expect(told).toEqual([one]);
});

test("a shard that does not answer in time is asked again, as long as nothing newer is there", async () => {
  const { settling, asked, told, set } = makeWorld();
  const done = settling.follow(one);
  asked[0]?.reject(new Error("late"));
  await new Promise(setImmediate);
  expect(asked).toHaveLength(4);
  set(two);
  asked[2]?.reject(new Error("late"));
  await done;
  expect([asked.length, told]).toEqual([4, []]);
});

test("nothing is told after the end", async () => {
  const { settling, asked, told } = makeWorld();
  const done = settling.follow(one);
  settling.stop();
  for (const question of asked) question.resolve({ kind: "settled" });
  await done;
  expect(told).toEqual([]);
});
